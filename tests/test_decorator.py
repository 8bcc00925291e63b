"""The decorator in all its forms: what it takes, what it refuses, and what it keeps of the function."""

from __future__ import annotations

import copy
import doctest
import functools
import inspect
import math
import pickle
import sys
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from sweepable import DeclarationError, Output, UnknownName


def scaled(x: float = 1.0, *, y: int = 2) -> float:
    """Multiply.

    >>> scaled(2.0)
    4.0
    """
    return x * y


decorated = sweepable.cache(scaled, product=float)
decorated.__qualname__ = decorated.__name__ = "decorated"


def double(x: float) -> float:
    return 2 * x


class Gain:
    """A callable with a state."""

    def __init__(self, k: float) -> None:
        self.k = k

    def __call__(self, x: float = 1.0) -> float:
        return self.k * x

    def method(self, x: float) -> float:
        return self.k * x


def untyped(form: Any) -> Any:
    """The form as a user without types writes it."""
    return form


FORMS: dict[str, Callable[[Any], Any]] = {
    "@cache": sweepable.cache,
    "@cache()": lambda f: sweepable.cache()(f),
    "@cache(declared)": lambda f: sweepable.cache(product=float)(f),
    "cache(f, declared)": lambda f: sweepable.cache(f, product=float),
    "@sweepable": untyped(sweepable),
    "@sweepable(declared)": lambda f: untyped(sweepable)(product=float)(f),
    "outputs=": lambda f: sweepable.cache(f, outputs={"product": float}),
    "None for any": lambda f: sweepable.cache(f, product=None),
    "Output": lambda f: sweepable.cache(f, product=Output(float, units="m")),
    "a union": lambda f: sweepable.cache(f, product=int | float),
    "options": lambda f: sweepable.cache(f, name="product_of", ignore=[], track=[], packages=[], ignore_globals=()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_every_form_makes_a_cached_function(form: Callable[[Any], Any]) -> None:
    """However it is written, the call returns what the function returns, and is found again."""
    f = form(scaled)
    assert (f(3.0), f(3.0), f(x=3.0, y=2)) == (6.0, 6.0, 6.0)
    assert f.peek(3.0).info.status == "done"
    assert f.select().count() == 1


def test_declared_outputs_are_the_names_of_a_record() -> None:
    """Outputs bear the declared names, in the order of a returned tuple."""

    @sweepable.cache(peak=float, trace=np.array, table=pd.DataFrame, note=None)
    def simulate() -> tuple[float, Any, Any, str]:
        return 1.5, np.arange(3.0), pd.DataFrame({"t": [0.0]}), "ok"

    rec = simulate.get_or_run()
    assert (rec.peak, rec.note, list(rec.outputs)) == (1.5, "ok", ["peak", "trace", "table", "note"])
    assert rec.trace.tolist() == [0.0, 1.0, 2.0] and rec.table.shape == (1, 1)


@pytest.mark.parametrize("name", ["name", "version", "store", "outputs", "ignore"])
def test_outputs_may_bear_the_names_of_options(name: str) -> None:
    """``outputs=`` declares what a keyword cannot."""
    f = sweepable.cache(scaled, outputs={name: float})
    assert f.get_or_run(2.5)[name] == 5.0


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "misspelled": ({"depend_on": [scaled]}, "Did you mean depends_on="),
    "misspelled too": ({"ignor": ["x"]}, "Did you mean ignore="),
    "a type for an option": ({"store": float}, "store is an option .* takes a path.*outputs="),
    "name": ({"name": 3}, "takes a str"),
    "version": ({"version": 3}, "takes a str"),
    "ignore what is not there": ({"ignore": ["z"]}, "'z', which is not a parameter; parameters: x, y"),
    "outputs as a list": ({"outputs": ["a"]}, "needs a dict"),
    "outputs with other keys": ({"outputs": {1: float}}, "strings"),
    "no type": ({"product": 3}, "neither an option .* nor the type of an output"),
    "a path in a name": ({"a__b": float}, "__"),
    "depends on a plain function": ({"depends_on": double}, "needs cached functions, got <function double"),
    "depends on a plain function in a list": ({"depends_on": [double]}, "needs cached functions"),
    "depends on a str": ({"depends_on": "double"}, "needs cached functions"),
    "upstream as a value": ({"upstream": 3}, "takes a dict"),
    "upstream of a value": ({"upstream": {"x": 3}}, "needs a cached function"),
    "upstream of nothing": ({"upstream": {"z": sweepable.cache(double)}}, "'z', which is not a parameter"),
    "ignored upstream": ({"upstream": {"x": sweepable.cache(double)}, "ignore": "x"}, "stands for an upstream call"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_option_is_an_error_at_decoration(options: dict[str, Any], message: str) -> None:
    """Nothing misspelled is taken for something else: the error says what was meant, or what is possible."""
    with pytest.raises(DeclarationError, match=f"(?s){message}"):
        sweepable.cache(scaled, **options)


def test_outputs_are_checked_when_they_are_written() -> None:
    """A type that is no type, an unknown codec, dimensions that are no names: errors, not surprises later."""
    with pytest.raises(DeclarationError, match="the type of an output"):
        Output("float")
    with pytest.raises(DeclarationError, match="unknown codec 'csv'"):
        Output(float, codec="csv")
    with pytest.raises(DeclarationError, match="strings"):
        Output(np.ndarray, dims=untyped((1, 2)))
    assert Output(np.array, dims=untyped("time")) == Output(np.ndarray, dims=("time",))


def numbers() -> Iterator[int]:
    yield 1


async def later_numbers() -> AsyncIterator[int]:
    yield 1


class Yields:
    def __call__(self) -> Iterator[int]:
        yield 1


REFUSED: list[tuple[Any, str]] = [
    (numbers, "generator function.*Return a list"),
    (later_numbers, "generator function.*Return a list"),
    (functools.partial(numbers), "numbers is a generator function"),
    (Yields(), "Yields is a generator function"),
    (Gain, "a class; cache a function that makes"),
    (classmethod(untyped(double)), "write @classmethod above @sweepable.cache, not below"),
    (staticmethod(double), "write @staticmethod above @sweepable.cache, not below"),
    (property(double), "write @property above @sweepable.cache, not below"),
    (3, "needs a function, got int 3"),
    (max, "does not tell the names of its parameters; cache a function of your own"),
    (np.sin, "does not tell the names of its parameters"),
    (lambda a__b: a__b, "'a__b' contains '__'"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_what_cannot_be_cached_is_refused_with_the_way_out(function: Any, message: str) -> None:
    """Generators, classes, descriptors and functions without names for their parameters: an error at decoration."""
    with pytest.raises(DeclarationError, match=f"(?s){message}"):
        sweepable.cache(function)


def test_any_other_callable_can_be_cached() -> None:
    """Lambdas, partials, builtins, bound methods, callable instances, what lru_cache wraps: told apart by content."""
    first, second = sweepable.cache(lambda x: x + 1, name="first"), sweepable.cache(lambda x: x + 2, name="second")
    assert (first(1), second(1), first(1)) == (2, 3, 2)
    assert sweepable.cache(functools.partial(scaled, y=3))(2.0) == 6.0
    assert sweepable.cache(functools.partial(scaled, y=3), name="triple").get_or_run(x=2.0).value == 6.0
    assert sweepable.cache(math.sqrt)(4.0) == 2.0
    gains = [sweepable.cache(Gain(k)) for k in (1.0, 3.0)]
    methods = [sweepable.cache(Gain(k).method) for k in (1.0, 3.0)]
    assert [f(2.0) for f in untyped((*gains, *methods, *gains))] == [2.0, 6.0] * 3
    assert sweepable.cache(functools.lru_cache(double))(2.0) == 4.0
    assert sweepable.cache(np.sum)(np.arange(4)) == 6


def test_a_compiled_function_is_cached_like_any_other() -> None:
    """A function of numba has the signature of the function it was made of."""
    numba = pytest.importorskip("numba")
    f = sweepable.cache(numba.njit(double))
    assert f(2.0) == 4.0
    assert f.get(x=2.0).value == 4.0


def test_what_a_partial_calls_gives_the_name() -> None:
    """A partial goes by the name of its function, a callable instance by that of its class."""
    names = [
        sweepable.cache(f).__name__ for f in (functools.partial(double, x=1), Gain(2.0), functools.partial(Gain(1.0)))
    ]
    assert names == ["double", "Gain", "Gain"]


def test_caching_twice_is_caching_once() -> None:
    """A cached function given to the decorator again gets the new declaration; the function runs as before."""
    f = sweepable.cache(sweepable.cache(scaled), product=float)
    assert f.get_or_run(2.0).product == 4.0
    assert f.__wrapped__ is scaled


def test_what_a_function_is_stays() -> None:
    """Signature, docstring, name, module, annotations and attributes are those of the function."""
    f = sweepable.cache(scaled, product=float)
    assert inspect.signature(f) == inspect.signature(scaled)
    assert (f.__doc__, f.__name__, f.__module__) == (scaled.__doc__, "scaled", __name__)
    assert typing.get_type_hints(f) == {"x": float, "y": int, "return": float}
    assert callable(f) and f.__wrapped__ is scaled
    assert inspect.getsource(f) == inspect.getsource(scaled)
    assert repr(f) == "<cached function scaled>"


def test_attributes_of_a_function_stay_and_hide_nothing() -> None:
    """What another decorator left on the function is there; what bears the name of a method does not replace it."""

    def f(x: float) -> float:
        return x

    untyped(f).units, untyped(f).get, untyped(f).callee = "m", "mine", "mine"
    cached = sweepable.cache(f)
    assert untyped(cached).units == "m"
    assert cached(2.0) == 2.0 and cached.get(x=2.0).value == 2.0


def test_a_wrapper_shows_what_it_wraps_and_is_called_as_it_is() -> None:
    """A decorator below with ``*args, **kwargs`` may tell what was given from what was not: nothing is filled in."""

    def seeded(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("seed", 7)
            return f(*args, **kwargs)

        return wrapper

    @sweepable.cache
    @seeded
    def draw(n: int = 2, *, seed: int | None = None) -> list[Any]:
        return [n, seed]

    assert draw() == [2, 7] and draw(seed=None) == [2, None] and draw(3) == [3, 7]
    assert list(inspect.signature(draw).parameters) == ["n", "seed"]


def test_doctests_of_a_cached_function_are_found() -> None:
    """`doctest` sees the examples in the docstring of a function of a module."""
    found = doctest.DocTestFinder().find(sys.modules[__name__], "module")
    assert {test.name: len(test.examples) for test in found if test.examples} == {
        "module.decorated": 1,
        "module.scaled": 1,
    }


def test_copies_of_a_cached_function_are_itself() -> None:
    """As with functions, so that a config that holds one can be copied."""
    f = sweepable.cache(scaled)
    assert copy.copy(f) is f and copy.deepcopy({"f": [f]})["f"][0] is f


def test_a_cached_function_pickles() -> None:
    """By name where its module holds it, by value otherwise, with what it is declared to return."""
    module = ModuleType("a_module_of_functions")
    exec("def area(r=1.0): return 3 * r * r", module.__dict__)
    sys.modules[module.__name__] = module
    try:
        sweepable.wrap(module, area=dict(area=float))
        assert pickle.loads(pickle.dumps(module.area)) is module.area
        upstream = pickle.loads(pickle.dumps(module.area.partial(r=2.0)["area"]))
        assert upstream.callee is module.area.callee and upstream() == 12.0
    finally:
        del sys.modules[module.__name__]

    def make(k: float) -> Any:
        return sweepable.cache(lambda x: k * x, product=float)

    there = cloudpickle.loads(cloudpickle.dumps(make(3.0)))
    assert there(2.0) == 6.0 and there.get_or_run(2.0).product == 6.0
    assert there.key_of(2.0) == make(3.0).key_of(2.0) != make(4.0).key_of(2.0)


def test_processes_of_multiprocessing_take_functions_of_the_script(run_script: RunScript) -> None:
    """A pool, forked or spawned, calls the cached functions of ``__main__``, and what they compute is stored."""
    source = """
        import multiprocessing, sys
        import sweepable

        @sweepable.cache
        def double(x):
            return 2 * x

        if __name__ == "__main__":
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                print(pool.map(double, [1.0, 2.0, 3.0]), double.select().count())
    """
    for method in ("fork", "spawn"):
        assert run_script(source, arguments=(method,)).stdout.split("\n")[0] == "[2.0, 4.0, 6.0] 3"


def test_any_name_of_a_parameter_is_the_functions_own() -> None:
    """Parameters called as our own methods' are, or as builtins, bind like any other."""

    @sweepable.cache
    def f(self: Any = 1, function: Any = 2, dict: Any = 3, sorted: Any = 4, space: Any = 5, **more: Any) -> list[Any]:
        return [self, function, dict, sorted, space, more]

    call = untyped(f)
    assert call(self=10, sorted=40, z=1, a=2) == [10, 2, 3, 40, 5, {"a": 2, "z": 1}]
    assert call.get_or_run(self=11, function=12).value[:2] == [11, 12]
    assert call.filter(self=11).count() == 1 and call.peek(self=11, function=12) is not None
    assert [rec.space for rec in call.sweep(space=[1, 2], self=7, progress=False)] == [1, 2]
    assert untyped(f.partial(self=5))() == [5, 2, 3, 4, 5, {}]


def test_wrap_rebinds_functions_of_a_module() -> None:
    """Functions that know nothing of sweepable are cached in place, and call each other's cached form."""
    module = ModuleType("lab_that_knows_nothing")
    source = "def ref(a=1.0): return 10 * a\ndef sim(a=1.0, gain=2.0): return gain * ref(a)\nK = 3"
    exec(source, module.__dict__)
    sweepable.wrap(module, "ref", sim=dict(y=float))
    rec = untyped(module).sim.get_or_run(gain=3.0)
    assert (rec.y, rec.upstream.ref.value) == (30.0, 10.0)
    with pytest.raises(UnknownName, match="'reff'; did you mean 'ref'"):
        sweepable.wrap(module, "reff")
    with pytest.raises(DeclarationError, match="needs a function, got int"):
        sweepable.wrap(module, "K")
    with pytest.raises(DeclarationError, match="needs a dict of what is declared"):
        sweepable.wrap(module, sim=untyped(float))
    with pytest.raises(DeclarationError, match="needs names of functions: ref, sim"):
        sweepable.wrap(module)
    with pytest.raises(DeclarationError, match="needs a module"):
        sweepable.wrap(untyped("lab"), "ref")


def test_wrap_is_all_or_nothing() -> None:
    """When one of the names is wrong, no function of the module is rebound."""
    module = ModuleType("lab")
    exec("def ref(a=1.0): return a", module.__dict__)
    plain = untyped(module).ref
    with pytest.raises(UnknownName):
        sweepable.wrap(module, "ref", "sim")
    assert untyped(module).ref is plain


def test_ignored_parameters_are_no_part_of_the_key() -> None:
    """``ignore=`` leaves a parameter out, as a name or as a list."""
    for ignore in ("verbose", ["verbose"]):
        f = sweepable.cache(lambda x, verbose=False: (x, verbose), ignore=ignore)
        assert f(1, verbose=True) == f(1, verbose=False) == f(1, True)


def test_a_pinned_version_stays_whatever_the_code() -> None:
    """``version=`` says by hand that two states of the code are one, and tells it from others."""
    one = sweepable.cache(lambda x: x + 1, name="f", version="v1")
    other = sweepable.cache(lambda x: x + 2, name="f", version="v1")
    newer = sweepable.cache(lambda x: x + 2, name="f", version="v2")
    assert (one(1), other(1)) == (2, 2)
    with pytest.warns(sweepable.StaleResults, match="1 stored result is of older code"):
        assert newer(1) == 3


def test_a_function_may_have_a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``store=`` is a folder, for good: a relative one is where it was when the function was decorated."""
    monkeypatch.chdir(tmp_path)
    f = sweepable.cache(double, store="results")
    monkeypatch.chdir("/")
    assert f(2.0) == 4.0
    assert (tmp_path / "results" / "index.db").exists()
    assert sweepable.find(f).count() == 1


def test_an_array_is_pickled_where_its_output_says_so(store_path: Path) -> None:
    """``Output(codec="pickle")`` is honoured; the value comes back the same."""
    f = sweepable.cache(lambda n: np.arange(n), outputs={"y": Output(np.ndarray, codec="pickle")}, name="pickled")
    g = sweepable.cache(lambda n: np.arange(n) + 1, outputs={"y": Output(np.ndarray)}, name="plain")
    for function, extension in ((f, ".pkl"), (g, ".npy")):
        rec = function.get_or_run(5000)
        assert np.array_equal(function(5000), rec.y) and type(rec.y) is np.ndarray
        assert [path.suffix for path in store_path.glob("blobs/*/*")].count(extension) == 1


def test_a_cached_function_is_no_sequence() -> None:
    """``f["output"]`` is an output; going through a function, where its calls were meant, is an error at once."""

    @sweepable.cache
    def value(x: float = 1.0) -> float:
        return x

    for one in (value, value.partial(x=2.0)):
        with pytest.raises(TypeError, match="not iterable"):
            list(one)
    with pytest.raises(TypeError, match="takes the name of an output, got 0"):
        value[0]
