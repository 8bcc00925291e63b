"""Python and packages as part of an identity, where that is asked for; else they are only recorded."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import TypeAlias

from sweepable.environment import PYTHON, version_of
from sweepable.identity.graph import hashed
from sweepable.identity.guard import Watch
from sweepable.model import CodeNode

#: ``note``, ``strict`` and ``ignore``, or the names of what counts.
Environment: TypeAlias = str | tuple[str, ...]
#: What stands for Python among the names of packages.
_PYTHON = "python"


def installed(package: str) -> str:
    """The version of a package that runs, or would."""
    return version_of(package) or "not installed"


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
            yield CodeNode((title,), "environment", digest, digest, version, "")

    def unknown(self) -> Iterator[str]:
        """What is said of names whose version nobody knows, so that its change would not be seen."""
        for name, version in self._versions.items():
            if version == "not installed" and name in self._named:
                yield f"environment= names {name!r}, but no such package is installed"
            elif version == "not installed" and not name.startswith("_"):
                yield f"reaches the package {name!r}, whose version is not known"

    def watch(self, watch: Watch) -> None:
        """See it where a package is loaded anew in another version."""
        for name in self._versions:
            if name not in sys.modules:  # what is loaded later may be another one than is installed now
                watch.lacks(sys.modules, name, f"the package {name}")
            namespace = getattr(sys.modules.get(name), "__dict__", {})
            if isinstance(namespace.get("__version__"), str):
                watch.binding(namespace, "__version__", namespace["__version__"], f"the version of {name}")
