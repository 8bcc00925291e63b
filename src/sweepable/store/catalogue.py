"""What the store knows about functions, versions and lineage as a whole: the read side asks here."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from sweepable.errors import DamagedError
from sweepable.model import PIN, CodeNode, CodeVersion, Environment
from sweepable.store import function_tables, index
from sweepable.store.connections import Connections, uri
from sweepable.store.keeping import Kept

#: A pinned version has a manifest of one node, which says so; the byte code of any other is known.
_VERSIONS = f"""
SELECT id, digest, created, label, CASE WHEN fingerprint = '' AND json_valid(manifest) THEN
CASE json_extract(manifest, '$[0].kind') WHEN '{PIN}' THEN json_extract(manifest, '$[0].summary') END END
FROM _versions WHERE function = ? ORDER BY id
"""


#: So many texts of surroundings are kept.
_MANY = 1000


class StoredFunction(NamedTuple):
    """One cached function.

    Attributes
    ----------
    id : int
    name : str
        The name that is part of every key.
    identifier : str
        The last component of its qualified name.
    table : str
        The table with its calls.
    homes : tuple of str
        Modules and scripts that it was called from.
    """

    id: int
    name: str
    identifier: str
    table: str
    homes: tuple[str, ...]


class Route(NamedTuple):
    """An upstream function of a function: calls of it stand under this role and name."""

    role: str
    name: str
    function: int


class StoredVersion(NamedTuple):
    """One state of a function's code."""

    id: int
    digest: str
    #: Seconds since the epoch.
    created: float
    counted: Callable[[], int]
    #: The how manieth of its function it is, from 1.
    number: int
    #: What somebody has called it.
    label: str | None = None
    #: What ``version=`` said, of a version pinned by hand.
    pin: str | None = None

    @property
    def name(self) -> str:
        """The number as people write it: ``v3``."""
        return f"v{self.number}"

    @property
    def title(self) -> str:
        """The number and whatever else it is called: ``v3 'submitted'``."""
        further = [repr(self.label)] if self.label else []
        further += [f"(pinned {self.pin!r})"] if self.pin is not None else []
        return " ".join([self.name, *further])

    @property
    def calls(self) -> int:
        """How many calls are stored under it; counted when asked."""
        return self.counted()


class Catalogue(Kept):
    """What a store holds, beside the single calls.

    Parameters
    ----------
    connections : Connections
        To the index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        #: Of the diffs read last, what they say: many calls have one.
        self._diffs: dict[str, dict[str, Any]] = {}
        self._recorded: dict[int, str] = {}

    def connection(self) -> sqlite3.Connection:
        """This thread's connection to the index, for reading; only the store writes."""
        return self._connections.get()

    @property
    def kept(self) -> dict[Any, Any]:
        """What readers in this thread keep of the tables; it holds while `stamp` is what it was."""
        return self._connections.handle().kept

    def stamp(self) -> tuple[int, int]:
        """Another one for this thread once anything has been written, by this or any other process."""
        handle = self._connections.handle()
        with handle.gate:
            (others,) = handle.connection.execute("PRAGMA data_version").fetchone()
            return others, handle.connection.total_changes

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection for what is read within a block; nobody forks meanwhile."""
        with self._connections.reading() as c:
            yield c

    def _rows(self, query: str, *parameters: object) -> list[Any]:
        with self._connections.reading() as c:
            return c.execute(query, parameters).fetchall()

    def functions(self) -> list[StoredFunction]:
        """Every function that has been stored, in the order in which they came."""
        homes: dict[int, list[str]] = {}
        for function, home in self._rows("SELECT function, home FROM _homes ORDER BY function, home"):
            homes.setdefault(function, []).append(home)
        rows = self._rows("SELECT id, name, identifier, table_name FROM _functions ORDER BY id")
        return [
            StoredFunction(id, name, identifier, table, tuple(homes.get(id, ())))
            for id, name, identifier, table in rows
        ]

    def find_function(
        self, name: str, version_digest: str | None = None, home: str | None = None
    ) -> StoredFunction | None:
        """The function of this name: known at this home, else known to have had this version.

        Without home and version, the first of that name. Another function that only shares the name is not found.
        """
        functions = [found for found in self.functions() if found.name == name]
        if version_digest is None and home is None:
            return functions[0] if functions else None
        with self._connections.reading() as c:
            row = index.find_function(c, name, version_digest, home)
        return next((found for found in functions if row is not None and found.id == row[0]), None)

    def columns(self, function_id: int) -> dict[tuple[str, str], str]:
        """The columns of a function's table: (``parameter``, ``output`` or ``upstream``; name) -> column."""
        with self._connections.reading() as c:
            return function_tables.columns(c, function_id)

    def routes(self, function_id: int) -> list[Route]:
        """Which upstream functions stand under which role and name of this function."""
        rows = self._rows(
            "SELECT role, name, upstream_function FROM _routes WHERE downstream_function = ? ORDER BY role, name, 3",
            function_id,
        )
        return [Route(*row) for row in rows]

    def versions(self, function_id: int) -> list[StoredVersion]:
        """The versions of a function's code, in the order in which they came."""
        rows = self._rows(_VERSIONS, function_id)
        return [
            StoredVersion(id, digest, at, partial(self.count_calls, id), number, label, pin)
            for number, (id, digest, at, label, pin) in enumerate(rows, 1)
        ]

    def code(self, version_id: int) -> CodeVersion:
        """A stored version with all that it reached, as its manifest says.

        Raises
        ------
        DamagedError
            When the manifest cannot be read.
        """
        query = "SELECT digest, fingerprint, manifest, packages, untracked FROM _versions WHERE id = ?"
        try:
            ((digest, fingerprint, *texts),) = self._rows(query, version_id)
            manifest, packages, untracked = map(json.loads, texts)
            nodes = tuple(map(_node, manifest))
            return CodeVersion(digest, fingerprint, nodes, tuple(packages), tuple(untracked))
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(f"the manifest of version {version_id} is damaged: {error}") from error

    def done_counts(self, function_id: int) -> dict[int, int]:
        """How many calls are done under each version of a function, by the version's id."""
        query = "SELECT version, count(*) FROM _calls WHERE function = ? AND status = 'done' GROUP BY version"
        return dict(self._rows(query, function_id))

    def count_calls(self, version_id: int) -> int:
        """How many calls are stored under a version."""
        query = (
            "SELECT count(*) FROM _calls WHERE version = ? AND function = (SELECT function FROM _versions WHERE id = ?)"
        )
        return self._count(query, version_id, version_id)

    def stale_count(self, function_id: int, version_digest: str) -> int:
        """How many calls of a function are done under other versions than this."""
        query = (
            "SELECT count(*) FROM _calls WHERE function = ? AND status = 'done' "
            "AND version NOT IN (SELECT id FROM _versions WHERE function = ? AND digest = ?)"
        )
        return self._count(query, function_id, function_id, version_digest)

    def _count(self, query: str, *parameters: object) -> int:
        return int(self._rows(query, *parameters)[0][0])

    def ancestries(self) -> dict[int, tuple[int, ...]]:
        """The interned sets of version ids that calls came from, at any distance."""
        return {id: index.versions_in(text) for id, text in self._rows("SELECT * FROM _ancestries")}

    def environment(self, id: int) -> dict[str, Any]:
        """What was recorded of the surroundings of a run."""
        return dict(json.loads(self.recorded(id).text))

    def recorded(self, id: int) -> Environment:
        """The same as it stands there, for another call that has it too; the diffs that it names are there already."""
        if id not in self._recorded:
            rows = self._rows("SELECT text FROM _environments WHERE id = ?", id)
            if not rows:
                return Environment()
            if len(self._recorded) > _MANY:
                self._recorded.clear()
            self._recorded[id] = rows[0][0]
        return Environment(self._recorded[id])

    def diff(self, digest: str) -> dict[str, Any]:
        """A diff that a recorded environment names: its text, or a summary and the size of one that is large."""
        if digest not in self._diffs:
            begins = f'{{"diff": "{digest}"'
            rows = self._rows("SELECT text FROM _environments WHERE text >= ? AND text < ?", begins, f"{begins}~")
            if len(self._diffs) > 20:
                self._diffs.clear()
            self._diffs[digest] = json.loads(rows[0][0]) if rows else {}
        return dict(self._diffs[digest])

    def database(self) -> Any:
        """A `sqlite_utils.Database` on the index, for reading, with a connection of its own."""
        import sqlite_utils

        self._connections.handle()  # which makes the index where there is none
        return sqlite_utils.Database(sqlite3.connect(f"{uri(self._connections.place.index)}?mode=ro", uri=True))


def _node(kept: dict[str, Any]) -> CodeNode:
    return CodeNode(**{**kept, "names": tuple(kept["names"]), "edges": tuple(kept["edges"])})
