"""Asks git, which may be missing, slow, or refuse: what it does not say in time stays unknown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Timer
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
    timer = Timer(PATIENCE, _kill, [running])
    timer.daemon = True
    try:
        running += [_start(folder, command) for command in commands]
        timer.start()
        return [_answer(process, limit) for process in running]
    except OSError:  # no git, or no more processes
        return [None for _ in commands]
    finally:
        timer.cancel()
        for process in running:
            _end(process)


def _kill(processes: list[Popen[bytes]]) -> None:
    for process in processes:
        process.kill()


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


def _answer(process: Popen[bytes], limit: int) -> Said | None:
    assert process.stdout is not None
    kept, size, hasher = bytearray(), 0, blake3()
    while part := process.stdout.read(1 << 16):
        kept += part[: max(0, limit - size)]
        size += len(part)
        hasher.update(part)
    return Said(bytes(kept), hasher.hexdigest(), size) if process.wait() == 0 else None


def _end(process: Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
