"""The reading side of a store: calls by key, checked; values, outputs and arguments, loaded when asked for."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sweepable.errors import DamagedData, DamagedError, StoreError, TrustError
from sweepable.model import Argument, Content, Failure, Layout, Status, StoredCall
from sweepable.store import codecs, contents, damage, files, index, packed, results
from sweepable.store.blobs import CHECKED, BlobReader, Blobs
from sweepable.store.catalogue import Catalogue
from sweepable.store.codecs import EXTENSIONS, External, OutputFacts
from sweepable.store.connections import Connections
from sweepable.store.edges import Edges
from sweepable.store.files import Stamp
from sweepable.store.indexes import Indexes
from sweepable.store.layouts import Layouts
from sweepable.store.places import Places
from sweepable.store.readings import Readings
from sweepable.store.soundness import Soundness

if TYPE_CHECKING:
    from pathlib import Path

_KEYS_AT_ONCE = 10_000
# With IN instead of the last two parts it takes half as long again.
_MET = (
    "SELECT 1 FROM _calls WHERE key = ? UNION ALL SELECT 1 FROM _calls WHERE content_key = ? "
    "UNION ALL SELECT 1 FROM _calls WHERE content_key = ? LIMIT 1"
)
_AT_FIRST = """
SELECT l.text, l.check_digest, v.audit, a.versions, e.text, f.name FROM (SELECT 1)
LEFT JOIN _layouts AS l ON l.id = ? LEFT JOIN _versions AS v ON v.id = ? LEFT JOIN _ancestries AS a ON a.id = ?
LEFT JOIN _environments AS e ON e.id = ? LEFT JOIN _homes AS h ON h.function = ? AND h.home = ?
LEFT JOIN _functions AS f ON f.id = h.function
"""


class Standing(NamedTuple):
    """How one of many calls is stored; its row is not checked."""

    key: str
    id: int
    status: Status
    version: int
    ancestry: int
    environment: int


class Reading(Catalogue):
    """What can be read from a store.

    Parameters
    ----------
    path : str
        The folder, made, and the index opened, at first use; or a file written by an export.
    trust : bool
        Load pickles even where others could have written them.
    """

    def __init__(self, path: str, trust: bool) -> None:
        from pathlib import Path

        self.path = Path(path)
        #: The same as text, which tells stores apart more quickly.
        self.folder = path
        self.trust = trust
        self._blobs = Blobs(path)
        #: Where they are read, which is told when the index is opened.
        self.blobs: BlobReader = self._blobs

        def prepare(connection: sqlite3.Connection) -> None:
            self.blobs = packed.prepare(connection, self._connections, self._blobs)

        super().__init__(Connections(path, prepare))
        #: A folder, or the file that it is.
        self.place = self._connections.place
        #: While it lasts nobody sweeps blobs away.
        self.publishing = self._connections.publishing
        self._unusable: set[str] = set()
        self._layouts = Layouts(self._connections)
        self.places = Places(self._connections)
        #: Of the sources of functions.
        self.readings = Readings(self._connections)
        #: Of function tables, by what queries ask for.
        self.indexes = Indexes(self._connections)
        self._read = results.loader(self._load)
        self.edges = Edges(self._connections)
        self.soundness = Soundness(self, self._connections)
        #: Pairs of version and ancestry whose hits need no further look.
        self.sound = self.soundness.pairs
        self._forget()

    def _forget(self) -> None:
        self._layouts.forget()
        self.indexes.known.clear()
        self.places.forget()
        self._recorded.clear()
        self._stamps: dict[tuple[str, str], Stamp] = {}
        self._ours: bool | None = None
        self.soundness.forget()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written here: hits work, and what is computed is not kept."""
        return self._connections.read_only

    # -- reading calls

    def fetch(self, key: str) -> StoredCall | None:
        """The stored call of a key; a damaged row is put aside with a warning, and is not there.

        Raises
        ------
        DamagedError
            When the index itself cannot be read.
        """
        try:
            row = self._connections.one(index.BY_KEY, (key,))
        except sqlite3.DatabaseError as error:
            row = _unreadable(self.path, error)
        if row is None:
            return None
        return index.verified(row, key) or self._put_aside(key)

    def is_met(self, key: str, content_keys: Sequence[str]) -> bool:
        """Whether there is anything under a key, or under one of at most two keys by content; no row is checked."""
        plain, named = (content_keys[0], content_keys[-1]) if content_keys else (None, None)
        try:
            return self._connections.one(_MET, (key, plain, named)) is not None
        except sqlite3.DatabaseError:  # whoever reads the rows will see
            return True

    def fetch_id(self, id: int) -> StoredCall | None:
        """The stored call of an id."""
        try:
            row = self._connections.one(index.BY_ID, (id,))
        except sqlite3.DatabaseError as error:
            row = _unreadable(self.path, error)
        if row is None:
            return None
        return index.verified(row) or self._put_aside(id)

    def _put_aside(self, key: str | int) -> StoredCall | None:
        call: StoredCall | None = None
        if not self.read_only:
            with self._connections.writing() as c:
                found, call = index.find(c, key)
                if found is not None and call is None:
                    damage.put_aside(c, found, key, "the check digest does not match")
        if call is None:  # else another process has replaced it meanwhile
            text = f"a damaged row of the store {self.path} was put aside: call {str(key)[:16]}"
            warnings.warn(text, DamagedData, stacklevel=4)
        return call

    def find_by_content(self, content_key: str) -> StoredCall | None:
        """The first call that is done and may be taken over under this key by content."""
        # What is known of its version by now may be more than when it ran.
        query = (
            "SELECT c.id FROM _calls AS c JOIN _versions AS v ON v.id = c.version WHERE c.content_key = ? "
            "AND c.status = 'done' AND json_extract(v.audit, '$.alone') ORDER BY c.id LIMIT 1"
        )
        row = self._connections.one(query, (content_key,))
        return None if row is None else self.fetch_id(row[0])

    def contents(self, keys: Sequence[str]) -> dict[str, Content]:
        """What the calls with these keys are to the calls below them; those that have no content are left out."""
        with self._connections.reading() as c:
            return contents.of_keys(c, keys)

    def output_content(self, key: str, name: str) -> str | None:
        """A digest of one output of a call by content; None where it is unknown, or brings code along."""
        call = self.fetch(key)
        if call is None or call.status != "done" or call.result is None or results.brings_code(call.result):
            return None
        layout = self.layout(call.layout)
        return results.output_digest(call.result, layout, name) if name in layout.names else None

    def statuses(self, keys: Sequence[str]) -> dict[str, Standing]:
        """How those of many keys that are stored are; their rows are not checked."""
        query = (
            "SELECT c.key, c.id, c.status, c.version, c.ancestry, c.environment "
            "FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value"
        )
        found: dict[str, Standing] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            text = json.dumps(list(keys[start : start + _KEYS_AT_ONCE]))
            found |= {row[0]: Standing(*row) for row in self._rows(query, text)}
        return found

    def layout(self, id: int) -> Layout:
        """How the outputs of a call make up its value."""
        return self._layouts.get(id)

    def acquaint(self, call: StoredCall, home: str) -> None:
        """Read at once what the first hit of a version asks the index for, instead of one thing after the other."""
        asked = call.layout, call.version, call.ancestry, call.environment, call.function, index.storable(home)
        try:
            text, check_digest, audit, versions, environment, name = self._connections.one(_AT_FIRST, asked)
        except sqlite3.Error:  # one of them is damaged: who asks for that one alone will see, the others are served
            return
        if text is not None:
            self._layouts.know(call.layout, text, check_digest)
        self.soundness.know(call.version, audit, call.ancestry, versions)
        if environment is not None:
            self._recorded[call.environment] = environment
        if name is not None:
            self.places.know(name, home)

    # -- reading values

    def value(self, call: StoredCall) -> object:
        """What the call returned.

        Raises
        ------
        DamagedError
            When part of it is missing, is not what was written, or cannot be loaded any more. It was warned of, and
            the next `put` of the call replaces it.
        TrustError
            When it contains a pickle that others could have written.
        """
        try:
            return results.decode_whole(_result(call), self._read)
        except DamagedError as error:
            self._unusable.add(call.key)
            warnings.warn(str(error), DamagedData, stacklevel=3)
            raise

    def output(self, call: StoredCall, name: str) -> object:
        """One output of a call; no other is loaded. It raises what `value` does."""
        try:
            return results.decode_one(_result(call), self.layout(call.layout), name, self._load)
        except DamagedError:
            self._unusable.add(call.key)
            raise

    def output_facts(self, call: StoredCall) -> dict[str, OutputFacts]:
        """Codec, size, type, shape and dtype of each output, without loading any."""
        return results.facts(_result(call), self.layout(call.layout)) if call.result is not None else {}

    def arguments(self, call: StoredCall) -> tuple[Argument, ...]:
        """The arguments of a call, with a `Summary` for each value that was not kept or cannot be read."""
        return results.decode_arguments(call.arguments, self._load)

    def failure(self, call: StoredCall) -> Failure | None:
        """The exception that a call raised."""
        return None if call.error is None else results.decode_failure(call.error)

    def _load(self, external: External, parts: tuple[object, ...]) -> object:
        if external.codec == "pickle":
            self._check_trust()
        if external.inline is not None:
            # An array is given memory of its own, which its owner may change.
            buffer: Any = bytearray(external.inline) if external.codec in codecs.IN_PLACE else external.inline
        else:
            buffer = self._open_blob(external)
        try:
            return codecs.decode_value(external.codec, buffer, parts)
        except DamagedError as error:  # its class may not be there to be imported
            raise DamagedError(f"{external.type_name}: {error}") from error.__cause__

    def _open_blob(self, external: External) -> Any:
        place = external.digest, EXTENSIONS[external.codec]
        known = None
        if external.nbytes > CHECKED:
            known = self._stamps.get(place) or index.stamp_of(self._connections.one(index.STAMP, place))
        opened = self.blobs.open(*place, external.nbytes, known)
        if external.nbytes > CHECKED:
            self._stamps[place] = opened.stamp
            if opened.stamp != known and not self.read_only:
                with self._connections.writing() as c:
                    index.write_stamp(c, *place, opened.stamp)
        return opened.buffer

    def _check_trust(self) -> None:
        if self._ours is None:
            paths = [str(self.path), self._connections.place.index]
            self._ours = all(files.is_ours(path) for path in paths) and self.blobs.are_ours()
        if not (self._ours or self.trust):
            raise TrustError(
                f"the store {self.path} belongs to, or can be written by, another user: its pickles, which can run any "
                "code, are not loaded. Make it yours alone (chmod -R go-w), or open it with trust=True."
            )


def _unreadable(path: Path, error: sqlite3.DatabaseError) -> Sequence[object]:
    """A row whose text is no text is damaged, which its check will say; all else is beyond a row."""
    if "decode" in str(error):
        return [None] * 14
    if isinstance(error, sqlite3.OperationalError):
        raise error
    raise DamagedError(
        f"the index of the store {path} is damaged: {error}. Move the folder away, or use another one: "
        "SWEEPABLE_STORE=/path, or sweepable.use(path)."
    ) from error


def _result(call: StoredCall) -> bytes:
    if call.result is None:
        raise StoreError(f"the call {call.key[:16]} has no result: it is {call.status}")
    return call.result
