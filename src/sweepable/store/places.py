"""Where functions are known to live: modules and scripts that their calls were made from."""

from __future__ import annotations

from sweepable.model import FunctionFacts
from sweepable.store import index
from sweepable.store.connections import Connections


class Places:
    """The homes of the functions of one store, as far as this process has asked.

    Parameters
    ----------
    connections : Connections
        To its index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """The store is another one."""
        self._known.clear()

    def know(self, name: str, home: str) -> None:
        """Take in that the function of this name is known at this place."""
        self._known.add((name, home))

    def settle(self, function: FunctionFacts, version_digest: str) -> None:
        """Note that a function, known by its code from another place, lives at this one too."""
        place = function.name, function.home
        if self._connections.read_only or place in self._known:
            return
        self._known.add(place)
        query = "SELECT 1 FROM _functions AS f JOIN _homes AS h ON h.function = f.id WHERE f.name = ? AND h.home = ?"
        if self._connections.one(query, tuple(map(index.storable, place))) is None:
            with self._connections.writing() as c:
                index.function_id(c, function, version_digest)
