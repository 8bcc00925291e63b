"""Locks: a key is held by one thread of one process at a time, and nobody waits for the dead."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import script_environment
from storing import key_of
from sweepable.errors import StoreError
from sweepable.store import files
from sweepable.store.locks import KeyLocks, locked

KEY = key_of("a call")
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "keys")


def locks_at(path: str, notice: float = 30.0) -> KeyLocks:
    return KeyLocks(lambda: files.open_lock(path), notice=notice)


@pytest.fixture
def locks(path: str) -> Iterator[KeyLocks]:
    made = locks_at(path)
    yield made
    made.close()


def in_thread(function: Callable[[], object]) -> object:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_a_key_is_held_once(locks: KeyLocks, path: str) -> None:
    """A second thread or process does not get a key that is held; other keys are free."""
    other = locks_at(path)  # another open file, as another process has it
    assert locks.try_hold(KEY)
    assert not in_thread(lambda: locks.try_hold(KEY)) and not other.try_hold(KEY)
    assert other.try_hold(key_of("another")) and in_thread(lambda: locks.try_hold(key_of("a third")))
    locks.release(KEY)
    assert other.try_hold(KEY) and not locks.try_hold(KEY)
    other.close()


def test_the_same_thread_may_hold_a_key_again(locks: KeyLocks, path: str) -> None:
    """A call that reaches itself does not wait for itself; the outermost holder frees the key."""
    other = locks_at(path)
    with locks.hold(KEY, who="f", wait=5) as outer, locks.hold(KEY, who="f", wait=5) as inner:
        assert outer and inner
    with locks.hold(KEY, who="f", wait=5):
        with locks.hold(KEY, who="f", wait=5):
            pass
        assert not other.try_hold(KEY)
    assert other.try_hold(KEY)
    other.close()


def test_a_block_that_is_never_left_frees_its_key(locks: KeyLocks, path: str) -> None:
    """Where an interrupt comes between a block and its end, the key is free as soon as nothing refers to the block."""
    other = locks_at(path)
    block = locks.hold(KEY, who="f", wait=5)
    assert block.__enter__() and not other.try_hold(KEY)
    del block
    assert other.try_hold(KEY)
    other.close()


def test_a_waiter_gets_the_key_when_it_is_free(locks: KeyLocks) -> None:
    """Threads that want one key take turns, and none is left out."""
    holding, most, done = [0], [0], []

    def work() -> None:
        with locks.hold(KEY, who="f", wait=60) as held:
            holding[0] += 1
            most[0] = max(most[0], holding[0])
            time.sleep(0.002)
            holding[0] -= 1
            done.append(held)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and done == [True] * 8


def test_waiting_is_bounded_and_says_for_whom(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A waiter names the call it waits for, and gives up in the end."""
    holder, waiter = locks_at(path), locks_at(path, notice=0.05)
    assert holder.try_hold(KEY)
    with caplog.at_level(logging.WARNING, "sweepable"), waiter.hold(KEY, who="sim(gain=2.0)", wait=0.2) as held:
        assert not held
    assert "waiting" in caplog.text and "sim(gain=2.0)" in caplog.text and "gave up" in caplog.text
    holder.close()
    with waiter.hold(KEY, who="sim", wait=5) as held:
        assert held
    waiter.close()


def test_the_key_of_a_killed_process_is_free(path: str, locks: KeyLocks, tmp_path: Path) -> None:
    """SIGKILL of a holder frees its keys at once; no waiter hangs."""
    script = (
        "import sys, time\n"
        "from sweepable.store import files\n"
        "from sweepable.store.locks import KeyLocks\n"
        "locks = KeyLocks(lambda: files.open_lock(sys.argv[1]))\n"
        "sys.stdout.write(str(locks.try_hold(sys.argv[2]))); sys.stdout.flush(); time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", script, path, KEY]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=script_environment(tmp_path)) as holder:
        assert holder.stdout is not None and holder.stdout.read(4) == b"True"
        assert not locks.try_hold(KEY)
        holder.send_signal(signal.SIGKILL)
        with locks.hold(KEY, who="f", wait=60) as held:
            assert held


def test_a_forked_child_keeps_nothing_locked(locks: KeyLocks, path: str) -> None:
    """A child that outlives its parent's hold does not keep the key; and it does not think that it holds it."""
    assert locks.try_hold(KEY)
    go, seen = FORK.Event(), FORK.Queue()

    def child() -> None:
        locks.forked()
        seen.put(locks.try_hold(KEY))
        go.wait(60)

    process = FORK.Process(target=child)
    process.start()
    assert seen.get(timeout=60) is False
    locks.release(KEY)
    other = locks_at(path)
    assert other.try_hold(KEY)
    go.set()
    process.join()
    other.close()


def test_without_a_lock_file_keys_are_held_within_the_process() -> None:
    """Where files cannot be locked, threads still run a call once."""
    locks = KeyLocks(lambda: None)
    assert locks.try_hold(KEY) and not in_thread(lambda: locks.try_hold(KEY))
    locks.release(KEY)
    assert in_thread(lambda: locks.try_hold(KEY))


def test_a_failing_lock_costs_double_work_only(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file system cannot lock, calls run all the same."""

    def fail(descriptor: int, offset: int) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "lock_byte", fail)
    locks = locks_at(path)
    with locks.hold(KEY, who="f", wait=1) as held:
        assert held
    locks.close()


def test_writers_exclude_each_other(path: str) -> None:
    """Threads and processes that write wait for each other; a reader of blobs excludes no other reader."""
    first, second = files.open_lock(path), files.open_lock(path)
    with locked(first):
        assert not files.lock(second)
        with pytest.raises(StoreError, match="write lock"), locked(second, patience=0.05):
            pass
    with locked(first, shared=True), locked(second, shared=True):
        third = files.open_lock(path)
        assert not files.lock(third)
        files.close(third)
    with locked(second):
        pass
    files.close(first)
    files.close(second)
