"""`explain`: why a call hits or misses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sweepable


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of the user's own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "explained_lab.py").write_text(
        "K = 3\n\ndef damp(x):\n    return x * K\n\ndef simulate(gain=2.0):\n    return damp(gain)\n"
    )
    yield importlib.import_module("explained_lab")
    sys.modules.pop("explained_lab")


def test_a_hit_says_when_it_ran(lab: Any) -> None:
    """A stored call is a hit, with its time and duration; a call that never ran is a miss."""
    simulate = sweepable.cache(lab.simulate)
    assert not simulate.explain().hit and "no call of simulate is stored" in str(simulate.explain())
    simulate()
    assert simulate.explain().hit and "hit: simulate(gain=2.0) ran on" in str(simulate.explain())
    assert "no call" in str(sweepable.cache(lab.damp).explain()), "a required argument is no obstacle"
    assert "arguments" in str(simulate.explain(gain=3.0))


def test_a_changed_constant_is_named_with_both_values(lab: Any) -> None:
    """Under other code, what has changed is shown by name, place and value; going back is a hit again."""
    simulate = sweepable.cache(lab.simulate)
    simulate()
    lab.K = 4
    text = str(simulate.explain())
    assert "ran on" in text and "under other code, v1" in text and "K (" in text and "): 3 -> 4" in text
    lab.K = 3
    assert simulate.explain().hit


def test_a_changed_helper_is_shown_as_a_diff(lab: Any) -> None:
    """Of a helper whose source has changed, the changed lines are shown."""
    simulate = sweepable.cache(lab.simulate)
    simulate()
    file = Path(lab.__file__)
    file.write_text(file.read_text().replace("return x * K", "return x * K ** 2"))
    text = str(sweepable.cache(importlib.reload(lab).simulate).explain())
    assert "-    return x * K\n" in text and "+    return x * K ** 2" in text


def test_a_failure_is_mentioned(lab: Any) -> None:
    """A call that raised is a miss that says so."""

    @sweepable.cache
    def fails(x: float) -> float:
        return 1 / x

    with pytest.raises(ZeroDivisionError):
        fails(0.0)
    assert "kept as failed" in str(fails.explain(0.0))
