"""One call: arguments to key, key to hit or miss, and what a miss does: run, check, store."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from sweepable.callee import Callee, as_upstream
from sweepable.environment import environment
from sweepable.errors import (
    DamagedError,
    NotKept,
    OutputMismatch,
    SecurityWarning,
    StaleResults,
    TaintedCall,
    TrustError,
    UndigestibleError,
    UntrackedCode,
    UpstreamArgumentError,
    UpstreamMismatch,
)
from sweepable.identity.code import describe
from sweepable.identity.key import framed
from sweepable.identity.values import Encoder, encode_scalar, is_frozen
from sweepable.model import Argument, CodeVersion, Failure, NewCall, Outputs, Status, StoredCall, UpstreamCall
from sweepable.record import Record, fresh
from sweepable.store.codecs import CannotEncode
from sweepable.store.location import current_store
from sweepable.store.store import Store

_PACKAGE = str(Path(__file__).parent)


class Input(NamedTuple):
    """An argument that is an upstream call, or one output of it."""

    index: int
    source: Call | Record
    field: str | None

    @property
    def key(self) -> str:
        """The upstream call's key."""
        return self.source.__sweepable_key__


class Call:
    """One call of a cached function: its bound arguments and its key. Making it runs nothing.

    Parameters
    ----------
    callee : Callee
        The function.
    bound : tuple
        What its binder returned.
    """

    __slots__ = ("bound", "callee", "dependencies", "encoded", "inputs", "key", "met", "version")

    def __init__(self, callee: Callee, bound: tuple[object, ...]) -> None:
        self.callee = callee
        self.bound = bound
        self.version: CodeVersion = callee.version()
        self.inputs: list[Input] = []
        self.met: list[UpstreamCall] = []
        self.dependencies: list[tuple[str, Call]] = []
        self.encoded: list[bytes] = []
        for index, name in callee.counted:
            value = bound[index]
            encoded = encode_scalar(value)
            self.encoded.append(self._encode(index, name, value) if encoded is None else encoded)
        if callee.dependencies:
            self.dependencies = [(d.callee.identifier, self._dependency(d.callee, d.shared)) for d in callee.dependencies]
        further = [(name, call.key) for name, call in self.dependencies]
        self.key = callee.keys.key(self.version.digest, self.encoded, further)

    @property
    def __sweepable_key__(self) -> str:
        return self.key

    def _encode(self, index: int, name: str, value: object) -> bytes:
        found = self._as_input(index, name, value)
        if found is None:
            return self._encode_value(name, value)
        self.inputs.append(found)
        reference = Encoder(describe).encode(found.source, name)
        return reference if found.field is None else b"output of a call" + framed(reference) + framed(found.field.encode())

    def _encode_value(self, name: str, value: object) -> bytes:
        encoder = Encoder(describe)
        try:
            encoded = encoder.encode(value, name)
        except UndigestibleError as error:
            if error.function is None:
                error.function = self.callee.name
            raise
        self.met += [UpstreamCall(key, "argument", name) for _, key, _ in encoder.calls]
        return encoded

    def _as_input(self, index: int, name: str, value: object) -> Input | None:
        expected = self.callee.upstreams.get(name)
        upstream = as_upstream(value)
        if upstream is not None and (expected is not None or upstream.field is not None):
            field = upstream.field or (expected.field if expected else None)
            return Input(index, Call(upstream.callee, upstream.bound()), field)
        if isinstance(value, Record):
            return Input(index, value, expected.field if expected else None)
        if expected is not None and expected.field is None:
            self._refuse_plain(name, value)
        return None

    def _refuse_plain(self, name: str, value: object) -> None:
        if isinstance(value, (dict, tuple, list)) or type(value).__module__.partition(".")[0] == "numpy":
            upstream = self.callee.upstreams[name].callee.identifier
            raise UpstreamArgumentError(
                f"{self.callee.name}(): {name} is an upstream call of {upstream}, but a {type(value).__name__} was given. "
                f"Give the Record of a call, {upstream}.get_or_run(...), or the call with other parameters, "
                f"{upstream}.partial(...)."
            )

    def _dependency(self, upstream: Callee, shared: dict[str, str]) -> Call:
        given = {theirs: self.bound[self.callee.binder.index(mine)] for theirs, mine in shared.items()}
        return Call(upstream, upstream.bind_by_name(given))

    def upstream_calls(self) -> Iterator[Call]:
        """The calls that have to be there before this one can run."""
        for found in self.inputs:
            if isinstance(found.source, Call):
                yield found.source
        for _, call in self.dependencies:
            yield call

    def store(self) -> Store:
        """Where this call is stored."""
        return current_store(self.callee.options.store)

    def arguments(self) -> tuple[Argument, ...]:
        """The bound arguments as the store keeps them."""
        inputs = {found.index: found for found in self.inputs}
        digests = {index: e for (index, _), e in zip(self.callee.counted, self.encoded, strict=True)}
        return tuple(
            self._argument(name, self.bound[index], inputs.get(index), digests.get(index))
            for index, name in enumerate(self.callee.parameters)
        )

    @staticmethod
    def _argument(name: str, value: object, found: Input | None, encoded: bytes | None) -> Argument:
        digest = blake3(encoded).hexdigest() if encoded is not None else ""
        if found is None:
            return Argument(name, "value", value, digest=digest)
        return Argument(name, "output" if found.field else "call", found.key, found.field or "", digest)

    def title(self) -> str:
        """The call as one would write it, shortened."""
        shown = ", ".join(f"{n}={_short(v)}" for n, v in zip(self.callee.parameters, self.bound, strict=True))
        return f"{self.callee.name}({shown})"


def _short(value: object) -> str:
    text = repr(value) if not hasattr(type(value), "__array__") else type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."


class Frame:
    """A run in progress: collects the cached calls made inside."""

    __slots__ = ("children", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.children: list[UpstreamCall] = []


_FRAME: ContextVar[Frame | None] = ContextVar("sweepable_frame", default=None)


def note(store: Store, call: Call) -> None:
    """Tell the run in progress, if there is one, that this call was made inside it."""
    frame = _FRAME.get()
    if frame is not None and frame.store is store:
        frame.children.append(UpstreamCall(call.key, "nested", call.callee.identifier))


class Obtained(NamedTuple):
    """A call's value, with the row that it has or got."""

    value: Any
    stored: StoredCall | None
    hit: bool
    outputs: Outputs | None


def lookup(call: Call, store: Store) -> StoredCall | None:
    """The stored call if it may be served."""
    row = store.fetch(call.key)
    return row if row is not None and row.status == "done" else None


def value_of(call: Call) -> Any:
    """What the function returns for this call: from the store, or by running it."""
    store = call.store()
    row = store.fetch(call.key)
    if row is not None and row.status == "done":
        loaded = load(call, store, row)
        if loaded is not None:
            if _FRAME.get() is not None:
                note(store, call)
            return loaded[0]
    return obtain(call, looked=True).value


def load(call: Call, store: Store, row: StoredCall) -> tuple[Any] | None:
    """The value of a stored call (in a tuple), or None if it has to be computed again."""
    try:
        value = store.value(row)
    except DamagedError:
        return None  # the store has put it aside and warned
    except TrustError as error:
        warnings.warn(f"{call.callee.name}: {error}; the call is computed again", SecurityWarning, stacklevel=4)
        return None
    if (id(store), row.layout) not in call.callee.accepted:
        check_declaration(call.callee, store, row, value)
    return (value,)


def check_declaration(callee: Callee, store: Store, row: StoredCall, value: object) -> StoredCall:
    """Hold a stored value against the declaration as it is now, which may be another than when it was stored."""
    if store.layout(row.layout).declared != callee.declaration.text:
        outputs, wrong = callee.declaration.take_apart(value)
        if wrong:
            raise _mismatch(callee, wrong, value)
        if store.read_only:
            return row
        row = store.relayout(row, outputs)
    callee.accepted.add((id(store), row.layout))
    return row


def _mismatch(callee: Callee, wrong: str, value: object) -> OutputMismatch:
    return OutputMismatch(
        f"{callee.name}: {wrong}. The value is stored, and it is in this error's .value; correct the declaration "
        "(no call has to run again) or the function.",
        value,
    )


def obtain(call: Call, *, looked: bool = False) -> Obtained:
    """The call's value: from the store if it is there, else by running the function once among all who ask.

    Parameters
    ----------
    call : Call
        The call.
    looked : bool, default False
        The caller has just looked, and it was not there.
    """
    if call.callee.is_async:
        return run_async(call)
    store = call.store()
    found = (None if looked else obtain_stored(call, store)) or _run_once(call, store)
    note(store, call)
    return found


#: Runs a call of an ``async def`` function to its end; `sweepable.coroutines`, which stands above, puts itself here.
run_async: Callable[[Call], Obtained]


def obtain_stored(call: Call, store: Store) -> Obtained | None:
    """The call's value if the store has it."""
    row = lookup(call, store)
    if row is None:
        return None
    loaded = load(call, store, row)
    return Obtained(loaded[0], row, True, None) if loaded is not None else None


def _run_once(call: Call, store: Store) -> Obtained:
    run = Run(call, store)
    bound = run.with_upstream()
    with store.hold(call.key, who=call.title()):
        found = obtain_stored(call, store)  # somebody else may have run it meanwhile
        if found is not None:
            return found
        with run.running():
            value = call.callee.binder.invoke(call.callee.function, bound)
        return run.finish(value)


class Run:
    """One run of a function: its inputs, its frame and what has to be done after it."""

    def __init__(self, call: Call, store: Store) -> None:
        self.call = call
        self.store = store
        self.frame = Frame(store)
        self.started = 0.0
        self.seconds = 0.0

    def with_upstream(self) -> tuple[object, ...]:
        """The bound arguments with Records and outputs in the place of upstream calls, run if they have to be."""
        if not self.call.inputs:
            return self.call.bound
        bound = list(self.call.bound)
        for found in self.call.inputs:
            record = record_of(found.source) if isinstance(found.source, Call) else fresh(found.source)
            bound[found.index] = record if found.field is None else record[found.field]
        return tuple(bound)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time in which the user's function runs; what it raises is recorded and goes on unchanged."""
        announce(self.call, self.store)
        token = _FRAME.set(self.frame)
        self.started, begun = time.time(), time.perf_counter()
        try:
            yield
        except Exception as error:
            self.seconds = time.perf_counter() - begun
            self._keep_failure(error)
            raise
        finally:
            _FRAME.reset(token)
        self.seconds = time.perf_counter() - begun

    def finish(self, value: Any) -> Obtained:
        """Store what the function returned; hand it on whether or not that works."""
        self._check_dependencies()
        tainted = self._tainted()
        outputs, wrong = self.call.callee.declaration.take_apart(value)
        stored = self._keep("tainted" if tainted else "done", outputs=outputs)
        if tainted:
            warnings.warn(
                f"{self.call.callee.name}: the call changed {tainted}, on which its identity depends. Its result is returned "
                "and stored, but never served: the next such call runs again.",
                TaintedCall,
                stacklevel=5,
            )
        if wrong:
            raise _mismatch(self.call.callee, wrong, value)
        if stored is not None:
            self.call.callee.accepted.add((id(self.store), stored.layout))
        return Obtained(value, stored, False, outputs)

    def _tainted(self) -> str | None:
        """What the run changed of what its key was made of; None for nothing."""
        callee = self.call.callee
        given = {found.index for found in self.call.inputs}
        for (index, name), before in zip(callee.counted, self.call.encoded, strict=True):
            if index in given or is_frozen(self.call.bound[index]):
                continue
            if _encoding(self.call.bound[index], name) != before:
                return f"its argument {name}"
        sentence = callee.changed_since_version()
        if sentence is None and callee.version() is self.call.version:
            return None
        # Another object of the same content is no change; a run inside this one may have looked before us.
        if callee.version().digest == self.call.version.digest:
            return None
        return sentence or "a global"

    def _check_dependencies(self) -> None:
        made = {child.key for child in self.frame.children}
        for name, call in self.call.dependencies:
            if call.key not in made:
                warnings.warn(
                    f"{self.call.callee.name}: depends_on announces {call.title()}, but the run did not make this call. "
                    f"Its key counts all the same. Call {name} with the shared parameters, or correct depends_on.",
                    UpstreamMismatch,
                    stacklevel=6,
                )

    def _upstream(self) -> tuple[UpstreamCall, ...]:
        call = self.call
        given = [UpstreamCall(found.key, "argument", call.callee.parameters[found.index]) for found in call.inputs]
        given += call.met
        given += [UpstreamCall(upstream.key, "depends_on", name) for name, upstream in call.dependencies]
        declared = {upstream.key for _, upstream in call.dependencies}
        nested = [child for child in self.frame.children if child.key not in declared]
        return tuple(dict.fromkeys([*given, *nested]))

    def _keep_failure(self, error: Exception) -> None:
        if self.store.read_only:
            return
        self._keep("failed", failure=failure_of(error))

    def _keep(
        self, status: Status, *, outputs: Outputs | None = None, failure: Failure | None = None
    ) -> StoredCall | None:
        new = new_call(
            self.call,
            status,
            started=self.started,
            seconds=self.seconds,
            outputs=outputs,
            failure=failure,
            upstream=self._upstream(),
        )
        try:
            return self.store.put(new)
        except CannotEncode as error:
            _warn_not_kept(self.call, f"its result cannot be stored: {error}")
            return self._keep_stub(new, str(error))
        except Exception as error:  # the result is worth more than the reason why it cannot be kept
            _warn_not_kept(self.call, f"{type(error).__name__}: {error}")
        return None

    def _keep_stub(self, new: NewCall, reason: str) -> StoredCall | None:
        """A row without a result, so that the lineage of what is computed from it stays whole."""
        failure = Failure("NotKept", reason, "")
        stub = NewCall(
            new.key, new.function, new.version, "unkept", new.started, new.seconds, new.arguments,
            failure=failure, upstream=new.upstream, environment=new.environment,
        )  # fmt: skip
        try:
            return self.store.put(stub)
        except Exception as error:
            _warn_not_kept(self.call, f"{type(error).__name__}: {error}")
            return None


def new_call(
    call: Call,
    status: Status,
    *,
    started: float,
    seconds: float,
    outputs: Outputs | None = None,
    failure: Failure | None = None,
    upstream: Sequence[UpstreamCall] = (),
) -> NewCall:
    """What the store is told about a call."""
    return NewCall(
        key=call.key,
        function=call.callee.facts,
        version=call.version,
        status=status,
        started=started,
        seconds=seconds,
        arguments=call.arguments(),
        outputs=outputs,
        failure=failure,
        upstream=tuple(upstream),
        environment=environment(call.version.packages),
    )


def failure_of(error: BaseException) -> Failure:
    """An exception as the store keeps it: its traceback begins in the user's function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((_PACKAGE, "<sweepable")):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    return Failure(type(error).__qualname__, str(error), text)


def _warn_not_kept(call: Call, reason: str) -> None:
    warnings.warn(f"{call.title()} is returned but not kept: {reason}", NotKept, stacklevel=7)


def _encoding(value: object, name: str) -> bytes | None:
    try:
        return Encoder(describe).encode(value, name)
    except UndigestibleError:
        return None


# -- Records


def record_of(call: Call) -> Record:
    """The Record of a call; runs it if it has to. No output of a stored call is loaded."""
    store = call.store()
    row = peek(call, store)
    if row is not None:
        note(store, call)
        return Record(store, row, again=_again(call))
    found = obtain(call, looked=True)
    if found.stored is not None and found.stored.status in ("done", "tainted"):
        return Record(store, found.stored, again=_again(call))
    loaded = dict(zip(found.outputs.layout.names, found.outputs.values, strict=True)) if found.outputs else {}
    return Record(store, found.stored or _unstored(call), loaded)


def ensure(call: Call) -> bool:
    """Make sure that the call is stored, loading nothing; whether that took running it."""
    store = call.store()
    if peek(call, store) is not None:
        note(store, call)
        return False
    return not obtain(call, looked=True).hit


def peek(call: Call, store: Store) -> StoredCall | None:
    """The stored call if it may be served, with its outputs named as they are declared now."""
    row = lookup(call, store)
    if row is None or (id(store), row.layout) in call.callee.accepted:
        return row
    if store.layout(row.layout).declared == call.callee.declaration.text:
        call.callee.accepted.add((id(store), row.layout))
        return row
    return lookup(call, store) if load(call, store, row) is not None else None


def _unstored(call: Call) -> StoredCall:
    """A row for a call that the store could not take at all: it exists in this process only."""
    return StoredCall(0, call.key, 0, 0, 0, "unkept", time.time(), 0.0, 0, b"", None, None, 0)


def _again(call: Call) -> Callable[[], StoredCall | None]:
    return lambda: obtain(call).stored


# -- what is said once

_ANNOUNCED: set[tuple[int, str]] = set()
_quiet: ContextVar[bool] = ContextVar("sweepable_quiet", default=False)


@contextmanager
def quietly() -> Iterator[None]:
    """No word about older code or what could not be followed: a sweep has said it for all its workers."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def announce(call: Call, store: Store) -> None:
    """At the first run of a version: what could not be followed, and how many results are of older code."""
    mark = (id(store), call.version.digest)
    if mark in _ANNOUNCED:
        return
    _ANNOUNCED.add(mark)
    if _quiet.get():
        return
    for sentence in call.version.untracked:
        warnings.warn(f"{call.callee.name}: {sentence}", UntrackedCode, stacklevel=8)
    older = stale_count(call.callee, call.version, store)
    if older:
        warnings.warn(
            f"{call.callee.name}: {older} stored result{'s are' if older > 1 else ' is'} of older code and not used; "
            f"{call.callee.name}.explain() tells what changed.",
            StaleResults,
            stacklevel=8,
        )


def stale_count(callee: Callee, version: CodeVersion, store: Store) -> int:
    """How many results the function has under older code, if it has none yet under this."""
    function = store.find_function(callee.name, version.digest, callee.facts.home)
    if function is None or any(known.digest == version.digest for known in store.versions(function.id)):
        return 0
    return store.stale_count(function.id, version.digest)
