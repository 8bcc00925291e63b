"""A lineage as a picture: boxes in columns, from what is upstream on the left to what came from it on the right."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sweepable.ancestry.blocks import Arrow, Block, blocks_of
from sweepable.ancestry.export import lines_of
from sweepable.ancestry.layers import Place, layers_of
from sweepable.ancestry.nodes import LineageEdge, LineageNode

#: Up to so many calls have a box each.
_MOST = 200
_LINE, _CHAR, _PAD = 16, 7.3, 8
#: Between columns, and between boxes of one.
_ACROSS, _DOWN = 90, 18
#: What a line that only passes by takes of a column.
_PASSING = 10.0
#: Between arrows that end at one box, up to so many.
_ARRIVAL, _MOST_APART = 13, 40
_LONGEST = 36
#: What XML cannot hold, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLES = {
    "missing": ' stroke-dasharray="4 3" opacity="0.6"',
    "failed": ' fill="#f85149" fill-opacity="0.16"',
    "killed": ' fill="#f85149" fill-opacity="0.16"',
    "tainted": ' fill="#d29922" fill-opacity="0.16"',
    "unkept": ' fill="#d29922" fill-opacity="0.16"',
}


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> str:
    """The picture; the same lineage is drawn the same way each time."""
    blocks, arrows = blocks_of(nodes, edges, _MOST)
    texts = [[_cut(line) for line in lines_of(block)] for block in blocks]
    columns, ways = layers_of(len(blocks), [(arrow.upstream, arrow.downstream) for arrow in arrows])
    arriving = Counter(arrow.downstream for arrow in arrows)
    boxes, width, height = _placed(columns, [_size(lines, arriving[at]) for at, lines in enumerate(texts)])
    parts = [*_lines(arrows, ways, boxes, blocks), *_boxes(blocks, texts, boxes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12" fill="currentColor" '
        f'role="img"><title>lineage of {_text(blocks[0].name())}</title>{"".join(parts)}</svg>'
    )


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _text(text: str) -> str:
    return html.escape(_FORBIDDEN.sub("\ufffd", text))


# -- where things are


def _placed(
    columns: list[list[Place]], blocks: Sequence[tuple[float, float]]
) -> tuple[dict[Place, _Box], float, float]:
    """The boxes of blocks, whose sizes are given, and of what only passes by, with the size of all."""
    sizes = {place: (0.0, _PASSING) if place.passing else blocks[place.block] for c in columns for place in c}
    heights = [sum(sizes[place][1] for place in column) + _DOWN * (len(column) - 1) for column in columns]
    tallest = max(heights)
    boxes: dict[Place, _Box] = {}
    x = 10.0
    for column, height in zip(columns, heights, strict=True):
        y, wide = 10 + (tallest - height) / 2, max(sizes[place][0] for place in column)
        for place in column:
            boxes[place] = _Box(x, y, wide if place.passing else sizes[place][0], sizes[place][1])
            y += sizes[place][1] + _DOWN
        x += wide + _ACROSS
    return boxes, x - _ACROSS + 10, tallest + 20


def _size(lines: list[str], arriving: int) -> tuple[float, float]:
    """Width and height of a box with room for its lines, and beside it for what is written at each arrow."""
    height = max(len(lines) * _LINE + 2 * _PAD, (min(arriving, _MOST_APART) + 1) * _ARRIVAL)
    return max(map(len, lines)) * _CHAR + 2 * _PAD, height


# -- boxes


def _boxes(blocks: list[Block], texts: list[list[str]], boxes: dict[Place, _Box]) -> Iterator[str]:
    for number, (block, lines) in enumerate(zip(blocks, texts, strict=True)):
        box, first = boxes[Place(number)], block.nodes[0]
        style = _STYLES.get(first.status) or (' stroke-dasharray="8 3"' if first.stale else "")
        style += ' fill="none"' if "fill=" not in style else ""
        yield (
            f'<g class="call" id="n{number + 1}"><title>{_text(block.line())}\n{_text(_keys(block))}</title>'
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="4" '
            f'stroke="currentColor" stroke-width="{1 if number else 2}" pointer-events="all"{style}/>'
        )
        for place, line in enumerate(lines):
            weight = "" if place else ' font-weight="bold"'
            y = box.y + _PAD + _LINE * (place + 0.75)
            yield f'<text x="{box.x + _PAD:.1f}" y="{y:.1f}" xml:space="preserve"{weight}>{_text(line)}</text>'
        yield "</g>"


def _keys(block: Block) -> str:
    more = len(block.nodes) - 1
    return f"key {block.nodes[0].key}{f' and {more:,} more' if more else ''}"


# -- lines


def _lines(
    arrows: list[Arrow], ways: list[list[Place]], boxes: dict[Place, _Box], blocks: list[Block]
) -> Iterator[str]:
    entries = _entries(arrows, ways, boxes)
    for number, (arrow, way) in enumerate(zip(arrows, ways, strict=True)):
        x, y = entries[number]
        points = [(boxes[way[0]].x + boxes[way[0]].width, boxes[way[0]].middle)]
        for place in way[1:-1]:
            box = boxes[place]
            points += [(box.x, box.middle), (box.x + box.width, box.middle)]
        points.append((x - 6, y))
        dashes = "" if arrow.role == "argument" else ' stroke-dasharray="5 3"'
        title = f"{arrow.label}: {blocks[arrow.upstream].title} → {blocks[arrow.downstream].title}"
        yield (
            f'<g class="edge" data-from="n{arrow.upstream + 1}" data-to="n{arrow.downstream + 1}" opacity="0.75">'
            f"<title>{_text(title)}</title>"
            f'<path d="{_curve(points)}" fill="none" stroke="currentColor"{dashes}/>'
            f'<path d="M{x:.1f},{y:.1f}l-7,-3.5v7z"/>'
            f'<text x="{x - 10:.1f}" y="{y - 4:.1f}" text-anchor="end" font-size="10">'
            f"{_text(_label(arrow.label))}</text></g>"
        )


def _label(label: str) -> str:
    return label if len(label) <= 14 else f"{label[:13]}…"


def _entries(arrows: list[Arrow], ways: list[list[Place]], boxes: dict[Place, _Box]) -> list[tuple[float, float]]:
    """Where each line ends: one below the other, in the order in which they come."""
    arriving: dict[int, list[int]] = {}
    for number, arrow in enumerate(arrows):
        arriving.setdefault(arrow.downstream, []).append(number)
    found = [(0.0, 0.0)] * len(arrows)
    for downstream, numbers in arriving.items():
        box = boxes[Place(downstream)]
        numbers.sort(key=lambda number: (boxes[ways[number][-2]].middle, number))
        for place, number in enumerate(numbers, 1):
            found[number] = box.x, box.y + box.height * place / (len(numbers) + 1)
    return found


def _curve(points: Sequence[tuple[float, float]]) -> str:
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = max((to_x - x) / 2, 0.0)
        path += f"C{x + bend:.1f},{y:.1f} {to_x - bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
    return path
