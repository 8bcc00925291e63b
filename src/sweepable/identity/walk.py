"""The walk from a function through all code and all values that it reaches."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from sweepable.identity import graph, ignoring, origin
from sweepable.identity.graph import Node
from sweepable.identity.guard import Watch
from sweepable.identity.ignoring import Home, Ignored, Place
from sweepable.identity.sharing import with_sharing
from sweepable.identity.values import encode_scalar


class Options(NamedTuple):
    """What the user decided about a function's identity."""

    #: Dotted names of modules that count as the user's, wherever they lie.
    track: tuple[str, ...] = ()
    #: Names that do not count, with what they mean.
    ignored: Ignored = Ignored()
    #: Packages whose installed version counts.
    packages: tuple[str, ...] = ()

    def within(self, outer: Options) -> Options:
        """What holds in code that is reached from code with the options `outer`; very often those themselves."""
        track, ignored = {*outer.track, *self.track}, outer.ignored.joined(self.ignored)
        if len(track) == len(set(outer.track)) and ignored == outer.ignored:
            return outer
        return Options(tuple(sorted(track)), ignored)


class Said(NamedTuple):
    """What a cached function says of its identity, wherever it is reached from."""

    name: str
    #: The module or script that it lives in.
    home: str
    #: They hold for all that is reached through it.
    options: Options = Options()
    #: The version that its author has pinned: its code does not count.
    pin: str | None = None
    #: Values that count beside its code, each with the name of what they are for: upstream calls.
    given: tuple[tuple[str, object], ...] = ()
    #: Its declared outputs, which are names of what its Records hold.
    outputs: tuple[str, ...] = ()

    def is_more_than_code(self) -> bool:
        """Whether it cannot be looked through."""
        return self.pin is not None or bool(self.given or self.options.packages)


def is_cached(value: object) -> bool:
    """Whether a value is a cached function."""
    # Its own True: a metaclass may answer for any name.
    return getattr(type(value), "__sweepable_cached__", None) is True


class Explorer(Protocol):
    """Finds what one kind of node is made of: sets ``own``, adds edges, notes what has to be watched."""

    def __call__(self, walk: Walk, node: Node) -> None: ...


#: For values of each kind, how they are explored. Filled by the modules that know the kinds.
EXPLORERS: dict[str, Explorer] = {}
#: Ask in turn what kind a value is; None for "not mine". An empty name: never part of an identity.
CLASSIFIERS: list[Callable[[Walk, Any], str | None]] = []


#: Never anything but values.
_DATA = frozenset(
    {bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set, frozenset, range, slice, np.ndarray}
)


class Mode(NamedTuple):
    """How a walk looks at functions."""

    #: By canonical syntax tree where there is one; else by byte code.
    by_tree: bool = True
    #: Whether docstrings and annotations count.
    keep: bool = False
    #: What else counts, because code that is reached looks at it: ``names`` of functions, ``subclasses``, and modules
    #: that texts name (``imports``).
    asks: frozenset[str] = frozenset()
    #: Whether what instances keep of their cached properties is left out.
    unfilled: bool = False


class Findings:
    """What a walk has to say besides its digests."""

    __slots__ = ("packages", "untracked", "notes", "reads_docs", "asks", "ignored")

    def __init__(self) -> None:
        self.packages: set[str] = set()
        self.untracked: list[str] = []
        self.notes: list[str] = []
        self.reads_docs = False
        self.asks: set[str] = set()
        #: What names that do not count were seen to mean, as `Ignored` keeps it.
        self.ignored: set[object] = set()

    def take_in(self, asks: set[str], reads_docs: bool) -> None:
        """Note what a function looks at."""
        self.asks |= asks
        self.reads_docs |= reads_docs

    def wanted(self, mode: Mode) -> Mode:
        """How to look at functions for all to count that code which is reached looks at."""
        return mode._replace(keep=mode.keep or self.reads_docs, asks=mode.asks | self.asks)

    def note(self, sentence: str) -> None:
        """Note what cannot be followed, once."""
        if sentence not in self.untracked:
            self.untracked.append(sentence)

    def remark(self, sentence: str) -> None:
        """Note what counts by more than its meaning, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


class Unwatched(Watch):
    """Stands in for a walk that only digests: the content of values is looked at once, not twice."""

    def __init__(self) -> None:
        super().__init__(None, lambda kind: False)

    def content(self, value: object, what: str) -> None:
        """Nothing is rechecked later."""


class Walk:
    """One walk from a root.

    Parameters
    ----------
    root : object
        A function, class, method, partial, ...
    options : Options
    mode : Mode
    watch : Watch, optional
        Is told what to recheck on later calls; without it the walk only digests.
    bound : bool
        Whether the root is called with all its arguments bound, so that its own defaults do not count.
    """

    def __init__(
        self, root: object, options: Options, mode: Mode, watch: Watch | None = None, *, bound: bool = False
    ) -> None:
        #: Those that hold where the walk is.
        self.options = options
        self._known_options = {options: options}
        self.mode = mode
        self.watch = watch or Unwatched()
        self.findings = Findings()
        self.nodes: list[Node] = []
        self.bound = root if bound else None
        self._signed = origin.underlying(root) if bound else None
        #: Of the function that was decorated, for messages: nothing can be left out of a value.
        self.home = Home.of(root) if bound else None
        #: Whether what is reached leads back to the root, which may then be called without all arguments.
        self._returned = False
        #: Functions that were met as what a cached function wraps.
        self.cached: set[int] = set()
        #: Records and other stored calls that were met.
        self.calls: list[object] = []
        #: Nodes that code finds in its modules, which nobody gave it.
        self.of_modules: set[Node] = set()
        #: Where the nodes are bound that can be left out by name.
        self.places: dict[Node, Place] = {}
        #: Nodes that a name stands for: in a module, or in a closure.
        self.named: set[Node] = set()
        #: Values that are nested too deeply to be digested as a whole, for so many levels more.
        self.deep: dict[Node, int] = {}
        self._by_value: dict[object, Node] = {}
        self._kept: list[object] = []
        self._pending: list[Node] = []
        self.root = self._run(root)

    def _run(self, root: object) -> Node:
        node = self.node(root, getattr(root, "__name__", "value"))
        if node is None:  # ours, or inert: a node that says so
            node = Node("nothing", root, options=self.options)
            self.nodes.append(node)
        self._explore_pending()
        if self._returned and isinstance(root, types.FunctionType):
            self.bound = self._signed = None
            self.options = self._options_of(node)
            EXPLORERS["defaults"](self, node)
            self._explore_pending()
        graph.settle(self.nodes, self._find)
        # What is sent to another process by value is a copy there of what its module holds: only code stays one.
        named = self.named if self.mode.by_tree else frozenset[Node]()
        node.digest = with_sharing(node, self.nodes, named, self._find)
        return node

    def _explore_pending(self) -> None:
        while self._pending:
            part = self._pending.pop()
            self.nodes.append(part)
            known = len(self._pending)
            self.options = self._options_of(part)
            EXPLORERS[part.kind](self, part)
            self._pending[known:] = reversed(self._pending[known:])

    def node(self, value: object, name: str, holder: object = None) -> Node | None:
        """The node of a value reached by a name; None for what is never part of an identity.

        Parameters
        ----------
        holder : object
            The namespace that binds the name. Plain numbers and texts are nodes of it, not of one another.
        """
        outer = self.options
        value, self.options = self._entered(value)
        try:
            return self._node(value, self.classify(value), name, holder)
        finally:
            self.options = outer

    def _node(self, value: object, kind: str, name: str, holder: object) -> Node | None:
        if not kind:
            return None
        # Numbers and texts are shared by the interpreter as it likes, and would get each other's names.
        alone = kind == "value" and encode_scalar(value) is not None
        mark = (id(holder), name, id(value)) if alone and holder is not None else self._mark(value)
        node = self._by_value.get(mark)
        if node is None:
            node = self._by_value[mark] = Node(kind, value, options=self.options)
            self._kept.append(holder)
            self._pending.append(node)
        elif value is self.bound:
            self._returned = True
        if name not in node.names:
            node.names.append(name)
        return node

    def _entered(self, value: object) -> tuple[object, Options]:
        """What stands for a value, and the options that hold in it.

        A cached function is looked through, so that caching a helper changes nothing; unless it is to count by
        more than its code.
        """
        options = self.options
        if type(value) is types.FunctionType and "__sweepable_notes__" in vars(value):
            value = value.__wrapped__  # type: ignore[attr-defined]  # what an audit watches
        while is_cached(value):
            said: Said = value.callee.said  # type: ignore[attr-defined]
            options = self._known(said.options.within(options))
            if said.is_more_than_code():
                break
            value = self.looked_through(value)
        return value, options

    def _known(self, options: Options) -> Options:
        return self._known_options.setdefault(options, options)

    def _options_of(self, node: Node) -> Options:
        options = node.options
        return options if isinstance(options, Options) else self.options

    def _mark(self, value: object) -> tuple[object, ...]:
        return *_mark(value), id(self.options)

    def unwrapped(self, value: object) -> object:
        """The plain function within a cached one, or one that an audit watches; any other value itself."""
        if type(value) is types.FunctionType and "__sweepable_notes__" in vars(value):
            return value.__wrapped__  # type: ignore[attr-defined]
        while is_cached(value):
            value = self.looked_through(value)
        return value

    def looked_through(self, value: Any) -> object:
        """What a cached function caches."""
        inner: object = value.__wrapped__
        self.watch.attribute(value, "__wrapped__", inner, "the function that is cached")
        self.cached.add(id(inner))
        return inner

    def classify(self, value: object) -> str:
        """What kind of node a value is; empty for what is never part of an identity."""
        if type(value) in _DATA:
            return "value"
        for classify in CLASSIFIERS:
            kind = classify(self, value)
            if kind is not None:
                return kind
        return "value"

    def is_user(self, obj: object) -> bool:
        """Whether code is the user's, or is to be followed as if it were."""
        return origin.is_user_code(obj) or (bool(self.options.track) and self._is_tracked(obj))

    def _is_tracked(self, obj: object) -> bool:
        name = obj.__name__ if isinstance(obj, types.ModuleType) else getattr(obj, "__module__", None)
        return isinstance(name, str) and any(
            name == tracked or name.startswith(f"{tracked}.") for tracked in self.options.track
        )

    def is_bound_upstream(self, function: object, default: object) -> bool:
        """Whether a default is an upstream call of the root, which is among its bound arguments.

        Under a decorator the root's own function keeps its other defaults: the decorator may call it without.
        """
        if function is not self._signed:
            return False
        return is_cached(default) or getattr(type(default), "__sweepable_upstream__", None) is True

    def edge(
        self,
        node: Node,
        name: str,
        value: object,
        holder: object = None,
        *,
        spoken: str = "",
        place: Place | None = None,
    ) -> Node | None:
        """Add what a node refers to, and return it; names of sweepable itself are not among it."""
        plain = self.unwrapped(value)
        kind = self.classify(plain)
        if kind == "own":
            return None
        spoken = spoken or name
        target = self._node(value, kind, spoken, holder) if plain is value else self.node(value, spoken, holder)
        if target is not None:
            node.edges.append((name, target))
            if place is not None:
                self.places.setdefault(target, place)
        return target

    def ignores(self, place: Place) -> bool:
        """Whether what is bound at a place does not count, because somebody said so."""
        meaning = self.options.ignored.by_place(place)
        if meaning is not None:
            self.findings.ignored.add(meaning)
        return meaning is not None

    def way_out(self, place: Place | None) -> str:
        """The option of the decorated function by which a place is left out; empty where there is none."""
        known = self.home is not None and place is not None and place.has_name()
        return ignoring.advice(place.spelled(self.home)) if known else ""  # type: ignore[union-attr, arg-type]

    def absent(self, node: Node, name: str) -> None:
        """Add that a name is bound to nothing."""
        if "absent" not in self._by_value:
            self._by_value["absent"] = Node("absent", None, own=b"absent")
            self._pending.append(self._by_value["absent"])
        target = self._by_value["absent"]
        if name not in target.names:
            target.names.append(name)
        node.edges.append((name, target))

    def package(self, name: str | None) -> None:
        """Note that a package is reached."""
        top = (name or "").partition(".")[0]
        if top and top not in origin.STDLIB_NAMES and top not in ("__main__", "__mp_main__", origin.OWN_NAME):
            self.findings.packages.add(top)

    def _find(self, holder: Node, value: object) -> Node | None:
        self.options = self._options_of(holder)
        value, self.options = self._entered(value)
        known = self._by_value.get(self._mark(value))
        if known is not None or not self.classify(value):
            return known
        # Made anew each time that its holder is taken apart: nothing can lead back to it.
        return Walk(value, self.options, self.mode).root


def _mark(value: object) -> tuple[int, ...]:
    """What tells one value from another within a walk; bound methods are made anew each time they are asked for."""
    if isinstance(value, types.MethodType):
        return id(value.__func__), id(value.__self__)
    return (id(value),)


EXPLORERS["absent"] = lambda walk, node: None
