"""What tests share: scripts run as users run them, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from running import RunScript, script_environment, write_files

# A test is about what holds, not about how fast this machine happens to be.
settings.register_profile("default", deadline=None)
settings.register_profile("stress", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def run_script(tmp_path: Path, store_path: Path) -> RunScript:
    """Run a Python script in a process of its own and return what it printed.

    The source (dedented) is written as ``name`` into ``cwd``, by default a folder of this test that several
    runs share, beside ``files``; None runs the file that is there. A script that fails, fails the test with
    what it wrote to stderr, unless ``check=False``.
    """

    def run(
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
    ) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "project" if cwd is None else Path(cwd)
        folder.mkdir(parents=True, exist_ok=True)
        write_files(folder, dict(files or {}) | ({} if source is None else {name: source}))
        done = subprocess.run(
            [python, name, *arguments],
            cwd=folder,
            env=script_environment(store or store_path, hashseed) | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{name} ended with {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
        return done

    return run


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Tests of one process have the names that they have in another, whatever the addresses and the order of sets."""
    if isinstance(val, str | bytes | int | float | bool | None) or callable(val):
        return None
    return type(val).__qualname__
