"""Look-ups from what came of a call: ``get_reference.filter(sim_system__gain__gt=2)``."""

from __future__ import annotations

from typing import NamedTuple

from sweepable import about
from sweepable.callee import Callee
from sweepable.comparisons import Condition
from sweepable.misspelled import readings
from sweepable.names import SEPARATOR, resolve
from sweepable.pipelines import Source
from sweepable.registry import bearing, known
from sweepable.scope import is_stored_as
from sweepable.store.store import Store, StoredFunction
from sweepable.tree import FunctionNode

_DOWNSTREAM = (
    "WITH RECURSIVE below(id) AS (VALUES (?) UNION "
    "SELECT r.downstream_function FROM below JOIN _routes AS r ON r.upstream_function = below.id) SELECT id FROM below"
)
_ABOVE = (
    "c.id IN (WITH RECURSIVE above(id) AS (SELECT upstream FROM _lineage WHERE downstream IN ({}) UNION "
    "SELECT l.upstream FROM above JOIN _lineage AS l ON l.downstream = above.id) SELECT id FROM above)"
)


class Reverse(NamedTuple):
    """A name of a look-up that goes to the calls which came from the one that is looked for."""

    #: The functions downstream that bear the name; empty where none of their calls is stored yet.
    functions: tuple[StoredFunction, ...]
    #: The rest of the name, as that function's own look-ups are written; empty for its calls as such.
    rest: str


def reversed_name(root: FunctionNode, written: str) -> Reverse | None:
    """How a name is read so, where it is no name of the function's own, nor of what is upstream of it."""
    head = written.partition(SEPARATOR)[0]
    if not head or any(resolve(root, name) or about.places(root, name) is not None for name, _ in readings(written)):
        return None
    functions = tuple(found for found in _downstream(root) if _rest(written, found.identifier) is not None)
    if functions:
        longest = max(len(found.identifier) for found in functions)
        functions = tuple(found for found in functions if len(found.identifier) == longest)
        return Reverse(functions, _rest(written, functions[0].identifier) or "")
    # Nothing has come from it yet; a function of this process may be what will.
    return Reverse((), _rest(written, head) or "") if any(_leads_to(callee, root) for callee in bearing(head)) else None


def _rest(written: str, identifier: str) -> str | None:
    if written == identifier:
        return ""
    return written[len(identifier + SEPARATOR) :] if written.startswith(identifier + SEPARATOR) else None


def _downstream(root: FunctionNode) -> list[StoredFunction]:
    if root.function is None:
        return []
    rows = root.schema.store.connection().execute(_DOWNSTREAM, (root.function.id,))
    return [root.schema.functions[number] for (number,) in rows if number != root.function.id]


def _leads_to(callee: Callee, root: FunctionNode) -> bool:
    """Whether a function declares the root's one to be upstream of it, at any distance."""
    queue = [callee]
    for found in queue:
        above = [upstream.callee for upstream in found.upstreams.values()]
        above += [dependency.callee for dependency in found.dependencies]
        queue += [other for other in above if other not in queue]
    return any(found.name == (root.callee.name if root.callee else None) for found in queue[1:])


def source_of(store: Store, function: StoredFunction) -> Source:
    """The calls of a stored function, with its code where this process has just one that it is."""
    callees = [callee for callee in known(function.name) if is_stored_as(store, function.id, callee)]
    return Source(store, function.name, callees[0] if len(callees) == 1 else None, function.id)


def upstream_of(inner: Condition) -> Condition:
    """The calls that those of a statement came from, at any distance; each once, however many came from it."""
    return Condition(_ABOVE.format(inner.sql), inner.values)
