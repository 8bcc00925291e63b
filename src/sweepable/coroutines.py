"""Calls of ``async def`` functions: the same steps as `sweepable.serving`, without blocking the event loop."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sweepable import serving
from sweepable.call import Call
from sweepable.inside import note
from sweepable.notices import logger
from sweepable.runs import Obtained, Run
from sweepable.serving import handed_out, is_given, load, lookup, obtain_held, obtain_stored, with_upstream
from sweepable.store.store import LONGEST_WAIT, Store

if TYPE_CHECKING:
    import asyncio


# Calls in progress by event loop and key: two tasks of one loop wait for each other here, not on a lock.
_in_progress: dict[tuple[int, str], asyncio.Future[None]] = {}


async def value_of_async(call: Call) -> Any:
    """What the function returns for this call: from the store, or by awaiting it."""
    store = call.store()
    row = lookup(call, store)
    loaded = load(call, store, row) if row is not None else None
    if row is None or loaded is None:
        return handed_out(call, await obtain_async(call), store)
    note(store, call)
    is_given(call, row, store)
    return handed_out(call, Obtained(loaded[0], row, True, None), store)


async def obtain_async(call: Call, *, holding: bool = True) -> Obtained:
    """The call's value: from the store if it is there, else by awaiting the function once.

    Parameters
    ----------
    call : Call
        The call.
    holding : bool, default True
        Wait for others who run it. Not where one of them waits for us.
    """
    store = call.store()
    found = obtain_stored(call, store)
    if found is None:
        found = await (_once_per_loop(call, store) if holding else _run(call, store))
    note(store, call)
    if found.hit:
        is_given(call, found.stored, store)
    return found


async def _once_per_loop(call: Call, store: Store) -> Obtained:
    import asyncio

    loop = asyncio.get_running_loop()
    place = (id(loop), call.key)
    while place in _in_progress:
        await asyncio.shield(_in_progress[place])
        found = obtain_stored(call, store)
        if found is not None:
            return found
    mine = _in_progress[place] = loop.create_future()
    try:
        return await _once_per_store(call, store)
    finally:
        del _in_progress[place]
        if not loop.is_closed():
            mine.set_result(None)


async def _once_per_store(call: Call, store: Store) -> Obtained:
    import asyncio

    pause, end = 0.001, time.monotonic() + LONGEST_WAIT
    while not (held := store.try_hold(call.key)) and time.monotonic() < end:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)
    if not held:
        logger().warning("gave up waiting for %s, which another process or thread is running", call.title())
    try:
        return obtain_stored(call, store) or await _run(call, store)
    finally:
        if held:
            store.release(call.key)


async def _run(call: Call, store: Store) -> Obtained:
    import asyncio

    run = Run(call, store)
    bound = await asyncio.to_thread(with_upstream, run) if call.inputs else with_upstream(run)
    found = obtain_held(run)
    if found is not None:
        return found
    with run.running():
        value = await call.callee.binder.invoke(call.callee.function, bound)
    return run.finish(value)


def obtain_blocking(call: Call) -> Obtained:
    """The same for a caller that is no coroutine; in a thread of its own where an event loop is running."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        found: Obtained = asyncio.run(obtain_async(call))
        return found
    # A task of this loop that runs the call cannot go on before we return: waiting for it would last for ever.
    return _in_thread(obtain_async(call, holding=(id(loop), call.key) not in _in_progress))


def _in_thread(coroutine: Coroutine[Any, Any, Obtained]) -> Obtained:
    import asyncio
    import concurrent.futures
    import contextvars

    context = contextvars.copy_context()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(context.run, asyncio.run, coroutine).result()


serving.run_async = obtain_blocking
