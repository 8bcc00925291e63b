"""What a call ran in: Python, host, the versions of the packages that its code reached, and the state of its sources.

It is recorded, and no part of any key.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from sweepable.environment.packages import UNKNOWN, agree, counted_version, direct_url, is_loaded, version_of
from sweepable.model import CodeVersion, Environment

if TYPE_CHECKING:
    from sweepable.environment.repositories import Repository

__all__ = ["PYTHON", "UNKNOWN", "agree", "counted_version", "direct_url", "is_loaded", "surroundings", "version_of"]

#: The Python whose results count as one: a bug-fix release changes none.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def surroundings(version: CodeVersion, own: str = "", given: Iterable[str] = ()) -> Environment:
    """What this process is, for the record.

    Parameters
    ----------
    version : CodeVersion
        The code that runs: its packages are noted, and the repositories that hold its files.
    own : str, optional
        The file of the function, where the version does not tell.
    given : iterable of str
        Further packages: those of the arguments.
    """
    global _last
    told, last = (version, own, tuple(given)), _last
    if last is not None and last[0][0] is version and last[0][1:] == told[1:] and time.monotonic() < last[1]:
        return last[2]
    found = _surroundings(*told)
    _last = told, time.monotonic() + _SECONDS, found
    return found


#: For many short calls in a row it is found out once: of what it was last, until when that holds, and what it was.
_last: tuple[tuple[CodeVersion, str, tuple[str, ...]], float, Environment] | None = None
_SECONDS = 0.01


def _surroundings(version: CodeVersion, own: str, given: tuple[str, ...]) -> Environment:
    from sweepable.environment.repositories import repositories

    files, is_bare = _files(version, own)
    # What was typed in a notebook or at a prompt lies in no file; the folder where this happens stands for it.
    found = repositories(files, _working_folder() if is_bare else None)
    names = sorted({*version.packages, *given}) if given else version.packages
    return _written(tuple((name, version_of(name) or UNKNOWN) for name in names), found)


#: Files of the versions met last, by identity: a version is large, and is the same object while its code is.
_known: dict[int, tuple[CodeVersion, str, tuple[tuple[str, ...], bool]]] = {}


def _files(version: CodeVersion, own: str) -> tuple[tuple[str, ...], bool]:
    """The files that the code lies in, and whether the function itself lies in none."""
    known = _known.get(id(version))
    if known is not None and known[0] is version and known[1] == own:
        return known[2]
    named = dict.fromkeys(node.where.rpartition(":")[0] for node in version.nodes)
    first = own or next(iter(named), "")
    paths = {name: os.path.abspath(name) for name in (*named, own) if name and os.path.isfile(name)}
    found = tuple(sorted(set(paths.values()))), first not in paths
    if len(_known) > 200:
        _known.clear()
    _known[id(version)] = version, own, found
    return found


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


@lru_cache(maxsize=64)
def _written(packages: tuple[tuple[str, str], ...], found: Sequence[Repository]) -> Environment:
    """As JSON: one text for the surroundings, and one for each diff, which many surroundings may share."""
    facts = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "host": platform.node(),
        "packages": dict(packages),
        "git": [repository.facts() for repository in found],
    }
    diffs = tuple(repository.diff for repository in found if repository.diff)
    return Environment(json.dumps(facts, sort_keys=True), diffs)
