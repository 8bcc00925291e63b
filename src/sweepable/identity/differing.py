"""In what two versions of code differ, as one would speak of it."""

from __future__ import annotations

import os

from sweepable.model import CodeNode, CodeVersion


def difference(before: CodeVersion, after: CodeVersion) -> tuple[CodeNode, CodeNode] | None:
    """The first node of a version that is another one in a later version, and what it is there."""
    old, new = _by_name(before), _by_name(after)
    for node in before.nodes:
        name = node.names[0] if node.names else ""
        gone, come = _without(old.get(name, []), new.get(name, [])), _without(new.get(name, []), old.get(name, []))
        if gone and come:
            return next((other for other in gone if other.where == come[0].where), gone[0]), come[0]
    return None


def _without(nodes: list[CodeNode], others: list[CodeNode]) -> list[CodeNode]:
    """The nodes that have no equal among others, of two that are equal as well."""
    left = [other.digest for other in others]
    found: list[CodeNode] = []
    for node in sorted(nodes, key=lambda node: node.digest not in left):
        if node.digest in left:
            left.remove(node.digest)
        else:
            found.append(node)
    return found


def _by_name(version: CodeVersion) -> dict[str, list[CodeNode]]:
    """Several may bear one name: globals of several modules, variables of several functions."""
    found: dict[str, list[CodeNode]] = {}
    for node in version.nodes:
        for name in node.names:
            found.setdefault(name, []).append(node)
    return found


def spoken(node: CodeNode) -> str:
    """A node as one would speak of it."""
    what = {"class": "the class", "function": "the function", "value": "the value of"}.get(node.kind, "")
    return f"{what} {node.names[0]}{_at(node)}".strip()


def _at(node: CodeNode) -> str:
    return f" ({os.path.basename(node.where)})" if node.where else ""


def disagreement(there: CodeVersion, here: CodeVersion) -> str:
    """The first node that is another one in another process."""
    mine: dict[str, list[CodeNode]] = {}
    for node in here.nodes:
        for name in node.names if node.fingerprint else ():
            mine.setdefault(name, []).append(node)
    for node in there.nodes:
        found = [other for name in node.names for other in mine.get(name, ())]
        if not node.fingerprint or not found or any(other.fingerprint == node.fingerprint for other in found):
            continue
        shown = _compared(node, found[0])
        return f"{node.names[0]}{_at(node)}: {shown}"
    names = {name for node in there.nodes if node.fingerprint for name in node.names}
    others = sorted(names.symmetric_difference(mine))
    return f"{others[0] if others else there.nodes[0].names[0]}: refers to something else there than here"


def _compared(there: CodeNode, here: CodeNode) -> str:
    if "function" in (there.kind, here.kind) or there.summary == here.summary:
        return "other code there than here" if there.kind == "function" else "another value there than here"
    return f"{there.summary} there, {here.summary} here"
