"""Other names for the outputs of a stored call."""

from __future__ import annotations

import sqlite3

from sweepable.model import Layout, StoredCall
from sweepable.store import function_tables, index


def relayout(c: sqlite3.Connection, call: StoredCall, layout: Layout, prepared: index.Prepared) -> StoredCall | None:
    """Write result, layout and outputs of a call anew; None when it is no longer as it was."""
    _, stored = index.find(c, call.key)
    if stored is None or stored.id != call.id or stored.result is None:
        return None
    row = (stored.key, stored.function, stored.version, stored.ancestry, stored.status)
    number = index.layout_id(c, layout)
    digest = index.check_digest(*row, number, stored.arguments, prepared.result, stored.error)
    c.execute(
        # By its content it is no longer what it was to calls below it, which find outputs by name.
        "UPDATE _calls SET layout = ?, result = ?, check_digest = ?, content = NULL, content_named = NULL WHERE id = ?",
        (number, prepared.result, digest, stored.id),
    )
    c.execute("DELETE FROM _uses WHERE call = ?", (stored.id,))
    index.write_blobs(c, stored.id, prepared.blobs)
    (table,) = c.execute("SELECT table_name FROM _functions WHERE id = ?", (stored.function,)).fetchone()
    place, cells = (stored.function, table), prepared.cells | prepared.others
    if function_tables.replace_outputs(c, stored.id, place, cells, prepared.cells):
        index.remake_views(c, stored.function)
    return StoredCall(*c.execute(index.BY_ID, (stored.id,)).fetchone()[:13])
