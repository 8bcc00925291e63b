"""How a function becomes a cached one: the decorator in all its forms, `wrap`, and `find`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from sweepable import registry
from sweepable.callee import Callee, Options
from sweepable.errors import DeclarationError, UnknownName
from sweepable.function import CachedFunction
from sweepable.names import did_you_mean
from sweepable.outputs import Declaration, Output, as_output
from sweepable.record import Record
from sweepable.registry import WRAPPED
from sweepable.store.location import current_store
from sweepable.store.store import Store
from sweepable.upstream import is_cached

if TYPE_CHECKING:
    from sweepable.comparing import Comparisons
    from sweepable.query import Query

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = ("outputs", *(name for name in Options._fields if name != "defaults"))


@overload
def cache(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def cache(function: Callable[P, R], /, **declared: Any) -> CachedFunction[P, R]: ...
@overload
def cache(**declared: Any) -> Callable[[Callable[P, R]], CachedFunction[P, R]]: ...
def cache(function: Any = None, /, **declared: Any) -> Any:
    """Make a function one whose calls are stored, found again, and never run twice.

    Parameters
    ----------
    function : callable, optional
        The function; left out when used as ``@sweepable.cache(...)``.
    outputs : dict of str to type, optional
        Declared outputs whose names are those of options.
    upstream : dict of str to upstream, optional
        What a parameter stands for by default: a cached function (the body gets its Record), ``f.partial(...)``, or
        ``f["output"]`` (the body gets the value).
    depends_on : cached functions, optional
        Those that the body calls, tied by parameters of the same name: one, a list, or a dict
        ``{f: {"parameter of f": "parameter of this function"}}``.
    ignore : list of str, optional
        Parameters that do not change the result, left out of the key.
    name : str, optional
        The function's name in keys and look-ups; by default its ``__qualname__``.
    version : str, optional
        Pins the version of the code by hand: its changes are no longer seen.
    store : path-like, optional
        Where the results live; by default in the store in use.
    track : list, optional
        Modules or packages whose code counts though it is installed.
    ignore_globals : list of str, optional
        What the code reaches that does not change the result. A bare name, ``"CALLS"``, is the global of the
        function's own module, whatever function of that module uses it, or a variable of the function's own closure.
        A dotted name is what the code writes, ``"np.random.seed"``, or what is bound by an owner of that name: the
        global of a module, ``"lab.CALLS"``; an entry of a class, ``"Motor.calls"``; a closure variable of another
        function, or an attribute set on one, ``"step.log"``. It holds in all that is reached through the function.
    packages : list of str, optional
        Installed packages whose version counts.
    environment : {"note", "strict", "ignore"} or list of str, default "note"
        What another version of a package that the code reaches means. ``"note"``: its results are served, and one
        warning says so. ``"strict"``: it is another version of the code, and so is another Python (3.12 or 3.13);
        results stay side by side. A list limits that to the packages it names, of which ``"python"`` may be one.
        ``"ignore"``: nothing is said. What the function meets in its arguments alone, it does not reach: name it.
    audit : bool, default True
        Watch the first run of each version of the code for what its identity cannot see (files read, other programs
        and connections, global random state, functions reached in ways that cannot be followed), and say it once.
    **declared
        Outputs: a type, None for anything, or `sweepable.Output`; in the order in which a tuple returns them.

    Returns
    -------
    CachedFunction
        Or a decorator that makes one.

    Raises
    ------
    DeclarationError
        For a misspelled option, an option of the wrong kind, a generator function, or a parameter name with ``__``.

    Examples
    --------
    >>> import numpy as np, sweepable
    >>> @sweepable.cache(mean=float, peak=float)
    ... def describe(values=(1.0, 4.0)):
    ...     return float(np.mean(values)), float(np.max(values))
    >>> describe()
    (2.5, 4.0)
    >>> describe.get_or_run().peak
    4.0
    """
    options, outputs = _sorted_out(declared)
    declaration = Declaration(outputs)

    def make(function: Callable[..., Any]) -> CachedFunction[..., Any]:
        plain = function.__wrapped__ if isinstance(function, CachedFunction) else function
        return CachedFunction(Callee(plain, declaration, options))

    return make if function is None else make(function)


def _sorted_out(declared: dict[str, Any]) -> tuple[Options, dict[str, Output]]:
    options = {name: declared.pop(name) for name in _OPTIONS if name in declared}
    outputs = {name: _output(name, value) for name, value in declared.items()}
    further = options.pop("outputs", None) or {}
    if not isinstance(further, Mapping):
        raise DeclarationError(f"outputs={further!r} needs a dict of names and types: outputs={{'name': float}}")
    outputs |= {name: _output(name, value) for name, value in further.items()}
    for name, value in options.items():
        _check_option(name, value)
    _check_environment(options.get("environment"), options.get("version"))
    return Options(**{name: _settled(name, value) for name, value in options.items() if value is not None}), outputs


def _output(name: object, declared: object) -> Output:
    if not isinstance(name, str):
        raise DeclarationError(f"outputs={{{name!r}: ...}}: the names of outputs are strings")
    if "__" in name.strip("_"):
        raise DeclarationError(
            f"the output name {name!r} contains '__', which separates the steps of a path; rename it"
        )
    try:
        return as_output(name, declared)
    except DeclarationError as error:
        import difflib

        near = difflib.get_close_matches(name, _OPTIONS, n=1)
        raise DeclarationError(f"{error}" + (f" Did you mean {near[0]}=?" if near else "")) from None


_NAMES = "a list of names", (str, list, tuple, set, frozenset)
#: What each option takes, in words and as types; `depends_on` is looked at when the function is known.
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "upstream": ("a dict {parameter: cached function}", (Mapping,)),
    "depends_on": ("cached functions", (object,)),
    "ignore": _NAMES,
    "name": ("a str", (str,)),
    "version": ("a str", (str,)),
    "store": ("a path", (str, os.PathLike, Store)),
    "track": ("a list of modules", (list, tuple, str, ModuleType)),
    "ignore_globals": _NAMES,
    "packages": _NAMES,
    "environment": ("'note', 'strict', 'ignore' or a list of packages", (str, list, tuple, set, frozenset)),
    "audit": ("True or False", (bool,)),
}
_ENVIRONMENTS = ("note", "strict", "ignore")


def _check_option(name: str, value: object) -> None:
    words, kinds = _KINDS[name]
    if value is None or (isinstance(value, kinds) and not isinstance(value, type)):
        return
    raise DeclarationError(
        f"{name}={value!r}: {name} is an option of sweepable.cache, and takes {words}. "
        f"To declare an output of this name: outputs={{{name!r}: ...}}."
    )


def _check_environment(value: Any, version: str | None) -> None:
    if isinstance(value, str) and value not in _ENVIRONMENTS:
        raise DeclarationError(
            f"environment={value!r} may be {', '.join(map(repr, _ENVIRONMENTS))}, or a list of packages whose version "
            f"counts: environment=[{value!r}]"
        )
    wrong = [name for name in value or () if not (isinstance(name, str) and name)] if not isinstance(value, str) else []
    if wrong:
        raise DeclarationError(f"environment= takes names of packages, got {wrong[0]!r:.60}")
    if value == "strict" and version is not None:
        raise DeclarationError(
            f"environment='strict' counts the packages that the code reaches, but version={version!r} pins the code, "
            "which is then not looked through; name the packages: environment=['numpy']"
        )


def _settled(name: str, value: Any) -> Any:
    """The value of an option as it is kept: what may be one or several, as several; a store by its full path."""
    if name == "environment":
        return value if isinstance(value, str) else tuple(sorted(set(value)))
    if name in ("ignore", "ignore_globals", "packages", "track"):
        return (value,) if isinstance(value, (str, ModuleType)) else tuple(value)
    if name == "store":
        # As text: it is looked up at every hit.
        return str(value.path) if isinstance(value, Store) else os.path.abspath(os.fspath(value))
    return value


def wrap(module: ModuleType, /, *names: str, **declared: Mapping[str, Any]) -> None:
    """Make functions of a module that knows nothing of sweepable cached ones, in place.

    They then call each other's cached form, so that what came from what is recorded as they run.

    Parameters
    ----------
    module : module
        Where the functions live.
    *names : str
        Names of functions.
    **declared : dict
        Names of functions with what `sweepable.cache` would be given: ``evaluate=dict(rms=float)``.

    Raises
    ------
    UnknownName
        If the module has no such function.
    DeclarationError
        If `module` is none, no function is named, or one cannot be cached.

    Examples
    --------
    >>> import statistics, types, sweepable
    >>> module = types.ModuleType("module")
    >>> exec("def area(r=1.0): return 3 * r * r", module.__dict__)
    >>> sweepable.wrap(module, area=dict(area=float))
    >>> module.area(2.0)
    12.0
    """
    specs: dict[str, Mapping[str, Any]] = {name: {} for name in names} | declared
    if not isinstance(module, ModuleType):
        raise DeclarationError(f"sweepable.wrap needs a module and names of functions in it, got {module!r:.60}")
    if not specs:
        raise DeclarationError(
            f"sweepable.wrap needs names of functions: {', '.join(_callables(module)) or 'there are none'}"
        )
    made = {name: _wrapped(module, name, spec) for name, spec in specs.items()}
    for name, function in made.items():
        setattr(module, name, function)
        WRAPPED.setdefault(module.__name__, {})[name] = dict(specs[name])


def _wrapped(module: ModuleType, name: str, spec: object) -> CachedFunction[..., Any]:
    function = getattr(module, name, None)
    if function is None:
        raise UnknownName(f"the module {module.__name__} has no {name!r}{did_you_mean(name, _callables(module))}")
    if not isinstance(spec, Mapping):
        raise DeclarationError(
            f"sweepable.wrap: {name}={spec!r} needs a dict of what is declared: {name}=dict(rms=float)"
        )
    made: CachedFunction[..., Any] = cache(function, **spec)
    return made


def _callables(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def find(function: CachedFunction[..., Any] | Record | str, /, **lookups: Any) -> Query:
    """The stored calls of a function, given as such, by name or by one of its calls, to which all look-ups apply.

    Parameters
    ----------
    function : cached function, str or Record
        Whose calls. A name works in a process that has only the store and not the code; where several modules have
        it, ``module.name``. A Record means the function that it is a call of, in the store that it comes from.
    **lookups
        As in ``filter``.

    Returns
    -------
    Query

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache
    ... def half(x):
    ...     return x / 2
    >>> half(4.0)
    2.0
    >>> [rec.value for rec in sweepable.find("half", x__gt=3)]
    [2.0]
    """
    from sweepable.query import query_like, query_of

    if isinstance(function, Record):
        return query_like(function).filter(**lookups)
    if not (isinstance(function, str) or is_cached(function)):
        raise TypeError(f"sweepable.find takes a cached function, its name or a Record, got {function!r:.60}")
    given = function.callee.options.store if is_cached(function) else None  # type: ignore[union-attr]
    return query_of(current_store(given), function).filter(**lookups)


def audit(
    query: Query, /, *, fraction: float = 0.05, seed: int = 0, rtol: float = 0.0, atol: float = 0.0
) -> Comparisons:
    """Run a sample of stored calls again under the code as it is now, and compare with what is stored.

    Each runs with its stored arguments, which are kept up to 64 KiB; others are skipped, and counted. Nothing of it is
    stored.

    Parameters
    ----------
    query : Query or Sweep
        The calls to take the sample from: ``f.select()``, ``f.filter(...)``, ``f.sweep(...)``.
    fraction : float, default 0.05
        How many of them, at least one.
    seed : int, default 0
        Chooses the sample.
    rtol, atol : float
        How far numbers may be apart, as in `numpy.isclose`; by default not a bit.

    Returns
    -------
    Comparisons
        True if all that ran again return what is stored. Prints as text; ``failing`` are those that do not.

    Raises
    ------
    SweepableError
        If the code of the function is not in this process.
    NoCallFound
        If the query finds no call.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache(area=float)
    ... def ellipse(a=1.0, b=1.0):
    ...     return 3.14 * a * b
    >>> runs = ellipse.sweep(a=[1.0, 2.0, 3.0, 4.0], progress=False)
    >>> sweepable.audit(runs, fraction=0.5)
    2 of 2 calls as stored, a sample of 4
    """
    from sweepable.comparing import compare_sample
    from sweepable.differences import Tolerance
    from sweepable.query import Query

    if not isinstance(query, Query):
        raise TypeError(f"sweepable.audit needs a query, such as f.select() or f.filter(...), got {query!r:.60}")
    return compare_sample(query, fraction, seed, Tolerance(rtol, atol))


def _wrap_again(module: ModuleType, wrapped: dict[str, dict[str, Any]]) -> None:
    wrap(module, **wrapped)


registry.wrap_again = _wrap_again
