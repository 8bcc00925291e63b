"""The folder of blobs: files named by the BLAKE3 of their bytes, published whole, checked when they are opened."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

from blake3 import blake3

from sweepable.errors import DamagedError
from sweepable.store import files
from sweepable.store.files import Buffer, Stamp

#: Up to this size a blob is read and checked at every open; a larger one is mapped, and checked when its stamp is new.
CHECKED = 1024 * 1024
_HEX = frozenset("0123456789abcdef")
_EXTENSIONS = frozenset({"npy", "frame", "pkl"})


class Opened(NamedTuple):
    """The bytes of a blob, free to change, and the stamp under which they were found right."""

    buffer: Any
    stamp: Stamp


class BlobReader(Protocol):
    """Where blobs are read: a folder, or one file that holds them all."""

    def present(self, digest: str, extension: str, size: int) -> bool:
        """Whether the blob is there, as far as its size tells."""

    def open(self, digest: str, extension: str, size: int, known: Stamp | None) -> Opened:
        """The bytes of a blob; `DamagedError` when it is missing, or not what was written."""

    def are_ours(self) -> bool:
        """Whether no other user can write blobs here."""


class Blobs:
    """Blobs below one folder.

    Parameters
    ----------
    folder : str
        The store's folder; blobs stand in ``blobs/`` below it, and in ``tmp/`` until they are whole.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "blobs")
        self._temporary = os.path.join(folder, "tmp")

    def path(self, digest: str, extension: str) -> str:
        """Where a blob stands; only digests become paths."""
        if len(digest) != 64 or not _HEX.issuperset(digest) or extension not in _EXTENSIONS:
            raise DamagedError(f"a stored value names no blob: {digest[:80]!r}")
        return os.path.join(self._folder, digest[:2], f"{digest}.{extension}")

    def present(self, digest: str, extension: str, size: int) -> bool:
        """Whether the blob is there, as far as its size tells."""
        found = files.stamp_of(self.path(digest, extension))
        return found is not None and found.size == size

    def write(self, digest: str, extension: str, chunks: list[Buffer], size: int) -> Stamp | None:
        """Store bytes under their digest, unless they are there.

        Returns
        -------
        Stamp or None
            Of the file that was written; None where one was there, whose content nobody has looked at now.
        """
        path = self.path(digest, extension)
        if self.present(digest, extension, size):
            return None
        temporary = os.path.join(self._temporary, files.temporary_name())
        self._make_folders(path)
        files.write_new(temporary, chunks)
        try:
            files.publish(temporary, path)
        except BaseException:
            files.remove(temporary)
            raise
        return files.stamp_of(path)

    def _make_folders(self, path: str) -> None:
        folder = os.path.dirname(path)
        if not files.exists(folder):
            files.make_folder(self._folder)
            files.make_folder(folder)
        if not files.exists(self._temporary):
            files.make_folder(self._temporary)

    def open(self, digest: str, extension: str, size: int, known: Stamp | None) -> Opened:
        """The bytes of a blob.

        Parameters
        ----------
        digest, extension, size
            As stored.
        known : Stamp or None
            The stamp under which the content was right.

        Raises
        ------
        DamagedError
            When it is missing, or not what was written; what is there is put aside.
        """
        path = self.path(digest, extension)
        try:
            descriptor = files.open_read(path)
        except FileNotFoundError as error:
            raise DamagedError(f"the blob {path} is missing") from error
        try:
            stamp = files.stamp(descriptor)
            buffer = None if stamp.size != size else _content(descriptor, size)
        finally:
            files.close(descriptor)
        unchecked = size <= CHECKED or stamp != known
        if buffer is None or (unchecked and digest_of([buffer]) != digest):
            del buffer
            self._put_aside(path)
            raise DamagedError(f"the blob {path} is not what was written; it was renamed to *.damaged")
        return Opened(buffer, stamp)

    def _put_aside(self, path: str) -> None:
        try:
            files.set_aside(path)
        except OSError:
            pass  # a read-only store: it stays, and is found damaged each time

    def are_ours(self) -> bool:
        """Whether no other user can write blobs here."""
        return not files.exists(self._folder) or files.is_ours(self._folder)


def _content(descriptor: int, size: int) -> Any:
    if size > CHECKED:
        try:
            return files.map_private(descriptor, size)
        except (OSError, ValueError, MemoryError):
            pass  # too many mappings, or no address space: a copy does as well
    data = files.read(descriptor, size)
    return data if len(data) == size else None


def digest_of(chunks: list[Any]) -> str:
    """The BLAKE3 of bytes in chunks, 64 hex digits: what ``b3sum`` says of the file."""
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.hexdigest()
