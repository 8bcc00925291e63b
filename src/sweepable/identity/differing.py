"""In what two versions of code differ, as one would speak of it."""

from __future__ import annotations

import os

from sweepable.model import CodeNode, CodeVersion


def difference(before: CodeVersion, after: CodeVersion) -> tuple[CodeNode, CodeNode] | None:
    """The first node of a version that is another one in a later version, and what it is there."""
    now, known = _by_name(after), _by_name(before)
    for node in before.nodes:
        others = now.get(node.names[0], []) if node.names else []
        if others and node.digest not in {other.digest for other in others}:
            old = {same.digest for same in known[node.names[0]]}
            return node, next((other for other in others if other.digest not in old), others[0])
    return None


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
