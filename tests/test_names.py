"""The rule for names, on trees of plain nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sweepable.errors import AmbiguousName, UnknownName
from sweepable.names import Own, Place, Step, ambiguous, choices, did_you_mean, is_ambiguous, resolve, unknown


class Tree:
    """A node with names of its own and upstream ones: (parameter, function, node)."""

    def __init__(self, names: str, *steps: tuple[Any, ...], outputs: str = "") -> None:
        self.names = Own(tuple(names.split()), tuple(outputs.split()))
        self.children = steps

    def own(self) -> Own:
        return self.names

    def steps(self) -> Sequence[Step]:
        return [Step(*step) for step in self.children]

    def identity(self) -> object:
        return id(self)


def one(root: Tree, name: str, owner: str) -> Place:
    """The one place a name stands for, or the error that users see."""
    places = resolve(root, name)
    if not places:
        raise unknown(root, name, owner)
    if len(places) > 1:
        raise ambiguous(name, owner, places)
    return places[0]


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


def test_several_upstream_calls_under_one_name_are_all_found() -> None:
    """A function called many times inside is many places, never silently the first of them."""
    calls = [Tree("amplitude"), Tree("amplitude")]
    root = Tree("gain", *(("get_reference", "get_reference", call, "nested") for call in calls))
    assert [place.node for place in resolve(root, "get_reference")] == calls
    assert [place.node for place in resolve(root, "get_reference__amplitude")] == calls
    with pytest.raises(AmbiguousName, match="2 upstream calls stand at get_reference"):
        one(root, "amplitude", "simulate")


def test_two_functions_under_one_role_are_one_place() -> None:
    """``model__alpha`` means the parameter of whichever estimator was given for ``model``."""
    root = Tree("model", ("model", "ridge", Tree("alpha depth")), ("model", "lasso", Tree("alpha")))
    places = resolve(root, "model__alpha")
    assert len(places) == 2 and not is_ambiguous(places)
    assert len(resolve(root, "depth")) == 1
    assert [place.node for place in resolve(root, "lasso")] == [root.children[1][2]]


def test_an_argument_hides_a_nested_call_of_its_name() -> None:
    """Under one name the call given as an argument comes first; they are never mixed."""
    given, nested = Tree("amplitude"), Tree("amplitude")
    root = Tree("get_reference", ("get_reference", "a", given), ("get_reference", "b", nested, "nested"))
    assert [place.node for place in resolve(root, "get_reference__amplitude")] == [given]
    assert [place.node for place in resolve(root, "b__amplitude")] == [nested]


def test_a_parameter_and_an_output_of_one_name_have_to_say_which() -> None:
    """``x`` alone is ambiguous wherever it is both, at any depth; ``params__x`` and ``outputs__x`` are not."""
    inner = Tree("x", outputs="x y")
    root = Tree("sim", ("sim", "simulate", inner))
    for name in ("x", "sim__x"):
        with pytest.raises(AmbiguousName, match="sim__outputs__x, sim__params__x"):
            one(root, name, "evaluate")
    assert one(root, "sim__params__x", "evaluate").kind == "parameter"
    assert one(root, "sim__outputs__x", "evaluate").kind == "output"
    assert one(inner, "outputs__x", "simulate").kind == "output"
    assert one(inner, "outputs__y", "simulate").name == "y"
    assert resolve(inner, "params__y") == []


def test_an_upstream_x_never_stands_in_for_an_own_ambiguous_one() -> None:
    """A name that is ambiguous here is not silently taken from further up."""
    root = Tree("x sim", ("sim", "simulate", Tree("x")), outputs="x")
    with pytest.raises(AmbiguousName, match="outputs__x, params__x"):
        one(root, "x", "evaluate")


def test_users_names_win_over_prefixes() -> None:
    """An upstream call given for a parameter that is called ``params`` is reached by its path."""
    inner = Tree("x")
    root = Tree("params x", ("params", "simulate", inner))
    assert one(root, "params__x", "evaluate").node is inner


def test_a_function_upstream_of_itself_is_reached_by_writing_it() -> None:
    """``prev__prev__x`` walks back; a search by bare name or for choices stops where the function comes again."""

    class Endless(Tree):
        def steps(self) -> Sequence[Step]:
            return [Step("prev", "step", Endless("x prev"), "argument", True)]

    root = Endless("x prev")
    assert one(root, "prev__prev__x", "step").path == ("prev", "prev")
    assert choices(root) == ["x", "prev"]
    assert resolve(root, "y") == []


def test_names_are_compared_as_python_reads_them() -> None:
    """Python turns the micro sign of ``rec.µ`` into a Greek letter; the output of a dict is found all the same."""
    root = Tree("K k größe", outputs="\N{MICRO SIGN}")
    assert one(root, "\N{GREEK SMALL LETTER MU}", "f").name == "\N{MICRO SIGN}"
    assert one(root, "K", "f").name == "K" and one(root, "k", "f").name == "k"
    assert one(root, "größe", "f").name == "größe"


def test_depth_three_and_more() -> None:
    """A path may be written as far as it says which; a function's name may stand anywhere in it."""
    tree = Tree("deepest")
    for number in range(5):
        tree = Tree(f"p{number} up{number}", (f"up{number}", f"f{number}", tree))
    expected = "up4__up3__up2__up1__up0__deepest"
    spellings = ("deepest", "f0__deepest", "up4__deepest", "f3__f1__deepest", "up4__up3__f1__up0__deepest", expected)
    for written in spellings:
        assert str(one(tree, written, "f")) == expected
    with pytest.raises(UnknownName, match="did you mean 'up4__up3__up2__up1__up0__deepest'"):
        one(tree, "up4__depest", "f")
