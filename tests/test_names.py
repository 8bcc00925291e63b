"""The rule for names, on trees of plain nodes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sweepable.errors import AmbiguousName, UnknownName
from sweepable.names import Step, choices, did_you_mean, one, resolve


class Tree:
    """A node with names of its own and upstream ones: (parameter, function, node)."""

    def __init__(self, names: str, *steps: tuple[str, str, Tree]) -> None:
        self.names = names.split()
        self.children = steps

    def own_names(self) -> list[str]:
        return self.names

    def steps(self) -> Sequence[Step]:
        return [Step(*step) for step in self.children]

    def identity(self) -> object:
        return id(self)


def pipeline() -> Tree:
    reference = Tree("amplitude frequency ref_y")
    simulation = Tree("reference gain damping traj", ("reference", "get_reference", reference))
    return Tree("sim_result rms", ("sim_result", "sim_system", simulation))


def diamond() -> Tree:
    left, right = Tree("amplitude ref_y"), Tree("amplitude ref_y")
    simulation = Tree("reference gain", ("reference", "get_reference", left))
    return Tree("sim target rms", ("sim", "sim_system", simulation), ("target", "get_reference", right))


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("rms", "rms"),
        ("gain", "sim_result__gain"),
        ("amplitude", "sim_result__reference__amplitude"),
        ("sim_result__gain", "sim_result__gain"),
        ("sim_result__amplitude", "sim_result__reference__amplitude"),
        ("sim_result__reference__amplitude", "sim_result__reference__amplitude"),
        ("sim_system__gain", "sim_result__gain"),
        ("get_reference__amplitude", "sim_result__reference__amplitude"),
        ("sim_result__get_reference__amplitude", "sim_result__reference__amplitude"),
        ("get_reference", "sim_result__reference"),
    ],
)
def test_a_name_may_be_short_or_a_path(written: str, path: str) -> None:
    """Own names, names of the one upstream that has them, function names and full paths lead to one place."""
    place = one(pipeline(), written, "evaluate")
    assert str(place) == path


def test_an_own_name_comes_before_one_upstream() -> None:
    """What a function has itself is never looked for upstream."""
    inner = Tree("gain")
    outer = Tree("sim gain", ("sim", "simulate", inner))
    assert one(outer, "gain", "evaluate").node is outer


def test_a_name_that_two_upstream_calls_have_is_ambiguous() -> None:
    """The error lists the paths to choose from."""
    with pytest.raises(AmbiguousName, match="sim__reference__amplitude, target__amplitude"):
        one(diamond(), "amplitude", "evaluate")


def test_a_functions_name_means_every_call_of_it() -> None:
    """``get_reference__amplitude`` ties both branches of a diamond."""
    places = resolve(diamond(), "get_reference__amplitude")
    assert {str(place) for place in places} == {"sim__reference__amplitude", "target__amplitude"}
    assert all(place.tied for place in places)


def test_a_call_reached_by_two_paths_is_one() -> None:
    """A shared upstream is not ambiguous."""
    shared = Tree("amplitude")
    simulation = Tree("reference", ("reference", "get_reference", shared))
    root = Tree("sim target", ("sim", "sim_system", simulation), ("target", "get_reference", shared))
    assert one(root, "amplitude", "evaluate").node is shared


def test_an_unknown_name_is_an_error_with_choices() -> None:
    """A misspelling at any depth gets a did-you-mean and the names that there are."""
    with pytest.raises(UnknownName, match=r"did you mean 'sim_result__gain'.*known: .*rms"):
        one(pipeline(), "sim_result__gian", "evaluate")
    with pytest.raises(UnknownName, match="did you mean 'sim_result__damping'"):
        one(pipeline(), "dampign", "evaluate")
    assert "sim_result__reference__amplitude" in choices(pipeline())


def test_did_you_mean_without_a_near_name_still_lists() -> None:
    """Where nothing is near, the choices alone are shown."""
    assert did_you_mean("zzz", ["gain"]) == "; known: gain"
    assert "nothing yet" in did_you_mean("zzz", [])
