"""The identity of a function whose code its author has pinned by hand: what was written, and the data it holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

from sweepable.errors import UndigestibleError
from sweepable.identity import ignoring
from sweepable.identity.code import describe
from sweepable.identity.frozen import is_frozen
from sweepable.identity.ignoring import Ignored, Place
from sweepable.identity.installed import Counted, Environment, named_packages
from sweepable.identity.key import pinned_version
from sweepable.identity.values import Encoder
from sweepable.identity.walk import Options
from sweepable.model import PIN, CodeNode, CodeVersion

_EMPTY = object()


class Pin:
    """The version of a pinned function: its code does not count, but what a factory gave it does.

    Parameters
    ----------
    function : callable
        The user's function.
    label : str
        What ``version=`` says.
    name, home : str
        Of the function; two functions of one name are not one because their labels are.
    options : Options
        The names in its closure that do not count, and the packages whose version does.
    environment : str or tuple of str
        Likewise, packages whose version counts.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        label: str,
        *,
        name: str,
        home: str,
        options: Options,
        environment: Environment = "note",
    ) -> None:
        self._label = label
        self._name = name
        self._home = home
        self._options = options
        self._environment = environment
        self._ignored_by = ignoring.Home.of(function)
        found = list(_data_of(function, options.ignored))
        self._reads = [read for read, _ in found]
        self._places = [place for _, place in found if place is not None]
        self._held: list[object] | None = None
        self._version: CodeVersion | None = None

    def version(self) -> CodeVersion:
        """The version as it is now; what the closure holds may have been bound anew, or changed."""
        version = self._version
        if version is None:
            return self._examine()
        return version if not self._reads or self._is_as_it_was() else self._examine()

    def changed(self) -> str:
        """The sentence about a run after which the version is another one: what may have changed, and the way out."""
        names = [place.spelled(self._ignored_by) for place in self._places]
        if not names:
            return f"something that {self._name} holds changed while it ran"
        of_several = "" if len(names) == 1 else ", or that of them which does not"
        return (
            f"{self._name} holds {', '.join(names)}: that changed while it ran (if it does not change the result"
            f"{of_several}, leave it out with {ignoring.advice(*names)})"
        )

    def _is_as_it_was(self) -> bool:
        held = self._held
        return held is not None and all(read() is value for read, value in zip(self._reads, held, strict=True))

    def _examine(self) -> CodeVersion:
        held = [read() for read in self._reads]
        try:
            values = Encoder(describe).encode([None if value is _EMPTY else value for value in held], "closure")
        except UndigestibleError as error:
            error.function = self._name
            raise
        packages = named_packages(self._options.packages)
        counted = Counted(self._environment, ())
        digest = counted.added_to(bytes.fromhex(pinned_version(self._label, self._home, values, packages))).hex()
        if self._version is None or self._version.digest != digest:
            node = CodeNode((self._name,), PIN, digest, "", self._label, "")
            self._version = CodeVersion(digest, "", (node, *counted.nodes()), untracked=tuple(counted.unknown()))
        self._held = held if all(value is _EMPTY or is_frozen(value) for value in held) else None
        return self._version


#: Reads a value as it is now.
Read = Callable[[], object]


def _data_of(function: Any, ignored: Ignored) -> Iterator[tuple[Read, Place | None]]:
    """What a function holds besides its code: a closure's values, the arguments of a partial, a method's instance.

    Each with the place by which it can be left out.
    Of a wrapper, that and what the function holds that it wraps, but not that function, which is code.
    """
    while isinstance(function, FunctionType):
        wrapped = vars(function).get("__wrapped__")
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            place = ignoring.variable(function, name)
            if ignored.by_place(place) is None and (wrapped is None or _content(cell) is not wrapped):
                yield functools.partial(_content, cell), place
        function = wrapped
    if isinstance(function, functools.partial):
        for value in (function.args, function.keywords):
            yield functools.partial(_itself, value), None
        yield from _data_of(function.func, ignored)
    elif isinstance(function, MethodType):
        yield functools.partial(_itself, function.__self__), None
        yield from _data_of(function.__func__, ignored)
    elif isinstance(function, functools._lru_cache_wrapper):
        yield from _data_of(function.__wrapped__, ignored)
    elif function is not None:  # an object of its own kind: all of it
        yield functools.partial(_itself, function), None


def _itself(value: object) -> object:
    return value


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _EMPTY
