"""What a cached function is to its calls: signature, identity of its code, outputs and upstreams."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sweepable.cacheable import check_cacheable, is_async, name_of
from sweepable.errors import (
    DeclarationError,
    StoreError,
    SweepableError,
    UnknownName,
)
from sweepable.identity import shelf, sources
from sweepable.identity.arguments import Binder
from sweepable.identity.code import CodeIdentity, home_of
from sweepable.identity.key import KeyMaker
from sweepable.identity.pins import Pin
from sweepable.identity.walk import Said
from sweepable.model import CodeVersion, FunctionFacts
from sweepable.names import did_you_mean, resolve
from sweepable.outputs import Declaration, short
from sweepable.registry import WRAPPED, as_sent, callee_by_name, found_in, register
from sweepable.settable import Declared, Routed, configured, routed_to, targets, tell_untied, ways
from sweepable.store.location import current_store
from sweepable.upstream import Upstream, as_upstream

if TYPE_CHECKING:
    from sweepable.configured import Configured


class Dependency(NamedTuple):
    """A cached function that the body will call, as `depends_on` declares it."""

    callee: Callee
    #: Parameter of the upstream function -> parameter of this one.
    shared: dict[str, str]
    #: Parameters that ``f.partial(...)`` fixes.
    fixed: dict[str, object]

    def bound(self, binder: Binder, bound: Sequence[object]) -> tuple[object, ...]:
        """The arguments of the upstream call that a call with the arguments `bound` makes."""
        given = {theirs: bound[binder.index(mine)] for theirs, mine in self.shared.items()}
        return self.callee.bind_by_name({**self.fixed, **given})


class Options(NamedTuple):
    """The options of the decorator, beside the outputs."""

    upstream: Mapping[str, object] = {}
    depends_on: object = ()
    ignore: tuple[str, ...] = ()
    name: str | None = None
    version: str | None = None
    store: Any = None
    track: tuple[Any, ...] = ()
    ignore_globals: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    environment: str | tuple[str, ...] = "note"
    audit: bool = True
    #: Of a variant: defaults in place of the function's own, `Parameter.empty` for none. None for what is no variant.
    defaults: Mapping[str, object] | None = None


class Callee:
    """A cached function, as its calls see it.

    Parameters
    ----------
    function : callable
        The user's function.
    declaration : Declaration
        Its declared outputs.
    options : Options
        What else the decorator was given.
    home : str, optional
        Where the function lives, if that is known from another process; a function keeps its home.
    """

    def __init__(
        self, function: Callable[..., Any], declaration: Declaration, options: Options, home: str | None = None
    ) -> None:
        check_cacheable(function)
        self.function = function
        self.declaration = declaration
        self.options = options
        self.is_async = is_async(function)
        self.name: str = options.name or name_of(function)
        self.identifier = self.name.rpartition(".")[2]
        self._home = home or home_of(function)
        self.code = CodeIdentity(
            function,
            track=options.track,
            ignore_globals=options.ignore_globals,
            packages=options.packages,
            environment=options.environment,
            name=self.name,
            resigned=self._sign,
            examined=partial(_lend_shelf, options.store),
        )
        self._sign()
        #: The stores and environments whose results have been looked at.
        self.met: set[tuple[object, int]] = set()
        #: The stores whose results have been seen to bear the names that are declared.
        self.declared_in: set[tuple[object, str]] = set()
        #: Sets of names that calls were given, of which it was seen whether they leave a branch alone.
        self.tied: set[frozenset[str]] = set()
        self.pin = _pin(self)
        self._front: Any = None
        register(self)

    def _sign(self) -> None:
        """Take the parameters and defaults as they are now: autoreload, for one, changes those of living functions."""
        self.binder = Binder(self.function, {**self.options.upstream, **(self.options.defaults or {})})
        self.parameters = self.binder.parameters
        self.facts = FunctionFacts(self.name, self._home, self.parameters)
        self.upstreams = self._find_upstreams()
        self.__dict__.pop("configs", None)
        self.dependencies = self._find_dependencies()
        ignored = _known(self, "ignore", self.options.ignore)
        #: Places (in what the binder returns) and names of the parameters that are part of the key.
        self.counted = [(i, name) for i, name in enumerate(self.parameters) if name not in ignored]
        self.counts_all = len(self.counted) == len(self.parameters)
        self.keys = KeyMaker(self.name, [name for _, name in self.counted])
        self.said = _said(self, self.code)

    @cached_property
    def configs(self) -> Configured:
        """Its parameters that are config objects, and their fields."""
        from sweepable.configured import Configured

        return Configured(self.name, self.function, self.binder, self.upstreams)

    def _find_upstreams(self) -> dict[str, Upstream]:
        found = {name: as_upstream(default) for name, default in self.binder.defaults.items()}
        for name, given in self.options.upstream.items():
            if as_upstream(given) is None:
                raise DeclarationError(
                    f"{self.name}: upstream={{{name!r}: ...}} needs a cached function, f.partial(...) or f['output'], "
                    f"got {type(given).__name__}"
                )
        return {name: upstream for name, upstream in found.items() if upstream is not None}

    def _find_dependencies(self) -> tuple[Dependency, ...]:
        return tuple(self._dependency(upstream, mapping) for upstream, mapping in _pairs(self.options.depends_on))

    def _dependency(self, given: object, mapping: Mapping[str, str]) -> Dependency:
        upstream = as_upstream(given)
        if upstream is None:
            raise DeclarationError(f"{self.name}: depends_on needs cached functions, got {short(given)}")
        theirs = upstream.callee.parameters
        _check_mapping(self, upstream.callee, mapping)
        shared = {name: name for name in theirs if name in self.parameters and name not in upstream.fixed} | dict(
            mapping
        )
        missing = [name for name in upstream.callee.binder.required if name not in {**shared, **upstream.fixed}]
        if missing:
            raise DeclarationError(
                f"{self.name}: depends_on={upstream.callee.name} needs a value for its parameter {missing[0]!r}; "
                f"name it: depends_on={{{upstream.callee.name}: {{{missing[0]!r}: <parameter of {self.name}>}}}}"
            )
        return Dependency(upstream.callee, shared, upstream.fixed)

    # -- identity

    def version(self) -> CodeVersion:
        """The version of the code as it is now."""
        return self.code.version() if self.pin is None else self.pin.version()

    def complete(self, version: CodeVersion) -> CodeVersion:
        """`version` with its fingerprints, if the code is still that."""
        if version.fingerprint or self.options.version is not None:
            return version
        found = self.code.complete()
        return found if found.digest == version.digest else version

    def changed_since_version(self) -> str | None:
        """What the code depends on and a run has changed, as a sentence; None for nothing."""
        return self.code.unchanged() if self.pin is None else None

    def changed_since(self, before: CodeVersion) -> str | None:
        """The same of a run that began with a version; None for what has been changed back."""
        return self.code.changed_since(before) if self.pin is None else self.pin.changed()

    def adopt(self, version: CodeVersion) -> str | None:
        """Take over a version computed by another process, if the code here is the same; else say what differs."""
        if self.options.version is not None:
            same = self.version().digest == version.digest
            return None if same else f"{self.name} is pinned to another version here, or has other packages"
        return self.code.adopt(version)

    # -- the object that users hold

    def front(self) -> Any:
        """The cached function that users hold."""
        return self._front

    def has_front(self, front: object) -> None:
        """Name the cached function that users hold."""
        self._front = front

    # -- pickling, in two steps: a function's globals may hold its own cached form

    def named(self) -> tuple[str, str, dict[str, dict[str, Any]]] | None:
        """Module, name and what else is wrapped in the module, if the cached function can be found there."""
        module = self.function.__module__
        qualname = self.function.__qualname__ if self.options.defaults is None else self.name
        if module == "__main__" or found_in(sys.modules.get(module), qualname) is not self._front:
            return None
        return module, qualname, dict(WRAPPED.get(module, {}))

    def __reduce__(self) -> Any:
        named = self.named()
        if named is not None:
            return callee_by_name, named
        from sweepable.identity.reached import codes_of

        with contextlib.suppress(SweepableError):  # so that the texts of all that it reaches are known
            self.version()
        # What it reaches may not be all that this process knows: an argument whose class it is of has to stay small.
        texts = sources.travelling({code.co_filename for code in codes_of(self.code).values()})
        state = (as_sent(self.function), self.declaration, self.options, self.facts.home, texts, self._front)
        return Callee.__new__, (Callee,), state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *given, texts, front = state
        sources.take_in(texts)
        self.__init__(*given)  # type: ignore[misc]
        if front is not None:
            front._attach(self)

    # -- names (a node in the sense of `sweepable.names`)

    def place(self) -> Declared:
        """This function as the root of the names that can be set on its calls."""
        return Declared(self, (), (self,), {})

    # -- arguments

    def bind_mixed(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[object, ...]:
        """Bind arguments by position and by name, those of upstream calls by any spelling of the rule for names."""
        if not args:
            return self.bind_by_name(kwargs)
        own = {name: value for name, value in kwargs.items() if name in self.parameters}
        if len(own) == len(kwargs):
            bound: tuple[object, ...] = self.binder.bind(*args, **own)
            return bound
        given = self.binder.signature.bind_partial(*args, **own).arguments
        return self.bind_by_name({**given, **kwargs})

    def bind_by_name(self, given: Mapping[str, object]) -> tuple[object, ...]:
        """Bind values given by name, those of upstream calls by any spelling of the rule for names."""
        return self.binder.bind_named(self.routed(given))

    def routed(self, given: Mapping[str, object]) -> dict[str, object]:
        """Values by parameter: those for upstream calls stand in the partial that the parameter then is."""
        own: dict[str, object] = {}
        routed = Routed(self.name)
        fields: dict[str, dict[str, object]] = {}
        for name, value in given.items():
            if name in self.parameters:
                own[name] = value
            elif parameter := configured(self, name, given):
                fields.setdefault(parameter, {})[name[len(f"{parameter}__") :]] = value
            elif self._takes(name):
                own[name] = value
            else:
                routed.add(name, ways(self, name, given), value)
        if routed.values and len(self.upstreams) > 1:  # another branch may be left as it is
            tell_untied(self, given)
        own |= {parameter: self.configs.replaced(parameter, own, changes) for parameter, changes in fields.items()}
        for parameter, further in routed.values.items():
            own[parameter] = routed_to(
                self, parameter, own.get(parameter, self.binder.defaults.get(parameter)), further
            )
        return own

    def _takes(self, name: str) -> bool:
        """Whether ``**kwargs`` takes this name: one that no upstream call has."""
        return self.binder.variadic is not None and not resolve(self.place(), name)

    def check_output(self, name: str) -> None:
        """Raise for a name that is none of the declared outputs."""
        if not isinstance(name, str):
            raise TypeError(f"{self.identifier}[...] takes the name of an output, got {name!r:.60}")
        if self.declaration.names and name not in self.declaration.names:
            raise UnknownName(f"{self.name} has no output {name!r}{did_you_mean(name, self.declaration.names)}")

    def fixing(self, fixed: Mapping[str, object], anew: Mapping[str, object]) -> dict[str, object]:
        """Values for a partial: those fixed already, unless they are fixed anew by whichever name, and the new ones.

        Raises
        ------
        UnknownName, AmbiguousName
            For a name that is no parameter, its own or upstream, nor a field of one.
        """
        given = {**fixed, **anew}
        for name in given:
            if name in self.parameters:
                continue
            if parameter := configured(self, name, given):
                self.configs.hint(parameter, name, given)
            elif not self._takes(name):
                ways(self, name, given)
        if not fixed:
            return given
        replaced = {place for name in anew for place in targets(self, name, given)}
        kept = {name: value for name, value in fixed.items() if not replaced >= targets(self, name, given)}
        return {**kept, **anew}


def _lend_shelf(store: object) -> None:
    """Let what is read of sources be kept in a function's store: parsing them is most of a first hit."""
    with contextlib.suppress(StoreError):  # whoever needs the store itself will say so
        shelf.use(current_store(store).readings)


def _pairs(given: object) -> list[tuple[object, Mapping[str, str]]]:
    """One function, several, or a dict: each function with the dict that maps its parameters."""
    if isinstance(given, Mapping):
        return list(given.items())
    several = isinstance(given, Iterable) and not isinstance(given, str) and as_upstream(given) is None
    return [(upstream, {}) for upstream in (given if several else [given])]  # type: ignore[attr-defined]


def _check_mapping(callee: Callee, upstream: Callee, mapping: object) -> None:
    if not isinstance(mapping, Mapping):
        raise DeclarationError(
            f"{callee.name}: depends_on={{{upstream.name}: ...}} needs a dict "
            f"{{parameter of {upstream.name}: parameter of {callee.name}}}, got {short(mapping)}"
        )
    unknown_names = [name for name in mapping if name not in upstream.parameters]
    unknown_names += [name for name in mapping.values() if name not in callee.parameters]
    if unknown_names:
        raise DeclarationError(
            f"{callee.name}: depends_on maps {unknown_names[0]!r}, which is no parameter; "
            f"{upstream.name} has {', '.join(upstream.parameters)}; {callee.name} has {', '.join(callee.parameters)}"
        )


def _said(callee: Callee, code: CodeIdentity) -> Said:
    """What holds of a cached function's identity in the versions of the functions that reach it.

    A pinned function still counts by its defaults, which are among the arguments of its calls, and by its closure.
    """
    options, defaults = callee.options, callee.binder.defaults
    given = [*options.upstream.items(), *(options.defaults or {}).items()]
    if options.version is not None:
        given = [(name, defaults[name]) for _, name in callee.counted if name in defaults]
    given += [("depends_on", upstream) for upstream, _ in _pairs(options.depends_on)]
    return Said(callee.name, callee.facts.home, code.options, options.version, tuple(given), callee.declaration.names)


def _pin(callee: Callee) -> Pin | None:
    label = callee.options.version
    if label is None:
        return None
    code = callee.code
    return Pin(
        callee.function,
        label,
        name=callee.name,
        home=callee.facts.home,
        options=code.options,
        environment=code.environment,
    )


def _known(callee: Callee, option: str, names: Iterable[str]) -> frozenset[str]:
    found = frozenset([names] if isinstance(names, str) else names)
    for name in found:
        if name not in callee.parameters:
            raise DeclarationError(
                f"{callee.name}: {option}= names {name!r}, which is not a parameter; "
                f"parameters: {', '.join(callee.parameters)}"
            )
    upstream = next((name for name in found if name in callee.upstreams), None)
    if upstream is not None:
        raise DeclarationError(
            f"{callee.name}: {option}= names {upstream!r}, which stands for an upstream call: what came from one "
            "upstream call would be served for another"
        )
    return found
