"""How the outputs of calls make up their values: read from the index once, and checked."""

from __future__ import annotations

import json

from sweepable.errors import DamagedError
from sweepable.model import Layout
from sweepable.store import index
from sweepable.store.connections import Connections


class Layouts:
    """The layouts of one store, by id.

    Parameters
    ----------
    connections : Connections
        To its index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: dict[int, Layout] = {}
        self.forget()

    def forget(self) -> None:
        """The store is another one."""
        self._known = {0: Layout("value", ())}

    def get(self, id: int) -> Layout:
        """The layout of an id.

        Raises
        ------
        DamagedError
            It is not there, or not as it was written.
        """
        return self._known.get(id) or self._read(id)

    def _read(self, id: int) -> Layout:
        row = self._connections.one("SELECT text, check_digest FROM _layouts WHERE id = ?", (id,))
        if row is None or not self.know(id, *row):
            raise DamagedError(f"layout {id} of the store {self._connections.folder} is damaged")
        return self._known[id]

    def know(self, id: int, text: str, check_digest: str) -> bool:
        """Take in a layout as it stands in the index; false for one that is not as it was written."""
        if index.layout_check(id, text) != check_digest:
            return False
        kind, names, declared = json.loads(text)
        self._known[id] = Layout(kind, tuple(names), declared)
        return True
