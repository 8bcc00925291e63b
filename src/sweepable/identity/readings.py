"""What was read of a code object's source, remembered: after an edit, only what is new has to be read."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Mapping
from types import CodeType
from typing import NamedTuple, TypeAlias

from sweepable.identity import references, sources
from sweepable.identity.references import Look
from sweepable.identity.sources import Located
from sweepable.identity.syntax import Form

#: Whether a decorator is one of sweepable's own.
IsOurs: TypeAlias = Callable[[ast.expr], bool]
#: So many code objects are remembered, with their syntax trees; the oldest make room.
_REMEMBERED = 16_384


class Reading(NamedTuple):
    """The source of a code object: where it is, its canonical bytes, and what it refers to."""

    #: Kept, so that its id stays its own.
    code: CodeType
    located: Located
    #: Whether docstrings and annotations count.
    keep: bool
    #: Decorators that were asked about, with the answers: what they are bound to may change.
    asked: tuple[tuple[ast.expr, bool], ...]
    #: The same of names.
    looked: tuple[tuple[str, object], ...]
    body: bytes
    references: references.References


_readings: dict[tuple[int, bool], Reading] = {}
_remembering = threading.Lock()


def read(
    code: CodeType, namespace: Mapping[str, object], ours: Callable[[Located], IsOurs], look: Look, keep: bool
) -> Reading | None:
    """The reading of a live code object; None where no source at hand compiles to it.

    Parameters
    ----------
    code : code
    namespace : mapping
        The globals of its function.
    ours : callable
        Makes the test for sweepable's own decorators, once the source is found.
    look : callable
        Looks up a name as the function would.
    keep : bool
        Whether docstrings and annotations count.
    """
    known = _readings.get((id(code), keep))
    if known is not None:
        is_ours = ours(known.located)
        same = all(is_ours(decorator) is answer for decorator, answer in known.asked)
        if same and all(_fact(name, look) == answer for name, answer in known.looked):
            return known
    located = known.located if known is not None else sources.locate(code, namespace)
    return _read(code, located, ours(located), look, keep) if located is not None else None


def _fact(name: str, look: Look) -> object:
    """All that a reading depends on of what a name is bound to."""
    return references.known_name(name, look), isinstance(look(name), str)


def _read(code: CodeType, located: Located, is_ours: IsOurs, look: Look, keep: bool) -> Reading:
    asked: dict[ast.expr, bool] = {}
    looked: dict[str, object] = {}

    def ask_name(name: str) -> object:
        looked[name] = _fact(name, look)
        return look(name)

    def ask(decorator: ast.expr) -> bool:
        return asked.setdefault(decorator, is_ours(decorator))

    form = Form(located.node, ask, keep)
    body, found = form.serialise(), references.of_tree(form, code, ask_name)
    reading = Reading(code, located, keep, tuple(asked.items()), tuple(looked.items()), body, found)
    with _remembering:
        while len(_readings) >= _REMEMBERED:
            _readings.pop(next(iter(_readings)), None)
        _readings[id(code), keep] = reading
    return reading
