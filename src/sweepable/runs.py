"""One run of a function: the calls made inside it, what it changed that it depends on, and what is stored of it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

from sweepable import audited, passed
from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.environment import surroundings
from sweepable.errors import (
    NotKept,
    OutputMismatch,
    StaleResults,
    TaintedCall,
    UndigestibleError,
    UntrackedCode,
    UpstreamMismatch,
)
from sweepable.findings import with_outside
from sweepable.identity.code import describe
from sweepable.identity.origin import OWN_NAME, STDLIB_NAMES, is_user_code, underlying
from sweepable.identity.values import Encoder, is_frozen
from sweepable.inside import Frame, Within
from sweepable.model import (
    CodeVersion,
    Content,
    ContentKeys,
    Environment,
    Failure,
    NewCall,
    Outputs,
    Status,
    StoredCall,
    UpstreamCall,
)
from sweepable.notices import first, logger, warn, warn_once
from sweepable.record import Record, call_of, store_of
from sweepable.registry import siblings
from sweepable.store.codecs import CannotEncode
from sweepable.store.store import Store

_OURS = (os.path.dirname(__file__), "<sweepable", contextlib.__file__)


# -- the run


class Obtained(NamedTuple):
    """A call's value, with the row that it has or got."""

    value: Any
    stored: StoredCall | None
    hit: bool
    outputs: Outputs | None


class Run:
    """One run of a function: its frame and what has to be done before and after it."""

    def __init__(self, call: Call, store: Store) -> None:
        self.call = call
        self.store = store
        self.frame = Frame(store)
        #: Before it runs: what its body calls may return the same objects.
        self._passed = [] if call.is_plain else passed.given(call.values())
        self.started = 0.0
        self.seconds = 0.0
        self._changes = 0
        self._unfilled: bytes | None = None
        #: The call's keys by content, once its upstream calls are there.
        self.content_keys: ContentKeys | None = None
        #: The ids that its upstream calls in this store had when it began, by key.
        self.given: dict[str, int] = {}
        self._doubt: str | None = None
        self._audit: audited.Audit
        self._alone = True
        self._environment: Environment | None = None

    def doubt(self, record: Record, *, given: bool) -> None:
        """Note that the run depends on a result that is not certainly that of its key.

        Parameters
        ----------
        record : Record
            Of an upstream call.
        given : bool
            The caller held it: what is not in the store may have been changed since.
        """
        status = call_of(record).status
        if status == "done" and store_of(record) is self.store:
            self.given[call_of(record).key] = call_of(record).id
        if status == "tainted" or (given and status == "unkept"):
            self._doubt = f"the result of an upstream call that is {status}, {record!r}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The time in which the user's function runs; what it raises is recorded and goes on unchanged."""
        announce(self.call, self.store)
        callee = self.call.callee
        self.call.version = callee.complete(self.call.version)
        is_current = callee.version().digest == self.call.version.digest
        self._changes = callee.code.changes if is_current else -1
        self._unfilled = callee.code.unfilled() if is_current else None
        # Before, and not when it is stored: sources are often edited while a run takes its time.
        self._environment = None if self.store.read_only else environment_of(self.call)
        self._audit = audited.begin(self.call, self.store)
        self.started, begun = time.time(), time.perf_counter()
        try:
            with Within(self.frame), self._audit.watching():
                yield
        except BaseException as error:
            self.seconds = time.perf_counter() - begun
            self._audit.give_up()
            if isinstance(error, Exception):
                self._keep_failure(error)
            raise
        self.seconds = time.perf_counter() - begun

    def finish(self, value: Any) -> Obtained:
        """Store what the function returned; hand it on whether or not that works."""
        changed = self.changed()
        self._audit.conclude(value, changed or "")
        self._alone = self._audit.alone
        outputs, wrong = self.call.callee.declaration.take_apart(value)
        stored = self._keep("tainted" if changed else "done", outputs)
        self._audit.settle()
        self._warn_of_dependencies()
        if changed:
            self._warn_tainted(changed)
        if wrong:
            raise mismatch(self.call.callee, wrong, value)
        return Obtained(value, stored, False, outputs)

    # -- what it changed

    def changed(self) -> str | None:
        """What the run depends on and does not stand for any more; None for nothing."""
        return (
            self._changed_argument()
            or self._changed_code()
            or (self._doubt and f"{self._name} was given {self._doubt}")
            or self._gone()
            or self._asked()
        )

    def _gone(self) -> str | None:
        """An upstream call that it was given and that has been forgotten, or computed anew, since."""
        if not self.given:
            return None
        there = self.store.statuses(list(self.given))
        gone = [key for key, id in self.given.items() if key not in there or there[key].id != id]
        return (
            f"an upstream call of {self._name} was forgotten or replaced while it ran: {gone[0][:12]}" if gone else None
        )

    def _asked(self) -> str | None:
        if not self.frame.asked:
            return None
        asked = ", ".join(dict.fromkeys(self.frame.asked))
        return (
            f"{self._name} asked the store for calls of {asked} while it ran, so its result depends on what is stored "
            "by then: pass the query as an argument, which counts by the calls that it finds"
        )

    @property
    def _name(self) -> str:
        return self.call.callee.name

    def _changed_argument(self) -> str | None:
        call = self.call
        given = {found.place for found in call.inputs}
        for (index, name), before in zip(call.callee.counted, call.encoded, strict=True):
            value = call.bound[index]
            if index not in given and not is_frozen(value) and not is_still(value, name, before):
                return f"{self._name} changed its argument {name} while it ran"
        return None

    def _changed_code(self) -> str | None:
        callee, before = self.call.callee, self.call.version
        sentence = callee.changed_since_version()
        now = callee.version()
        # Another object of the same content is no change; a run inside this one may have looked before us, and what
        # another thread has changed it may have changed back.
        if now.digest == before.digest and callee.code.changes == self._changes:
            return None
        if self._unfilled is not None and callee.code.unfilled() == self._unfilled:
            return None
        sentence = sentence or callee.changed_since(before)
        return sentence or f"something that {self._name} depends on changed while it ran"

    def _warn_tainted(self, changed: str) -> None:
        message = f"{changed}. The result is returned and stored, but never served: the next such call runs again."
        warn_once((TaintedCall, self._name, changed), message, TaintedCall)

    def _warn_of_dependencies(self) -> None:
        made = {child.key for child in self.frame.children}
        for name, call in self.call.dependencies:
            if call.key not in made:
                message = (
                    f"{self._name}: depends_on announces {call.title()}, but the run did not make this call. Its key "
                    f"counts all the same. Call {name} with the shared parameters, or correct depends_on."
                )
                warn_once((UpstreamMismatch, self._name, name, self.call.version.digest), message, UpstreamMismatch)

    # -- what is stored of it

    def _upstream(self) -> tuple[UpstreamCall, ...]:
        call = self.call
        if not (self.frame.children or call.inputs or call.held or call.dependencies or self._passed):
            return ()
        declared = {upstream.key for _, upstream in call.dependencies}
        nested = [child for child in self.frame.children if child.key not in declared]
        found = dict.fromkeys([*call.lineage(), *nested])
        known = {(each.key, each.name) for each in found}
        others = passed.upstream(self._passed, call.key, self.store) if self._passed else ()
        return tuple(dict.fromkeys([*found, *(each for each in others if (each.key, each.name) not in known)]))

    def _new_call(self, status: Status, outputs: Outputs | None = None, failure: Failure | None = None) -> NewCall:
        environment = self._environment if self._environment is not None else environment_of(self.call)
        new = new_call(
            self.call,
            status,
            self.started,
            self.seconds,
            outputs=outputs,
            failure=failure,
            upstream=self._upstream(),
            environment=with_outside(environment, self._audit.state),
            audit=self._audit.text,
            content_key=None if self.content_keys is None else self._content_key(self.content_keys),
            arguments_content=self._arguments_content(),
        )
        return new._replace(given=tuple(self.given.items())) if self.given else new

    def _arguments_content(self) -> Content | None:
        # What it has to do with beside its arguments is no part of its content.
        return self.content_keys.arguments if self.content_keys is not None and self._alone else None

    def _content_key(self, keys: ContentKeys) -> str | None:
        """The key under which later calls may take it over; None if it read what is not content."""
        if "info" in self.frame.read:
            return None
        by_name = "names" in self.frame.read and bool(self.call.inputs or self.call.held or self.call.dependencies)
        return keys.named if by_name else keys.plain

    def taking(self, content_key: str) -> NewCall:
        """The call as the store is told of it where it takes over the result of another one."""
        return new_call(
            self.call,
            "done",
            0.0,
            0.0,
            upstream=self._upstream(),
            environment=Environment(),
            content_key=content_key,
            arguments_content=self._arguments_content(),
        )

    def _keep_failure(self, error: Exception) -> None:
        if self.store.read_only:
            return
        try:
            self.store.put(self._new_call("failed", failure=failure_of(error)))
        except Exception:  # the user's exception is on its way, and says more
            logger().warning("the failure of %s could not be stored", self.call.title(), exc_info=True)

    def _keep(self, status: Status, outputs: Outputs) -> StoredCall | None:
        if self.store.read_only:
            message = f"{self._name}: results are returned but not kept: the store {self.store.path} is read-only"
            warn_once((NotKept, self._name, self.store.path), message, NotKept)
            return None
        try:
            new = self._new_call(status, outputs)
            return self.store.put(new)
        except CannotEncode as error:
            stored, reason = self._keep_stub(new, str(error)), f"its result cannot be stored: {error}"
        except Exception as error:  # the result is worth more than the reason why it cannot be kept
            stored, reason = None, f"{type(error).__name__}: {error}"
        warn(f"{self.call.title()} is returned but not kept: {reason}", NotKept)
        return stored

    def _keep_stub(self, new: NewCall, reason: str) -> StoredCall | None:
        """A row without a result, so that the lineage of what is computed from it stays whole."""
        try:
            return self.store.put(new._replace(status="unkept", outputs=None, failure=Failure("NotKept", reason, "")))
        except Exception:
            logger().warning("the call %s could not be stored", self.call.title(), exc_info=True)
            return None


def is_still(value: object, name: str, before: bytes) -> bool:
    """Whether an argument has the content that it had, values that it keeps of its cached properties apart."""
    try:
        return Encoder(describe).encode(value, name) == before or _without_cached(value, name) == before
    except UndigestibleError:
        return False


def _without_cached(value: object, name: str) -> bytes | None:
    kind = type(value)
    own = getattr(value, "__dict__", {})
    plain = {
        n: v for n, v in own.items() if not isinstance(inspect.getattr_static(kind, n, None), functools.cached_property)
    }
    if len(plain) == len(own) or kind.__new__ is not object.__new__:
        return None
    bare = object.__new__(kind)
    bare.__dict__.update(plain)
    return Encoder(describe).encode(bare, name)


def mismatch(callee: Callee, wrong: str, value: object) -> OutputMismatch:
    """The error for a value that does not conform to what is declared."""
    return OutputMismatch(
        f"{callee.name}: {wrong}. The value is stored, and it is in this error's .value; correct the declaration "
        "(no call has to run again) or the function.",
        value,
    )


def new_call(
    call: Call,
    status: Status,
    started: float,
    seconds: float,
    *,
    outputs: Outputs | None = None,
    failure: Failure | None = None,
    upstream: tuple[UpstreamCall, ...] = (),
    environment: Environment | None = None,
    audit: str = "",
    content_key: str | None = None,
    arguments_content: Content | None = None,
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
        upstream=upstream,
        environment=environment if environment is not None else environment_of(call),
        content_key=content_key,
        arguments_content=arguments_content,
        audit=audit,
    )


def environment_of(call: Call) -> Environment:
    """What the call runs in; never an error."""
    # A pinned version does not say where its code lies.
    plain = underlying(call.callee.function) if call.callee.pin is not None else None
    try:
        return surroundings(call.version, plain.__code__.co_filename if plain is not None else "", _given(call))
    except Exception:  # a result is worth more than what it came about in
        logger().warning("what %s runs in could not be found out", call.title(), exc_info=True)
        return Environment()


_BUILT_IN = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, list, dict})


def _given(call: Call) -> list[str]:
    """The packages that arguments are objects of: their methods run, though the code does not name them."""
    found = []
    for kind in {type(value) for value in call.bound} - _BUILT_IN:
        name = str(kind.__module__).partition(".")[0]
        if name not in STDLIB_NAMES and name != OWN_NAME and not is_user_code(kind):
            found.append(name)
    return sorted(found)


def failure_of(error: BaseException) -> Failure:
    """An exception as the store keeps it: its traceback begins in the user's code, if it came that far."""
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    try:
        message = str(error)
    except Exception:
        message = "its message cannot be read"
    return Failure(type(error).__qualname__, message, text)


# -- what is said once

_quiet: ContextVar[bool] = ContextVar("sweepable_quiet", default=False)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """No word about older code or what could not be followed: a sweep has said it for all its workers."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def announce(call: Call, store: Store) -> None:
    """At the first run of a version: what could not be followed, and how many results are of older code."""
    name = call.callee.name
    if not first((announce, name, store.folder, call.version.digest)) or _quiet.get():
        return
    for sentence in call.version.untracked:
        warn_once((UntrackedCode, name, sentence), f"{name}: {sentence}", UntrackedCode)
    older = stale_count(call.callee, call.version, store)
    if older:
        warn(
            f"{stale_words(call.callee, call.version, store, older)}; {name}.explain() tells what changed.",
            StaleResults,
        )


def stale_words(callee: Callee, version: CodeVersion, store: Store, older: int) -> str:
    """That so many results are of older code, and what has changed since, by name."""
    function = store.find_function(callee.name, version.digest, callee.facts.home)
    from sweepable.scope import changed_since

    changed = changed_since(store, function.id, version) if function is not None else ""
    return f"{callee.name}: {older} stored result{'s are' if older > 1 else ' is'} of older code and not used{changed}"


def stale_count(callee: Callee, version: CodeVersion, store: Store) -> int:
    """How many results the function has under older code, if it has none yet under this."""
    function = store.find_function(callee.name, version.digest, callee.facts.home)
    versions = store.versions(function.id) if function is not None else []
    if function is None or any(known.digest == version.digest for known in versions):
        return 0
    # What a factory makes beside this one, of the same name, is not older code.
    living = {other.version().digest for other in siblings(callee)}
    if all(known.digest in living for known in versions):
        return 0
    return store.stale_count(function.id, version.digest)
