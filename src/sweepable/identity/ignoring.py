"""Names that are said not to count: what each of them means, and how one is spelled that leaves something out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any, Literal, NamedTuple

import numpy as np

from sweepable.identity import origin

#: How the main module is called in this process, and in one that was spawned.
_MAINS = ("__main__", "__mp_main__")
#: What `exec` gave no name.
_NAMELESS = "<nameless>"


class Place(NamedTuple):
    """Where a name is bound: a global in a namespace, a variable of a function, an entry of a class, ..."""

    kind: Literal["global", "variable", "attribute", "entry"]
    #: The namespace, function or class.
    owner: Any
    name: str

    def key(self) -> tuple[object, str] | None:
        """What a bare name is bound to; None for what no bare name means."""
        if self.kind == "global":
            return _module(self.owner), self.name
        return (id(self.owner), self.name) if self.kind == "variable" else None

    def paths(self) -> Iterator[str]:
        """The dotted names of the place in full; any end of one that names its owner too means it."""
        for owner in dict.fromkeys(_owners(self.kind, self.owner)):
            yield f"{owner}.{self.name}"

    def spelled(self, home: Home) -> str:
        """How the function of this home names it: as short as can be."""
        if self.kind == "global":
            return self.name if _module(self.owner) == home.module else f"{_last(_module_name(self.owner))}.{self.name}"
        if self.kind == "variable" and self.owner is home.function:
            return self.name
        owner = _last(_name(self.owner))
        # All lambdas have one name: those of a module are the fewest that can be named.
        within = f"{_last(str(getattr(self.owner, '__module__', '')))}." if owner == "<lambda>" else ""
        return f"{within}{owner}.{self.name}"

    def has_name(self) -> bool:
        """Whether there is a name that means this place and no other: partials have none of their own."""
        return self.kind == "global" or hasattr(self.owner, "__name__")


class Home(NamedTuple):
    """What the bare names that a decorated function is given are names of."""

    #: The name of its module, or the id of a namespace without one.
    module: object
    #: The plain function under all wrappers.
    function: FunctionType | None

    @classmethod
    def of(cls, function: object) -> Home:
        """The home of what was decorated: of an object that holds no function, the module of its class."""
        plain = _innermost(function)
        # An object of the user's may hold a package's function.
        if plain is not None and (isinstance(function, FunctionType) or origin.is_user_code(plain)):
            return cls(_module(plain.__globals__), plain)
        kind = function if isinstance(function, type) else type(function)
        return cls(_main(kind.__module__), None)

    def meanings(self, name: str) -> frozenset[object]:
        """What a name that the function was given means, as `Ignored` keeps it."""
        if "." in name:
            return frozenset([name])
        found: set[object] = {(self.module, name)}
        if self.function is not None:
            code = self.function.__code__
            # Its own name, if it has one: a variable of its closure, or an import in its body. Else it would only
            # make functions of one module, which ignore the same, have unlike options.
            if name in (*code.co_freevars, *code.co_varnames, *code.co_cellvars):
                found.add((id(self.function), name))
        return frozenset(found)

    def bind(self, names: Iterable[str]) -> Ignored:
        """What the function leaves out, wherever it is reached from."""
        return Ignored(frozenset(meaning for name in names for meaning in self.meanings(name)))


class Ignored(NamedTuple):
    """What does not count: dotted names as they were written, bare ones bound to where they are at home.

    Bound, because they hold in all that is reached from the function that was given them: in another module the
    same bare name is another thing.
    """

    meanings: frozenset[object] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.meanings)

    def joined(self, other: Ignored) -> Ignored:
        """What does not count where both hold."""
        return Ignored(self.meanings | other.meanings)

    def by_place(self, place: Place) -> object | None:
        """That by which what is bound at a place does not count; None if it counts."""
        if not self.meanings:
            return None
        key = place.key()
        if key is not None and key in self.meanings:
            return key
        likely = [name for name in self.dotted() if name.endswith(f".{place.name}")]
        paths = [f".{path}" for path in place.paths()] if likely else []
        return next((name for name in likely if any(path.endswith(f".{name}") for path in paths)), None)

    def by_chain(self, names: Iterable[str]) -> str | None:
        """That by which a chain of names does not count as it is written in the code; None if it counts."""
        written = ""
        for part in names:
            written = f"{written}.{part}" if written else part
            if "." in written and written in self.meanings:
                return written
        return None

    def dotted(self) -> list[str]:
        """The names that are meant wherever they are written."""
        return [meaning for meaning in self.meanings if isinstance(meaning, str)]

    def names(self) -> set[str]:
        """The last parts of all names."""
        return {_last(meaning) if isinstance(meaning, str) else meaning[1] for meaning in self.meanings}  # type: ignore[index]


def module_global(namespace: dict[str, Any], name: str) -> Place:
    """A global of a module, or of a namespace of `exec`."""
    return Place("global", namespace, name)


def variable(function: FunctionType, name: str) -> Place:
    """A variable of a function's closure, or a name that an import in its body binds."""
    return Place("variable", function, name)


def attribute(function: object, name: str) -> Place:
    """An attribute that was set on a function."""
    return Place("attribute", function, name)


def entry(cls: type, name: str) -> Place:
    """An entry of a class."""
    return Place("entry", cls, name)


def advice(*spelled: str) -> str:
    """The option that leaves something out."""
    return f"ignore_globals=[{', '.join(map(repr, spelled))}]"


def idle(name: str, function: str, elsewhere: Iterable[str]) -> str:
    """The sentence about a name that leaves nothing out.

    Parameters
    ----------
    name : str
    function : str
        The function that was given it.
    elsewhere : iterable of str
        How that is spelled which it reaches under the same last name.
    """
    bare = f"no global of the module of {function} that it reaches"
    what = f"nothing that {function} reaches" if "." in name else bare
    others = ", ".join(sorted(map(repr, {*elsewhere} - {name})))
    way_out = f"it reaches {others}" if others else f"a global of another module is written {'lab.' + _last(name)!r}"
    return f"ignore_globals= names {name!r}, which is {what}; {way_out}"


def _owners(kind: str, owner: Any) -> Iterator[str]:
    """The dotted names of what binds a name."""
    if kind == "global":
        yield from _module_names(owner)
        return
    module = owner.__globals__.get("__name__") if isinstance(owner, FunctionType) else getattr(owner, "__module__", "")
    names = [getattr(owner, "__qualname__", ""), _name(owner)]
    if isinstance(owner, FunctionType):  # a wrapper bears the name of what it wraps, too
        names.append(owner.__code__.co_qualname)
    for name in names:
        for spelled in (name, name.replace(".<locals>", "")):
            yield f"{_main(module)}.{spelled}"


def _module_names(namespace: dict[str, Any]) -> Iterator[str]:
    """The names of a module; a script is also known by the name that others would import it by."""
    name = _module_name(namespace)
    yield name
    if name == _MAINS[0]:
        file, spec = namespace.get("__file__"), namespace.get("__spec__")
        if isinstance(file, str):
            yield os.path.splitext(os.path.basename(file))[0]
        if isinstance(named := getattr(spec, "name", None), str):
            yield named


def _module_name(namespace: dict[str, Any]) -> str:
    name = namespace.get("__name__")
    return _main(name) if isinstance(name, str) else _NAMELESS


def _module(namespace: dict[str, Any]) -> object:
    """What stands for a module: its name, by which it is the same in another process."""
    name = namespace.get("__name__")
    return _main(name) if isinstance(name, str) else id(namespace)


def _main(name: object) -> str:
    return _MAINS[0] if name in _MAINS else str(name)


def _name(owner: Any) -> str:
    return str(getattr(owner, "__name__", type(owner).__name__))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _innermost(function: object) -> FunctionType | None:
    """The plain function under all wrappers, those of the user's too, which may live in another module.

    A package's own, which a function of the user's passes for, has no names of the user's.
    """
    found: FunctionType | None = None
    for _ in range(100):
        if type(function) is np.vectorize:
            function = function.pyfunc
        plain = origin.underlying(function)
        if plain is None:
            return found
        if found is None or origin.is_user_code(plain):
            found = plain
        function = vars(plain).get("__wrapped__")
    return found
