"""One function with several signatures: variants of a cached function, and wrappers that take a copy of a signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sweepable.cacheable import name_of, shown_signature
from sweepable.cacheable import signature_of as own_signature_of
from sweepable.callee import Callee
from sweepable.errors import DeclarationError, UnknownName
from sweepable.identity.arguments import in_order
from sweepable.names import did_you_mean
from sweepable.registry import known
from sweepable.upstream import is_cached

if TYPE_CHECKING:
    from sweepable.function import CachedFunction

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")

_EMPTY = Parameter.empty
_BY_NAME = Parameter.KEYWORD_ONLY


class Varied(Generic[R]):
    """The part of a cached function that puts it into other pipelines."""

    callee: Callee

    def variant(self, name: str, /, **defaults: object) -> CachedFunction[..., R]:
        """The same function in another pipeline: with a name, a table and upstream calls of its own.

        Outputs and options are those of this one. Calls of the two are never the same call; but where nothing differs,
        code and arguments included, the one takes over the result that the other has.

        Parameters
        ----------
        name : str
            What the variant goes by, in keys, look-ups and tables: ``sim_pid = sim.variant("sim_pid", ...)``; that of a
            method goes with the class, ``"Motor.fast"``.
        **defaults
            Values in place of defaults: a value, a cached function, ``f.partial(...)`` or ``f["output"]``, or
            ``inspect.Parameter.empty`` for none. Parameters of what is upstream, and fields of config objects, go by
            name, as in `partial`.
            A parameter without default that follows one with a default can be given by name only.

        Returns
        -------
        CachedFunction

        Raises
        ------
        UnknownName
            The function has no such parameter.
        DeclarationError
            The variant has no name of its own.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache
        ... def sine(amplitude=1.0):
        ...     return {"peak": amplitude}
        >>> @sweepable.cache
        ... def step(height=3.0):
        ...     return {"peak": height}
        >>> @sweepable.cache(last=float)
        ... def simulate(reference=sine, gain=2.0):
        ...     return gain * reference.peak
        >>> simulate_step = simulate.variant("simulate_step", reference=step, gain=5.0)
        >>> simulate(), simulate_step()
        (2.0, 15.0)
        >>> runs = simulate_step.sweep(reference__height=[1.0, 2.0], progress=False)
        >>> runs.to_df()["last"].tolist(), simulate.select().count()
        ([5.0, 10.0], 1)
        """
        kind = cast("type[CachedFunction[..., R]]", type(self))
        return kind(_varied(self.callee, name, defaults))


def _varied(callee: Callee, name: object, defaults: Mapping[str, object]) -> Callee:
    if not isinstance(name, str) or not name:
        raise DeclarationError(
            f"{callee.name}.variant needs a name: {callee.identifier}.variant('name', ...), got {name!r:.60}"
        )
    if name == callee.name:
        raise DeclarationError(
            f"{callee.name}.variant needs a name of its own, got {name!r}: the calls of the two would share one table"
        )
    others = [other for other in known(name) if other.facts.home == callee.facts.home]
    if any(other.function.__qualname__ != callee.function.__qualname__ for other in others):
        raise DeclarationError(
            f"{callee.name}.variant: another cached function is called {name!r}; the calls of both would share a table"
        )
    for removed in (parameter for parameter, value in defaults.items() if value is _EMPTY):
        if removed not in callee.parameters:
            callee.fixing({}, {removed: _EMPTY})
            raise DeclarationError(
                f"{callee.name}.variant: {removed} is no parameter of its own, and keeps its default"
            )
    own = callee.routed(defaults)
    for parameter in own:
        _check_known(f"{callee.name}.variant", parameter, callee.parameters)
    options = callee.options
    upstream = {parameter: given for parameter, given in options.upstream.items() if parameter not in own}
    changed = options._replace(name=name, upstream=upstream, defaults={**(options.defaults or {}), **own})
    try:
        return Callee(callee.function, callee.declaration, changed)
    except ValueError as error:  # of `inspect`
        raise DeclarationError(
            f"{callee.name}.variant: {error}; a positional-only parameter keeps what it has"
        ) from None


def _check_known(owner: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise UnknownName(f"{owner}: there is no parameter {name!r}{did_you_mean(name, known)}")


def signature_of(
    function: Callable[..., Any], /, *, drop: str | Iterable[str] = (), add: Mapping[str, object] | None = None
) -> Callable[[F], F]:
    """Give a function that takes ``**kwargs`` a copy of the signature of another one.

    A decorator, to be written below ``@sweepable.cache``: the calls are then bound to that signature, its defaults
    included, so that keys, sweeps, look-ups and tables know each parameter. The function gets each of them, by name.

    Parameters
    ----------
    function : callable
        Whose signature, cached or not.
    drop : str or list of str
        Its parameters that the copy has not.
    add : dict, optional
        Parameters that the copy has besides, each with its default: a value, or what may stand for an upstream call;
        ``inspect.Parameter.empty`` for none.

    Returns
    -------
    callable
        The decorator; it returns the function that it is given, with the signature set on it. Parameters that this
        names itself stay what they are, and take from the copy the default that they have not.

    Raises
    ------
    UnknownName
        There is no such parameter to drop.
    DeclarationError
        A parameter is there twice, or could not reach the function.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache
    ... def simulate(gain=2.0, damping=0.1):
    ...     return gain - damping
    >>> @sweepable.cache
    ... @sweepable.signature_of(simulate, drop="gain", add={"kp": 1.0})
    ... def tuned(**params):
    ...     return simulate(gain=2 * params.pop("kp"), **params)
    >>> tuned(damping=0.5)
    1.5
    >>> tuned.sweep(kp=[1.0, 2.0], progress=False).to_df()["value"].tolist()
    [1.9, 3.9]
    """
    dropped = [drop] if isinstance(drop, str) else list(drop)
    copied = _copied(function, dropped, add or {})

    def decorate(wrapper: F) -> F:
        wrapper.__signature__ = _joined(wrapper, copied)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _copied(function: object, dropped: list[str], added: Mapping[str, object]) -> dict[str, Parameter]:
    """The parameters of a function without some, and with others."""
    if not callable(function):
        raise DeclarationError(f"sweepable.signature_of needs a function, got {function!r:.60}")
    owner = f"sweepable.signature_of({name_of(function)})"
    if is_cached(function):
        signature = function.callee.binder.signature  # type: ignore[attr-defined]
    else:
        signature = shown_signature(function, own_signature_of(function))
    found = dict(signature.parameters)
    for name in dropped:
        _check_known(owner, name, found)
    found = {name: parameter for name, parameter in found.items() if name not in dropped}
    for name, default in added.items():
        if name in found:
            raise DeclarationError(
                f"{owner}: add={{{name!r}: ...}} is there already; for another default, drop it as well"
            )
        found[name] = Parameter(name, _BY_NAME, default=default)
    stars = [name for name, parameter in found.items() if parameter.kind is Parameter.VAR_POSITIONAL]
    if stars:
        raise DeclarationError(f"{owner}: *{stars[0]} cannot be handed on by name; drop it: drop=[{stars[0]!r}]")
    return found


def _joined(wrapper: Callable[..., Any], copied: Mapping[str, Parameter]) -> inspect.Signature:
    """The signature of a wrapper: what it names itself, then by name what its ``**kwargs`` take."""
    name = name_of(wrapper)
    if is_cached(wrapper) or isinstance(wrapper, (staticmethod, classmethod)):
        raise DeclarationError(
            f"{name}: write @sweepable.signature_of below @sweepable.cache, right above the function"
        )
    own = inspect.signature(wrapper)
    named = {
        p.name: p for p in own.parameters.values() if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    }
    rest = [parameter for parameter in copied.values() if parameter.name not in named]
    if rest and all(p.kind is not Parameter.VAR_KEYWORD for p in own.parameters.values()):
        raise DeclarationError(
            f"{name} takes no {rest[0].name!r}: it needs **kwargs to take the parameters of another function"
        )
    parameters = [_completed(parameter, copied.get(parameter.name)) for parameter in named.values()]
    parameters += [p if p.kind is Parameter.VAR_KEYWORD else p.replace(kind=_BY_NAME) for p in rest]
    return own.replace(parameters=in_order(parameters))


def _completed(own: Parameter, copied: Parameter | None) -> Parameter:
    if copied is None:
        return own
    default = copied.default if own.default is _EMPTY else own.default
    annotation = copied.annotation if own.annotation is _EMPTY else own.annotation
    return own.replace(default=default, annotation=annotation)
