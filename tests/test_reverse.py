"""Look-ups from what came of a call, and never a call twice."""

from __future__ import annotations

from typing import Any

import pytest

import sweepable
from sweepable import Q, SweepableError, UnknownName


@sweepable.cache(peak=float)
def reference(amplitude: float = 1.0) -> float:
    return amplitude


@sweepable.cache(last=float)
def simulate(ref: Any = reference, gain: float = 2.0, damping: float = 0.1) -> float:
    return float(ref.peak * gain - damping)


@sweepable.cache(rms=float)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
    return float(sim.last * weight)


def fill() -> None:
    evaluate.sweep(amplitude=[1.0, 2.0], gain=[1.0, 3.0], weight=[1.0, 2.0], progress=False)
    simulate.get_or_run(ref__amplitude=5.0, gain=9.0)
    reference(7.0)


def amplitudes(query: Any) -> list[float]:
    return [rec.amplitude for rec in query.order_by("amplitude")]


def test_calls_are_found_by_what_came_from_them() -> None:
    """By parameters, outputs and info of any function downstream, at any distance; each call once."""
    fill()
    assert amplitudes(reference.filter(simulate__gain__gt=2)) == [1.0, 2.0, 5.0]
    assert amplitudes(reference.filter(simulate__gain=9.0)) == [5.0]
    assert amplitudes(reference.filter(evaluate__rms__gt=11.0)) == [2.0]
    assert amplitudes(reference.filter(evaluate__weight=2.0, amplitude__lt=2.0)) == [1.0]
    assert amplitudes(reference.filter(evaluate__sim__gain=3.0)) == [1.0, 2.0]
    assert amplitudes(reference.filter(evaluate__info__status="done")) == [1.0, 2.0]
    assert simulate.filter(evaluate__weight__in=[1.0, 2.0]).count() == 4


def test_what_is_asked_together_is_asked_of_one_call() -> None:
    """In one ``filter`` both have to be true of one call; in two, each of any."""

    fill()
    simulate.get_or_run(ref__amplitude=2.0, gain=50.0, damping=0.5)
    assert amplitudes(reference.filter(simulate__gain=50.0, simulate__damping=0.1)) == []
    assert amplitudes(reference.filter(simulate__gain=50.0).filter(simulate__damping=0.1)) == [2.0]
    assert amplitudes(reference.filter(Q(simulate__gain=50.0) | Q(simulate__gain=9.0))) == [2.0, 5.0]


def test_what_came_of_nothing_is_found_too() -> None:
    """By ``exclude``, ``~Q`` and ``isnull``; by a Record, a partial or a query of what came from it."""
    fill()
    assert amplitudes(reference.select().exclude(simulate__gain__gt=0)) == [7.0]
    assert amplitudes(reference.filter(~Q(evaluate__weight=1.0))) == [5.0, 7.0]
    assert amplitudes(reference.filter(evaluate__isnull=True)) == [5.0, 7.0]
    assert amplitudes(reference.filter(simulate__isnull=False)) == [1.0, 2.0, 5.0]
    sim = simulate.get(gain=9.0)
    assert amplitudes(reference.filter(simulate=sim)) == [5.0]
    assert amplitudes(reference.filter(simulate=simulate.filter(gain=3.0))) == [1.0, 2.0]
    assert amplitudes(reference.filter(simulate=[sim, simulate.get(gain=1.0, amplitude=2.0)])) == [2.0, 5.0]
    with pytest.raises(SweepableError, match="compare calls with a Record"):
        reference.filter(simulate=3.0)


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_only_calls_that_count_are_looked_through() -> None:
    """Of older code downstream nothing is seen, unless ``version="any"`` asks for it; a query sees changes at once."""

    def define(factor: int) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab", "reference": reference}
        code = f"@sweepable.cache\ndef scaled(ref=reference, k=1.0):\n    return {factor} * ref.peak * k"
        exec(code, namespace)
        return namespace["scaled"]

    first = define(1)
    first.sweep(ref__amplitude=[1.0, 2.0], progress=False)
    assert amplitudes(reference.filter(scaled__k=1.0)) == [1.0, 2.0]
    second = define(2)
    assert amplitudes(reference.filter(scaled__k=1.0)) == []
    second.get_or_run(ref__amplitude=2.0)
    assert amplitudes(reference.filter(scaled__k=1.0)) == [2.0]
    assert amplitudes(reference.filter(version="any", scaled__k=1.0)) == [1.0, 2.0]


def test_a_wrong_name_downstream_is_an_error_that_helps() -> None:
    """It names the function that was asked; before anything ran there is nothing to find, and no error."""
    assert reference.filter(simulate__gain=1.0).count() == 0 == reference.filter(evaluate__rms__gt=0).count()
    fill()
    with pytest.raises(UnknownName, match="simulate has no 'gian'; did you mean 'gain'"):
        reference.filter(simulate__gian=1.0)
    with pytest.raises(UnknownName, match="reference has no 'nothing__gain'"):
        reference.filter(nothing__gain=1.0)
