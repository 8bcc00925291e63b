"""Look-ups joined by and, or and not, as plain values: what ``filter`` and ``exclude`` are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from sweepable.misspelled import readings

_TAG = "info__tag"
#: One look-up as it is written, and what is compared with.
Leaf: TypeAlias = tuple[str, object]
Word: TypeAlias = Literal["and", "or"]


class Q:
    """Look-ups to be joined: ``Q(gain=2.0) | Q(rms__lt=0.1)``, ``~Q(solver="euler")``.

    Parameters
    ----------
    *parts : Q
        Conditions that hold as well.
    **lookups
        As in ``filter``: all of them apply.

    Examples
    --------
    >>> import sweepable
    >>> from sweepable import Q
    >>> @sweepable.cache(area=float)
    ... def box(width=1.0, height=1.0):
    ...     return width * height
    >>> runs = box.sweep(width=[1.0, 2.0, 3.0], height=[1.0, 5.0], progress=False)
    >>> [rec.area for rec in box.filter(Q(width=1.0) | Q(area__gt=10.0))]
    [1.0, 5.0, 15.0]
    >>> box.filter(~Q(width=1.0), height=5.0).count()
    2
    """

    # None of them is changed once it is made.
    __slots__ = ("negated", "parts", "word")

    parts: tuple[Leaf | Q, ...]
    word: Word
    negated: bool

    def __init__(self, /, *parts: Q, **lookups: object) -> None:
        for part in parts:
            if not isinstance(part, Q):
                raise TypeError(f"Q takes look-ups by name (gain=2.0) and other Qs, got {part!r:.60}")
        self.parts = (*parts, *map(_kept, lookups.items()))
        self.word = "and"
        self.negated = False

    def __and__(self, other: Q) -> Q:
        return _joined("and", self, other)

    def __or__(self, other: Q) -> Q:
        return _joined("or", self, other)

    def __invert__(self) -> Q:
        return made((self,), negated=True) if len(self.parts) != 1 else made(self.parts, self.word, not self.negated)

    def __bool__(self) -> bool:
        raise TypeError("a Q is neither true nor false: join it with others by |, & and ~, not by or, and, not")

    def leaves(self) -> Iterator[Leaf]:
        """All look-ups in it."""
        for part in self.parts:
            yield from part.leaves() if isinstance(part, Q) else (part,)

    def __repr__(self) -> str:
        if not self.negated and self.word == "and" and not any(isinstance(part, Q) for part in self.parts):
            return f"Q({written(self)})"
        inner = f" {'&' if self.word == 'and' else '|'} ".join(
            repr(part) if isinstance(part, Q) else f"Q({_one(part)})" for part in self.parts
        )
        return f"~({inner})" if self.negated else f"({inner})"

    def __reduce__(self) -> tuple[object, ...]:
        return made, (self.parts, self.word, self.negated)


def _kept(leaf: Leaf) -> Leaf:
    # Read twice, an iterator would be empty the second time.
    name, value = leaf
    return (name, list(value)) if isinstance(value, Iterator) else leaf


def made(parts: tuple[Leaf | Q, ...], word: Word = "and", negated: bool = False) -> Q:
    """The Q of these parts."""
    found = Q()
    found.parts, found.word, found.negated = parts, word, negated
    return found


def _joined(word: Word, one: Q, other: Q) -> Q:
    if not isinstance(other, Q):
        return NotImplemented
    if not (one.parts and other.parts):  # nothing that is said of calls
        return one if one.parts else other
    return made((*_flat(word, one), *_flat(word, other)), word)


def _flat(word: Word, part: Q) -> tuple[Leaf | Q, ...]:
    return part.parts if not part.negated and (part.word == word or len(part.parts) == 1) else (part,)


def of(parts: tuple[Q, ...], lookups: Mapping[str, object], *, excluded: bool = False) -> Q:
    """What was given to ``filter`` or ``exclude``."""
    found = Q(*parts, **lookups)
    return ~found if excluded else found


def demands_tag(found: Q) -> bool:
    """Whether every call that is found has to have a tag, one that is named or any."""
    if found.negated or not found.parts:
        return False
    each = (demands_tag(part) if isinstance(part, Q) else _asks_for_tag(*part) for part in found.parts)
    return any(each) if found.word == "and" else all(each)


def _asks_for_tag(written: str, value: object) -> bool:
    for name, lookup in readings(written) if written.startswith(_TAG) else ():
        if name == _TAG:
            return lookup != "ne" and value is not None and not (lookup == "isnull" and value is True)
    return False


def written(found: Q) -> str:
    """As it stands in messages: ``gain=2.0, not solver='euler'``."""
    return ", ".join(_part(part) for part in found.parts) if found.word == "and" and not found.negated else _part(found)


def _part(part: Leaf | Q) -> str:
    if not isinstance(part, Q):
        return _one(part)
    inner = f" {part.word} ".join(_part(inner) for inner in part.parts)
    inner = f"({inner})" if len(part.parts) > 1 else inner
    return f"not {inner}" if part.negated else inner


def _one(leaf: Leaf) -> str:
    text = repr(leaf[1])
    return f"{leaf[0]}={text if len(text) <= 60 else f'{text[:57]}...'}"
