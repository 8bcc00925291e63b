"""One stored call as people read it: a dot-able Record, whose outputs load when touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from sweepable.errors import AmbiguousName, DamagedError, NoCallFound, SweepableError, TrustError, UnknownName
from sweepable.lineage import CallNode, function_identifier
from sweepable.model import Argument, GivenCalls, Layout, StoredCall
from sweepable.names import Kind, Place, ambiguous, did_you_mean, nearer, resolve, unknown, walk
from sweepable.passed import SCALARS, register
from sweepable.store.codecs import Summary
from sweepable.store.location import current_store
from sweepable.store.store import is_store, open_store
from sweepable.tagged import Tagged

if TYPE_CHECKING:
    from sweepable.ancestry import Lineage
    from sweepable.info import Info
    from sweepable.store.store import Store

#: Where a run in progress notes what it reads of Records that is not their content, which decides whether its result
#: holds where their code is another one: ``info``, or ``names`` of functions.
READ: ContextVar[set[str] | None] = ContextVar("sweepable_read", default=None)

#: Where a run in progress keeps what it asked the store for: its result depends on what is stored by then.
ASKED: ContextVar[list[str] | None] = ContextVar("sweepable_asked", default=None)

#: The statuses of calls whose outputs can be read again.
_STORED = ("done", "tainted")
#: Notebooks ask any object for its pictures by such names.
_PROBES = ("_repr_", "_ipython_")
#: Makes a query of the calls with these keys; the query layer, which stands above this one, puts itself here.
query_of_keys: Callable[[Store, Sequence[str]], Any] = cast("Any", None)
#: Makes the query that was given for a parameter, whose name is told; likewise.
query_of_given: Callable[[Store, GivenCalls, str], Any] = cast("Any", None)
#: Makes the query of the calls of a function that came from one call; likewise.
query_downstream: Callable[[Record, object, Mapping[str, object]], Any] = cast("Any", None)
#: Reads a lineage; likewise.
lineage_of: Callable[[Record, int | None, bool], Lineage] = cast("Any", None)


class Record(Tagged):
    """One stored call: parameters, outputs and upstream calls as attributes.

    A name is the call's own parameter or output, else an upstream call by parameter or function name, else a
    parameter or output of the one upstream call that has it. ``rec["x"]`` is always the user's ``x``; beside
    those, a Record has ``params``, ``outputs``, ``upstream``, ``downstream``, ``lineage``, ``info``, ``tag`` and
    ``untag``.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache(area=float)
    ... def square(side=2.0):
    ...     return side * side
    >>> rec = square.get_or_run(side=3.0)
    >>> rec.area, rec.side, rec.info.status
    (9.0, 3.0, 'done')
    """

    __slots__ = ("_again", "_loaded", "_node", "_read", "_store")

    def __init__(
        self,
        store: Store,
        call: StoredCall,
        loaded: Mapping[str, object] | None = None,
        *,
        again: Callable[[], StoredCall | None] | None = None,
    ) -> None:
        self._store = store
        self._node = CallNode(store, call)
        if loaded and not call.layout:  # a result that could not be stored
            self._node.outputs = tuple(loaded)
        self._loaded: dict[str, object] = dict(loaded or {})
        self._again = again
        #: Of the run that it was given to, which may read it in a thread of its own.
        self._read: set[str] | None = None

    @property
    def __sweepable_key__(self) -> str:
        return self._node.call.key

    # -- ours

    @property
    def params(self) -> _Part:
        """The call's arguments by parameter name."""
        return _Part("parameter", list(self._node.arguments), self._argument)

    @property
    def outputs(self) -> _Part:
        """The call's outputs by name; each loads when touched."""
        return _Part("output", list(self._node.outputs), self._output)

    @property
    def upstream(self) -> _Part:
        """The upstream calls by parameter or function name: Records, or a Query where there are several."""
        note_read("names", self)
        names = list(dict.fromkeys(step.name for step in self._node.steps()))
        return _Part("upstream call", names, self._upstream)

    def downstream(self, function: object, /, **lookups: object) -> Any:
        """The calls of `function` that came from this one, at any distance.

        Parameters
        ----------
        function : cached function or str
            Whose calls to find.
        **lookups
            As in ``filter``.

        Returns
        -------
        Query
        """
        note_read("info", self)
        return query_downstream(self, function, lookups)

    def lineage(self, depth: int | None = None, *, downstream: bool = False) -> Lineage:
        """All that the call came from, as it is stored now: printed as a tree, drawn in a notebook, exported.

        Parameters
        ----------
        depth : int, optional
            How many calls away the farthest is; by default all.
        downstream : bool, default False
            What came from the call instead, of whatever code.

        Returns
        -------
        Lineage
        """
        return lineage_of(self, depth, downstream)

    @property
    def info(self) -> Info:
        """Key, status, when and how long it ran, its version, error, and what it ran in; see `Info`."""
        from sweepable.info import Info

        note_read("info", self)
        return Info(self._store, self._node.call)

    # -- the user's

    def __getattr__(self, name: str) -> Any:
        if (name.startswith("__") and name.endswith("__")) or name in Record.__slots__:
            raise AttributeError(name)
        if name[0] == "_" and name.startswith(_PROBES) and not self._node.own().plain(name):
            raise AttributeError(name)  # what notebooks try on every object is not looked for upstream
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise TypeError(f"{self._title()}: a Record has names, not numbers; got {name!r}")
        node = self._node
        if (name in node.arguments) != (name in node.outputs):  # most often, and nothing has to be searched
            return self._argument(name) if name in node.arguments else self._output(name)
        own = node.own().plain(name)
        if len(own) == 1:
            return self._own(*own[0])
        if not self._is_argument(name):
            note_read("names", self)
        places = nearer(resolve(self._node, name))
        if not places:
            error = unknown(self._node, name, self._title())
            if self._node.call.status in ("failed", "killed"):
                error.args = (f"{error}; the call {self._node.call.status}, which rec.info.error tells of",)
            error.args = (
                "; ".join([str(error), *(f"{_lost(name)}: it was forgotten" for name in _forgotten(self._node))]),
            )
            raise error
        if len(places) == 1:
            return self._at(places[0])
        calls = [_call_of(place.node) for place in places]
        if all(place.name is None for place in places) and len({call.function for call in calls}) == 1:
            return query_of_keys(self._store, [call.key for call in calls])
        raise ambiguous(name, self._title(), places)

    __iter__ = None  # or Python would ask for rec[0], rec[1], ...

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._node.own().plain(name))

    def _is_argument(self, name: str) -> bool:
        """Whether a name is that of a parameter which was given an upstream call, however functions are called."""
        named = [step for step in self._node.steps() if name in (step.name, step.function)]
        return len(named) == 1 and named[0].role == "argument" and named[0].name == name

    def _at(self, place: Place) -> Any:
        record = self if place.node is self._node else self._further(_call_of(place.node))
        return record if place.name is None or place.kind is None else record._own(place.kind, place.name)

    def _own(self, kind: Kind, name: str) -> Any:
        if kind == "field":
            parameter, value = self._node.fields[name]
            self._argument(parameter)  # which notes that it is read
            return value
        return self._argument(name) if kind == "parameter" else self._output(name)

    def _output(self, name: str) -> Any:
        if name not in self._loaded:
            value = self._loaded[name] = self._load(name)
            if type(value) not in SCALARS:
                register(value, self._node.call.key, self._store, name)
        return self._loaded[name]

    def _load(self, name: str) -> Any:
        try:
            return self._store.output(self._node.call, name)
        except (DamagedError, TrustError) as error:
            call = self._again() if self._again is not None else None
            if call is not None:
                self._node = CallNode(self._store, call)
                return self._store.output(call, name)
            if isinstance(error, TrustError):
                raise
            text = f"{self._title()}: the output {name} cannot be read; the same call again computes it: {error}"
            raise DamagedError(text) from error

    def _argument(self, name: str) -> Any:
        argument = self._node.arguments[name]
        if not argument.part:
            note_read("info", self)  # what is ignored may be another value in a call of the same content
        if argument.kind == "value":
            if isinstance(argument.value, Summary):
                raise SweepableError(
                    f"{self._title()}: of the argument {name} ({argument.value.text}) only the digest is known: "
                    "it was too large to be kept with the call, or cannot be loaded here"
                )
            if isinstance(argument.value, GivenCalls):
                return query_of_given(self._store, argument.value, f"{self._title()}: {name}")
            return argument.value
        record = self._upstream_call(argument)
        return record if argument.kind == "call" else record[argument.field]

    def _upstream_call(self, argument: Argument) -> Record:
        call = self._store.fetch(str(argument.value))
        if call is None:
            raise NoCallFound(
                f"{self._title()}: {_lost(argument.name)} {self._store.path}: it was forgotten, or made in another one "
                f"(key {str(argument.value)[:12]})"
            )
        if call.id not in [edge.id for edge in self._node.edges]:
            since = f"{Record(self._store, call)!r}, which was stored since, need not have the same result"
            raise NoCallFound(f"{self._title()}: {_lost(argument.name)}: it was forgotten; {since}")
        return self._further(call)

    def _further(self, call: StoredCall) -> Record:
        """The Record of an upstream call, reached from this one."""
        return given_to(Record(self._store, call), self._read)

    def _upstream(self, name: str) -> Any:
        steps = [step for step in self._node.steps() if step.name == name]
        calls = [_call_of(step.node) for step in steps if step.role == steps[0].role]
        if len(calls) == 1:
            return self._further(calls[0])
        if len({call.function for call in calls}) > 1:
            raise AmbiguousName(f"{self._title()}: calls of several functions called {name} are upstream of this one")
        return query_of_keys(self._store, [call.key for call in calls])

    # -- as an object

    def _title(self) -> str:
        function = self._node.call.function
        return function_identifier(self._store, function) if function else "Record"

    def __repr__(self) -> str:
        note_read("info", self)
        shown = ", ".join(f"{name}={_short(argument)}" for name, argument in self._node.arguments.items())
        names = ", ".join(self._node.outputs)
        return f"<{self._title()}({shown}) -> {names or self._node.call.status}>"

    def __dir__(self) -> list[str]:
        note_read("names", self)
        return sorted({*object.__dir__(self), *self._names()})

    def _ipython_key_completions_(self) -> list[str]:
        return self._names()

    def _names(self) -> list[str]:
        """What stands after the dot, beside ours: own names, upstream calls, and what only one of those has."""
        found = [*self._node.own().spelled()]
        counts: Counter[str] = Counter()
        for node, path in walk(self._node):
            found += [name for step in node.steps() for name in (step.name, step.function)]
            counts.update(list(node.own().spelled()) if path else ())
        return list(dict.fromkeys([*found, *(name for name, count in counts.items() if count == 1)]))

    def __eq__(self, other: object) -> bool:
        note_read("info", self)  # the key
        return isinstance(other, Record) and other.__sweepable_key__ == self.__sweepable_key__

    def __hash__(self) -> int:
        note_read("info", self)
        return hash(self.__sweepable_key__)

    def __reduce__(self) -> tuple[object, ...]:
        if self._node.call.status == "done":
            return _restored, (str(self._store.path), self._node.call.key)
        return _restored, (str(self._store.path), self._node.call.key, self._node.call, self._loaded)


def note_read(what: str, record: Record | None = None) -> None:
    """Tell the run in progress, if there is one, that it reads what is not content: ``info`` or ``names``.

    Where none is in progress here, the run that the Record was given to: a body may start threads.
    """
    read = READ.get()
    if read is None and record is not None:
        read = record._read
    if read is not None:
        read.add(what)


def note_asked(what: str) -> None:
    """Tell the run in progress, if there is one, that it asks the store: its result depends on what is stored by then.

    Parameters
    ----------
    what : str
        Whose calls, as the warning says it.
    """
    asked = ASKED.get()
    if asked is not None:
        asked.append(what)


def fresh(record: Record) -> Record:
    """The same Record with nothing loaded, so that no one's changes to an array it has given out are seen."""
    if record._node.call.status not in _STORED:
        return record
    return Record(record._store, record._node.call, again=record._again)


def unload(record: Record) -> None:
    """Forget the outputs that it has loaded, for the same reason; they load again when touched."""
    if record._node.call.status in _STORED:
        record._loaded.clear()


def given_to(record: Record, read: set[str] | None) -> Record:
    """The Record for the body of a run, which is to note there what it reads that is not content."""
    record._read = read
    return record


def store_of(record: Record) -> Store:
    """Where a Record is stored."""
    return record._store


def call_of(record: Record) -> StoredCall:
    """The row that a Record reads."""
    return record._node.call


def layout_of(record: Record) -> Layout:
    """How its outputs are named."""
    return record._store.layout(record._node.call.layout)


class _Part(Mapping[str, Any]):
    """One kind of names of a Record: by attribute, by key, in order."""

    def __init__(self, kind: str, names: list[str], read: Callable[[str], Any]) -> None:
        self._kind = kind
        self._names = names
        self._read = read

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise UnknownName(f"no {self._kind} {name!r}{did_you_mean(name, self._names)}")
        return self._read(name)

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dict__.get("_names", ()) and name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self._names]

    def __repr__(self) -> str:
        return f"{self._kind}s: {', '.join(self._names)}"


def _restored(
    path: str, key: str, call: StoredCall | None = None, loaded: Mapping[str, object] | None = None
) -> Record:
    # The store may have been moved since: then the one in use is where the call is looked for.
    store = open_store(path) if is_store(path) else current_store()
    found = store.fetch(key) or call
    if found is None:
        raise NoCallFound(f"a Record refers to the call {key[:12]}, which is not in the store {store.path}")
    return Record(store, found, loaded)


def _forgotten(node: CallNode) -> list[str]:
    """The parameters whose upstream calls are no longer those that were given."""
    there = {edge.name for edge in node.edges if edge.role == "argument"}
    return [name for name, argument in node.arguments.items() if argument.kind != "value" and name not in there]


def _lost(name: str) -> str:
    return f"the upstream call given as {name} is no longer in the store"


def _call_of(node: object) -> StoredCall:
    assert isinstance(node, CallNode)
    return node.call


def _short(argument: Argument) -> str:
    if argument.kind != "value":
        return f"<{argument.field or 'Record'} {str(argument.value)[:8]}>"
    text = argument.value.text if isinstance(argument.value, Summary) else repr(argument.value)
    return text if len(text) <= 40 else f"{text[:37]}..."
