"""Calls of ``async def`` functions: the same steps as `sweepable.call`, without blocking the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Coroutine
from typing import Any

from sweepable import call as calls
from sweepable.call import Call, Obtained, Run, note, obtain_stored
from sweepable.store.store import Store

# Calls in progress by event loop and key: two tasks of one loop wait for each other here, not on a lock.
_in_progress: dict[tuple[int, str], asyncio.Future[None]] = {}


async def obtain_async(call: Call) -> Obtained:
    """The call's value: from the store if it is there, else by awaiting the function once."""
    store = call.store()
    found = obtain_stored(call, store) or await _once_per_loop(call, store)
    note(store, call)
    return found


async def _once_per_loop(call: Call, store: Store) -> Obtained:
    loop = asyncio.get_running_loop()
    place = (id(loop), call.key)
    while place in _in_progress:
        await asyncio.shield(_in_progress[place])
        found = obtain_stored(call, store)
        if found is not None:
            return found
    _in_progress[place] = loop.create_future()
    try:
        return await _once_per_store(call, store)
    finally:
        _in_progress.pop(place).set_result(None)


async def _once_per_store(call: Call, store: Store) -> Obtained:
    run = Run(call, store)
    bound = await asyncio.to_thread(run.with_upstream) if call.inputs else call.bound
    pause = 0.001
    while not store.try_hold(call.key):
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)
    try:
        found = obtain_stored(call, store)
        if found is not None:
            return found
        with run.running():
            value = await call.callee.binder.invoke(call.callee.function, bound)
        return run.finish(value)
    finally:
        store.release(call.key)


def obtain_blocking(call: Call) -> Obtained:
    """The same for a caller that is no coroutine; in a thread of its own where an event loop is running."""
    return run_blocking(obtain_async(call))


def run_blocking(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, whether or not this thread has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    context = contextvars.copy_context()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(context.run, asyncio.run, coroutine).result()


calls.run_async = obtain_blocking
