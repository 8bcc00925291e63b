"""Tags on a single Record, and what may be a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sweepable.errors import NoCallFound, SweepableError
from sweepable.store.index import storable

if TYPE_CHECKING:
    from sweepable.lineage import CallNode
    from sweepable.store.store import Store

_Self = TypeVar("_Self", bound="Tagged")
#: A tag is a word or a few.
_LONGEST = 200


class Tagged:
    """The part of a Record that is tagged."""

    __slots__ = ()

    if TYPE_CHECKING:
        _store: Store
        _node: CallNode

    def tag(self: _Self, tag: str, note: str | None = None) -> _Self:
        """Mark this call, so that it is found by ``filter(info__tag=...)`` whatever the code is by then.

        Parameters
        ----------
        tag : str
            A word or a few: ``"fig3"``. A call may have several.
        note : str, optional
            What is to be remembered. It replaces the note that this call has under this tag; None leaves that as it is.

        Returns
        -------
        Record
            Itself.

        Raises
        ------
        NoCallFound
            The call is not in the store (any more).
        StoreError
            The store is read-only.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def square(side=2.0):
        ...     return side * side
        >>> rec = square.get_or_run(side=3.0).tag("fig3", note="the one in the paper")
        >>> rec.info.tags
        {'fig3': 'the one in the paper'}
        >>> [rec.side for rec in square.filter(info__tag="fig3")]
        [3.0]
        """
        call = self._node.call
        if not self._store.tags.add([call.id], checked_tag(tag), checked_note(note)):
            raise NoCallFound(
                f"the call {call.key[:12]} is not in the store {self._store.path}, so it cannot be tagged {tag!r}"
            )
        return self

    def untag(self: _Self, tag: str) -> _Self:
        """Take a tag off this call, with its note; nothing happens where it has none of that name."""
        self._store.tags.remove([self._node.call.id], checked_tag(tag))
        return self


def checked_tag(tag: Any) -> str:
    """The tag, unless it is none."""
    if not isinstance(tag, str):
        reason = "a tag is a str"
    elif not tag.strip():
        reason = "a tag is a word or a few"
    elif tag != tag.strip():
        reason = f"blanks at its ends would not be seen; write {tag.strip()!r}"
    elif not tag.isprintable():
        reason = "it has control characters"
    elif len(tag) > _LONGEST:
        reason = f"a tag has at most {_LONGEST} characters; more goes into note="
    else:
        return str(tag)
    raise SweepableError(f"calls cannot be tagged {tag!r:.60}: {reason}")


def checked_note(note: Any) -> str | None:
    """The note, as SQLite takes it."""
    if note is not None and not isinstance(note, str):
        raise SweepableError(f"note= takes a str, got {note!r:.60}")
    return None if note is None else storable(note)
