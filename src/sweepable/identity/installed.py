"""Python and packages as part of an identity, where that is asked for; else they are only recorded."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from sweepable.environment import PYTHON, counted_version
from sweepable.identity.graph import hashed
from sweepable.identity.guard import Watch
from sweepable.model import CodeNode

#: ``note``, ``strict`` and ``ignore``, or the names of what counts.
Environment: TypeAlias = str | tuple[str, ...]
#: What stands for Python among the names of packages.
_PYTHON = "python"


#: Instead of a version; said, as it may be a misspelled name.
NOT_INSTALLED = "not installed"


def installed(package: str) -> str:
    """The version of a package that runs, or would, whether or not it has been imported yet.

    It may be named as it is installed or as it is imported: ``scikit-learn``, ``sklearn``.
    """
    return counted_version(package) or _imported_version(package)


@functools.cache
def _imported_version(package: str) -> str:
    """What a module says that is installed by no one, once in a process."""
    try:
        return str(importlib.import_module(package).__version__)
    except Exception:  # a module without one, or one that cannot be imported, or none at all
        return NOT_INSTALLED


def named_packages(packages: Iterable[str]) -> tuple[str, ...]:
    """Packages whose version counts, with that: ``numpy==2.4.6``."""
    return tuple(f"{package}=={installed(package)}" for package in sorted(set(packages)))


def not_there(named: Sequence[str]) -> Iterator[str]:
    """What is said of packages named in ``packages=`` that are not there: likely misspelled."""
    for package, _, version in (name.partition("==") for name in named):
        if version == NOT_INSTALLED:
            yield f"packages= names {package!r}, which is not installed here, so that no version of it counts"


def installed_nodes(named: Sequence[str], mirrored: bool) -> Iterator[CodeNode]:
    """The packages whose version counts: beside the graph, so that `explain` can tell which has changed."""
    for name in named:
        package, _, version = name.partition("==")
        digest = hashed(name.encode()).hex()
        yield CodeNode((f"package {package}",), "installed", digest, digest if mirrored else "", version, "")


class Counted:
    """What of the environment counts.

    Parameters
    ----------
    environment : str or tuple of str
        ``strict`` for Python and all packages that the code reaches, or names of packages; else nothing counts.
    reached : collection of str
        The packages that the code reaches.
    """

    def __init__(self, environment: Environment, reached: Collection[str]) -> None:
        named = () if isinstance(environment, str) else environment
        names = (_PYTHON, *reached) if environment == "strict" else named
        self._named = frozenset(named)
        self._versions = {name: PYTHON if name == _PYTHON else installed(name) for name in sorted(set(names))}

    def added_to(self, digest: bytes) -> bytes:
        """A digest that counts this too; the same one where nothing counts."""
        facts = [f"{name}=={version}".encode() for name, version in self._versions.items()]
        return hashed(digest, b"environment", *facts) if facts and digest else digest

    def nodes(self) -> Iterator[CodeNode]:
        """What counts, as nodes that one version has otherwise than another."""
        for name, version in self._versions.items():
            digest = hashed(b"environment", name.encode(), version.encode()).hex()
            title = "Python" if name == _PYTHON else f"package {name}"
            yield CodeNode((title,), "installed", digest, digest, version, "")

    def unknown(self) -> Iterator[str]:
        """What is said of names whose version nobody knows, so that its change would not be seen."""
        for name, version in self._versions.items():
            if version == NOT_INSTALLED and name in self._named:
                yield f"environment= names {name!r}, but no such package is installed"
            elif version == NOT_INSTALLED and not name.startswith("_"):
                yield f"reaches the package {name!r}, whose version is not known"

    def watch(self, watch: Watch) -> None:
        """See it where a package is loaded anew in another version."""
        for name in self._versions:
            if name not in sys.modules:  # what is loaded later may be another one than is installed now
                watch.lacks(sys.modules, name, f"the package {name}")
            namespace = getattr(sys.modules.get(name), "__dict__", {})
            if isinstance(namespace.get("__version__"), str):
                watch.binding(namespace, "__version__", namespace["__version__"], f"the version of {name}")
