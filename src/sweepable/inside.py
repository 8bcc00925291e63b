"""The run in progress: which cached calls are made inside it, and what it reads of Records that is not content."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from sweepable.call import Call
from sweepable.model import UpstreamCall
from sweepable.record import ASKED, READ
from sweepable.store.store import Store


class Frame:
    """A run in progress: collects the cached calls made inside."""

    __slots__ = ("asked", "children", "read", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[str] = []
        self.children: list[UpstreamCall] = []
        #: What was read of Records beside their content: ``info``, ``names``.
        self.read: set[str] = set()


#: The run in progress in this thread or task.
FRAME: ContextVar[Frame | None] = ContextVar("sweepable_frame", default=None)


def note(store: Store, call: Call) -> None:
    """Tell the run in progress, if there is one, that this call was made inside it."""
    frame = FRAME.get()
    if frame is not None and frame.store is store:
        frame.children.append(UpstreamCall(call.key, "nested", call.callee.identifier))


@contextlib.contextmanager
def within(frame: Frame | None) -> Iterator[None]:
    """The time in which calls belong to `frame`; to no run at all, for None."""
    token, asked = FRAME.set(frame), ASKED.set(frame.asked if frame is not None else None)
    read = READ.set(frame.read if frame is not None else None)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a coroutine that is closed elsewhere than it ran
            FRAME.reset(token)
            ASKED.reset(asked)
            READ.reset(read)
