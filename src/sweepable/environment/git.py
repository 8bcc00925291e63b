"""Asks git, which may be missing, slow, or refuse: what it does not say in time stays unknown."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

if TYPE_CHECKING:
    from subprocess import Popen

#: Seconds that git is given.
PATIENCE = 3.0
#: Variables by which git would look at another repository, or run other programs.
_MISLEADING = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
)
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


class Said(NamedTuple):
    """What git wrote."""

    #: Its beginning, up to the limit.
    text: bytes
    #: BLAKE3 of all of it.
    digest: str
    size: int


class _Answer:
    """What a process writes, of which the beginning is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._size = 0
        self._hasher = blake3()

    def take(self, part: bytes) -> None:
        self._kept += part[: max(0, self._limit - self._size)]
        self._size += len(part)
        self._hasher.update(part)

    def said(self) -> Said:
        return Said(bytes(self._kept), self._hasher.hexdigest(), self._size)


def ask(folder: str, *commands: Sequence[str], limit: int) -> list[Said | None]:
    """What git says to several commands, all at the same time; None to one that fails or takes too long.

    Parameters
    ----------
    folder : str
        Where to ask.
    *commands : sequence of str
        Arguments of ``git``.
    limit : int
        How much of an answer to keep.
    """
    running: list[Popen[bytes]] = []
    answers = [_Answer(limit) for _ in commands]
    end = time.monotonic() + PATIENCE
    try:
        running += [_start(folder, command) for command in commands]
        _read(running, answers, end)
        done = [_has_succeeded(process, end) for process in running]
        return [answer.said() if good else None for answer, good in zip(answers, done, strict=True)]
    except OSError:  # no git, or no more processes
        return [None for _ in commands]
    finally:
        for process in running:
            _end(process)


def _read(running: Sequence[Popen[bytes]], answers: Sequence[_Answer], end: float) -> None:
    """Read what they write, until all are done or time is over. Without threads: the program may be about to fork."""
    import selectors

    with selectors.DefaultSelector() as waiting:
        for process, answer in zip(running, answers, strict=True):
            assert process.stdout is not None
            waiting.register(process.stdout, selectors.EVENT_READ, answer)
        while waiting.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                part = os.read(key.fd, 1 << 16)
                if part:
                    key.data.take(part)
                else:
                    waiting.unregister(key.fileobj)


def _has_succeeded(process: Popen[bytes], end: float) -> bool:
    import subprocess

    try:
        return process.wait(max(0.0, end - time.monotonic())) == 0
    except subprocess.TimeoutExpired:
        return False


def _start(folder: str, command: Sequence[str]) -> Popen[bytes]:
    import subprocess

    # Whatever a repository's configuration says: no pager, no colours, no programs of its own.
    plain = ("--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
    surroundings = {name: value for name, value in os.environ.items() if name not in _MISLEADING} | _QUIET
    return subprocess.Popen(
        ["git", *plain, *command],
        cwd=folder,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _end(process: Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
