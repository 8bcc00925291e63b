"""All that a call came from, or that came from it: a snapshot that is printed, drawn and exported."""

from __future__ import annotations

from sweepable.ancestry.nodes import LineageEdge, LineageNode
from sweepable.ancestry.snapshot import Lineage, lineage_of

__all__ = ["LineageEdge", "LineageNode", "Lineage", "lineage_of"]
