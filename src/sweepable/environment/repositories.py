"""The git repositories that hold the code: their commits, and what has changed since.

git is asked when the first call is stored, and again when something shows that its answer would be another one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sweepable.environment import git
from sweepable.environment.git import Said

#: A diff larger than this is kept as a digest and a summary.
LARGEST_DIFF = 256 * 1024
#: Looking whether anything has changed takes this part of the time at most.
_SHARE = 0.03
#: So many files of one repository are looked at.
_MOST_FILES = 1000
_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")

Stamp = tuple[int, int, int] | None


class Repository(NamedTuple):
    """The state of a repository.

    Attributes
    ----------
    path : str
        Its root.
    commit : str or None
        The commit that is checked out; None before the first.
    dirty : bool or None
        Whether tracked files have changes that are not committed, or the code lies in files that are not tracked.
        None where git did not say.
    digest : str or None
        Of the diff between the commit and the files.
    diff : str or None
        The diff with its digest, as JSON: what stands in the store once for all that refer to it.
    untracked : tuple of str
        Files of the code that git does not track, relative to the root.
    """

    path: str
    commit: str | None
    dirty: bool | None
    digest: str | None = None
    diff: str | None = None
    untracked: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """What is recorded of it, beside the diff."""
        return {
            "name": os.path.basename(self.path) or self.path,
            "path": self.path,
            "commit": self.commit,
            "dirty": self.dirty,
            "diff": self.digest,
            "untracked": list(self.untracked),
        }


def repositories(files: Sequence[str], folder: str | None = None) -> tuple[Repository, ...]:
    """The repositories that hold these files, or this folder, as they are now.

    Parameters
    ----------
    files : sequence of str
        Absolute paths.
    folder : str, optional
        A folder to look at as well.
    """
    by_root: dict[str, list[str]] = {}
    for file in files:
        real, root = _placed(file)
        if root is not None:
            by_root.setdefault(root, []).append(real)
    root = _root(os.path.realpath(folder)) if folder is not None else None
    if root is not None:
        by_root.setdefault(root, [])
    with _asking:
        found = [_watched(root).state(held[:_MOST_FILES]) for root, held in by_root.items()]
    return tuple(repository for repository in found if repository is not None)


@lru_cache(maxsize=4096)
def _placed(file: str) -> tuple[str, str | None]:
    """A file by its real path, and the repository that it lies in."""
    real = os.path.realpath(file)
    return real, _root(os.path.dirname(real))


@lru_cache(maxsize=1024)
def _root(folder: str) -> str | None:
    """The root of the repository around a folder."""
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


@lru_cache(maxsize=1024)
def _watched(root: str) -> _Watched:
    return _Watched(root)


_asking = threading.Lock()


def _after_fork() -> None:
    global _asking
    _asking = threading.Lock()  # the thread that held it is not in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Watched:
    """What is known of a repository, and how it is seen that this is out of date."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._git = _git_folder(root)
        self._stamps: dict[str, Stamp] = {}
        self._tracked: dict[str, bool] = {}
        self._head: Repository | None = None
        self._asked = self._gave_up = self._is_slow = False
        self._look_at = 0.0

    def state(self, files: Sequence[str]) -> Repository | None:
        """The repository's state, for code in these files; None where git says nothing."""
        if self._gave_up:
            return None
        if time.perf_counter() >= self._look_at:
            self._renew(files)
        if self._head is None:
            return None
        self._ask_whether_tracked([file for file in files if file not in self._tracked])
        untracked = tuple(os.path.relpath(file, self._root) for file in files if not self._tracked.get(file, True))
        return self._head._replace(untracked=untracked, dirty=True) if untracked else self._head

    def _renew(self, files: Sequence[str]) -> None:
        started = time.perf_counter()
        stamps = {path: _stamp(path) for path in (*_heads(self._git), *files)}
        ended = time.perf_counter()
        self._look_at = ended + (ended - started) / _SHARE
        if not self._asked or any(self._stamps.get(path, stamp) != stamp for path, stamp in stamps.items()):
            self._tracked.clear()
            self._head = self._ask()
            self._gave_up = self._head is None
            self._asked = True
        self._stamps |= stamps

    def _ask(self) -> Repository | None:
        commands = [("rev-parse", "HEAD"), (*_DIFF, "HEAD")]
        commit, *further = git.ask(self._root, *commands[: 1 if self._is_slow else 2], limit=LARGEST_DIFF)
        diff = further[0] if further else None
        self._is_slow |= commit is not None and diff is None  # it took too long, and would again
        if commit is None:
            first = git.ask(self._root, ("rev-parse", "--git-dir"), limit=1000)[0]
            return None if first is None else Repository(self._root, None, True)  # nothing is committed yet
        name = commit.text.decode("ascii", "replace").strip()
        if diff is None:
            return Repository(self._root, name, None)
        if not diff.size:
            return Repository(self._root, name, False)
        return Repository(self._root, name, True, diff.digest, self._kept(diff))

    def _kept(self, diff: Said) -> str:
        if diff.size <= LARGEST_DIFF:
            facts: dict[str, object] = {"diff": diff.digest, "text": diff.text.decode("utf-8", "backslashreplace")}
        else:
            summary = git.ask(self._root, (*_DIFF, "--stat=120,100", "--stat-count=200", "HEAD"), limit=LARGEST_DIFF)[0]
            text = summary.text.decode("utf-8", "backslashreplace") if summary is not None else ""
            facts = {"diff": diff.digest, "size": diff.size, "summary": text}
        return json.dumps(facts)

    def _ask_whether_tracked(self, files: Sequence[str]) -> None:
        if not files:
            return
        names = [os.path.relpath(file, self._root) for file in files]
        said = git.ask(self._root, ("ls-files", "-z", "--", *names), limit=1 << 24)[0]
        if said is None:
            return
        tracked = set(map(os.fsdecode, said.text.split(b"\0")))
        self._tracked.update((file, name in tracked) for file, name in zip(files, names, strict=True))


def _git_folder(root: str) -> str:
    """Where git keeps what it knows of a working tree: ``.git``, or what a file of this name says."""
    path = os.path.join(root, ".git")
    try:
        with open(path, encoding="utf-8") as stream:
            return os.path.join(root, stream.read().removeprefix("gitdir:").strip())
    except (OSError, ValueError):
        return path


def _heads(folder: str) -> Iterable[str]:
    """The files that change when a commit is made, or another one is checked out."""
    return [os.path.join(folder, *name) for name in (("HEAD",), ("index",), ("logs", "HEAD"))]


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
