"""Where results live: which store is in use, by option, by environment or by project folder."""

from __future__ import annotations

import os
from types import TracebackType

from sweepable.errors import StoreError
from sweepable.store.store import Store, open_store

_VARIABLE = "SWEEPABLE_STORE"
#: How the names of databases end: a store's folder has no such name.
_FILES = (".db", ".sqlite", ".sqlite3")
_used: list[Store] = []
_found: dict[int, Store] = {}
_opened: dict[str, Store] = {}


class Use:
    """A store in use, until the ``with`` block ends; without one, until another is used.

    Attributes
    ----------
    store : Store
        The store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._before = list(_used)
        _used[:] = [store]

    def __enter__(self) -> Use:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _used[:] = self._before

    def __repr__(self) -> str:
        return f"<store {self.store.path}>"


def use(path: str | os.PathLike[str], *, trust: bool = False) -> Use:
    """Keep and look for results in the folder `path` from now on, in all threads of this process.

    Parameters
    ----------
    path : path-like
        The store's folder, made when the first result is stored; or a file written by `sweepable.export`, which is only
        read.
    trust : bool, default False
        Load pickles although others can write to this store. They can then make you run their code.

    Returns
    -------
    Use
        A context manager that goes back to the store used before; it need not be used as one.

    Examples
    --------
    >>> import sweepable, tempfile
    >>> with sweepable.use(tempfile.mkdtemp()):
    ...     pass
    """

    named = os.fspath(path)
    if not named.strip():
        raise StoreError(f"a store needs a folder, got {named!r}; '.' is the working folder")
    if named.endswith(_FILES) and not os.path.exists(os.path.expanduser(named)):
        raise StoreError(
            f"there is no file {named}, as sweepable.export would have written it; a new folder needs a "
            f"name that does not end in {' or '.join(_FILES)}"
        )
    return Use(open_store(os.path.abspath(os.path.expanduser(named)), trust=trust))


def current_store(given: object = None) -> Store:
    """The store in use.

    Parameters
    ----------
    given : path-like or Store or None
        A function's own ``store=``, which comes first.
    """
    if given is not None:
        known = _opened.get(given) if type(given) is str else None
        if known is not None:
            return known
        return given if isinstance(given, Store) else _named(os.fspath(given))  # type: ignore[call-overload]
    if _used:
        return _used[0]
    named = os.environ.get(_VARIABLE)
    if named:
        return _named(named)
    return _of_project()


def _named(path: str) -> Store:
    """The store in a folder; its path is resolved once, so that a program may change its working folder."""
    store = _opened.get(path)
    if store is None:
        store = _opened[path] = open_store(os.path.expanduser(path))
    return store


def _of_project() -> Store:
    """``.sweepable`` beside the nearest ``pyproject.toml`` or ``.git`` above, else in the working folder.

    Found once per process: a program that changes its working folder goes on with the store it began with.
    """
    process = os.getpid()
    store = _found.get(process)
    if store is None:
        from pathlib import Path

        here = Path.cwd()
        marks = ("pyproject.toml", ".git")
        marked = (folder for folder in (here, *here.parents) if any((folder / mark).exists() for mark in marks))
        store = _found[process] = open_store(next(marked, here) / ".sweepable")
    return store
