"""Named outputs: what is declared, what is found, and what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from sweepable.errors import DeclarationError
from sweepable.outputs import Declaration, Output, as_output, conforms, short


class Score(NamedTuple):
    rms: float
    peak: float


@dataclass
class Fit:
    slope: float
    offset: float


def declared(**outputs: Any) -> Declaration:
    return Declaration({name: as_output(name, kind) for name, kind in outputs.items()})


@pytest.mark.parametrize(
    ("value", "kind", "names"),
    [
        ({"a": 1, "b": 2}, "dict", ("a", "b")),
        (Score(1.0, 2.0), "object", ("rms", "peak")),
        (Fit(1.0, 2.0), "object", ("slope", "offset")),
        ((1, 2), "value", ("value",)),
        ([1, 2], "value", ("value",)),
        ({}, "value", ("value",)),
        ({1: "a"}, "value", ("value",)),
        (Score, "value", ("value",)),
        (None, "value", ("value",)),
    ],
)
def test_undeclared_outputs_are_found_from_what_is_returned(value: Any, kind: str, names: tuple[str, ...]) -> None:
    """A dict's string keys, a named tuple's and a dataclass's fields are outputs; anything else is one called value."""
    outputs, wrong = declared().take_apart(value)
    assert (outputs.layout.kind, outputs.layout.names, wrong) == (kind, names, "")


@pytest.mark.parametrize(
    ("value", "kind"),
    [((1.0, 2.0), "tuple"), ([1.0, 2.0], "list"), ({"peak": 2.0, "rms": 1.0}, "dict"), (Score(1.0, 2.0), "object")],
)
def test_declared_outputs_may_come_in_any_container(value: Any, kind: str) -> None:
    """A tuple and a list give outputs in order; a dict and a named tuple give them by name."""
    outputs, wrong = declared(rms=float, peak=float).take_apart(value)
    by_name = dict(zip(outputs.layout.names, outputs.values, strict=True))
    assert (outputs.layout.kind, by_name, wrong) == (kind, {"rms": 1.0, "peak": 2.0}, "")


def test_one_declared_output_may_be_returned_bare_or_alone_in_a_tuple() -> None:
    """``return (df,)`` and ``return df`` both fit one declared output."""
    bare, _ = declared(x=float).take_apart(1.5)
    alone, _ = declared(x=float).take_apart((1.5,))
    itself, _ = declared(x=tuple).take_apart((1.5,))
    assert (bare.layout.kind, alone.layout.kind, itself.layout.kind) == ("value", "tuple", "value")
    assert itself.values == ((1.5,),)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (float, [0, 1.5, np.float32(0.5), np.int64(3), float("nan")], ["1", 1j, None, np.ones(1)]),
        (int, [0, np.int8(1)], [1.0, "1"]),
        (complex, [1, 1.0, 1j, np.complex64(1)], ["1j"]),
        (bool, [True, np.bool_(False)], [1, 0.0]),
        (np.array, [np.ones(3)], [[1.0], 1.0]),
        (float | None, [None, 1], ["x"]),
        (list[float], [[1.0]], [(1.0,)]),
        (None, [object(), None, 1], []),
        (Any, [object()], []),
    ],
)
def test_types_follow_the_numeric_tower(kind: Any, good: list[Any], bad: list[Any]) -> None:
    """A float takes 0 and np.float32; np.array means np.ndarray; None is anything."""
    output = as_output("x", kind)
    assert all(conforms(value, output.type) for value in good)
    assert not any(conforms(value, output.type) for value in bad)


def test_a_mismatch_says_what_was_declared_and_what_came() -> None:
    """Names and types that do not fit are described on both sides."""
    _, wrong = declared(rms=float, peak=float).take_apart(("low", 1.0))
    assert "rms" in wrong and "float" in wrong and "'low'" in wrong
    outputs, wrong = declared(rms=float, peak=float).take_apart((1.0, 2.0, 3.0))
    assert "2 outputs (rms, peak)" in wrong and "tuple of 3" in wrong
    assert outputs.layout.names == ("value",)


def test_a_mismatch_is_not_marked_as_conforming() -> None:
    """Only a value that fits carries the declaration it was checked against."""
    fits, _ = declared(x=float).take_apart(1.0)
    fails, _ = declared(x=float).take_apart("1")
    free, _ = declared().take_apart(1.0)
    assert fits.layout.declared == "x: float" and fails.layout.declared != "x: float" and free.layout.declared == ""


def test_what_is_no_type_is_refused() -> None:
    """A misspelled option is an error, not an output."""
    with pytest.raises(DeclarationError, match="depend_on"):
        as_output("depend_on", [1])
    with pytest.raises(DeclarationError, match="codec"):
        Output(float, codec="zip")


def test_a_layout_says_what_it_was_held_against() -> None:
    """Conforming, not conforming, undeclared: three layouts that a later declaration tells apart."""
    declared = Declaration({"a": Output(float), "b": Output(float)})
    fits, no_fault = declared.take_apart((1.0, 2.0))
    wrong, fault = declared.take_apart((1.0, "x"))
    shapeless, _ = declared.take_apart({"c": 1})
    undeclared, _ = Declaration({}).take_apart({"c": 1})
    assert not no_fault and fault == "b: declared float, returned str 'x'"
    assert fits.layout.declared == declared.text == "a: float\nb: float"
    assert wrong.layout.declared == shapeless.layout.declared == f"!{declared.text}"
    assert undeclared.layout.declared == "" and undeclared.layout.names == ("c",)
    assert shapeless.layout.names == ("value",)


def test_codecs_go_with_their_outputs() -> None:
    """A chosen codec is found again whatever the order in which a dict returns its outputs."""
    declared = Declaration({"a": Output(codec="pickle"), "b": Output()})
    assert declared.take_apart({"b": 1, "a": 2})[0].codecs == (None, "pickle")
    assert Declaration({"a": Output()}).take_apart(1)[0].codecs == ()


def test_messages_show_values_shortly() -> None:
    """However large a value, a message shows it in a few words."""
    large: list[Any] = [10**5000, "x" * 10**6, list(range(10**6)), np.zeros(10**6), {i: [i] for i in range(10**5)}]
    assert all(len(short(value)) <= 40 for value in large)
