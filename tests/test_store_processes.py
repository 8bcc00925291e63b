"""The store between processes: run once, survive kills and forks, read without being able to write."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from running import script_environment
from storing import blob_files, key_of, new_call, same
from sweepable.errors import StoreError
from sweepable.store import Store, open_store, results

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def store(store_path: Path) -> Store:
    return open_store(store_path)


def forked(work: Callable[..., None], *arguments: Any) -> None:
    """Run `work` in a forked child and see that it went well."""
    process = FORK.Process(target=work, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode == 0


def script(path: Path, body: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own, which knows the store and the helpers of these tests."""
    head = f"import sys, os, numpy as np; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    head += "from storing import *\nfrom sweepable.store import open_store\n"
    head += f"store = open_store({str(path)!r})\narguments = sys.argv[1:]\n"
    command = [sys.executable, "-c", head + body, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=script_environment(path))


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    texts = [process.communicate(timeout=200)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return texts


def test_eight_processes_run_a_missing_call_once(store_path: Path, tmp_path: Path) -> None:
    """Of many processes that want one missing result at the same time, one computes it; all get it."""
    body = (
        "import time\n"
        "with store.hold(key_of(0), who='sim(gain=2.0)'):\n"
        "    call = store.fetch(key_of(0))\n"
        "    if call is None:\n"
        "        open(arguments[0] + '/' + str(os.getpid()), 'x').close()\n"
        "        time.sleep(0.3)\n"
        "        call = store.put(new_call(0, np.full(2000, 7.0)))\n"
        "print(store.value(call)[1999])\n"
    )
    runs = tmp_path / "runs"
    runs.mkdir()
    assert finish([script(store_path, body, runs) for _ in range(8)]) == ["7.0\n"] * 8
    assert len(list(runs.iterdir())) == 1


def test_eight_processes_write_at_once(store_path: Path) -> None:
    """Processes that make a store together, and write to it together, lose nothing."""
    body = (
        "me = int(arguments[0])\n"
        "for step in range(200):\n"
        "    store.put(new_call((me, step), {'n': me + step / 1000, 'y': np.full(600, step % 9)}))\n"
    )
    finish([script(store_path, body, number) for number in range(8)])
    store = open_store(store_path)
    for number in range(8):
        for step in range(200):
            call = store.fetch(key_of((number, step)))
            assert call is not None
            assert same(store.value(call), {"n": number + step / 1000, "y": np.full(600, step % 9)})
    assert len(blob_files(store_path)) == 9
    assert store.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(store.functions()) == 1 and store.versions(1)[0].calls == 1600


def test_killed_writers_leave_no_half_call(store_path: Path) -> None:
    """Whenever a writer is killed, every call that is there is whole, and the next writer goes on."""
    body = (
        "import itertools\n"
        "for step in itertools.count():\n"
        "    store.put(new_call((arguments[0], step), {'n': step, 'y': np.full(40_000, step)}))\n"
        "    sys.stdout.write('.'); sys.stdout.flush()\n"
    )
    for number in range(6):
        with script(store_path, body, number) as writer:
            assert writer.stdout is not None and writer.stdout.read(3) == "..."
            time.sleep(0.013 * number)
            writer.send_signal(signal.SIGKILL)
        store = open_store(store_path)
        store.close()
        assert store.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        keys = [key for (key,) in store.connection().execute("SELECT key FROM _calls").fetchall()]
        assert len(keys) >= 3 * (number + 1)
        for key in keys:
            call = store.fetch(key)
            assert call is not None
            value: Any = store.value(call)
            assert value["y"][-1] == value["n"] and results.blobs_of(call.result)
        rows = store.connection().execute("SELECT count(*) FROM _calls").fetchone()
        assert store.connection().execute("SELECT count(*) FROM sim").fetchone() == rows
    assert store.value(store.put(new_call("after", 1.0))) == 1.0


# -- forks


def test_a_forked_child_uses_the_store_and_harms_nobody(store: Store) -> None:
    """A child of fork reads and writes with connections of its own, and its end takes nothing from its parent."""
    store.put(new_call(0, 0.0))
    inherited = store.connection()

    def child(number: int) -> None:
        assert store.connection() is not inherited
        assert store.value(store.put(new_call(number, float(number)))) == number
        gc.collect()

    for number in range(1, 4):
        forked(child, number)
        store.put(new_call(-number, 0.0))
    assert store.connection() is inherited
    for number in range(-3, 4):
        call = store.fetch(key_of(number))
        assert call is not None and store.value(call) == max(number, 0)


def test_a_fork_amid_busy_threads(store: Store) -> None:
    """A child forked while other threads write neither waits for them nor finishes their transactions."""
    stop = threading.Event()

    def busy(number: int) -> None:
        step = 0
        while not stop.is_set():
            with store.hold(key_of((number, step)), who="sim"):
                store.put(new_call((number, step), np.full(700, step)))
            step += 1

    def child(number: int) -> None:
        with store.hold(key_of(("child", number)), who="sim"):
            store.put(new_call(("child", number), 1.0))
        os._exit(0)

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            forked(child, number)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert store.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert all(store.fetch(key_of(("child", number))) for number in range(10))


def test_a_child_does_not_keep_its_parents_key(store: Store) -> None:
    """A child that lives on does not hold what its parent held at the fork."""
    go, ready = FORK.Event(), FORK.Event()

    def child() -> None:
        ready.set()
        go.wait(60)

    with store.hold(key_of(0), who="sim"):
        process = FORK.Process(target=child)
        process.start()
        assert ready.wait(60)
    other = Store(str(store.path))
    with other.hold(key_of(0), who="sim", wait=0) as held:
        assert held
    go.set()
    process.join()
    other.close()


def test_threads_that_end_leave_nothing_open(store: Store) -> None:
    """The connection of a thread is closed with it."""
    store.put(new_call(0, 1.0))
    counts = []
    for number in range(1, 21):
        thread = threading.Thread(target=store.put, args=(new_call(number, 1.0),))
        thread.start()
        thread.join()
        gc.collect()
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] == counts[0]  # SQLite keeps one for the next who opens


# -- reading only


def without_override(work: Callable[..., None]) -> Callable[..., None]:
    """`work` as a user for whom permissions hold: root's right to override them is dropped."""

    def run(*arguments: Any) -> None:
        if os.geteuid() == 0:
            drop_override()
        work(*arguments)

    return run


def drop_override() -> None:
    """Drop CAP_DAC_OVERRIDE and its like, keep the user."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    data = (ctypes.c_uint32 * 6)()
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())


def set_modes(path: Path, folder: int, file: int) -> None:
    for found in [path, *path.rglob("*")]:
        found.chmod(folder if found.is_dir() else file)


def test_a_store_that_cannot_be_written_is_read(store: Store) -> None:
    """Hits work, keys are held within the process, and a put says why it is not kept."""
    value = {"y": np.zeros(5000), "large": np.ones(200_000), "n": 1}
    store.put(new_call(0, value))

    def child() -> None:
        read = Store(str(store.path))
        assert read.read_only
        call = read.fetch(key_of(0))
        assert call is not None and same(read.value(call), value)
        assert read.fetch(key_of("in the log")) is not None and read.fetch(key_of(1)) is None
        with pytest.raises(StoreError, match="read-only"):
            read.put(new_call(1, 1.0))
        with read.hold(key_of(1), who="sim") as held:
            assert held

    writer = open_store(store.path).connection()  # rows that are in the log only are seen as well
    store.put(new_call("in the log", 1.0))
    set_modes(store.path, 0o500, 0o400)
    try:
        forked(without_override(child))
        assert writer.execute("SELECT count(*) FROM _calls").fetchone() == (2,)
        store.close()
        set_modes(store.path, 0o500, 0o400)
        forked(without_override(child))  # without a log, and no right to make one
    finally:
        set_modes(store.path, 0o700, 0o600)


def test_a_log_that_cannot_be_read_is_not_ignored(store: Store, tmp_path: Path) -> None:
    """Where the newest rows cannot be reached, a read-only store is an error rather than an older state."""
    store.put(new_call(0, 1.0))
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("index.db", "index.db-wal"):
        (copy / name).write_bytes((store.path / name).read_bytes())
    assert (copy / "index.db-wal").stat().st_size

    def child() -> None:
        with pytest.raises((StoreError, sqlite3.OperationalError)):
            Store(str(copy)).fetch(key_of(0))

    set_modes(copy, 0o500, 0o400)
    try:
        forked(without_override(child))
    finally:
        set_modes(copy, 0o700, 0o600)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Where there is no store and none can be made, the error says so and names the way out."""

    def child() -> None:
        for path in (tmp_path / "closed", tmp_path / "closed" / "new"):
            with pytest.raises(StoreError, match=r"cannot be made.*SWEEPABLE_STORE"):
                Store(str(path)).put(new_call(0, 1.0))

    (tmp_path / "closed").mkdir(0o500)
    forked(without_override(child))
