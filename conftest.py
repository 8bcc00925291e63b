"""Every test and every docstring's example gets a store of its own."""

from __future__ import annotations

import gc
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweepable.identity import registered


def pytest_configure() -> None:
    """Ctrl-C means what it means at a prompt, where a shell that starts tests in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def old_objects_are_not_looked_through() -> None:
    """Many tests collect garbage; what was there before their module is none of theirs, and may be a gigabyte."""
    gc.collect()
    gc.freeze()


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


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """Of a test process that died, say how: a signal, an exit code, and the most memory that any child had."""
    if error:
        code = node.gateway._io.popen.wait(10)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"\n{node.gateway.id} ended with exit code {code}; the largest process so far had {largest} MB")
