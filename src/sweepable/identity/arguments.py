"""Arguments as a function would see them: bound to its signature, with defaults applied, in one order."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable
from inspect import Parameter
from typing import Any

from sweepable.cacheable import name_of, signature_of
from sweepable.errors import DeclarationError

_EMPTY = Parameter.empty
_STARS: dict[Any, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


class Binder:
    """Binds arguments to the signature of a function, through generated code instead of `inspect`.

    Parameters
    ----------
    function : callable
        The function whose signature counts.
    defaults : dict, optional
        Defaults in place of the function's own (an upstream call for a parameter that has none).

    Attributes
    ----------
    parameters : tuple of str
        In the order of the signature, which is the order of what `bind` returns.
    defaults : dict
        The live default of each parameter that has one.
    required : tuple of str
        The parameters that every call has to give.
    bind : callable
        ``bind(*args, **kwargs)`` returns one value per parameter; ``**kwargs`` sorted by name. A call that
        does not fit raises the `TypeError` that the function itself would raise.
    invoke : callable
        ``invoke(function, bound)`` calls the function with what `bind` returned.
    """

    def __init__(self, function: Callable[..., Any], defaults: dict[str, object] | None = None) -> None:
        signature = signature_of(function)
        if defaults:
            signature = _with_defaults(signature, defaults)
        self.signature = signature
        found = list(signature.parameters.values())
        self._refuse_lookalikes(found)
        self.parameters = tuple(parameter.name for parameter in found)
        self.defaults = {p.name: p.default for p in found if p.default is not _EMPTY}
        self.required = tuple(p.name for p in found if p.default is _EMPTY and p.kind not in _STARS)
        self.annotations = {p.name: p.annotation for p in found if p.annotation is not _EMPTY}
        self.variadic = next((p.name for p in found if p.kind is Parameter.VAR_KEYWORD), None)
        self.several = next((p.name for p in found if p.kind is Parameter.VAR_POSITIONAL), None)
        self.bind, self.invoke = _generate(name_of(function).rpartition(".")[2], found)

    @staticmethod
    def _refuse_lookalikes(found: list[Parameter]) -> None:
        for parameter in found:
            if "__" in parameter.name.strip("_"):
                raise DeclarationError(
                    f"the parameter name {parameter.name!r} contains '__', which separates the steps of a path "
                    "(sim_result__gain); rename the parameter"
                )

    def index(self, name: str) -> int:
        """The place of parameter `name` in what `bind` returns."""
        return self.parameters.index(name)

    def bind_named(self, given: dict[str, object]) -> tuple[object, ...]:
        """Bind values given by name only; positional-only parameters and ``*args`` are named like others."""
        positional: list[object] = []
        named = dict(given)
        for parameter in self.signature.parameters.values():
            if parameter.kind is Parameter.VAR_POSITIONAL and parameter.name in named:
                positional = [self._value(p, named) for p in self._before(parameter)]
                positional += _as_tuple(named.pop(parameter.name))
            elif parameter.kind is Parameter.VAR_KEYWORD and parameter.name in named:
                named.update(_as_dict(named.pop(parameter.name)))
        if not positional:
            positional = self._positional_only(named)
        bound: tuple[object, ...] = self.bind(*positional, **named)
        return bound

    def _before(self, parameter: Parameter) -> list[Parameter]:
        found = list(self.signature.parameters.values())
        return found[: found.index(parameter)]

    def _positional_only(self, named: dict[str, object]) -> list[object]:
        """The leading values that can only be given by position, taken out of `named`."""
        leading = [p for p in self.signature.parameters.values() if p.kind is Parameter.POSITIONAL_ONLY]
        while leading and leading[-1].name not in named:
            leading.pop()
        return [self._value(p, named) for p in leading]

    def _value(self, parameter: Parameter, named: dict[str, object]) -> object:
        if parameter.name in named:
            return named.pop(parameter.name)
        if parameter.default is _EMPTY:
            raise TypeError(f"missing a required argument: {parameter.name!r}")
        return parameter.default


def _as_tuple(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _as_dict(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected a dict of keyword arguments, got {type(value).__name__}")
    return value


def _with_defaults(signature: inspect.Signature, defaults: dict[str, object]) -> inspect.Signature:
    """`signature` with other defaults; what follows a new default has to have one or becomes keyword-only."""
    unknown = [name for name in defaults if name not in signature.parameters]
    if unknown:
        raise DeclarationError(
            f"upstream= names {unknown[0]!r}, which is not a parameter; parameters: {', '.join(signature.parameters)}"
        )
    replaced = [
        parameter.replace(default=defaults[parameter.name]) if parameter.name in defaults else parameter
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=in_order(replaced))


def in_order(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Parameters as a signature takes them: what follows a default and has none can be given by name only."""
    found, seen_default, by_name = [], False, False
    for changed in parameters:
        positional = changed.kind is Parameter.POSITIONAL_OR_KEYWORD
        # What stands behind such a one would come in its place.
        by_name = by_name or (positional and seen_default and changed.default is _EMPTY)
        if positional and by_name:
            changed = changed.replace(kind=Parameter.KEYWORD_ONLY)
        seen_default = seen_default or (positional and changed.default is not _EMPTY)
        found.append(changed)
    return sorted(found, key=lambda parameter: parameter.kind)


def _generate(name: str, parameters: list[Parameter]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two functions ``bind`` and ``invoke`` of a signature."""
    namespace: dict[str, Any] = {"__sorted": _by_name}
    heads, returned, passed = [], [], []
    previous: Any = None
    for number, parameter in enumerate(parameters):
        heads += _separator(previous, parameter.kind)
        heads.append(_head(parameter, number, namespace))
        is_mapping = parameter.kind is Parameter.VAR_KEYWORD
        returned.append(f"__sorted({parameter.name})" if is_mapping else parameter.name)
        passed.append(_passing(parameter, number))
        previous = parameter.kind
    if previous is Parameter.POSITIONAL_ONLY:
        heads.append("/")
    values = "".join(f"{value}, " for value in returned)
    label = name if name.isidentifier() and not keyword.iskeyword(name) else "call"
    source = f"def {label}({', '.join(heads)}):\n    return ({values})\n"
    source += f"def __invoke(__function, __bound):\n    return __function({', '.join(passed)})\n"
    exec(compile(source, "<sweepable signature>", "exec"), namespace)  # generated from names of parameters only
    return namespace[label], namespace["__invoke"]


def _by_name(keywords: dict[str, object]) -> dict[str, object]:
    return dict(sorted(keywords.items()))


def _separator(previous: Any, kind: Any) -> list[str]:
    marks = []
    if previous is Parameter.POSITIONAL_ONLY and kind is not Parameter.POSITIONAL_ONLY:
        marks.append("/")
    before_keywords = previous in (None, Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    if kind is Parameter.KEYWORD_ONLY and before_keywords:
        marks.append("*")
    return marks


def _head(parameter: Parameter, number: int, namespace: dict[str, Any]) -> str:
    if parameter.default is _EMPTY:
        return _STARS.get(parameter.kind, "") + parameter.name
    namespace[f"__default_{number}"] = parameter.default
    return f"{parameter.name}=__default_{number}"


def _passing(parameter: Parameter, number: int) -> str:
    value = f"__bound[{number}]"
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return f"*{value}"
    if parameter.kind is Parameter.VAR_KEYWORD:
        return f"**{value}"
    if parameter.kind is Parameter.KEYWORD_ONLY:
        return f"{parameter.name}={value}"
    return value
