"""The audit of a version: at its first run, what no walk through the code can see is noted, kept and said once."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from stat import S_ISREG
from types import CodeType
from typing import TYPE_CHECKING, Any

from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.errors import UntrackedCode
from sweepable.findings import Found, Outside, found_in, kept
from sweepable.identity import origin
from sweepable.identity.reached import codes_of, codes_within, ignored_codes_of
from sweepable.model import CodeVersion
from sweepable.notices import logger, warn_once
from sweepable.outside import outsiders, state_of
from sweepable.store.location import current_store
from sweepable.store.store import Store

if TYPE_CHECKING:
    from sweepable.auditing import Watch

_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/", "/usr/lib/")
#: Where libraries keep what they need from one run to the next, below the home folder.
_CACHES = (".cache", ".config", ".local", ".matplotlib", ".ipython", ".jupyter", ".keras", ".numba_cache")


#: Parts of the names of what has to do with files, other programs or machines.
_TOUCHING = (
    *("open", "read", "write", "load", "save", "dump", "file", "path", "connect", "system", "spawn", "exec", "popen"),
    *("subprocess", "run", "call", "memmap", "socket", "request", "fetch", "url", "to_csv", "to_parquet", "to_hdf"),
)


class _Known:
    """What this process knows of the audit of one version in one store."""

    __slots__ = ("_may_touch", "done", "functions")

    def __init__(self, found: Found | None) -> None:
        self._may_touch: bool | None = None
        self.done = found is not None and (found.saw_functions or not hasattr(sys, "monitoring"))
        self.functions: tuple[Outside, ...] = found.functions if found is not None else ()

    def may_touch(self, callee: Callee) -> bool:
        """Whether its code uses any name that sounds like files, programs or connections: then every run is watched.

        Watching costs as much as finding a call: what computes alone is not made to pay for it.
        """
        if self._may_touch is None:
            names = {name.lower() for code in codes_of(callee.code).values() for name in code.co_names}
            self._may_touch = any(word in name for name in names for word in _TOUCHING)
        return self._may_touch


_known: dict[tuple[str, str, str, str], _Known] = {}


class Audit:
    """What the audit has to do with one run.

    Attributes
    ----------
    text : str
        What was found, to be stored with the version; empty where nothing was looked for.
    state : dict
        What is to be recorded with the call: the functions that are in no version, as they are now.
    """

    __slots__ = ("_call", "_known", "_store", "alone", "found", "state", "text", "watch")

    def __init__(self, call: Call, store: Store, known: _Known, watch: Watch | None) -> None:
        self._call = call
        self._store = store
        self._known = known
        self.watch = watch
        self.found: Found | None = None
        #: Whether the run had to do with nothing but its arguments and its result, as far as was looked at.
        self.alone = True
        self.state = state_of(known.functions)
        # A store that was made anew meanwhile is told, too.
        self.text = Found(functions=known.functions).text() if known.functions else ""

    def watching(self) -> AbstractContextManager[None]:
        """The time in which the function runs."""
        if "sweepable.auditing" not in sys.modules:
            return nullcontext()
        from sweepable.auditing import watching  # which waits, where another thread is about to import it

        return watching(self.watch)

    def give_up(self) -> None:
        """The function raised: what was seen is not all there is, and the next run is looked at instead."""
        if self.watch is not None and not self.watch.light:
            self._known.done = False

    def conclude(self, value: object, changed: str) -> None:
        """Work out what was seen, before the call is stored."""
        if self.watch is None:
            return
        if self.watch.light:
            self.alone = is_alone(self.watch, self._call, self._store)
            return
        try:
            self.found = found_by(self.watch, self._call, self._store, value, changed)
        except Exception:  # an audit never costs a result
            logger().warning("the audit of %s came to nothing", self._call.callee.name, exc_info=True)
            return
        self.text = self.found.text()
        if self.found.functions:
            labels = {part.label for part in self.found.functions}
            self._known.functions = (
                *self.found.functions,
                *(part for part in self._known.functions if part.label not in labels),
            )
            self.state = state_of(self._known.functions)

    def settle(self) -> None:
        """Once the call is stored: say what was found."""
        if self.found is None:
            return
        if self.found.functions:
            self._store.soundness.forget()
        name = self._call.callee.name
        for sentence in self.found.warnings(name):
            warn_once((UntrackedCode, name, sentence), sentence, UntrackedCode)


def begin(call: Call, store: Store) -> Audit:
    """Prepare a run: it is watched if it is the first of its version here."""
    if store.read_only:  # nothing can be kept, so nothing is looked for
        return Audit(call, store, _Known(None), None)
    callee = call.callee
    place = store.folder, callee.name, callee.facts.home, call.version.digest
    known = _known.get(place)
    if known is None:
        known = _known[place] = _Known(_stored(store, callee, call.version))
    if not callee.options.audit:
        return Audit(call, store, known, None)
    if known.done:
        return Audit(call, store, known, light_watch() if known.may_touch(callee) else None)
    known.done = True
    return Audit(call, store, known, new_watch(callee))


def keep(store: Store, call: Call, version: int, found: Found) -> None:
    """Keep what was found with a stored version; its functions are looked at on hits from now on."""
    store.write_audit(version, found.text())
    place = store.folder, call.callee.name, call.callee.facts.home, call.version.digest
    _known.pop(place, None)


def _stored(store: Store, callee: Callee, version: CodeVersion) -> Found | None:
    return found_in(store.soundness.audit(callee.name, callee.facts.home, version.digest))


def audit_of(callee: Callee, version: CodeVersion | None = None, store: Store | None = None) -> tuple[str, ...]:
    """What the audit of a version found, as sentences; none where it found nothing, or has not taken place.

    Parameters
    ----------
    callee : Callee
        The function.
    version : CodeVersion, optional
        Of its code; by default the one that it has now.
    store : Store, optional
        By default the one in use.
    """
    found = _stored(store or current_store(callee.options.store), callee, version or callee.version())
    return found.all_sentences(callee.name) if found is not None else ()


def new_watch(callee: Callee, *, tracing: bool = False) -> Watch:
    """Someone to watch a run of a function."""
    from sweepable.auditing import Watch

    codes = codes_of(callee.code)
    _load_what_it_imports(codes)
    pinned = callee.options.version is not None
    return Watch(codes, functions=not pinned, tracing=tracing)


def light_watch() -> Watch:
    """Someone to watch a later run of a version, for what it has to do with files: other arguments, other branches."""
    from sweepable.auditing import Watch

    return Watch({}, functions=False, light=True)


def _load_what_it_imports(codes: dict[int, CodeType]) -> None:
    """Modules that a run will import, if they have to be there before to be watched."""
    for module in ("subprocess", "socket", "numpy.random"):
        top, _, name = module.rpartition(".")
        needed = module not in sys.modules and (not top or top in sys.modules)
        if needed and any(name in code.co_names for code in codes.values()):
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


# -- what was seen, and what of it is worth a word


def found_by(watch: Watch, call: Call, store: Store, value: object, changed: str) -> Found:
    """What a run that was watched has done beside computing."""
    moved = watch.moved()
    given = set(_paths((*call.bound, *_globals_of(call.callee)))) if watch.reads else set()
    returned = set(_paths((value,))) if watch.writes else set()
    functions = outsiders(watch.ran, watch.known, lambda: _reached_otherwise(call))
    return Found(
        reads=kept([path for path in watch.reads if _is_input(path, watch, store) and path not in given]),
        writes=kept([path for path in watch.writes if _is_output(path, store) and path not in returned]),
        programs=kept([*watch.programs]),
        connections=kept([*watch.connections]),
        random=tuple(moved),
        seeded=bool(moved) and _seeds(watch),
        changed=changed,
        functions=functions,
        saw_functions=watch.saw_functions,
        alone=is_alone(watch, call, store)
        and not (moved or call.version.untracked)
        and watch.environ == dict(os.environ),
    )


def is_alone(watch: Watch, call: Call, store: Store) -> bool:
    """Whether a run had nothing to do with files that it was not given, with other programs or machines."""
    if watch.writes or watch.programs or watch.connections:
        return False
    given = set(_paths((*call.bound, *_globals_of(call.callee)))) if watch.reads else set()
    return all(path in given or not _is_the_users(path, store) for path in watch.reads)


def _is_input(path: str, watch: Watch, store: Store) -> bool:
    if not _is_the_users(path, store):
        return False
    try:
        found = os.stat(path)
    except OSError:  # gone by now: it was made for the time being
        return False
    return (
        S_ISREG(found.st_mode) and found.st_mtime < watch.began
    )  # else it was written meanwhile, by a program that the run started


def _is_output(path: str, store: Store) -> bool:
    import tempfile

    return _is_the_users(path, store) and not _is_in(path, tempfile.gettempdir())


def _is_the_users(path: str, store: Store) -> bool:
    """Whether a file is neither the system's, the interpreter's, a package's nor the store's."""
    if path.startswith(_SYSTEM) or _is_in(path, str(store.path)) or origin.file_kind(path) != "user":
        return False
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    if any(_is_in(path, os.path.join(prefix, part)) for prefix in prefixes for part in ("lib", "share", "etc")):
        return False
    home = os.path.expanduser("~")
    return "__pycache__" not in path and not any(_is_in(path, os.path.join(home, name)) for name in _CACHES)


def _is_in(path: str, folder: str) -> bool:
    return path in (folder, os.path.realpath(folder)) or path.startswith(
        (folder + os.sep, os.path.realpath(folder) + os.sep)
    )


def _globals_of(callee: Callee) -> list[object]:
    """The values that the code finds in its modules: a path among them counts by the content of its file."""
    return list(callee.code.values())


def _paths(values: tuple[object, ...], depth: int = 4) -> Iterator[str]:
    """The files that are given, or returned, as paths."""
    pathlib: Any = sys.modules.get("pathlib")
    if pathlib is None:
        return
    for value in values:
        if isinstance(value, pathlib.PurePath):
            yield os.path.abspath(value)
        elif depth and isinstance(value, list | tuple | set | frozenset):
            yield from _paths(tuple(value), depth - 1)
        elif depth and isinstance(value, dict):
            yield from _paths((*value.keys(), *value.values()), depth - 1)
        elif depth and hasattr(value, "__dict__") and not isinstance(value, type) and origin.is_user_code(type(value)):
            yield from _paths(tuple(vars(value).values()), depth - 1)


def _seeds(watch: Watch) -> bool:
    """Whether the code speaks of seeds anywhere: then it may well seed what it draws from."""
    codes = [*watch.known.values(), *(code for code, _ in watch.ran.values())]
    names = {name.lower() for code in codes for name in code.co_names}
    return any("seed" in name or name in ("setstate", "set_state", "set_rng_state") for name in names)


def _reached_otherwise(call: Call) -> dict[int, CodeType]:
    """The code that counts in the key beside the version's own, or was said not to count."""
    inputs = {found.place for found in call.inputs}
    found = ignored_codes_of(call.callee.code)
    for place, value in enumerate(call.bound):
        if place not in inputs:
            found |= codes_within(value)
    for upstream in _upstream_callees(call.callee, set()):
        found |= codes_of(upstream.code)
    for source in (part.source for part in call.inputs):
        if isinstance(source, Call):
            found |= codes_of(source.callee.code) | _reached_otherwise(source)
    return found


def _upstream_callees(callee: Callee, seen: set[Callee]) -> set[Callee]:
    for upstream in [found.callee for found in callee.upstreams.values()] + [d.callee for d in callee.dependencies]:
        if upstream not in seen:
            seen.add(upstream)
            _upstream_callees(upstream, seen)
    return seen
