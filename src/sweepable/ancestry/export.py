"""A lineage in the languages of other programs: Mermaid, Graphviz and networkx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sweepable.ancestry.blocks import Block, blocks_of, flat
from sweepable.ancestry.nodes import LineageEdge, LineageNode
from sweepable.errors import SweepableError

if TYPE_CHECKING:
    import networkx

#: Mermaid draws 500 edges at most.
_MOST = 200
_LINES = 8


def lines_of(block: Block) -> list[str]:
    """What stands in the box of a block."""
    outputs = [f"→ {output}" for output in block.outputs]
    further = [*block.params, *outputs]
    if len(further) > _LINES:
        further = [*further[: _LINES - 1], "…"]
    beyond = [f"… {block.hidden:,} more beyond"] if block.hidden else []
    return [_cut(flat(line)) for line in (block.title, *further, *block.marks, *beyond)]


def _cut(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:59]}…"


# -- Mermaid

_MERMAID = re.compile(r"[^\w\s.,:=+\-*/()×→…]")


def mermaid(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> str:
    """A flow chart in Mermaid's language."""
    blocks, arrows = blocks_of(nodes, edges, _MOST)
    lines = ["flowchart LR"]
    for number, block in enumerate(blocks, 1):
        label = "<br/>".join(_in_mermaid(line) for line in lines_of(block))
        lines.append(f'    n{number}["{label}"]')
    for arrow in arrows:
        line = "-->" if arrow.role == "argument" else "-.->"
        lines.append(f'    n{arrow.upstream + 1} {line}|"{_in_mermaid(flat(arrow.label))}"| n{arrow.downstream + 1}')
    return "\n".join(lines) + "\n"


def _in_mermaid(text: str) -> str:
    """Text within quotes: what might be markup by its number."""
    return _MERMAID.sub(lambda found: f"#{ord(found[0])};" if found[0] != '"' else "#quot;", text)


# -- Graphviz


def dot(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> str:
    """A directed graph in the language of Graphviz."""
    number = {node.key: f"n{place}" for place, node in enumerate(nodes, 1)}
    lines = ["digraph lineage {", "    rankdir=LR;", "    node [shape=box, fontname=monospace];"]
    for node in nodes:
        label = "\\n".join(_in_dot(line) for line in lines_of(Block((node,))))
        lines.append(f'    {number[node.key]} [label="{label}"{_STYLES.get(node.status, "")}];')
    for edge in edges:
        style = "" if edge.role == "argument" else ", style=dashed"
        label = _in_dot(flat(edge.label))
        lines.append(f'    {number[edge.upstream]} -> {number[edge.downstream]} [label="{label}"{style}];')
    return "\n".join([*lines, "}"]) + "\n"


_STYLES = {"missing": ", style=dashed", "failed": ", color=red", "killed": ", color=red"}


def _in_dot(text: str) -> str:
    # Within quotes Graphviz knows escapes (\N is the name of the node) and, unlike other readers, entities.
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


# -- networkx


def to_networkx(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> networkx.MultiDiGraph[Any]:
    """A graph whose nodes are keys."""
    try:
        import networkx
    except ImportError as error:
        raise SweepableError(
            "to_networkx() needs networkx, which is not installed: pip install 'sweepable[networkx]'"
        ) from error
    graph = networkx.MultiDiGraph()
    for node in nodes:
        graph.add_node(
            node.key,
            function=node.function,
            params=dict(node.params),
            outputs=dict(node.outputs),
            status=node.status,
            seconds=node.seconds,
        )
    graph.add_edges_from((e.upstream, e.downstream, {"role": e.role, "name": e.name}) for e in edges)
    return graph
