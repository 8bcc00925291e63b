"""Every test and every docstring's example gets a store of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's store lies; nothing is made until something is stored."""
    path = tmp_path / "sweepable-store"
    monkeypatch.setenv("SWEEPABLE_STORE", str(path))
    return path
