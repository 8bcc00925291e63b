"""What people call sets of calls: tags with notes, by call, whatever the code is by now."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from sweepable.store.connections import Connections

_ADD = (
    "INSERT INTO _tags (call, tag, note, created) SELECT c.id, ?, ?, ? "
    "FROM json_each(?) AS k JOIN _calls AS c ON c.id = k.value WHERE 1 "
    "ON CONFLICT (call, tag) DO UPDATE SET note = ifnull(excluded.note, note)"
)
_REMOVE = "DELETE FROM _tags WHERE tag = ? AND call IN (SELECT value FROM json_each(?))"


class Tags:
    """The tags of one store's calls.

    Parameters
    ----------
    connections : Connections
        To its index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, call: int) -> dict[str, str | None]:
        """The tags of a call, each with its note."""
        with self._connections.reading() as c:
            return dict(c.execute("SELECT tag, note FROM _tags WHERE call = ? ORDER BY tag", (call,)).fetchall())

    def add(self, calls: Sequence[int], tag: str, note: str | None) -> int:
        """Tag calls, in one transaction; those that are gone are left out.

        Parameters
        ----------
        calls : sequence of int
            Their ids.
        tag : str
        note : str or None
            None leaves the note of a call that has this tag as it is.

        Returns
        -------
        int
            How many calls there are.
        """
        with self._connections.writing(amends=True) as c:
            return c.execute(_ADD, (tag, note, time.time(), json.dumps(list(calls)))).rowcount

    def remove(self, calls: Sequence[int], tag: str) -> int:
        """Take a tag off calls, in one transaction; the answer is how many had it."""
        with self._connections.writing(amends=True) as c:
            return c.execute(_REMOVE, (tag, json.dumps(list(calls)))).rowcount
