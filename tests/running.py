"""How tests run scripts: the type of the fixture ``run_script``, and the surroundings that a script is given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

SOURCE = Path(__file__).parents[1] / "src"


class RunScript(Protocol):
    """The signature of the fixture ``run_script``."""

    def __call__(
        self,
        source: str | None,
        *,
        name: str = "script.py",
        store: str | Path | None = None,
        hashseed: int | str | None = None,
        cwd: str | Path | None = None,
        files: Mapping[str, str] | None = None,
        check: bool = True,
        python: str = sys.executable,
        arguments: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 200.0,
    ) -> subprocess.CompletedProcess[str]: ...


def script_environment(store: str | Path, hashseed: int | str | None = None) -> dict[str, str]:
    """The environment of a script under test: this source tree, that store, no byte code left behind."""
    return os.environ | {
        "PYTHONPATH": str(SOURCE),
        # Byte code is looked up by the second of its source's mtime: two edits in a second would run the older one.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "random" if hashseed is None else str(hashseed),
        "SWEEPABLE_STORE": str(store),
    }


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write a small project; sources may be indented as the test is."""
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def shown(value: object) -> str:
    """How a value is written in the name of a test: without its address, which differs in each process."""
    return re.sub(r" at 0x\w+", "", repr(value))
