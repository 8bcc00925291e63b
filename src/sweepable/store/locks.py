"""Locks: the write lock of a store, and one lock per key so that a missing call runs once."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from sweepable.errors import StoreError
from sweepable.notices import logger
from sweepable.store import files

#: How long a waiter sleeps between two attempts, in seconds.
_SHORTEST, _LONGEST = 0.001, 0.05
#: How long a write waits for the others, as SQLite's own timeout.
PATIENCE = 60.0


@contextlib.contextmanager
def locked(descriptor: int, *, shared: bool = False, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock on an open file.

    Parameters
    ----------
    descriptor : int
        Of the lock file; each thread has its own.
    shared : bool, default False
        Beside other shared holders.
    patience : float, default 60
        Seconds to wait.

    Raises
    ------
    StoreError
        When it cannot be had in that time.
    """
    wait_for_lock(descriptor, shared=shared, patience=patience)
    try:
        yield
    finally:
        files.unlock(descriptor)


def wait_for_lock(descriptor: int, *, shared: bool = False, patience: float = PATIENCE) -> None:
    """Take the lock on an open file; polled, so that a holder who was stopped stops nobody for ever."""
    if files.lock(descriptor, shared=shared):
        return
    delay, end = 0.00005, time.monotonic() + patience
    while not files.lock(descriptor, shared=shared):
        if time.monotonic() > end:
            raise StoreError(f"another process has held the store's write lock for {patience:.0f} seconds")
        time.sleep(delay)
        delay = min(delay * 1.5, 0.005)


class KeyLocks:
    """One lock per key, between threads and between processes.

    Between processes it is a lock on one byte of one file, at an offset taken from the key, which the kernel frees
    when the holder dies. Losing it costs double work, never correctness.

    Parameters
    ----------
    open_file : callable
        Returns the descriptor of the lock file, or None where keys are locked within this process only.
    notice : float, default 30
        Seconds after which a waiter says for whom it waits.
    """

    def __init__(self, open_file: Callable[[], int | None], *, notice: float = 30.0) -> None:
        self._open_file = open_file
        self._notice = notice
        self._reset()

    def _reset(self) -> None:
        # The lock of the condition is taken by itself: this is on the way of every call that runs.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiters = 0
        self._holders: dict[str, tuple[int, int]] = {}
        self._descriptor: int | None = None
        self._opened = False

    def try_hold(self, key: str) -> bool:
        """Hold a key if nobody does; a thread that holds it already holds it once more."""
        me = threading.get_ident()
        with self._lock:
            owner, times = self._holders.get(key, (me, 0))
            if owner != me or not (times or self._lock_byte(key)):
                return False
            self._holders[key] = (me, times + 1)
            return True

    def release(self, key: str) -> None:
        """Give up a key that was held."""
        with self._lock:
            owner, times = self._holders.get(key, (0, 0))
            if not times:
                return
            if times > 1:
                self._holders[key] = (owner, times - 1)
                return
            del self._holders[key]
            if self._waiters:
                self._changed.notify_all()
            if self._descriptor is not None:
                files.unlock_byte(self._descriptor, offset(key))

    def hold(
        self, key: str, *, who: str | Callable[[], str], wait: float | None
    ) -> contextlib.AbstractContextManager[bool]:
        """Hold a key for the length of a block; False where the wait was given up."""
        return _Hold(self, key, who, wait)

    def _wait(self, key: str, who: str | Callable[[], str], wait: float | None) -> bool:
        began, delay, told = time.monotonic(), _SHORTEST, False
        while not self.try_hold(key):
            waited = time.monotonic() - began
            if wait is not None and waited >= wait:
                logger().warning("gave up waiting for %s, which another process or thread is running", _text(who))
                return False
            if waited >= self._notice and not told:
                told = True
                logger().warning(
                    "waiting since %.0f s for %s, which another process or thread is running", waited, _text(who)
                )
            with self._changed:
                self._waiters += 1
                try:
                    self._changed.wait(delay)
                finally:
                    self._waiters -= 1
            delay = min(delay * 2, _LONGEST)
        return True

    def _lock_byte(self, key: str) -> bool:
        if not self._opened:
            self._descriptor, self._opened = self._open_file(), True
        if self._descriptor is None:
            return True
        try:
            return files.lock_byte(self._descriptor, offset(key))
        except OSError as error:  # without the lock a call may run twice, but it runs
            logger().warning("calls are not locked between processes: %s", error)
            return True

    def before_fork(self) -> Callable[[], None]:
        """Wait until no thread is amid taking a lock; returns what lets them go on."""
        lock = self._lock
        lock.acquire()
        return lock.release

    def forked(self) -> None:
        """In a forked child: the locks are the parent's, and must not outlive it here."""
        self.close()
        self._reset()

    def close(self) -> None:
        """Close the lock file, which gives up what is held between processes; it is opened again when needed."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor, self._opened = None, False


class _Hold:
    """A key that is held for the length of a block. A class of its own: a generator costs twice as much."""

    __slots__ = ("_held", "_key", "_locks", "_wait", "_who")

    def __init__(self, locks: KeyLocks, key: str, who: str | Callable[[], str], wait: float | None) -> None:
        self._locks = locks
        self._key = key
        self._who = who
        self._wait = wait
        self._held = False

    def __enter__(self) -> bool:
        self._held = self._locks.try_hold(self._key) or self._locks._wait(self._key, self._who, self._wait)
        return self._held

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._locks.release(self._key)

    def __del__(self) -> None:
        if self._held:  # an interrupt came just when the block was left
            self._locks.release(self._key)


def offset(key: str) -> int:
    """The byte that stands for a key: 60 bits of it."""
    return int(key[:15], 16)


def _text(who: str | Callable[[], str]) -> str:
    return who if isinstance(who, str) else who()
