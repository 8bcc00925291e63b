"""Blobs: published whole under the digest of their bytes, and never believed without a check."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storing import blob_files
from sweepable.errors import DamagedError
from sweepable.store import files, packed, schema
from sweepable.store.blobs import CHECKED, BlobReader, Blobs, digest_of
from sweepable.store.files import Stamp
from sweepable.store.packed import PackedBlobs
from sweepable.store.store import Store


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path))


class Kept:
    """Blobs as both kinds of store keep them: files of a folder, or rows of one file."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._folder = Blobs(str(folder)) if kind == "folder" else None
        self._file = str(folder / "paper.db")
        if kind == "file":
            with closing(sqlite3.connect(self._file)) as c, c:
                schema.make_tables(c)
                c.execute(packed.TABLE)
        self.reader: BlobReader = self._folder or PackedBlobs(Store(self._file)._connections)

    def write(self, data: bytes) -> str:
        digest = digest_of([data])
        if self._folder is not None:
            self._folder.write(digest, "npy", [data], len(data))
        else:
            with closing(sqlite3.connect(self._file)) as c, c:
                packed.write(c, digest, "npy", data)
            self.reader = PackedBlobs(Store(self._file)._connections)  # such a file is opened when it is whole
        return digest

    def harm(self, digest: str, change: Callable[[bytes], bytes | None]) -> None:
        if self._folder is not None:
            path = Path(self._folder.path(digest, "npy"))
            changed = change(path.read_bytes())
            path.unlink() if changed is None else path.write_bytes(changed)
            return
        with closing(sqlite3.connect(self._file)) as c, c:
            query = "SELECT rowid, data FROM _data WHERE digest = ? ORDER BY part DESC LIMIT 1"
            row, data = c.execute(query, (digest,)).fetchone()
            c.execute("DELETE FROM _data WHERE rowid = ?", (row,))
            if (changed := change(data)) is not None:
                c.execute("INSERT INTO _data SELECT ?, 'npy', count(*), ? FROM _data", (digest, changed))
        self.reader = PackedBlobs(Store(self._file)._connections)


@pytest.fixture(params=["folder", "file"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(packed, "PART", CHECKED // 2 + 7)
    return Kept(request.param, tmp_path)


@pytest.mark.parametrize("size", [0, 1, 1000, CHECKED, CHECKED + 1, 3 * CHECKED])
def test_a_blob_is_read_as_it_was_written(kept: Kept, size: int) -> None:
    """From a folder or from one file: the same bytes, free to change, which changes nothing that is stored."""
    data = os.urandom(size)
    digest = kept.write(data)
    assert kept.reader.present(digest, "npy", size) and not kept.reader.present(digest, "npy", size + 1)
    for _ in range(2):
        buffer = kept.reader.open(digest, "npy", size, None).buffer
        assert bytes(buffer) == data
        if size:
            buffer[0] ^= 255


@pytest.mark.parametrize("size", [1, 1000, CHECKED + 1])
@pytest.mark.parametrize(
    "change",
    [lambda data: bytes([data[0] ^ 4]) + data[1:], lambda data: data[:-1], lambda data: data + b"x", lambda data: None],
    ids=["bit", "cut", "longer", "gone"],
)
def test_what_is_not_what_was_written_is_an_error(
    kept: Kept, size: int, change: Callable[[bytes], bytes | None]
) -> None:
    """From a folder or from one file: damage of any kind is told, and never a value."""
    digest = kept.write(os.urandom(size))
    kept.harm(digest, change)
    with pytest.raises(DamagedError):
        kept.reader.open(digest, "npy", size, None)


def test_a_blob_that_is_not_there_is_an_error(kept: Kept) -> None:
    """From a folder or from one file: another digest, extension or size is none that is there."""
    digest = kept.write(b"x" * 100)
    assert not kept.reader.present("0" * 64, "npy", 100) and not kept.reader.present(digest, "pkl", 100)
    for place in (("0" * 64, "npy", 100), (digest, "pkl", 100), (digest, "npy", 2**60)):
        with pytest.raises(DamagedError):
            kept.reader.open(*place, None)


def write(blobs: Blobs, data: bytes, extension: str = "npy") -> tuple[str, Stamp | None]:
    digest = digest_of([data])
    return digest, blobs.write(digest, extension, [data], len(data))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=5000), max_size=4))
def test_blobs_are_named_by_their_bytes(blobs: Blobs, chunks: list[bytes]) -> None:
    """A blob's name is what b3sum says of the file, however it was written."""
    data = b"".join(chunks)
    digest = digest_of(chunks)
    assert digest == blake3(data).hexdigest()
    blobs.write(digest, "pkl", list(chunks), len(data))
    path = Path(blobs.path(digest, "pkl"))
    assert path.read_bytes() == data and path.parent.name == digest[:2]
    assert bytes(blobs.open(digest, "pkl", len(data), None).buffer) == data


def test_equal_blobs_are_written_once(blobs: Blobs, tmp_path: Path) -> None:
    """What is there is not written again, and nothing temporary stays behind."""
    digest, first = write(blobs, b"x" * 100)
    again, second = write(blobs, b"x" * 100)
    assert digest == again and first is not None and second is None
    assert len(blob_files(tmp_path)) == 1 and not list((tmp_path / "tmp").iterdir())


def test_a_blob_of_wrong_size_is_written_again(blobs: Blobs) -> None:
    """A file that was cut, by a full disk or a crash, does not stand in the way of the right one."""
    digest, _ = write(blobs, b"x" * 100)
    os.truncate(blobs.path(digest, "npy"), 50)
    assert write(blobs, b"x" * 100)[1] is not None
    assert bytes(blobs.open(digest, "npy", 100, None).buffer) == b"x" * 100


@pytest.mark.parametrize("size", [1000, CHECKED, CHECKED + 1])
def test_damage_is_found_and_put_aside(blobs: Blobs, size: int) -> None:
    """A flipped bit or a missing byte is an error, never a value; the damaged file is kept for people."""
    for damage in (flip, cut, os.remove):
        digest, stamp = write(blobs, os.urandom(size))
        path = blobs.path(digest, "npy")
        damage(path)
        with pytest.raises(DamagedError):
            blobs.open(digest, "npy", size, stamp)
        assert not os.path.exists(path) and os.path.exists(path + ".damaged") == (damage is not os.remove)


def flip(path: str, at: int = -1) -> None:
    data = bytearray(Path(path).read_bytes())
    data[at] ^= 4
    Path(path).write_bytes(data)


def cut(path: str) -> None:
    os.truncate(path, os.path.getsize(path) - 1)


def test_large_blobs_are_checked_when_their_stamp_is_new(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large blob is hashed again when its inode, size or times have changed, and not before."""
    data = os.urandom(CHECKED + 1)
    digest, stamp = write(blobs, data)
    hashed: list[int] = []

    def counting(chunks: list[Any]) -> str:
        hashed.append(1)
        return digest_of(chunks)

    monkeypatch.setattr("sweepable.store.blobs.digest_of", counting)
    assert blobs.open(digest, "npy", len(data), stamp).stamp == stamp and not hashed
    os.utime(blobs.path(digest, "npy"))
    new = blobs.open(digest, "npy", len(data), stamp).stamp
    assert new != stamp and len(hashed) == 1
    blobs.open(digest, "npy", len(data), new)
    blobs.open(digest, "npy", len(data), None)
    assert len(hashed) == 2


def test_changes_in_memory_never_reach_the_file(blobs: Blobs) -> None:
    """What is read is free to change, mapped or not, and the file stays as it is."""
    for size in (1000, CHECKED + 1):
        digest, stamp = write(blobs, b"\0" * size)
        buffer = blobs.open(digest, "npy", size, stamp).buffer
        buffer[0] = 7
        assert blobs.open(digest, "npy", size, None).buffer[0] == 0


def test_a_blob_that_cannot_be_mapped_is_read(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without file descriptors or address space for a mapping, the value still comes."""

    def fail(descriptor: int, size: int) -> Any:
        raise OSError(24, "Too many open files")

    data = os.urandom(CHECKED + 1)
    digest, stamp = write(blobs, data)
    monkeypatch.setattr(files, "map_private", fail)
    assert blobs.open(digest, "npy", len(data), stamp).buffer == data


def test_reading_leaves_no_descriptor_open(blobs: Blobs) -> None:
    """Small blobs hold nothing open; large ones at most their mapping."""
    digest, _ = write(blobs, b"x" * 1000)
    before = len(os.listdir("/proc/self/fd"))
    kept = [blobs.open(digest, "npy", 1000, None) for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before and len(kept) == 50


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "ab", "A" * 64, "../" + "a" * 61, "a" * 64 + "/x"])
def test_only_digests_become_paths(blobs: Blobs, digest: str) -> None:
    """Nothing that stands in a row can name a file outside the store."""
    with pytest.raises(DamagedError):
        blobs.open(digest, "npy", 1, None)
    with pytest.raises(DamagedError):
        blobs.path("a" * 64, "npy/../../x")


def test_links_are_not_followed(blobs: Blobs, tmp_path: Path) -> None:
    """A link that somebody put in a blob's place is not read."""
    digest, _ = write(blobs, b"secret")
    target = tmp_path / "elsewhere"
    path = Path(blobs.path(digest, "npy"))
    path.rename(target)
    path.symlink_to(target)
    with pytest.raises(OSError):
        blobs.open(digest, "npy", 6, None)


def test_a_write_that_fails_leaves_nothing(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a full disk there is neither a half blob nor a temporary file."""

    def full(temporary: str, path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "publish", full)
    with pytest.raises(OSError):
        write(blobs, b"x" * 1000)
    assert not blob_files(tmp_path) and not list((tmp_path / "tmp").iterdir())


def test_blobs_are_private_whatever_the_umask(blobs: Blobs, tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, under any umask."""
    for umask, data in ((0o000, b"a"), (0o277, b"b")):
        before = os.umask(umask)
        try:
            write(blobs, data)
        finally:
            os.umask(before)
    for path in (tmp_path / "blobs").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
