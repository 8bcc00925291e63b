"""How conditions on the tables of upstream functions become one on the root's: by joins, or by membership."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweepable.comparisons import Condition, joined
from sweepable.lookups import Placed, id_column
from sweepable.names import SEPARATOR
from sweepable.store.schema import quoted
from sweepable.tree import FunctionNode

#: The table of the root.
ROOT = "t"


def alias(node: FunctionNode) -> str:
    """What a function's table is called in a statement: ``"t.sim_result.7"``, the number being the function's."""
    if node.parent is None or node.function is None:
        return ROOT
    return quoted(f"{ROOT}.{SEPARATOR.join(node.path)}.{node.function.id}")


def by_join(placed: Sequence[Placed]) -> tuple[str, Condition]:
    """The tables to join to the root's, and the condition on all of them.

    For calls of which but a few are left by their own columns: what is upstream of each is found by its id.
    """
    nodes = _nodes(placed)
    tables = "".join(
        f" JOIN {node.table} AS {alias(node)} ON {alias(node)}.id = {alias(_above(node))}.{id_column(node)}"
        for node in nodes
    )
    return tables, _with_uses(joined(" AND ", [one.found for one in placed]), nodes)


def by_membership(root: FunctionNode, placed: Sequence[Placed]) -> Condition:
    """The same as ``sim_id IN (SELECT id FROM sim WHERE ...)``: what is upstream says which calls are read at all."""
    nodes = _nodes(placed)
    return _with_uses(_members(root, placed, nodes), nodes)


def _members(node: FunctionNode, placed: Sequence[Placed], nodes: Sequence[FunctionNode]) -> Condition:
    found = [one.found for one in placed if one.node is node]
    for upstream in nodes:
        if upstream.parent is node:
            inner = _members(upstream, placed, nodes)
            table = f"SELECT {alias(upstream)}.id FROM {upstream.table} AS {alias(upstream)}"
            sql = f"{alias(node)}.{id_column(upstream)} IN ({table} WHERE {inner.sql})"
            found.append(Condition(sql, inner.values, inner.uses))
    return joined(" AND ", found)


def _nodes(placed: Iterable[Placed]) -> list[FunctionNode]:
    """The upstream functions that are spoken of, and those on the way to them, nearest first."""
    found: dict[object, FunctionNode] = {}
    for one in placed:
        node: FunctionNode | None = one.node
        while node is not None and node.parent is not None:
            found.setdefault(node.identity(), node)
            node = node.parent
    return sorted(found.values(), key=lambda node: len(node.path))


def _with_uses(found: Condition, nodes: Sequence[FunctionNode]) -> Condition:
    ways = [(_above(node).table, str(id_column(node))) for node in nodes]
    return found._replace(uses=tuple(dict.fromkeys([*found.uses, *ways])))


def _above(node: FunctionNode) -> FunctionNode:
    assert node.parent is not None
    return node.parent
