"""The run in progress: which cached calls are made inside it, and what it reads of Records that is not content."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType

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


class Within:
    """The time in which calls belong to a frame; to no run at all, for None."""

    __slots__ = ("_before", "_frame")

    def __init__(self, frame: Frame | None) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        frame = self._frame
        asked, read = (None, None) if frame is None else (frame.asked, frame.read)
        self._before = FRAME.set(frame), ASKED.set(asked), READ.set(read)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        frame, asked, read = self._before
        try:
            FRAME.reset(frame)
            ASKED.reset(asked)
            READ.reset(read)
        except ValueError:  # a coroutine that is closed elsewhere than it ran
            pass
