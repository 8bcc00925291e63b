"""The versions of a function's code: numbered for people, with what each differs in from the code as it is now."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import cached_property

from sweepable.callee import Callee
from sweepable.changes import CodeDifference, code_difference
from sweepable.errors import DeclarationError, UnknownName
from sweepable.model import CodeVersion
from sweepable.rendering import at, html_table, some, text_table
from sweepable.scope import SHORTEST_DIGEST, named
from sweepable.store.location import current_store
from sweepable.store.store import Store, StoredFunction, StoredVersion

_RESERVED = frozenset({"any", "current", "now"})
_LONGEST_LABEL = 60
_HEADS = ("version", "label", "first seen", "calls", "now", "digest", "differs from now in")


class Version:
    """One state of a function's code. Got from ``f.versions()``.

    Attributes
    ----------
    number : int
        The how manieth of its function it is, from 1.
    name : str
        The same as people write it: ``v3``.
    digest : str
        64 hex digits; what every key of its calls is made of.
    pin : str or None
        What ``version=`` said, of one that is pinned by hand.
    calls : int
        How many calls are stored under it with a result.
    is_now : bool
        Whether the code of this process is this version.
    """

    def __init__(self, store: Store, function: int, stored: StoredVersion, now: CodeVersion, calls: int) -> None:
        self._store = store
        self._function = function
        self._stored = stored
        self._now = now
        self.number, self.name = stored.number, stored.name
        self.digest, self.pin, self.calls = stored.digest, stored.pin, calls
        self.is_now = stored.digest == now.digest

    @property
    def label(self) -> str | None:
        """What somebody has called it; see `set_label`."""
        return self._stored.label

    @property
    def first_seen(self) -> dt.datetime:
        """When a call was first stored under it, in local time."""
        return dt.datetime.fromtimestamp(self._stored.created).astimezone()

    @cached_property
    def code(self) -> CodeVersion:
        """All that it reached: functions and classes with their source, values in short."""
        return self._store.code(self._stored.id)

    @property
    def source(self) -> str:
        """The source of the function itself; empty where it was not known."""
        return self.code.nodes[0].summary if self.code.nodes and self.pin is None else ""

    def diff(self, other: Version | None = None) -> CodeDifference:
        """What differs between this version and another one, in full.

        Parameters
        ----------
        other : Version, optional
            The later one; without, the code as it is now.

        Returns
        -------
        CodeDifference
            Prints as a diff, from this version to the other.
        """
        if other is None:
            return code_difference(self.code, self._now, (self._stored.title, "now"))
        return code_difference(self.code, other.code, (self._stored.title, other._stored.title))

    def set_label(self, label: str | None) -> None:
        """Call the version something, by which queries find it: ``f.filter(version="submitted")``.

        Parameters
        ----------
        label : str or None
            Unlike a number (``v3``) or a digest, and no other version's of the function. None takes it away.

        Raises
        ------
        DeclarationError
            For a label that is not possible, or taken.
        StoreError
            When the store is read-only.
        """
        if label is not None:
            _check_label(label)
        if label is not None and label == self.pin:
            return
        siblings = self._store.versions(self._function)
        pinned = label is not None and any(known.pin == label for known in siblings)
        if pinned or self._store.set_label(self._stored.id, label) is not None:
            raise DeclarationError(
                f"{label!r} is what another version of the same function is "
                + (
                    "pinned to"
                    if pinned
                    else f"called; take it away there first: versions()[{label!r}].set_label(None)"
                )
            )
        self._stored = self._stored._replace(label=label)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and (self.digest, self._store) == (other.digest, other._store)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __str__(self) -> str:
        return self._stored.title

    def __repr__(self) -> str:
        now = ", the code as it is now" if self.is_now else ""
        return f"<version {self._stored.title} {self.digest[:12]}, {self.calls} calls{now}>"

    def _row(self) -> tuple[str, ...]:
        label = self.label or (f"pinned {self.pin!r}" if self.pin is not None else "")
        changed = "" if self.is_now else some(self.diff().names(), 5) or "paths or order only"
        return (
            *(self.name, label, at(self._stored.created), str(self.calls)),
            *("yes" if self.is_now else "", self.digest[:8], changed),
        )


class Versions:
    """The versions of a function's code that calls are stored under, in the order in which they came.

    Prints as a table, and can be iterated. ``versions["v2"]`` is one by its name, label or the first digits of its
    digest; ``versions[2]`` is the same by its number, from 1; ``versions[-1]`` the latest.

    Parameters
    ----------
    callee : Callee
        The function.
    """

    def __init__(self, callee: Callee) -> None:
        self._name, now = callee.name, callee.version()
        self._store = current_store(callee.options.store)
        self._function = self._store.find_function(callee.name, now.digest, callee.facts.home)
        self._found = list(_found(self._store, self._function, now)) if self._function is not None else []

    def __getitem__(self, which: int | str) -> Version:
        if isinstance(which, str):
            return self._named(which)
        if which == 0 or not -len(self._found) <= which <= len(self._found):
            raise IndexError(f"{self._name} has {len(self._found)} versions, numbered from 1; there is no {which}")
        return self._found[which - 1 if which > 0 else which]

    def _named(self, which: str) -> Version:
        if self._function is None:
            raise UnknownName(f"{self._name} has no version {which!r}: no call of it is stored")
        found = named(self._store, self._function, which)
        ids = [version.id for version in found]
        (one, *others) = (version for version in self._found if version._stored.id in ids)
        if others:
            several = ", ".join(version.name for version in (one, *others))
            raise UnknownName(f"{self._name}: several versions go by {which!r}: {several}; write one of these")
        return one

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Version]:
        return iter(self._found)

    def __reversed__(self) -> Iterator[Version]:
        return reversed(self._found)

    @property
    def now(self) -> Version | None:
        """The version that the code of this process is; None where no call is stored under it."""
        return next((version for version in self._found if version.is_now), None)

    def __repr__(self) -> str:
        return text_table(_HEADS, self._rows()) if self._found else self._empty()

    def _repr_html_(self) -> str:
        from sweepable.rendering import escaped

        return html_table(_HEADS, self._rows()) if self._found else f"<pre>{escaped(self._empty())}</pre>"

    def _empty(self) -> str:
        return f"no call of {self._name} is stored"

    def _rows(self) -> list[tuple[str, ...]]:
        return [version._row() for version in self._found]


def _found(store: Store, function: StoredFunction, now: CodeVersion) -> Iterator[Version]:
    counts = store.done_counts(function.id)
    for stored in store.versions(function.id):
        yield Version(store, function.id, stored, now, counts.get(stored.id, 0))


def _check_label(label: object) -> None:
    """Refuse what could be taken for another way of writing a version."""
    if not isinstance(label, str) or not label.strip() or label != label.strip() or not label.isprintable():
        reason = "a label is a word or a few"
    elif len(label) > _LONGEST_LABEL:
        reason = f"a label has at most {_LONGEST_LABEL} characters"
    elif re.fullmatch(r"[vV]?\d+", label):
        reason = "it reads as the number of a version"
    elif label.casefold() in _RESERVED:
        reason = "this word says which code a query looks at"
    elif re.fullmatch(rf"[0-9a-fA-F]{{{SHORTEST_DIGEST},64}}", label):
        reason = "it reads as the digits of a digest"
    else:
        return
    raise DeclarationError(f"a version cannot be called {label!r}: {reason}")
