"""Arguments bound to a signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepable.errors import DeclarationError
from sweepable.identity.arguments import Binder
from sweepable.identity.key import KeyMaker


def plain(a: Any, b: Any = 2) -> Any:
    return a, b


def everything(a: Any, /, b: Any, c: Any = 3, *args: Any, d: Any, e: Any = 5, **more: Any) -> Any:
    return a, b, c, args, d, e, more


def keywords(*, x: Any = 1, y: Any) -> Any:
    return x, y


def variadic(*args: Any, **more: Any) -> Any:
    return args, more


def only(a: Any, b: Any = 1, /) -> Any:
    return a, b


FUNCTIONS = [plain, everything, keywords, variadic, only]


def test_all_spellings_of_a_call_bind_alike() -> None:
    """f(1), f(1, 2), f(a=1, b=2) are one call."""
    bind = Binder(plain).bind
    assert bind(1) == bind(1, 2) == bind(a=1, b=2) == bind(b=2, a=1) == (1, 2)


def test_keyword_arguments_are_sorted() -> None:
    """The order of ``**kwargs`` is the same for the key and for the call."""
    binder = Binder(variadic)
    bound = binder.bind(z=1, a=2)
    assert list(bound[1]) == ["a", "z"]
    assert list(binder.invoke(variadic, bound)[1]) == ["a", "z"]


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.integers(), max_size=4),
    st.dictionaries(st.sampled_from("abcdexyz"), st.integers()),
)
def test_binding_agrees_with_the_function_itself(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int]
) -> None:
    """What binds is what the function accepts, and invoking it gives the same result."""
    binder = Binder(function)
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError):
            binder.bind(*args, **kwargs)
        return
    assert binder.invoke(function, binder.bind(*args, **kwargs)) == expected


def test_a_call_that_does_not_fit_raises_the_functions_own_words() -> None:
    """The TypeError names the function and the parameter, as without sweepable."""
    with pytest.raises(TypeError, match=r"plain\(\) missing 1 required positional argument: 'a'"):
        Binder(plain).bind()


def test_values_can_be_given_by_name_alone() -> None:
    """Positional-only and variadic parameters are named like others in look-ups and sweeps."""
    assert Binder(only).bind_named({"a": 1}) == (1, 1)
    bound = Binder(everything).bind_named({"a": 1, "b": 2, "args": (7, 8), "d": 4, "more": {"z": 9}})
    assert bound == (1, 2, 3, (7, 8), 4, 5, {"z": 9})


def test_a_new_default_may_come_before_parameters_without_one() -> None:
    """A parameter that stands for an upstream call gets a default wherever it is in the signature."""

    def simulate(y: Any, gain: Any) -> Any:
        return y, gain

    binder = Binder(simulate, {"y": "reference"})
    assert binder.invoke(simulate, binder.bind(gain=2)) == ("reference", 2)
    assert binder.signature.parameters["y"].default == "reference"


def test_double_underscores_are_refused() -> None:
    """``__`` separates the steps of a path, so no parameter may contain it."""

    def simulate(ref__gain: Any) -> Any:
        return ref__gain

    with pytest.raises(DeclarationError, match="ref__gain"):
        Binder(simulate)


def test_signature_is_kept() -> None:
    """The binder's signature is the function's."""
    assert Binder(everything).signature == inspect.signature(everything)


@given(st.lists(st.binary(max_size=5), min_size=2, max_size=2), st.lists(st.binary(max_size=5), min_size=2, max_size=2))
def test_keys_are_equal_only_for_equal_parts(first: list[bytes], second: list[bytes]) -> None:
    """No two different sequences of encodings run together into one key."""
    maker = KeyMaker("f", ["a", "b"])
    assert (maker.key("v", first) == maker.key("v", second)) == (first == second)


def test_keys_tell_names_versions_and_parameters_apart() -> None:
    """The name, the version, a parameter's name and a declared upstream call each count."""
    base = KeyMaker("f", ["a"]).key("v", [b"1"])
    others = [
        KeyMaker("g", ["a"]).key("v", [b"1"]),
        KeyMaker("f", ["b"]).key("v", [b"1"]),
        KeyMaker("f", ["a"]).key("w", [b"1"]),
        KeyMaker("f", ["a"]).key("v", [b"1"], [("g", "0" * 64)]),
    ]
    assert len({base, *others}) == 5


def test_builtins_may_be_names_of_parameters() -> None:
    """The generated binder uses no name that a parameter could hide."""

    def shadow(dict: Any = 1, sorted: Any = 2, **more: Any) -> Any:
        return dict, sorted, more

    binder = Binder(shadow)
    bound = binder.bind(sorted=3, z=1, a=2)
    assert bound == (1, 3, {"a": 2, "z": 1}) and list(bound[2]) == ["a", "z"]
    assert binder.invoke(shadow, bound) == shadow(sorted=3, a=2, z=1)


def test_what_every_call_has_to_give_is_known() -> None:
    """Parameters without a default, variadic ones aside."""
    assert Binder(everything).required == ("a", "b", "d")
    assert Binder(variadic).required == ()
