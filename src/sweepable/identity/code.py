"""The identity of code: the version of a function, its guard, and how code within values is described."""

from __future__ import annotations

import abc
import functools
import importlib.util
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sweepable.errors import UndigestibleError, UntrackedCode

# Each of these tells the walk about kinds of code.
from sweepable.identity import classes, functions, origin, sources, wrappers
from sweepable.identity.differing import difference, disagreement, spoken
from sweepable.identity.graph import Node, hashed
from sweepable.identity.guard import Guard, Watch
from sweepable.identity.ignoring import Home, idle
from sweepable.identity.installed import Counted, Environment, installed_nodes, named_packages, not_there
from sweepable.identity.origin import home_of, is_user_code
from sweepable.identity.registered import is_registered
from sweepable.identity.signatures import signature_of
from sweepable.identity.values import Encoder
from sweepable.identity.walk import Mode, Options, Walk
from sweepable.model import CodeNode, CodeVersion
from sweepable.notices import logger, warn_once

__all__ = ["CodeIdentity", "describe", "home_of", "is_user_code"]

_KINDS = (classes, functions, wrappers)
#: So many described objects are remembered; the oldest make room.
_REMEMBERED = 1024
_READ_ONLY = "make it read-only (array.setflags(write=False)), or "
_REDUCTIONS = frozenset(
    {"__getattribute__", "__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__"}
)
_BARE_BASES = frozenset({object, abc.ABC, typing.Generic, typing.Protocol})


class CodeIdentity:
    """What the code of a function is, with all that it reaches.

    Parameters
    ----------
    function : callable
        The user's function. Its own defaults do not count: they are among its bound arguments.
    track : sequence of str or module
        Modules whose code counts as the user's, wherever they are installed.
    ignore_globals : sequence of str
        Names that do not count: bare ones of the function's own module and closure, dotted ones of any other.
    packages : sequence of str
        Packages whose installed version counts.
    environment : str or tuple of str
        ``strict``: Python and the versions of all packages reached count. Names: those count.
    name : str, optional
        What messages call the function.
    resigned : callable, optional
        Called when the function's own parameters or defaults were found to have been changed in place.
    examined : callable, optional
        Called before the code is walked.

    Attributes
    ----------
    calls : tuple
        Records that the code reaches by itself, as the last walk met them.
    changes : int
        How often the code was found to be another than before.
    fills : bool
        Whether it reaches a cached property, which a run may fill.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        track: Sequence[str | ModuleType] = (),
        ignore_globals: Sequence[str] = (),
        packages: Sequence[str] = (),
        environment: Environment = "note",
        name: str | None = None,
        resigned: Callable[[], None] | None = None,
        examined: Callable[[], None] | None = None,
    ) -> None:
        self.function = function
        self.name = str(name or getattr(function, "__qualname__", type(function).__qualname__))
        tracked = tuple(part.__name__ if isinstance(part, ModuleType) else part for part in track)
        self._home = Home.of(function)
        self._ignored = tuple(ignore_globals)
        self.options = Options(tracked, self._home.bind(self._ignored), tuple(packages))
        #: Of this function alone: what reaches it has an environment of its own.
        self.environment = environment
        self._lock = threading.RLock()
        #: Both at once, so that no thread takes the guard of one version for that of another.
        self._known: tuple[Guard, CodeVersion] | None = None
        self._adopted: CodeVersion | None = None
        self._spoken_of: set[str] = set()
        #: For what can be left out by name, as the last walk met it, by name and digest: the option that does it.
        self._ways_out: dict[tuple[str, str], str] = {}
        self._signed = signature_of(function)
        self._resigned = resigned
        self._examined = examined
        self.calls: tuple[object, ...] = ()
        self.changes = 0
        self.fills = False
        plain = origin.underlying(function)
        if plain is not None:
            sources.remember(plain.__code__.co_filename, plain.__globals__)

    def version(self) -> CodeVersion:
        """The version of the code as it is now.

        While nothing that it was made of has changed, this costs a recheck by identity; else the code is walked
        again.
        """
        known = self._known
        if known is not None and known[0].holds(self.function):
            return known[1]
        with self._lock:
            return self._examine()

    def complete(self) -> CodeVersion:
        """The version with its fingerprints, by which another process, or a later one, compares its byte code.

        They take a second walk, which a hit has no use for.
        """
        version = self.version()
        if version.fingerprint:
            return version
        with self._lock:
            return self._examine(mirrored=True)

    def unchanged(self) -> str | None:
        """Whether the code is still what `version` last returned: None, or a sentence that says what changed.

        Asked after a run: a run that changes what it depends on has no result that another could be served.
        """
        if self._known is None or self._known[0].holds(self.function):
            return None
        guard, before = self._known
        with self._lock:
            broken = guard.broken(self.function) or "something it depends on"
            after = self._examine()
        if after.digest == before.digest:
            return None
        return self.changed_since(before) or f"{self.name} depends on {broken}, which changed while it ran"

    def changed_since(self, before: CodeVersion) -> str | None:
        """A sentence about what is another than in a version of before a run, with the way out if there is one."""
        differs = difference(before, self.version())
        if differs is None:
            return None
        node, now = differs
        out = self._ways_out.get((now.names[0], now.digest))
        ending = f" (if it does not change the result, leave it out with {out})" if out else ""
        return f"{self.name} depends on {spoken(node)}, which changed while it ran{ending}"

    def values(self) -> tuple[object, ...]:
        """What the version was made of: code, functions and values, as the last walk met them."""
        return tuple(self._known[0].objects()) if self._known is not None else ()

    def unfilled(self) -> bytes | None:
        """The digest with all cached properties empty; None where none are reached."""
        return Walk(self.function, self.options, Mode(unfilled=True), bound=True).root.digest if self.fills else None

    def adopt(self, version: CodeVersion) -> str | None:
        """Take over the version that another process found, if the code here is the same.

        Parameters
        ----------
        version : CodeVersion
            Of the process that asks; it may have sources that this one has not.

        Returns
        -------
        str or None
            None if the byte code and all values are the same: `version` then returns this very version. Else the
            first thing that differs.
        """
        with self._lock:
            here = self._examine(mirrored=True)
            if here.fingerprint != version.fingerprint:
                return disagreement(version, here)
            assert self._known is not None
            self._adopted, self._known = version, (self._known[0], version)
        return None

    def _examine(self, *, mirrored: bool = False) -> CodeVersion:
        if self._examined is not None:
            self._examined()
        watch = Watch(self.function, is_plain)
        walk, mode = walk_through(self.function, self.options, watch, bound=True)
        self._refuse_dropped(walk)
        for name in self._ignored:
            self._remark_idle(name, walk)
        Counted(self.environment, walk.findings.packages).watch(walk.watch)
        Counted(self.options.packages, ()).watch(walk.watch)
        guard, adopted = walk.watch.guard(), self._adopted
        before = self._known[1] if self._known is not None else None
        mirror = None
        if mirrored or adopted is not None:
            mirror = Walk(self.function, self.options, mode._replace(by_tree=False), bound=True)
        version = _version_of(walk, mirror, self.options, self.environment)
        self._ways_out = {
            (made.names[0], made.digest): walk.way_out(walk.places[node])
            for node, made in zip(walk.nodes, version.nodes, strict=False)
            if node in walk.places
        }
        for known in (adopted, before):
            same = known is not None and known.digest == version.digest
            if known is not None and same and version.fingerprint in ("", known.fingerprint):
                version = known
        if adopted is not None and adopted.fingerprint == version.fingerprint:
            version = adopted
        if before is not None and before.digest != version.digest:
            self.changes += 1
        wrappers.forget_kept(walk)
        self._see_signature()
        self.calls = tuple(walk.calls)
        self.fills = any(type(node.value) is functools.cached_property for node in walk.nodes)
        self._known = guard, version
        self._speak_of(walk)
        return version

    def _see_signature(self) -> None:
        signed = signature_of(self.function)
        if not signed.is_same(self._signed):
            if self._resigned is not None:
                self._resigned()
            self._signed = signed

    def _refuse_dropped(self, walk: Walk) -> None:
        """What a factory gave a function is data: two functions that hold different ones must not be one."""
        dropped = _held_and_dropped(walk)
        if dropped is not None:
            name, way_out = dropped.names[0], walk.way_out(walk.places.get(dropped))
            reason = f"{dropped.summary}; if it does not change the result: {way_out}" if way_out else dropped.summary
            raise UndigestibleError(f"the variable {name}", type(dropped.value).__qualname__, reason, self.name)

    def _remark_idle(self, name: str, walk: Walk) -> None:
        """Note a name in ``ignore_globals=`` that leaves nothing out: misspelled, or of another module."""
        if walk.findings.ignored.isdisjoint(self._home.meanings(name)):
            last = name.rpartition(".")[2]
            elsewhere = [place.spelled(self._home) for place in walk.places.values() if place.name == last]
            walk.findings.remark(idle(name, self.name, elsewhere))

    def _speak_of(self, walk: Walk) -> None:
        """Say once of a global that rechecking it costs time at every call."""
        for what, seconds, value in walk.watch.slow():
            if what not in self._spoken_of:
                self._spoken_of.add(what)
                place = next((place for node, place in walk.places.items() if node.value is value), None)
                way_out = walk.way_out(place)
                logger().warning(
                    "%s depends on %s, which takes %.1f ms to recheck at every call: %spass it as an argument%s",
                    *(self.name, what, 1000 * seconds, _READ_ONLY if isinstance(value, np.ndarray) else ""),
                    f", or leave it out with {way_out}" if way_out else "",
                )


def walk_through(root: object, options: Options, watch: Watch, *, bound: bool) -> tuple[Walk, Mode]:
    """Walk by syntax trees; again, with docstrings, names and the like, if code that is reached may read them."""
    mode = Mode()
    walk = Walk(root, options, mode, watch, bound=bound)
    while (wanted := walk.findings.wanted(mode)) != mode:
        mode = wanted
        walk = Walk(root, options, mode, Watch(root, is_plain), bound=bound)
    return walk, mode


def is_plain(cls: type) -> bool:
    """Whether all that instances of a class hold are attributes."""
    return all(
        base in _BARE_BASES or (is_user_code(base) and _REDUCTIONS.isdisjoint(vars(base)) and _is_python(base))
        for base in cls.__mro__
    ) and not is_described(cls)


def is_described(cls: type) -> bool:
    """Whether instances of a class are sweepable's own kinds of values, or count by what somebody says of them."""
    marks = ("__sweepable_digest__", "__sweepable_calls__")
    return is_registered(cls) or any(mark in vars(base) for base in cls.__mro__ for mark in marks)


def _is_python(cls: type) -> bool:
    return "__module__" in vars(cls) and bool(cls.__flags__ & (1 << 9))


def _version_of(walk: Walk, mirror: Walk | None, options: Options, environment: Environment) -> CodeVersion:
    """What a walk found, and what another found by byte code, as one version."""
    digest, fingerprint = walk.root.digest, mirror.root.digest if mirror is not None else b""
    named = named_packages(options.packages)
    if named:
        digest, fingerprint = (
            hashed(part, *(name.encode() for name in named)) if part else b"" for part in (digest, fingerprint)
        )
    counted = Counted(environment, walk.findings.packages)
    if mirror is not None:  # which may reach more, as it does in any process
        fingerprint = Counted(environment, mirror.findings.packages).added_to(fingerprint)
    return CodeVersion(
        counted.added_to(digest).hex(),
        fingerprint.hex(),
        (*_nodes(walk, mirror), *installed_nodes(named, mirror is not None), *counted.nodes()),
        tuple(sorted(walk.findings.packages)),
        (*walk.findings.untracked, *not_there(named), *_lost(options.track), *counted.unknown()),
        tuple(walk.findings.notes),
    )


def _nodes(walk: Walk, mirror: Walk | None) -> Iterator[CodeNode]:
    numbers = {node: number for number, node in enumerate(walk.nodes)}
    mirrored: dict[tuple[str, str], list[Node]] = {}
    for node in mirror.nodes if mirror is not None else ():
        for name in node.names:
            mirrored.setdefault((node.kind, name), []).append(node)
    for node in walk.nodes:
        twin = _twin(node, mirrored) if mirrored else None
        yield CodeNode(
            tuple(node.names),
            node.kind,
            node.alone().hex(),
            twin.alone().hex() if twin else "",
            node.summary,
            node.where,
            tuple(dict.fromkeys(numbers[target] for target in node.targets())),
        )


def _twin(node: Node, mirrored: dict[tuple[str, str], list[Node]]) -> Node | None:
    """The same node of the walk by byte code."""
    twins = [twin for name in node.names for twin in mirrored.get((node.kind, name), ())]
    same = [twin for twin in twins if twin.value is node.value] or twins
    return next((twin for twin in same if twin.options == node.options), same[0] if same else None)


def _lost(track: Sequence[str]) -> Iterator[str]:
    """Names in ``track=`` under which there is nothing to follow: likely misspelled."""
    for name in track:
        try:
            known = name in sys.modules or importlib.util.find_spec(name) is not None
        except (ImportError, ValueError, AttributeError):
            known = False
        if not known:
            yield f"track= names {name!r}, which is no module here, so that nothing of it is followed"


# What Encoder is given: code met within arguments.


class _Described(NamedTuple):
    """An object whose identity is remembered as long as it lives and its guard holds."""

    reference: weakref.ref[Any]
    digest: bytes
    guard: Guard


class _Owners(threading.local):
    """The instances whose bound methods are being described in this thread."""

    def __init__(self) -> None:
        self.ids: set[int] = set()


_owners = _Owners()
_described: dict[int, _Described] = {}
_describing = threading.RLock()


def describe(value: object, path: str) -> bytes:
    """What counts of a function, class, partial, method or module that is met within a value.

    Parameters
    ----------
    value : object
    path : str
        Where it was met, for messages.

    Returns
    -------
    bytes
        The digest of its code with all that it reaches; the name, for what belongs to a package.
    """
    if type(value) is types.MethodType:
        return _describe_method(value, path)
    known = _described.get(id(value))
    if known is not None and known.reference() is value and known.guard.holds(value):
        return known.digest
    return _describe_anew(value, path)


def _describe_method(method: types.MethodType, path: str) -> bytes:
    """A bound method: its function, and its instance by content. It is made anew each time it is asked for."""
    owner = method.__self__
    if id(owner) in _owners.ids:  # its instance holds it: only a walk follows such a circle
        return walk_through(method, Options(), Watch(method, is_plain), bound=False)[0].root.digest
    _owners.ids.add(id(owner))
    try:
        content = describe(owner, path) if isinstance(owner, type) else Encoder(describe).encode(owner, path)
    finally:
        _owners.ids.discard(id(owner))
    return hashed(b"method", describe(method.__func__, path), content)


def _describe_anew(value: object, path: str) -> bytes:
    walk, _ = walk_through(value, Options(), Watch(value, is_plain), bound=False)
    dropped = _held_and_dropped(walk)
    if dropped is not None:
        raise UndigestibleError(f"{path}: {dropped.names[0]}", type(dropped.value).__qualname__, dropped.summary)
    for sentence in walk.findings.untracked:
        warn_once((describe, path, sentence), f"{path}: {sentence}", UntrackedCode)
    digest, mark = walk.root.digest, id(value)
    try:
        reference = weakref.ref(value, lambda gone: _forget(mark, gone))
    except TypeError:
        return digest
    with _describing:
        while len(_described) >= _REMEMBERED:
            _described.pop(next(iter(_described)), None)
        _described[mark] = _Described(reference, digest, walk.watch.guard())
    return digest


def _held_and_dropped(walk: Walk) -> Node | None:
    """What a value holds itself, in a closure or a partial's arguments, and that does not count.

    Of what code finds in its modules the caller is warned; a value is given by the caller, and all of it counts.
    """
    queue = [walk.root]
    for node in queue:
        if node.kind == "undigestible":
            return node
        queue += [target for target in node.targets() if target not in walk.of_modules and target not in queue]
    return None


def _forget(mark: int, gone: object) -> None:
    known = _described.get(mark)
    if known is not None and known.reference is gone:
        _described.pop(mark, None)
