"""The config objects among a function's parameters: what their fields are called, and calls that set some of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sweepable.configs import fields_of, flattened, has_path, replaced
from sweepable.declared_fields import MISSING, Hint, config_class, constructed, declared, hint_at
from sweepable.errors import ArgumentError
from sweepable.identity.arguments import Binder
from sweepable.names import SEPARATOR, owner

_NOTHING: Mapping[str, object] = {}
_UNKNOWN: tuple[type, tuple[str, ...]] = (object, ())


class Configured:
    """The parameters of a function of which fields can be set: those that are no upstream calls.

    Parameters
    ----------
    name : str
        The function, for messages.
    function : callable
        The function.
    binder : Binder
        Its parameters.
    upstreams : collection of str
        Parameters that stand for upstream calls.
    """

    def __init__(self, name: str, function: Callable[..., Any], binder: Binder, upstreams: Collection[str]) -> None:
        self._title = f"{name}()"
        self._function = function
        self._binder = binder
        self._upstreams = upstreams
        self._names: dict[str, tuple[type | None, tuple[str, ...]]] = {}

    def names(self, fixed: Mapping[str, object] = _NOTHING) -> tuple[str, ...]:
        """The fields of all parameters, by defaults, annotations, and what is `fixed` by a partial."""
        found: list[str] = []
        for parameter in self._binder.parameters:
            if parameter not in self._upstreams or parameter in fixed:
                base = self._base(parameter, fixed)
                names = flattened(parameter, base) if base is not MISSING else self._of_class(parameter)
                found += [name for name in names if owner(name, self._binder.parameters) == parameter]
        return tuple(found)

    def may_have(self, name: str) -> bool:
        """Whether `name` may be a field of a parameter of which nothing is declared."""
        parameter = owner(name, self._binder.parameters)
        if parameter is None or parameter in self._upstreams:
            return False
        return self._base(parameter, _NOTHING) is MISSING and self._class(parameter) is None

    def owner(self, name: str, given: Mapping[str, object] = _NOTHING) -> str | None:
        """The parameter of whose config object `name` is a field, or might be one; None where it has no fields."""
        parameter = owner(name, self._binder.parameters)
        if parameter is None or (parameter in self._upstreams and parameter not in given):
            return None
        base = self._base(parameter, given)
        has_fields = self._class(parameter) is not None if base is MISSING else fields_of(base) is not None
        return parameter if has_fields else None

    def has(self, parameter: str, name: str, given: Mapping[str, object]) -> bool:
        """Whether `name` is a field of the config object of a parameter."""
        base = self._base(parameter, given)
        if base is MISSING:
            return name in self._of_class(parameter)
        return has_path(base, name[len(parameter + SEPARATOR) :])

    def replaced(self, parameter: str, given: Mapping[str, object], changes: Mapping[str, object]) -> object:
        """The config object of a call: the one given, or the default, with some fields changed.

        Parameters
        ----------
        parameter : str
            The parameter.
        given : mapping
            What the call was given by parameter.
        changes : mapping
            Values by the path from the parameter.
        """
        base, cls = self._base(parameter, given), self._class(parameter)
        if base is not MISSING:
            return replaced(base, changes, parameter, self._title)
        if cls is not None:
            return constructed(cls, changes, parameter, self._title)
        names = ", ".join(f"{parameter}{SEPARATOR}{rest}" for rest in changes)
        raise ArgumentError(
            f"{self._title}: {names} sets fields of {parameter}, which has no default, and none was given; give "
            f"{parameter}=... as well"
        )

    def hint(self, parameter: str, name: str, given: Mapping[str, object] = _NOTHING) -> Hint:
        """What is known of a field; an unknown one is an error.

        Parameters
        ----------
        parameter : str
            Whose field it is.
        name : str
            The full name.
        given : mapping, optional
            What is given by parameter.
        """
        rest = name[len(parameter + SEPARATOR) :]
        return hint_at(self._base(parameter, given), self._class(parameter), parameter, rest, self._title)

    def _base(self, parameter: str, given: Mapping[str, object]) -> object:
        if parameter in given:
            return given[parameter]
        found = self._binder.defaults.get(parameter, MISSING)
        # ``config: Config | None = None`` leaves it to the body to make one.
        return MISSING if found is None and self._class(parameter) is not None else found

    def _of_class(self, parameter: str) -> tuple[str, ...]:
        """The fields that a parameter has by its annotation alone."""
        cls = self._class(parameter)
        if self._names.get(parameter, _UNKNOWN)[0] is not cls:
            self._names[parameter] = cls, tuple(declared(parameter, MISSING, cls))
        return self._names[parameter][1]

    def _class(self, parameter: str) -> type | None:
        """The class of config objects that the parameter's annotation names."""
        annotation = self._binder.annotations.get(parameter)
        if annotation is None or parameter in (self._binder.variadic, self._binder.several):
            return None
        return config_class(annotation, self._function)
