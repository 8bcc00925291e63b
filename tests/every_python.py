"""Prove that digests and keys are the same on every Python of this machine: what `make golden` runs.

Each Python from 3.11 on that is found, on the path or with pyenv, gets an environment of its own beside the
project's, ``.venv-3.12``, with what sweepable needs at run time, and this one another with the oldest releases of
that; then the golden tests run with all of them. That there is no other Python is said, and is no failure; that one
cannot be furnished is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from interpreters import LOWEST, ROOT, environment_of, installed_pythons, other_pythons

GOLDEN = (
    *("tests/test_golden.py", "tests/test_code.py::test_golden_versions"),
    "tests/test_syntax.py::test_forms_are_equal_on_every_python",
)


def main() -> int:
    """Furnish all Pythons and run the golden tests; the exit status of the latter."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    found = installed_pythons()
    for minor, python in found.items():
        furnish(environment_of(minor), python, needed)
    if sys.version_info < (3, 13):  # the oldest numpy is older than later Pythons
        furnish(LOWEST, sys.executable, [line.replace(">=", "==") for line in needed])
    if not found:
        print("golden: no other Python from 3.11 to 3.14 was found on this machine")
    print("golden:", ", ".join([sys.executable, *other_pythons()]), flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *GOLDEN], cwd=ROOT).returncode


def furnish(folder: Path, python: str, needed: list[str]) -> None:
    """Make an environment with what is needed, unless it is there."""
    stamp = folder / "stamp"
    asked = "\n".join([python, *needed])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == asked:
        return
    print(f"golden: furnishing {folder.name} with {python}", flush=True)
    # Another environment's variables would lead pip astray.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True, env=clean)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *needed], check=True, env=clean)
    stamp.write_text(asked, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
