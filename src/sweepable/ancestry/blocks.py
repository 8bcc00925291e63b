"""What is written of a call, and of several calls of one function that are shown as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sweepable.ancestry.nodes import LineageEdge, LineageNode
from sweepable.outputs import short

#: So many parameters, and so many outputs, are written of one call.
_MOST = 8
_KEY = 12


class Block(NamedTuple):
    """One call, or several of one function that end alike."""

    nodes: tuple[LineageNode, ...]

    @property
    def title(self) -> str:
        """The function, and of how many calls."""
        first = self.nodes[0]
        name = "no longer in the store, or in another" if first.is_missing else first.function
        return name if len(self.nodes) == 1 else f"{name} × {len(self.nodes):,}"

    @property
    def params(self) -> list[str]:
        """The arguments; of several calls those that differ first, by their range."""
        if self.nodes[0].is_missing:
            return [_keys(self.nodes)]
        return _written([node.params for node in self.nodes], 10)

    @property
    def outputs(self) -> list[str]:
        """The outputs, those that are no scalars in a few words."""
        scalars = _written([node.outputs for node in self.nodes], 6)
        others = dict.fromkeys(f"{name}: {text}" for node in self.nodes for name, text in node.others.items())
        return _some([*scalars, *others])

    @property
    def marks(self) -> list[str]:
        """How it ended where that was not well, whether its code is another one now, and how long it took."""
        first = self.nodes[0]
        marks: list[str] = [] if first.status in ("done", "missing") else [first.status]
        if first.error:
            errors = dict.fromkeys(node.error for node in self.nodes)
            more = f", and {len(errors) - 1} other errors" if len(errors) > 1 else ""
            marks[-1:] = [f"{first.status}: {_cut(first.error, 80)}{more}"]
        if first.stale:
            marks.append("of other code than now")
        spent = duration(math.fsum(node.seconds for node in self.nodes))
        return [*marks, spent] if spent else marks

    @property
    def hidden(self) -> int:
        """How many calls lie beyond, past the depth that was asked for."""
        return sum(node.hidden for node in self.nodes)

    def line(self) -> str:
        """All of it in one line."""
        marks = f"  [{'; '.join(self.marks)}]" if self.marks else ""
        outputs = f" → {', '.join(self.outputs)}" if self.outputs else ""
        return f"{self.name()}{outputs}{marks}"

    def name(self) -> str:
        """The call, or the calls, without what came of it."""
        return flat(f"{self.title} ({', '.join(self.params)})" if self._is_wordy() else self._as_call())

    def _is_wordy(self) -> bool:
        return bool(self.params) and (len(self.nodes) > 1 or self.nodes[0].is_missing)

    def _as_call(self) -> str:
        return f"{self.title}({', '.join(self.params)})" if len(self.nodes) == 1 else self.title


def _keys(nodes: Sequence[LineageNode]) -> str:
    shown = ", ".join(node.key[:_KEY] for node in nodes[:3])
    return f"{'key' if len(nodes) == 1 else 'keys'} {shown}{', ...' if len(nodes) > 3 else ''}"


def _written(values: Sequence[Mapping[str, object]], digits: int) -> list[str]:
    """Each name with its value; of several calls the names in which they differ come first."""
    names = dict.fromkeys(name for found in values for name in found)
    by_name = {name: [found[name] for found in values if name in found] for name in names}
    parts = [(name, _distinct(found)) for name, found in by_name.items()]
    if len(values) > 1:
        parts.sort(key=lambda part: len(part[1]) == 1)
    return _some([f"{name}={_range(found, digits)}" for name, found in parts])


def _distinct(values: Iterable[object]) -> list[object]:
    return list({(type(value), repr(value)): value for value in values}.values())


def _range(values: Sequence[object], digits: int) -> str:
    """One value, or several by their ends where they are numbers."""

    def written(value: object) -> str:
        value = value.item() if isinstance(value, np.generic) else value
        return f"{value:.{digits}g}" if type(value) is float and len(repr(value)) > 10 else short(value)

    if len(values) <= 3:
        return " | ".join(map(written, values))
    numbers = [value for value in values if isinstance(value, int | float) and value == value]
    if len(numbers) == len(values):
        return f"{written(min(numbers))} … {written(max(numbers))}, {len(values):,} values"
    return f"{written(values[0])} | {written(values[1])} | …, {len(values):,} values"


def _some(parts: Sequence[str]) -> list[str]:
    more = len(parts) - _MOST
    return [*parts[:_MOST], f"… {more} more"] if more > 1 else list(parts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def flat(text: str) -> str:
    """Text in one line, with what cannot be printed spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def duration(seconds: float) -> str:
    """How long something took; empty for less than a millisecond."""
    if seconds < 1e-3:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# -- many calls as a few blocks


class Arrow(NamedTuple):
    """The edges of one kind between two blocks, which are told by their numbers."""

    upstream: int
    downstream: int
    label: str
    role: str


def blocks_of(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge], most: int) -> tuple[list[Block], list[Arrow]]:
    """The blocks and the arrows of a picture.

    Up to `most` calls are a block each; of more, those of one function that are used alike and ended alike are one.
    The call of the question, which is the first, is always one of its own.
    """
    uses: dict[str, set[tuple[str, str]]] = {}
    for edge in edges if len(nodes) > most else ():
        uses.setdefault(edge.upstream, set()).add((edge.role, edge.name))
    groups: dict[object, list[LineageNode]] = {}
    for place, node in enumerate(nodes):
        alike = (node.function, node.status, node.stale, frozenset(uses.get(node.key, ())))
        groups.setdefault(alike if len(nodes) > most and place else place, []).append(node)
    number = {node.key: place for place, group in enumerate(groups.values()) for node in group}
    arrows = (Arrow(number[edge.upstream], number[edge.downstream], edge.label, edge.role) for edge in edges)
    return [Block(tuple(group)) for group in groups.values()], list(dict.fromkeys(arrows))
