"""The lineage of a call as users hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweepable.ancestry import drawing, export
from sweepable.ancestry.nodes import LineageEdge, LineageNode
from sweepable.ancestry.reading import read
from sweepable.ancestry.text import as_tree
from sweepable.record import Record, call_of, note_asked, note_read, store_of

if TYPE_CHECKING:
    import networkx


class Lineage:
    """All that a call came from, as it was stored when this was read. Got from ``rec.lineage()``.

    Prints as a tree; in a notebook it is a drawing. What is stored later does not change it, and it can be pickled.

    Attributes
    ----------
    nodes : tuple of LineageNode
        The calls, that of the Record first, then from near to far: ``key function params outputs others status error
        seconds version stale hidden``. An upstream call that is not in the store, or not any more, has the status
        ``missing``.
    edges : tuple of LineageEdge
        ``upstream downstream role name output``, by keys.
    downstream : bool
        It is of what came from the call.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache(y=float)
    ... def signal(amplitude=1.0):
    ...     return 2 * amplitude
    >>> @sweepable.cache(total=float)
    ... def scaled(source=signal, gain=2.0):
    ...     return source.y * gain
    >>> print(scaled.get_or_run().lineage())
    scaled(gain=2.0) → total=4.0...
    └─ source: signal(amplitude=1.0) → y=2.0...
    """

    __slots__ = ("downstream", "edges", "nodes")

    def __init__(
        self, nodes: tuple[LineageNode, ...], edges: tuple[LineageEdge, ...], *, downstream: bool = False
    ) -> None:
        self.nodes = nodes
        self.edges = edges
        self.downstream = downstream

    def to_mermaid(self) -> str:
        """The lineage as a flow chart of Mermaid, which GitHub and many editors draw.

        Of more than 200 calls, those of one function that are used alike stand in one box.
        """
        return export.mermaid(self.nodes, self.edges)

    def to_dot(self) -> str:
        """The lineage in the language of Graphviz: ``dot -Tpdf lineage.dot``."""
        return export.dot(self.nodes, self.edges)

    def to_networkx(self) -> networkx.MultiDiGraph[Any]:
        """The lineage as a graph.

        Returns
        -------
        networkx.MultiDiGraph
            Its nodes are the keys of the calls, with ``function params outputs status seconds``; its edges go from
            upstream to downstream, with ``role`` and ``name``.
        """
        return export.to_networkx(self.nodes, self.edges)

    def __repr__(self) -> str:
        return as_tree(self.nodes, self.edges, self.downstream)

    def _repr_svg_(self) -> str:
        return drawing.svg(self.nodes, self.edges)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{drawing.svg(self.nodes, self.edges)}</div>'


def lineage_of(record: Record, depth: int | None, downstream: bool) -> Lineage:
    """The lineage of a Record's call; see `Record.lineage`."""
    if depth is not None and (not isinstance(depth, int) or isinstance(depth, bool) or depth < 0):
        raise ValueError(f"lineage(depth={depth!r}): depth is how many calls away the farthest is, 0 or more, or None")
    note_read("info", record)
    if downstream:
        note_asked("what came from a call")
    found = read(store_of(record), call_of(record), depth, downstream)
    return Lineage(found.nodes, found.edges, downstream=downstream)
