"""Cached ``async def`` functions: awaited once among all who ask, and usable from code that does not await."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any

import pytest

import sweepable
from running import RunScript


@pytest.fixture
def ran() -> list[Any]:
    return []


@pytest.fixture
def slow(ran: list[Any]) -> Any:
    """A coroutine function that takes a while, and fails for what is negative."""

    @sweepable.cache(y=float, ignore_globals=["ran"])
    async def slow(x: float, gain: float = 2.0) -> float:
        ran.append(x)
        await asyncio.sleep(0.05)
        if x < 0:
            raise ValueError(f"{x} is negative")
        return gain * x

    return slow


def test_concurrent_awaits_of_one_call_run_it_once(slow: Any, ran: list[Any]) -> None:
    """All get the value; another argument is another call; a later loop finds both stored."""

    async def main() -> list[float]:
        return list(await asyncio.gather(*(slow(3.0) for _ in range(10)), slow(4.0), slow(x=3.0)))

    assert asyncio.run(main()) == [6.0] * 10 + [8.0, 6.0]
    assert sorted(ran) == [3.0, 4.0]
    assert asyncio.run(main())[0] == 6.0 and len(ran) == 2


def test_it_is_known_for_what_it_is(slow: Any) -> None:
    """Tools that ask whether to await are told."""
    assert asyncio.iscoroutinefunction(slow)
    assert inspect.iscoroutinefunction(slow) or not hasattr(inspect, "markcoroutinefunction")
    coroutine = slow(1.0)
    assert inspect.iscoroutine(coroutine) and asyncio.run(coroutine) == 2.0


def test_exceptions_reach_every_awaiter(slow: Any, ran: list[Any]) -> None:
    """A failing call is not served: each awaiter gets an exception of its own run, unchanged."""

    async def main() -> list[Any]:
        return list(await asyncio.gather(slow(-1.0), slow(-1.0), return_exceptions=True))

    found = asyncio.run(main())
    assert [str(error) for error in found] == ["-1.0 is negative"] * 2 and len(ran) == 2
    assert slow.get_by_id(slow.key_of(-1.0)).info.status == "failed"


def test_records_and_sweeps_need_no_await(slow: Any, ran: list[Any]) -> None:
    """`get_or_run`, `peek` and `sweep` work from code without a loop."""
    assert slow.get_or_run(3.0).y == 6.0 and slow.peek(3.0).y == 6.0
    runs = slow.sweep(x=[1.0, -1.0, 3.0], progress=False)
    assert [rec.y for rec in runs] == [2.0, 6.0] and runs.failed.count() == 1
    assert sorted(ran) == [-1.0, 1.0, 3.0]


def test_records_and_sweeps_work_inside_a_loop(slow: Any, ran: list[Any]) -> None:
    """In a notebook, where a loop is always running, they are called just the same."""

    async def main() -> list[float]:
        rec = slow.get_or_run(3.0)
        return [rec.y, *(rec.y for rec in slow.sweep(x=[1.0, 3.0], progress=False)), await slow(1.0)]

    assert asyncio.run(main()) == [6.0, 2.0, 6.0, 2.0]
    assert sorted(ran) == [1.0, 3.0]


def test_asking_in_a_loop_for_what_the_loop_is_running_waits_for_nobody(slow: Any, ran: list[Any]) -> None:
    """A task runs the call, another asks for its Record without awaiting: it computes the call itself."""

    async def main() -> Any:
        task = asyncio.create_task(slow(3.0))
        await asyncio.sleep(0.01)
        rec = slow.get_or_run(3.0)
        return rec.y, await task

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (6.0, 6.0)


def test_a_cancelled_call_is_free_for_the_next(slow: Any, ran: list[Any]) -> None:
    """Cancellation stores nothing and holds nothing: who waits for the call runs it."""

    async def main() -> float:
        first = asyncio.create_task(slow(3.0))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(slow(3.0))
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return float(await second)

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 6.0
    assert ran == [3.0, 3.0]
    assert slow.select().count() == 1


def test_calls_inside_are_recorded_per_task(slow: Any) -> None:
    """Two tasks at once: each call has its own upstream."""

    @sweepable.cache(ignore_globals=["ran"])
    async def outer(x: float) -> float:
        return float(await slow(x) + await slow(x + 10))

    async def main() -> list[float]:
        return list(await asyncio.gather(outer(1.0), outer(2.0)))

    assert asyncio.run(main()) == [24.0, 28.0]
    assert sorted(rec.x for rec in outer.get(x=2.0).upstream.slow) == [2.0, 12.0]


def test_upstream_calls_of_coroutines(slow: Any, ran: list[Any]) -> None:
    """A default of ``async def``, in a function of either kind, is run before the body."""
    upstream = slow.partial(x=2.0)

    @sweepable.cache(ignore_globals=["ran"])
    def plain(rec: Any = upstream) -> float:
        return float(rec.y)

    @sweepable.cache(ignore_globals=["ran"])
    async def awaited(rec: Any = upstream) -> float:
        return float(rec.y) + 1

    assert plain() == 4.0 and asyncio.run(awaited()) == 5.0 and ran == [2.0]

    async def inside() -> tuple[float, float]:
        return plain.get_or_run(rec__x=5.0).value, (await awaited(slow.partial(x=6.0)))

    assert asyncio.run(inside()) == (10.0, 13.0)


def test_methods_may_be_coroutines() -> None:
    """An ``async def`` method is awaited on its instance."""

    class Plant:
        def __init__(self, k: float) -> None:
            self.k = k

        @sweepable.cache
        async def respond(self, x: float) -> float:
            await asyncio.sleep(0)
            return self.k * x

    assert asyncio.run(Plant(2.0).respond(3.0)) == 6.0
    assert asyncio.iscoroutinefunction(Plant(2.0).respond)
    assert Plant(2.0).respond.peek(3.0).value == 6.0


def test_loops_in_several_threads_run_a_call_once(slow: Any, ran: list[Any]) -> None:
    """Threads with loops of their own wait for each other, not within the loop but beside it."""
    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(slow(5.0)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [10.0] * 4 and ran == [5.0]


def test_processes_find_what_a_loop_stored(run_script: RunScript) -> None:
    """A hit in another process awaits nothing."""
    source = """
        import asyncio, sweepable

        @sweepable.cache
        async def fetch(x):
            print("ran")
            await asyncio.sleep(0.01)
            return {"y": 2 * x}

        print(asyncio.run(fetch(2.0)))
    """
    assert run_script(source).stdout.split("\n")[:2] == ["ran", "{'y': 4.0}"]
    assert run_script(source).stdout.split("\n")[0] == "{'y': 4.0}"


def test_asyncio_is_not_imported_for_functions_that_do_not_await(run_script: RunScript) -> None:
    """Who writes no coroutines does not pay for them at import."""
    source = "import sys, sweepable\nprint('asyncio' in sys.modules)"
    assert run_script(source).stdout.strip() == "False"
