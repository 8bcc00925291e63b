"""The versions of packages as they run: what a loaded module says of itself, else what is installed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

#: What stands for a version that nobody knows.
UNKNOWN = "unknown"
_INFO = (".dist-info", ".egg-info")


def version_of(name: str) -> str | None:
    """The version of a package, by the name that is imported or that is installed.

    Parameters
    ----------
    name : str
        As imported (``sklearn``) or as installed (``scikit-learn``).

    Returns
    -------
    str or None
        The version of what is loaded, as it may have been replaced on disk since; of what is installed, where nothing
        is loaded or says its version. With the commit, where it was installed from a repository:
        ``1.0+git.1f2e3d4c5b6a``. None where there is no such package.

    Examples
    --------
    >>> import numpy
    >>> version_of("numpy") == numpy.__version__, version_of("no_such_package")
    (True, None)
    """
    module, folder = _loaded(name)
    # Not by getattr: some packages compute it, with a warning that it is deprecated.
    said = getattr(module, "__dict__", {}).get("__version__")
    version = said if isinstance(said, str) else _installed(name, folder)
    return _with_commit(version, name, folder)


def counted_version(name: str) -> str | None:
    """The version of a package, the same whether or not it has been loaded, as long as it is not another one.

    What is installed tells it, as many modules say less, or nothing, of themselves; unless what is loaded has been
    replaced on disk since.
    """
    module, folder = _loaded(name)
    said = getattr(module, "__dict__", {}).get("__version__")
    version = _installed(name, folder)
    if isinstance(said, str) and (version is None or (said[:1].isdigit() and not agree(said, version))):
        version = said
    return _with_commit(version, name, folder)


def agree(one: str, other: str) -> bool:
    """Whether two sayings may be of one version.

    Examples
    --------
    >>> agree("4.8.0", "4.8.0.76"), agree("2.9 (with ssl)", "2.9"), agree("1.2", "1.2.0"), agree("1.2", "1.2.1")
    (True, True, True, False)
    """
    short, long = sorted((one, other), key=len)
    further = long[len(short) :]
    if not long.startswith(short) or further[:1].isalnum():
        return False
    return not further.startswith(".") or short.count(".") > 1 or not further.strip(".0")


def is_loaded(name: str) -> bool:
    """Whether a package has been imported."""
    return name in sys.modules


def _with_commit(version: str | None, name: str, folder: str | None) -> str | None:
    if version is None:
        return None
    commit = _commit(name, folder, version)
    return f"{version}+git.{commit}" if commit else version


def _loaded(name: str) -> tuple[object, str | None]:
    """A module, and where it is installed."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    return module, _folder(file, hasattr(module, "__path__")) if isinstance(file, str) else None


@lru_cache(maxsize=256)
def _folder(file: str, is_package: bool) -> str:
    """Where a package, or a module of one file, is installed."""
    return os.path.dirname(os.path.dirname(file) if is_package else file)


@lru_cache(maxsize=256)
def _installed(name: str, folder: str | None) -> str | None:
    """The version of the distribution that a package is of, looked for where it was loaded from, then anywhere.

    `importlib.metadata` would do as well, if importing it did not take longer than all else that a first call needs.
    """
    for place in _places(folder):
        known = _distributions(place)
        found = known[_normal(name)][0] if _normal(name) in known else _holding(name, known)
        if found is not None:
            return found
    from importlib import metadata

    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


@lru_cache(maxsize=256)
def _commit(name: str, folder: str | None, version: str) -> str | None:
    """The commit of a package that was installed from a repository, whose version says little."""
    for place in _places(folder):
        # Most packages bear the name of their distribution: looking through all of them costs more than a hit.
        origin = direct_url(os.path.join(place, f"{name}-{version}.dist-info"))
        if origin is not None:
            return _commit_of(origin)
        for known, (_, info) in _distributions(place).items():
            origin = direct_url(info)
            if origin and (known == _normal(name) or name in _tops(info)):
                return _commit_of(origin)
    return None


@lru_cache(maxsize=1024)
def direct_url(info: str) -> Mapping[str, Any] | None:
    """Where a distribution was installed from, if that was no index of packages.

    Parameters
    ----------
    info : str
        The folder of its metadata.

    Returns
    -------
    mapping or None
        What ``direct_url.json`` says there (PEP 610), empty where there is none; None where there is no such folder.
    """
    if not os.path.isdir(info):
        return None
    text = "".join(_lines(os.path.join(info, "direct_url.json")))
    if not text:  # as of nearly all packages, and finding out that nothing is no JSON takes longer
        return {}
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _commit_of(origin: Mapping[str, Any]) -> str | None:
    said = origin.get("vcs_info")
    commit = said.get("commit_id") if isinstance(said, dict) else None
    return str(commit)[:12] if commit is not None else None


def _places(folder: str | None) -> list[str]:
    return [place or os.getcwd() for place in ([folder] if folder is not None else sys.path)]


#: Version, and folder of the metadata.
_Distribution = tuple[str, str]


def _distributions(folder: str) -> dict[str, _Distribution]:
    """What is installed in a folder, by normal name."""
    try:
        return _listed(folder, os.stat(folder).st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _listed(folder: str, changed: int) -> dict[str, _Distribution]:
    """The same, listed again when something has been installed or removed."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(_INFO)]
    except OSError:
        return {}
    parts = {name: name.rpartition(".")[0].split("-") for name in names}
    return {_normal(part[0]): (part[1], os.path.join(folder, name)) for name, part in parts.items() if len(part) > 1}


def _normal(name: str) -> str:
    # All that is installed is asked for by the first hit: a pattern would take several times as long.
    plain = name.lower().replace("_", "-").replace(".", "-")
    while "--" in plain:
        plain = plain.replace("--", "-")
    return plain


def _holding(name: str, distributions: Mapping[str, _Distribution]) -> str | None:
    """The version of the distribution that a module or package is part of; of a namespace, those of all of them."""
    found = {known: version for known, (version, info) in distributions.items() if name in _tops(info)}
    if len(found) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{known} {found[known]}" for known in sorted(found)) or None


@lru_cache(maxsize=1024)
def _tops(info: str) -> frozenset[str]:
    """What a distribution lets one import."""
    told = _lines(os.path.join(info, "top_level.txt"))
    if told:
        return frozenset(line.strip() for line in told)
    paths = [line.partition(",")[0] for line in _lines(os.path.join(info, "RECORD"))]
    tops = {path.partition("/")[0] for path in paths if path.endswith((".py", ".so", ".pyd"))}
    return frozenset(top.partition(".")[0] for top in tops)


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return stream.readlines()
    except OSError:
        return []
