"""Owns the encoding of paths: a file counts by its content. Imported with the first path, as `pathlib` is slow to."""

from __future__ import annotations

import os
import pathlib
import stat

from blake3 import blake3

from sweepable.identity.parts import Handler, Walk, named, size, text

_CHUNK = 1 << 20
#: What ``Path()`` makes here.
LOCAL_PATH = type(pathlib.Path())


def _encode_pure_path(walk: Walk, value: pathlib.PurePath) -> bytes:
    return named(type(value).__name__, text(os.fspath(value)))


def _encode_path(walk: Walk, value: pathlib.Path) -> bytes:
    """Encode a file by its content and its name, which functions use as a label; moving it re-runs nothing."""
    try:
        mode = os.stat(value).st_mode
        if stat.S_ISREG(mode):
            return named("Path", text(value.name) + _file_content(value))
    except (FileNotFoundError, NotADirectoryError):
        return named("Path without file", text(os.fspath(value)))
    except (OSError, ValueError) as error:
        raise walk.refusal(value, f"it cannot be read: {error}") from error
    if stat.S_ISDIR(mode):
        raise walk.refusal(value, "it is a folder; pass a list of the files, such as sorted(path.glob('*.csv'))")
    raise walk.refusal(value, "it is neither a file nor a folder")


def _file_content(path: pathlib.Path) -> bytes:
    """Length and BLAKE3 of a file, read in chunks: a file that shrinks while mapped would kill the process."""
    hasher, total = blake3(), 0
    buffer = memoryview(bytearray(_CHUNK))
    with open(path, "rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            hasher.update(buffer[:count])
            total += count
    return size(total) + hasher.digest()


HANDLERS: dict[type, Handler] = {
    pathlib.PurePosixPath: _encode_pure_path,
    pathlib.PureWindowsPath: _encode_pure_path,
    LOCAL_PATH: _encode_path,
    # Taken for classes that extend them.
    pathlib.Path: _encode_path,
    pathlib.PurePath: _encode_pure_path,
}
