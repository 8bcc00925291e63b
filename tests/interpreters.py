"""The other Pythons of this machine: which there are, and which have what sweepable needs at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MINORS = range(11, 15)
#: An environment of this very Python, with the oldest releases of everything that sweepable says it works with.
LOWEST = ROOT / ".venv-lowest"
#: What every interpreter has to be able to import.
_PROBE = "import blake3, cloudpickle, joblib, numpy, pandas, sqlite_utils, tqdm"


def environment_of(minor: int) -> Path:
    """Where `make golden` keeps the environment of a Python."""
    return ROOT / f".venv-3.{minor}"


def installed_pythons() -> dict[int, str]:
    """The interpreters on the path and in pyenv's folder, by minor version, without the one that runs."""
    found: dict[int, str] = {}
    for minor in MINORS:
        kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
        candidates = [shutil.which(f"python3.{minor}"), *map(str, reversed(kept))]
        # A shim of pyenv's is on the path even where that version is not switched on: only what answers is there.
        working = (path for path in candidates if path and _says(path, minor))
        path = next(working, None)
        if path and minor != sys.version_info.minor:
            found[minor] = path
    return found


def _says(python: str, minor: int) -> bool:
    asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.split() == ["3", str(minor)]


@cache
def other_pythons() -> list[str]:
    """Interpreters besides this one that have what sweepable needs: those of `make golden` first."""
    others = [minor for minor in MINORS if minor != sys.version_info.minor]
    found = [_furnished(environment_of(minor)) or _complete(shutil.which(f"python3.{minor}")) for minor in others]
    return [path for path in (*found, _furnished(LOWEST)) if path]


def _furnished(folder: Path) -> str | None:
    """The interpreter of an environment of `make golden`; the stamp is made last."""
    return str(folder / "bin" / "python") if (folder / "stamp").exists() else None


def _complete(python: str | None) -> str | None:
    if python is None or subprocess.run([python, "-c", _PROBE], capture_output=True).returncode:
        return None
    return python
