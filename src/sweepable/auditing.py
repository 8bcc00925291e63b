"""What a run does beside computing: files, programs, connections, global random state, and the user's functions it ran.

While a run is watched, a handful of functions of the standard library note who calls them and hand on; before and
after it they are the very functions that they always were. An audit hook of the interpreter would see more, but could
never be taken off again, and makes every later ``id()`` and every attribute ``__code__`` several times as slow.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any

from sweepable.identity import origin
from sweepable.notices import logger

#: Whether the interpreter can tell at next to no cost which functions run.
CAN_TELL = hasattr(sys, "monitoring")
#: Names for functions that open files and do not ask `io` for it, in modules that are watched if they are loaded.
_HOLDERS_OF_OPEN = (("numpy.lib._datasource", "open"), ("bz2", "_builtin_open"))
#: So often it may start before the interpreter is asked to tell of it no more.
_PATIENCE = 100
_WRITING, _FRESH = frozenset("wxa+"), frozenset("wx")
_OPTIMIZED = 0x1  # of a function, not of a module's or class's body
#: What runs below these is not called by the function: a module being imported, a handler of a logger.
_APART = frozenset(
    ["importlib._bootstrap", "importlib._bootstrap_external", "_frozen_importlib", "_frozen_importlib_external"]
    + ["zipimport", "logging", "warnings", "linecache", "traceback"]
)
_OURS = (os.path.dirname(__file__), "<sweepable")


class Watch:
    """What has been seen of one run.

    Parameters
    ----------
    known : dict of int to code object
        By id, those of the version's functions, whose running is nothing new.
    functions : bool
        Whether to note which functions run.
    tracing : bool, default False
        Note them where the interpreter cannot tell at no cost, too.
    light : bool, default False
        Look at files, programs and connections alone, which costs next to nothing.
    """

    def __init__(
        self, known: dict[int, CodeType], *, functions: bool, tracing: bool = False, light: bool = False
    ) -> None:
        self.light = light
        self.known = known
        self.monitored = functions and CAN_TELL and _monitor.is_free()
        self.traced = functions and tracing and not self.monitored
        self.began = time.time()
        #: Threads that were there before: what they do is not of this run, unless its context says so.
        self.before = frozenset(threading.enumerate())
        self.reads: dict[str, None] = {}
        self.writes: dict[str, None] = {}
        self.programs: dict[str, None] = {}
        self.connections: dict[str, None] = {}
        #: The user's code that ran and is not known, by id, with the globals that it ran in.
        self.ran: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        self.states = {} if light else random_states()
        self.environ = {} if light else dict(os.environ)
        #: Those of others, which wait while functions are traced.
        self.profilers: tuple[Any, Any] = (None, None)

    @property
    def saw_functions(self) -> bool:
        """Whether it was noted which functions ran."""
        return self.monitored or self.traced

    def opened(self, file: Any, mode: str) -> None:
        """Note that a file was opened."""
        path = _full(file)
        if path is None:
            return
        if path not in self.writes and (
            "r" in mode or not _WRITING.intersection(mode) or "a+" in mode.replace("b", "")
        ):
            self.reads[path] = None
        if _WRITING.intersection(mode):
            self.writes[path] = None

    def moved(self) -> list[str]:
        """The sources of global randomness that have been drawn from, or seeded."""
        now = random_states()
        return [name for name, state in self.states.items() if name in now and now[name] != state]

    def started(self, code: CodeType, frame: FrameType | None) -> None:
        """Note that a function runs."""
        if not self.knows(code) and frame is not None and not _is_apart(frame.f_back):
            self.ran[id(code)] = code, frame.f_globals

    def knows(self, code: CodeType) -> bool:
        """Whether it is nothing new that a function runs; told by identity: equal code may be of two files."""
        return id(code) in self.known or id(code) in self.ran


#: Stands where nobody is to see what runs.
_NOBODY: Any = object()
#: Who watches what runs in this context.
WATCHED: ContextVar[Any] = ContextVar("sweepable_watched", default=None)
_active: list[Watch] = []
#: How often code has started that is not known, outside of what is watched as well, by id.
_elsewhere: dict[int, int] = {}
_changing = threading.RLock()


def watching(watch: Watch | None) -> AbstractContextManager[None]:
    """The time in which a run is watched; for None, in which no one who watches is to see it."""
    return nullcontext() if watch is None and not _active else _watching(watch)


@contextlib.contextmanager
def _watching(watch: Watch | None) -> Iterator[None]:
    token = WATCHED.set(watch or _NOBODY)
    if watch is not None:
        _begin(watch)
    try:
        yield
    finally:
        if watch is not None:
            _end(watch)
        with contextlib.suppress(ValueError):  # a coroutine that is closed elsewhere than it ran
            WATCHED.reset(token)


def _begin(watch: Watch) -> None:
    with _changing:
        if not _active:
            _elsewhere.clear()
            _seams.put_in()
        _active.append(watch)
        if watch.monitored:
            watch.monitored = _monitor.begin()
    if watch.traced:
        watch.profilers = sys.getprofile(), threading.getprofile()
        threading.setprofile(_profiled)
        sys.setprofile(_profiled)


def _end(watch: Watch) -> None:
    if watch.traced:
        own, threads = watch.profilers
        sys.setprofile(own)
        threading.setprofile(threads)
    with _changing:
        if watch not in _active:  # in a forked child
            return
        _active.remove(watch)
        if watch.monitored and not any(other.monitored for other in _active):
            _monitor.end()
        if not _active:
            _seams.take_out()


def _watches() -> Iterable[Watch]:
    """Those who watch what runs here: in this context, or in a thread that a watched run has started."""
    mine = WATCHED.get()
    if mine is not None:
        return () if mine is _NOBODY else (mine,)
    thread = threading.current_thread()
    return [watch for watch in _active if thread not in watch.before]


# -- functions of the standard library that note who calls them


def _noting(original: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        try:
            for watch in _watches():
                note(watch, *args, **kwargs)
        except Exception:  # whatever an audit meets, the run goes on
            logger().debug("the audit could not note a call of %r", original, exc_info=True)
        return found

    call.__sweepable_notes__ = True  # type: ignore[attr-defined]  # a module that is imported meanwhile may keep it
    return call


def _note_open(watch: Watch, file: Any, mode: str = "r", *_: Any, **__: Any) -> None:
    caller = sys._getframe(2)
    if not _is_ours(caller) and not _is_apart(caller):
        watch.opened(file, mode)


def _note_database(watch: Watch, database: Any, *_: Any, **given: Any) -> None:
    if _is_ours(sys._getframe(2)):
        return
    path = os.fsdecode(database)
    if given.get("uri"):
        path = path.removeprefix("file:").partition("?")[0]
    if path and not path.startswith(":"):
        watch.opened(path, "r")


def _note_program(watch: Watch, _popen: Any, args: Any, *_: Any, **__: Any) -> None:
    parts = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
    watch.programs[_short(" ".join(os.fsdecode(part) for part in parts))] = None


def _note_system(watch: Watch, command: Any) -> None:
    watch.programs[_short(os.fsdecode(command))] = None


def _note_connection(watch: Watch, _socket: Any, address: Any) -> None:
    plain = isinstance(address, tuple) and len(address) > 1
    watch.connections[_short(f"{address[0]}:{address[1]}" if plain else str(address))] = None


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Seams:
    """Where functions of the standard library are exchanged for ones that note who calls them."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, Any]] = []

    def put_in(self) -> None:
        """Exchange them."""
        noting_open = _noting(io.open, _note_open)
        for owner in (builtins, io, sys.modules["_io"]):
            if owner.open is io.open or owner is not builtins:  # somebody else's stays
                self._exchange(owner, "open", noting_open)
        for module, name in _HOLDERS_OF_OPEN:
            held = getattr(sys.modules.get(module), name, None)
            if held is not None:
                self._exchange(sys.modules[module], name, _noting(held, _note_open))
        self._exchange(os, "system", _noting(os.system, _note_system))
        self._exchange(sqlite3, "connect", _noting(sqlite3.connect, _note_database))
        popen = getattr(sys.modules.get("subprocess"), "Popen", None)
        if popen is not None and hasattr(popen, "_execute_child"):
            self._exchange(popen, "_execute_child", _noting(popen._execute_child, _note_program))
        socket = getattr(sys.modules.get("socket"), "socket", None)
        if socket is not None:
            self._exchange(socket, "connect", _noting(socket.connect, _note_connection))

    def _exchange(self, owner: Any, name: str, noting: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name), noting))
        setattr(owner, name, noting)

    def take_out(self) -> None:
        """Put everything back, except where the run itself has put in something else."""
        for owner, name, before, noting in self._undo:
            if vars(owner).get(name) is not noting:
                continue
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._undo.clear()


_seams = _Seams()


# -- the functions that run


class _Monitor:
    """The interpreter's own notices of functions that start: each code object costs once."""

    def __init__(self) -> None:
        self._tool: int | None = None

    def is_free(self) -> bool:
        """Whether the interpreter has room for one more who wants to know."""
        return self._tool is not None or self._find() is not None

    def _find(self) -> int | None:  # the other places are those of debuggers, coverage, profilers
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        return next((tool for tool in (4, 3) if monitoring.get_tool(tool) is None), None)

    def begin(self) -> bool:
        """Be told from now on, of what has been told before as well; whether that works."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        if self._tool is None:
            tool = self._find()
            if tool is None:
                logger().info("other tools have taken all places of sys.monitoring: functions are not audited")
                return False
            monitoring.use_tool_id(tool, "sweepable audit")
            monitoring.register_callback(tool, monitoring.events.PY_START, _monitored)
            monitoring.set_events(tool, monitoring.events.PY_START)
            self._tool = tool
        monitoring.restart_events()
        return True

    def end(self) -> None:
        """Be told no more."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        if self._tool is not None:
            monitoring.set_events(self._tool, 0)
            monitoring.register_callback(self._tool, monitoring.events.PY_START, None)
            monitoring.free_tool_id(self._tool)
            self._tool = None


_monitor = _Monitor()


def _monitored(code: CodeType, _offset: int) -> Any:
    try:
        told = _told(code, 2)
    except Exception:  # a fault here would be raised in the user's function
        told = True
    return sys.monitoring.DISABLE if told else None  # type: ignore[attr-defined]


def _profiled(frame: FrameType, event: str, _argument: object) -> None:
    if event == "call":
        with contextlib.suppress(Exception):
            _told(frame.f_code, 0, frame)


def _told(code: CodeType, depth: int, frame: FrameType | None = None) -> bool:
    """Note that a function starts; whether nobody has to be told of it again."""
    if not _may_be_users(code) or all(watch.knows(code) for watch in _active):
        return True
    for watch in _watches():
        watch.started(code, frame or sys._getframe(depth))
    # Elsewhere it may run very often, and here never.
    _elsewhere[id(code)] = times = _elsewhere.get(id(code), 0) + 1
    return times > _PATIENCE


def _may_be_users(code: CodeType) -> bool:
    """Whether code is a function in a file of the user's, or in a cell; not one that some library generated."""
    name = code.co_filename
    if not code.co_flags & _OPTIMIZED or code.co_name == "__del__":
        return False
    if name.startswith("<"):
        return name.startswith(("<ipython-input", "<stdin", "<python-input"))
    return origin.file_kind(name) == "user"


# -- what is looked at


def _is_apart(frame: FrameType | None) -> bool:
    """Whether a frame stands below the import of a module, the report of a warning or the like, within the run."""
    while frame is not None and not frame.f_code.co_filename.startswith(_OURS):
        if frame.f_globals.get("__name__") in _APART:
            return True
        frame = frame.f_back
    return False


def _is_ours(frame: FrameType) -> bool:
    """Whether sweepable itself is at work: it digests a file that is an argument, or reads a result."""
    return frame.f_code.co_filename.startswith(_OURS)


def _full(file: Any) -> str | None:
    """The full path of what is opened; None for what is no file by name."""
    if isinstance(file, int):
        return None
    return os.path.abspath(os.fsdecode(file))


def random_states() -> dict[str, object]:
    """The global random states of the libraries that are loaded, as values to compare."""
    found: dict[str, object] = {"random": random.getstate()}
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        state = numpy.get_state()  # a dict, where somebody has put in another generator
        found["numpy.random"] = tuple(map(_comparable, state)) if isinstance(state, tuple) else repr(state)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "random"):
        with contextlib.suppress(Exception):
            found["torch"] = torch.random.get_rng_state().numpy().tobytes()
    return found


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Afterwards the global random states are those from before."""
    own, numpy, torch = random.getstate(), sys.modules.get("numpy.random"), sys.modules.get("torch")
    state = numpy.get_state() if numpy is not None else None
    deep = torch.random.get_rng_state() if torch is not None and hasattr(torch, "random") else None
    try:
        yield
    finally:
        random.setstate(own)
        if numpy is not None:
            numpy.set_state(state)
        if torch is not None and deep is not None:
            torch.random.set_rng_state(deep)


def _comparable(part: Any) -> object:
    return part.tobytes() if hasattr(part, "tobytes") else part


def _forked() -> None:
    """In a forked child: the run that was watched is the parent's, and so may be the thread that held the lock."""
    global _changing
    _changing = threading.RLock()
    _active.clear()
    _seams.take_out()
    if CAN_TELL:
        _monitor.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
