"""What objects of any kind visibly hold: content, attributes and slots."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from operator import is_
from typing import Any


def parts_of(value: Any) -> Iterator[object]:
    """What an object of any kind visibly holds: its class, content and attributes."""
    yield type(value)
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield key
            yield part
    elif isinstance(value, list | tuple):
        yield from value
    if hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType):
        for key, part in vars(value).items():
            yield key
            yield part
    for _, part in slots_of(value):
        yield part


def same_parts(value: object, before: tuple[object, ...]) -> bool:
    """Whether an object holds the very objects that it held before."""
    now = tuple(parts_of(value))
    return len(now) == len(before) and all(map(is_, now, before))


def named_parts(value: Any) -> Iterable[tuple[str, object]] | None:
    """The same with the way to each part as one would write it; None for what does not show what it holds."""
    if isinstance(value, Mapping):
        return [(f"[{_short(key)}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [(f"[{at}]", part) for at, part in enumerate(value)]
    if isinstance(value, type | types.ModuleType):
        return None
    if _is_all_attributes(type(value)):
        found = {slot.__name__: part for slot, part in slots_of(value) if part is not held}
        found |= getattr(value, "__dict__", {})
        named = [(f".{key}", found[key]) for key in sorted(key for key in found if isinstance(key, str))]
        return named if named or hasattr(value, "__dict__") else None
    return None


def _is_all_attributes(cls: type) -> bool:
    """Whether instances hold nothing but attributes: no class among its bases is written in C."""
    written_in_python = 1 << 9
    return all(base.__flags__ & written_in_python or base in _BARE for base in cls.__mro__)


_BARE = (object, types.SimpleNamespace)


def _short(key: object) -> str:
    return repr(key) if isinstance(key, str | int | float) else type(key).__name__


def slots_of(value: object) -> list[tuple[types.MemberDescriptorType, object]]:
    """The slots of an instance with what they hold; see `held`."""
    slotted = [cls for cls in type(value).__mro__ if "__slots__" in vars(cls)]
    entries = [entry for cls in slotted for entry in vars(cls).values()]
    return [(entry, held(entry, value)) for entry in entries if isinstance(entry, types.MemberDescriptorType)]


def held(slot: types.MemberDescriptorType, value: object) -> object:
    """What a slot holds; this function itself where it holds nothing."""
    try:
        return slot.__get__(value)
    except AttributeError:
        return held
