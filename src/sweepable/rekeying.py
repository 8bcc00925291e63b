"""The key that a stored call has under other code or arguments, made from what is stored: without values or code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sweepable.call import reference
from sweepable.contents import content_of_stored
from sweepable.identity.key import KeyMaker, key_part
from sweepable.model import Argument, CodeNode, Content, StoredCall, UpstreamCall
from sweepable.outputs import declared_names
from sweepable.store.store import Store

_EDGES = (
    "SELECT u.key, l.role, l.name FROM _lineage AS l JOIN _calls AS u ON u.id = l.upstream "
    "WHERE l.downstream = ? ORDER BY l.role, l.name, u.id"
)


class Left(Exception):
    """A call cannot be given another key; the message says why, for people."""


class Stored(NamedTuple):
    """A stored call with what its key was made of."""

    call: StoredCall
    #: The function's name.
    name: str
    #: Digest of its code.
    version: str
    arguments: tuple[Argument, ...]
    upstream: tuple[UpstreamCall, ...]

    @property
    def announced(self) -> list[tuple[str, str]]:
        """Names and keys of the calls that ``depends_on`` announced."""
        return [(edge.name, edge.key) for edge in self.upstream if edge.role == "depends_on"]

    @property
    def holding(self) -> frozenset[str]:
        """The parameters whose values hold upstream calls: in a list, a dict, a query."""
        values = {argument.name for argument in self.arguments if argument.kind == "value"}
        return frozenset(edge.name for edge in self.upstream if edge.role == "argument" and edge.name in values)


def stored(store: Store, call: StoredCall, name: str, version: str) -> Stored:
    """A call with its arguments and its lineage.

    Raises
    ------
    Left
        When what is stored of it does not make the key that it has.
    """
    rows = store.connection().execute(_EDGES, (call.id,)).fetchall()
    found = Stored(call, name, version, store.arguments(call), tuple(UpstreamCall(*row) for row in rows))
    if key_of(name, version, found.arguments, found.announced) != call.key:
        raise Left("what is stored of them does not make their key")
    return found


def key_of(name: str, version: str, arguments: Iterable[Argument], announced: Iterable[tuple[str, str]]) -> str:
    """The key of a call, from the parts of its arguments."""
    counted = [argument for argument in arguments if argument.part]
    keys = KeyMaker(name, [argument.name for argument in counted])
    return keys.key(version, [argument.part for argument in counted], announced)


def moved(store: Store, found: Stored, keys: Mapping[str, str]) -> tuple[Argument, ...]:
    """The arguments of a call where upstream calls have other keys: ``keys``, from the old one to the new one.

    Raises
    ------
    Left
        When a value holds one of these upstream calls.
    """
    held = [edge for edge in found.upstream if edge.role == "argument" and edge.name in found.holding]
    if any(edge.key in keys for edge in held):
        raise Left("an argument holds the upstream calls in a list, a dict or a query")
    return tuple(_moved(store, argument, keys) for argument in found.arguments)


def _moved(store: Store, argument: Argument, keys: Mapping[str, str]) -> Argument:
    if argument.kind == "value" or str(argument.value) not in keys:
        return argument
    old, new = str(argument.value), keys[str(argument.value)]
    part = key_part(reference(new, _declared(store, old), argument.field or None)) if argument.part else b""
    return argument._replace(value=new, part=part)


def _declared(store: Store, key: str) -> tuple[str, ...]:
    call = store.fetch(key)
    return declared_names(store.layout(call.layout).declared) if call is not None and call.layout else ()


class ByContent:
    """Tells the digest of a call's arguments by content, once its upstream calls are written.

    Parameters
    ----------
    store : Store
    found : Stored
        The call as it is stored.
    arguments : tuple of Argument
        As they are now.
    keys, former : mapping of str to str
        The keys that upstream calls have now, by those that they had; and the other way round.
    """

    def __init__(
        self,
        store: Store,
        found: Stored,
        arguments: tuple[Argument, ...],
        keys: Mapping[str, str],
        former: Mapping[str, str],
    ) -> None:
        calls = [argument for argument in arguments if argument.kind != "value" and argument.part]
        self._arguments = arguments
        self._holding = found.holding
        self._announced = [(name, keys.get(key, key)) for name, key in found.announced]
        self._declared = {str(a.value): _declared(store, former.get(str(a.value), str(a.value))) for a in calls}
        self._outputs = {
            (str(a.value), a.field): store.output_content(former.get(str(a.value), str(a.value)), a.field)
            for a in calls
            if a.kind == "output"
        }
        #: The upstream calls whose content has to be known.
        self.needs: Sequence[str] = [*self._declared, *(key for _, key in self._announced)]

    def __call__(self, known: Mapping[str, Content]) -> Content | None:
        if self._holding:
            return None
        return content_of_stored(self._arguments, self._announced, self._declared, self._outputs, known)


def same_apart_from(before: Sequence[CodeNode], one: str, now: Sequence[CodeNode], other: str) -> bool:
    """Whether two versions are the same, part by part, where one function that they reach is not looked into.

    Parameters
    ----------
    before, now : sequence of CodeNode
        Of the two versions.
    one, other : str
        Digests of the function's node in the one and in the other.
    """
    pairs, seen, queue = {0: 0}, {(0, 0)}, [(0, 0)]
    for left, right in queue:
        parts = before[left], now[right]
        if (parts[0].digest == one) != (parts[1].digest == other):
            return False
        if parts[0].digest == one:
            continue
        if parts[0].digest != parts[1].digest or len(parts[0].edges) != len(parts[1].edges):
            return False
        for target, twin in zip(parts[0].edges, parts[1].edges, strict=True):
            if pairs.setdefault(target, twin) != twin:
                return False
            if (target, twin) not in seen:
                seen.add((target, twin))
                queue.append((target, twin))
    return True
