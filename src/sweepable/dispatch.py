"""One call as it is sent to a worker, and what a worker does with it: check that the code is the same, run, report."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.errors import SweepableWarning
from sweepable.identity import registered, sources
from sweepable.model import CodeVersion, Failure, Status
from sweepable.runs import failure_of, quietly
from sweepable.serving import ensure
from sweepable.store.location import current_store, use

if TYPE_CHECKING:
    from sweepable.executors import Outcome


class Payload(NamedTuple):
    """One call as it is sent to a worker."""

    callee: Callee
    bound: tuple[object, ...]
    key: str
    #: The version of the function and of all that it calls upstream, as computed by the sender.
    versions: tuple[tuple[Callee, CodeVersion], ...]
    #: The store in use where the call was made; functions with a store of their own know it themselves.
    store: str
    trust: bool
    sender: int
    #: Texts of functions that are sent by value, by file: callbacks among the arguments count by their source.
    texts: dict[str, tuple[str, ...]]
    #: What was registered with `register_digest`: what a script or a notebook says, a worker never runs.
    digests: bytes


class Report(NamedTuple):
    """What a worker tells of a call beside how it ended."""

    status: Status = "done"
    failure: Failure | None = None
    #: Warnings of ours, which nobody would see in a worker.
    said: tuple[tuple[str, type[Warning]], ...] = ()


def payload_of(call: Call) -> Payload:
    """What a worker needs to make and run this call."""
    versions: dict[Callee, CodeVersion] = {}
    queue = [call]
    for current in queue:
        versions[current.callee] = current.callee.complete(current.version)
        queue.extend(current.upstream_calls())
    store = current_store()
    asked, told = tuple(versions.items()), registered.travelling()
    texts = sources.travelling()
    return Payload(call.callee, call.bound, call.key, asked, str(store.path), store.trust, os.getpid(), texts, told)


def run_chunk(chunk: list[Payload]) -> list[Outcome]:
    """Run calls one after the other, through the ordinary path; failures are outcomes, not exceptions."""
    return [_here(payload) if os.getpid() == payload.sender else _elsewhere(payload) for payload in chunk]


def _here(payload: Payload) -> Outcome:
    return _run(payload, [])


def _elsewhere(payload: Payload) -> Outcome:
    said: list[tuple[str, type[Warning]]] = []
    sources.take_in(payload.texts)
    registered.take_in(payload.digests)
    with use(payload.store, trust=payload.trust), quietly(), _collected(said):
        for callee, version in payload.versions:
            difference = _difference(callee, version)
            if difference:
                return _refused(payload, f"{callee.name}: {difference}")
        return _run(payload, said)


def _run(payload: Payload, said: list[tuple[str, type[Warning]]]) -> Outcome:
    from sweepable.executors import Outcome

    try:
        call = Call(payload.callee, payload.bound)
        if call.key != payload.key:
            differs = "its arguments, or what is upstream of it, differ in the worker"
            return _refused(payload, f"{payload.callee.name}: {differs}")
        ran, status = ensure(call)
    except (Exception, SystemExit) as error:  # a point that wants to end its process ends itself only
        return Outcome(payload.key, "failed", Report("failed", failure_of(error), tuple(said)))
    return Outcome(payload.key, "done" if ran else "hit", Report(status, None, tuple(said)))


def _refused(payload: Payload, reason: str) -> Outcome:
    from sweepable.executors import Outcome

    return Outcome(payload.key, "refused", reason)


def _difference(callee: Callee, version: CodeVersion) -> str | None:
    """What differs between the code here and the code that was asked for."""
    if callee.version().digest == version.digest:
        return None
    return callee.adopt(version)


@contextlib.contextmanager
def _collected(said: list[tuple[str, type[Warning]]]) -> Iterator[None]:
    """Warnings of ours are collected for the sender; all others are shown as they would be."""
    show = warnings.showwarning

    def showwarning(message: object, category: type[Warning], *where: object) -> None:
        if issubclass(category, SweepableWarning):
            said.append((str(message), category))
        else:
            show(message, category, *where)  # type: ignore[arg-type]  # handed on as it came

    warnings.showwarning = showwarning  # type: ignore[assignment]  # its signature is wider
    try:
        yield
    finally:
        warnings.showwarning = show
