"""Every operating-system call of the store, and nothing else: what can fail, or be made to fail, fails here.

The index file itself is never opened here: closing it by other means than SQLite would drop SQLite's own locks.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple

try:
    import fcntl

    _LOCKS = True
except ImportError:  # not a POSIX system: locks then hold within one process
    _LOCKS = False

Buffer = bytes | bytearray | memoryview

#: Whether byte ranges can be locked per open file: the layout of ``struct flock`` below is that of 64-bit Linux.
RANGE_LOCKS = _LOCKS and hasattr(fcntl, "F_OFD_SETLK") and sys.platform == "linux" and sys.maxsize > 2**32
#: l_type, l_whence, l_start, l_len, l_pid; the pid has to be 0 for locks of open files
_FLOCK = struct.Struct("hhqqi4x")
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)
#: File systems that know no locks: SQLite's own then have to do.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


class Stamp(NamedTuple):
    """What the file system says of a file: equal stamps, same content, unless the disk itself is at fault."""

    size: int
    inode: int
    mtime_ns: int
    ctime_ns: int


def make_folder(path: str) -> None:
    """Make one private folder, whatever the umask; one that is there is left as it is."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    os.chmod(path, 0o700)


def names(path: str) -> list[str]:
    """What a folder holds."""
    return os.listdir(path)


def make_parents(path: str) -> None:
    """Make the folders above `path`, as any program would."""
    os.makedirs(os.path.dirname(path), exist_ok=True)


def create(path: str) -> int | None:
    """Make a private file and return its descriptor; None where there is one already."""
    try:
        descriptor = os.open(path, _CREATE, 0o600)
    except FileExistsError:
        return None
    try:
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_lock(path: str) -> int:
    """Open a lock file, which is made where it is missing."""
    descriptor = create(path)
    return os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)) if descriptor is None else descriptor


def close(descriptor: int) -> None:
    """Close a descriptor."""
    os.close(descriptor)


def write_new(path: str, chunks: Iterable[Buffer]) -> None:
    """Write a file that is not there yet; on failure nothing is left of it."""
    descriptor = create(path)
    if descriptor is None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    try:
        try:
            for chunk in chunks:
                _write_all(descriptor, chunk)
        finally:
            os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _write_all(descriptor: int, chunk: Buffer) -> None:
    rest = memoryview(chunk)
    while len(rest):
        rest = rest[os.write(descriptor, rest) :]


def publish(temporary: str, path: str) -> None:
    """Let a finished file appear under its name, at once and whole."""
    os.replace(temporary, path)


def set_aside(path: str) -> None:
    """Keep a damaged file for people, out of the way."""
    os.replace(path, path + ".damaged")


def remove(path: str) -> None:
    """Remove a file; one that is gone is fine."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def temporary_name() -> str:
    """A name that no other process or thread uses."""
    return f"{os.getpid()}-{os.urandom(8).hex()}"


def open_read(path: str) -> int:
    """Open a file for reading; a symbolic link is refused."""
    return os.open(path, _READ)


def stamp(descriptor: int) -> Stamp:
    """Size, inode and times of an open file."""
    return _stamp(os.fstat(descriptor))


def stamp_of(path: str) -> Stamp | None:
    """The same of a file by its name; None where there is none."""
    try:
        return _stamp(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def read(descriptor: int, size: int) -> bytearray:
    """The first `size` bytes of a file; fewer where it is shorter."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = os.readv(descriptor, [view[done:]])
        if not count:
            break
        done += count
    del view
    return data if done == size else data[:done]


def map_private(descriptor: int, size: int) -> mmap.mmap:
    """Map a file so that what is changed in memory never reaches it."""
    if sys.version_info >= (3, 13):
        # Without this, every mapping holds a file descriptor for as long as it lives.
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, trackfd=False)
    return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    return os.path.lexists(path)


def is_folder(path: str) -> bool:
    """Whether there is a folder."""
    return os.path.isdir(path)


def is_file(path: str) -> bool:
    """Whether there is a file."""
    return os.path.isfile(path)


def sync(path: str) -> None:
    """Let what was written to a file, or the names in a folder, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_writable(path: str) -> bool:
    """Whether this process may write to a file, or make files in a folder."""
    return os.access(path, os.W_OK | os.X_OK) if os.path.isdir(path) else os.access(path, os.W_OK)


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode: tells whether a file was replaced; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_ours(path: str) -> bool:
    """Whether a file or folder belongs to this user and no other can write to it."""
    if not hasattr(os, "geteuid"):
        return True
    found = os.lstat(path)
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file, or say that another holds it. Where there are no locks, nobody holds any."""
    if not _LOCKS:
        return True
    return _granted(fcntl.flock, descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def unlock(descriptor: int) -> None:
    """Give up the lock on an open file."""
    if _LOCKS:
        _granted(fcntl.flock, descriptor, fcntl.LOCK_UN)


def lock_byte(descriptor: int, offset: int) -> bool:
    """Lock one byte of an open file, or say that another holds it; the kernel frees it when the holder dies."""
    return _granted(fcntl.fcntl, descriptor, fcntl.F_OFD_SETLK, _range(fcntl.F_WRLCK, offset))


def unlock_byte(descriptor: int, offset: int) -> None:
    """Give up the lock on one byte."""
    _granted(fcntl.fcntl, descriptor, fcntl.F_OFD_SETLK, _range(fcntl.F_UNLCK, offset))


def _range(kind: int, offset: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0)


def _granted(call: object, *arguments: object) -> bool:
    try:
        call(*arguments)  # type: ignore[operator]
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno not in _NO_LOCKS:
            raise
    return True
