"""What was read of a code object's source, remembered: after an edit, only what is new has to be read."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Mapping
from types import CodeType
from typing import NamedTuple, TypeAlias

from sweepable.identity import references, shelf, sources
from sweepable.identity.references import Look, References
from sweepable.identity.sources import Located
from sweepable.identity.syntax import Form, FunctionNode

#: So many code objects are remembered, with their syntax trees; the oldest make room.
_REMEMBERED = 16_384


class Decorator(NamedTuple):
    """A decorator of a function, as far as it matters whether it is one of sweepable's own."""

    #: The dotted name of what is called in the end; empty for an expression of another kind.
    names: tuple[str, ...]
    outermost: bool


#: Whether a decorator is one of sweepable's own.
IsOurs: TypeAlias = Callable[[Decorator], bool]


class Reading(NamedTuple):
    """The source of a code object: its text, its canonical bytes, and what it refers to."""

    #: Kept, so that its id stays its own.
    code: CodeType
    text: str
    #: The syntax tree; None where another process has read it.
    node: FunctionNode | None
    #: Decorators that were asked about, with the answers: what they are bound to may change.
    asked: tuple[tuple[Decorator, bool], ...]
    #: The same of names.
    looked: tuple[tuple[str, tuple[object, ...]], ...]
    body: bytes
    references: References


_readings: dict[tuple[int, bool], Reading] = {}
_remembering = threading.Lock()


def read(
    code: CodeType, namespace: Mapping[str, object], is_ours: IsOurs, look: Look, *, keep: bool = False
) -> Reading | None:
    """The reading of a live code object; None where no source at hand compiles to it.

    Parameters
    ----------
    code : code
    namespace : mapping
        The globals of its function.
    is_ours : callable
        Whether a decorator is one of sweepable's own.
    look : callable
        Looks up a name as the function would.
    keep : bool
        Whether docstrings and annotations count.
    """
    known = _readings.get((id(code), keep))
    if known is not None and _stands(known, is_ours, look):
        return known
    if known is None and not keep and (kept := _of_another_process(code, namespace, is_ours, look)) is not None:
        return _remembered(kept, keep)
    if known is not None and known.node is not None:
        located: Located | None = Located(known.node, known.text, code.co_firstlineno)
    else:
        located = sources.locate(code, namespace)
    if located is None:
        return None
    reading = _read(code, located, is_ours, look, keep)
    if located.context and not keep:
        parts = (reading.text, reading.asked, reading.looked, reading.body)
        shelf.keep(code, located.context, parts, reading.references)
    return _remembered(reading, keep)


def _of_another_process(code: CodeType, namespace: Mapping[str, object], is_ours: IsOurs, look: Look) -> Reading | None:
    if not shelf.is_filled():
        return None
    for context in sources.contexts(code, namespace):
        found = shelf.find(code, context)
        if found is not None:
            text, asked, looked, body, refers = found
            decorators = tuple((Decorator(tuple(names), outermost), answer) for (names, outermost), answer in asked)
            facts = tuple((name, tuple(fact)) for name, fact in looked)
            reading = Reading(code, text, None, decorators, facts, body, refers)
            if _stands(reading, is_ours, look):
                return reading
    return None


def _stands(reading: Reading, is_ours: IsOurs, look: Look) -> bool:
    """Whether what a reading depends on beside the source is as it was."""
    same = all(is_ours(decorator) is answer for decorator, answer in reading.asked)
    return same and all(_fact(name, look) == answer for name, answer in reading.looked)


def _fact(name: str, look: Look) -> tuple[object, ...]:
    """All that a reading depends on of what a name is bound to."""
    value = look(name)
    is_pythons = isinstance(value, type) and value.__module__ == "builtins"
    return references.known_name(name, look), isinstance(value, str), is_pythons


def _read(code: CodeType, located: Located, is_ours: IsOurs, look: Look, keep: bool) -> Reading:
    asked: dict[Decorator, bool] = {}
    looked: dict[str, tuple[object, ...]] = {}

    def ask_name(name: str) -> object:
        looked[name] = _fact(name, look)
        return look(name)

    def ask(written: ast.expr) -> bool:
        decorator = _as_asked(written, located.node)
        return asked.setdefault(decorator, is_ours(decorator))

    form = Form(located.node, ask, keep)
    body, found = form.serialise(), references.of_tree(form, code, ask_name)
    return Reading(code, located.text, located.node, tuple(asked.items()), tuple(looked.items()), body, found)


def _as_asked(written: ast.expr, node: FunctionNode) -> Decorator:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list[:1]  # not those of functions within
    target, names = written, []
    while isinstance(target, ast.Call):
        target = target.func
    while isinstance(target, ast.Attribute):
        names.append(target.attr)
        target = target.value
    return Decorator((target.id, *reversed(names)) if isinstance(target, ast.Name) else (), written in decorators)


def _remembered(reading: Reading, keep: bool) -> Reading:
    with _remembering:
        while len(_readings) >= _REMEMBERED:
            _readings.pop(next(iter(_readings)), None)
        _readings[id(reading.code), keep] = reading
    return reading
