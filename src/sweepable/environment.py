"""What a call ran in: Python, host and the versions of the packages that its code reached."""

from __future__ import annotations

import functools
import platform
import sys


@functools.lru_cache(maxsize=256)
def environment(packages: tuple[str, ...]) -> dict[str, str]:
    """Facts about this process, for the record only; no part of any key.

    Parameters
    ----------
    packages : tuple of str
        Top-level names of packages whose versions to note.
    """
    facts = {"python": platform.python_version(), "host": platform.node(), "platform": sys.platform}
    return facts | {f"package {name}": _version_of(name) for name in packages}


def _version_of(package: str) -> str:
    version = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(version, str):
        return version
    from importlib import metadata  # 20 ms: only for packages that do not say their version themselves

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
