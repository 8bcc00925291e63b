"""Every test and every docstring's example gets a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepable.identity import registered


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    """What a test or an example registers with `sweepable.register_digest` is gone after it."""
    kept = [(known, dict(known)) for known in (registered._by_type, registered._by_name)]
    yield
    for known, before in kept:
        if known != before:
            known.clear()
            known.update(before)
            registered.generation[0] += 1


@pytest.fixture(autouse=True)
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's store lies; nothing is made until something is stored."""
    path = tmp_path / "sweepable-store"
    monkeypatch.setenv("SWEEPABLE_STORE", str(path))
    return path
