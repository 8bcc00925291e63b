"""Which versions are all there is to their calls, as far as audits know: asked at each hit, so remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sweepable.findings import outside_of
from sweepable.store import index
from sweepable.store.catalogue import Catalogue
from sweepable.store.connections import Connections


class Soundness:
    """What is known of the calls of one store.

    Parameters
    ----------
    catalogue : Catalogue
        Of the store.
    connections : Connections
        To its index.

    Attributes
    ----------
    pairs : set of (version, ancestry)
        For whose calls nothing ran but what is in those versions.
    """

    def __init__(self, catalogue: Catalogue, connections: Connections) -> None:
        self._catalogue = catalogue
        self._connections = connections
        self.pairs: set[tuple[int, int]] = set()
        self._outside: dict[tuple[int, int], dict[str, str]] = {}
        self._ancestors: dict[int, tuple[int, ...]] = {0: ()}
        self._audits: dict[int, str | None] = {}
        self._states: dict[int, dict[str, str]] = {}

    def forget(self) -> None:
        """Look again: an audit has found something, or the store is another one."""
        self.pairs.clear()
        self._outside.clear()
        self._ancestors = {0: ()}
        self._audits.clear()
        self._states.clear()

    def know(self, version: int, audit: str | None, ancestry: int, versions: str | None) -> None:
        """Take in what was read along with other things: the audit of a version, and a set of versions."""
        self._audits[version] = audit
        self._ancestors[ancestry] = index.versions_in(versions or "")

    def outside(self, at: tuple[int, int], read: Callable[[int, int], dict[str, str]]) -> dict[str, str]:
        """The functions of no version that ran for calls of a pair, by label, with their digests; read once."""
        found = self._outside.get(at)
        if found is None:
            found = self._outside[at] = read(*at)
        return found

    def state(self, environment: int) -> dict[str, str]:
        """The same for calls of one environment, as they were when those ran."""
        found = self._states.get(environment)
        if found is None:
            found = self._states[environment] = outside_of(self._catalogue.recorded(environment).text)
        return found

    # -- as it stands in the index

    def audit(self, name: str, home: str, version_digest: str) -> str | None:
        """What the audit of a version found, as it is stored; None where none has taken place."""
        with self._connections.reading() as c:
            found = index.find_function(c, name, version_digest, home)
            query = "SELECT audit FROM _versions WHERE function = ? AND digest = ?"
            row = c.execute(query, (found[0], version_digest)).fetchone() if found is not None else None
        return row[0] if row is not None else None

    def audits(self, versions: Iterable[int]) -> list[str]:
        """What the audits of some versions found."""
        found = []
        for version in versions:  # one or a few; a join with `json_each` costs a new process more than these all
            if version in self._audits:  # once: an audit may come later, of another process
                found.append(self._audits.pop(version))
                continue
            found += [text for (text,) in self._rows("SELECT audit FROM _versions WHERE id = ?", version)]
        return [text for text in found if text]

    def ancestors(self, ancestry: int) -> tuple[int, ...]:
        """The versions in one of the interned sets."""
        if ancestry not in self._ancestors:
            rows = self._rows("SELECT versions FROM _ancestries WHERE id = ?", ancestry)
            self._ancestors[ancestry] = index.versions_in(rows[0][0]) if rows else ()
        return self._ancestors[ancestry]

    def function_name(self, version: int) -> str:
        """The name of the function that a version is one of."""
        query = "SELECT f.name FROM _versions AS v JOIN _functions AS f ON f.id = v.function WHERE v.id = ?"
        rows = self._rows(query, version)
        return str(rows[0][0]) if rows else ""

    def _rows(self, query: str, parameter: object) -> list[Any]:
        with self._connections.reading() as c:
            return c.execute(query, (parameter,)).fetchall()
