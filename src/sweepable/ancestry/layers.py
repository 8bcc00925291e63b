"""The columns of a drawing: which block stands where, so that few lines cross."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_SWEEPS = 4


class Place(NamedTuple):
    """A place in a column: of a block, or of a line that passes between blocks."""

    #: The number of the block, or of the line.
    block: int
    #: For a line, the number of the column; 0 for a block.
    passing: int = 0


def layers_of(count: int, arrows: Sequence[tuple[int, int]]) -> tuple[list[list[Place]], list[list[Place]]]:
    """The columns from left to right, and for each arrow the places that it leads through.

    Parameters
    ----------
    count : int
        How many blocks there are.
    arrows : sequence of (upstream, downstream)
        Between which blocks, by number.
    """
    ranks = _ranks(count, arrows)
    last = max(ranks)
    columns: list[list[Place]] = [[] for _ in range(last + 1)]
    for block, rank in enumerate(ranks):
        columns[rank].append(Place(block))
    ways: list[list[Place]] = []
    for number, (upstream, downstream) in enumerate(arrows):
        passed = range(ranks[upstream] + 1, ranks[downstream])
        way = [Place(number, column + 1) for column in passed]
        for column, place in zip(passed, way, strict=True):
            columns[column].append(place)
        ways.append([Place(upstream), *way, Place(downstream)])
    return _ordered(columns, ways), ways


def _ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """The column of each block: right before the first that it is upstream of.

    Calls have no cycles, but blocks of several may; there the lowest number comes last.
    """
    downstream: list[set[int]] = [set() for _ in range(count)]
    upstream: list[set[int]] = [set() for _ in range(count)]
    for source, target in arrows:
        if source != target:
            downstream[source].add(target)
            upstream[target].add(source)
    waiting = [len(targets) for targets in downstream]
    ready = [block for block in range(count) if not waiting[block]]
    from_right = [0] * count
    left = dict.fromkeys(range(count))
    while left:
        block = ready.pop() if ready else next(iter(left))
        if block not in left:
            continue
        del left[block]
        for source in upstream[block]:
            if source in left:
                from_right[source] = max(from_right[source], from_right[block] + 1)
                waiting[source] -= 1
                if not waiting[source]:
                    ready.append(source)
    last = max(from_right)
    return [last - rank for rank in from_right]


def _ordered(columns: list[list[Place]], ways: list[list[Place]]) -> list[list[Place]]:
    """The same columns, each in the order of what its places are joined to on either side."""
    left: dict[Place, list[Place]] = {}
    right: dict[Place, list[Place]] = {}
    for way in ways:
        for one, other in pairwise(way):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    for sweep in range(_SWEEPS):
        beside, order = (right, reversed(range(len(columns)))) if sweep % 2 == 0 else (left, range(len(columns)))
        at = {place: (number + 0.5) / len(column) for column in columns for number, place in enumerate(column)}
        for number in order:
            column = columns[number]
            wanted = {place: _mean([at[other] for other in beside.get(place, ())], at[place]) for place in column}
            column.sort(key=lambda place: wanted[place])
            at |= {place: (number + 0.5) / len(column) for number, place in enumerate(column)}
    return columns


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
