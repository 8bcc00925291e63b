"""Functions that ran and are no part of the version: found by an audit, kept with the version, looked at on hits."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Set
from functools import partial
from types import CodeType, FunctionType
from typing import Any, Protocol

from sweepable.errors import SweepableError, UntrackedCode
from sweepable.findings import Outside, found_in
from sweepable.identity import origin
from sweepable.identity.code import describe
from sweepable.notices import warn_once
from sweepable.store.store import Store

#: Stands for code that is not to be had: it is equal to nothing, not to itself.
_GONE = "gone"


class Placed(Protocol):
    """A stored call, as far as is needed to tell whether it may be served."""

    @property
    def key(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def ancestry(self) -> int: ...
    @property
    def environment(self) -> int: ...


def is_sound(store: Store, call: Placed) -> bool:
    """Whether all code that ran for a call is that of its version, or has not changed since."""
    return (call.version, call.ancestry) in store.sound or stands(store, call)


def stands(store: Store, call: Placed) -> bool:
    """Whether the functions that ran for a stored call, and are in no version, are what they were.

    Nearly always there are none: the answer is then kept in ``store.sound``, where the hit path looks first.
    """
    at = call.version, call.ancestry
    if not store.soundness.outside(at, partial(_listed, store)):
        store.sound.add(at)
        return True
    changed = _changed(store, call)
    if not changed:
        return True
    warn_once((stands, *changed), f"{store.soundness.function_name(call.version)}: {_said(changed)}", UntrackedCode)
    store.supersede(call.key)
    return False


def why_unsound(store: Store, call: Placed) -> str | None:
    """A sentence about the functions of no version that ran for a stored call and have changed; None for none."""
    changed = _changed(store, call)
    return _said(changed) if changed else None


def _changed(store: Store, call: Placed) -> tuple[str, ...]:
    listed = store.soundness.outside((call.version, call.ancestry), partial(_listed, store))
    before = {**listed, **store.soundness.state(call.environment)} if listed else {}
    return tuple(label for label, digest in before.items() if digest == _GONE or digest != digest_of(label))


def _listed(store: Store, version: int, ancestry: int) -> dict[str, str]:
    """The functions kept with a version and with those of all that is upstream, as they were when they were found."""
    found: dict[str, str] = {}
    for text in store.soundness.audits((version, *store.soundness.ancestors(ancestry))):
        audit = found_in(text)
        for part in audit.checked if audit is not None else ():
            found.setdefault(part.label, part.digest)
    return found


def _said(changed: tuple[str, ...]) -> str:
    spoken = ", ".join(map(_spoken, changed[:3])) + (", ..." if len(changed) > 3 else "")
    return (
        f"{spoken}: it ran for stored results, which are not used any more; such calls run again. It is reached in a "
        "way that cannot be followed. Refer to it by name, or give it as an argument, and it is part of the code's "
        "version"
    )


def _spoken(label: str) -> str:
    module, _, function = label.partition(":")
    if function.startswith("?"):
        return f"a function without a name of its own ({function[1:]}) cannot be looked at again"
    return f"{function} of {module} {'cannot be found any more' if digest_of(label) == _GONE else 'has changed'}"


def digest_of(label: str) -> str:
    """The digest of a function as it is now, with all that it reaches."""
    module, _, name = label.partition(":")
    value = _value(module, name)
    if value is None:
        return _GONE
    try:
        return describe(value, f"{module}.{name}").hex()
    except SweepableError:
        return _GONE


def _value(module: str, name: str) -> Any:
    loaded = sys.modules.get(module)
    if loaded is None:
        try:
            loaded = importlib.import_module(module)
        except Exception:  # a module of the user's: it may raise anything
            return None
    return vars(loaded).get(name)


def state_of(functions: tuple[Outside, ...]) -> dict[str, str]:
    """What is recorded with a call of a version that has such functions: what they are now."""
    return {part.label: digest_of(part.label) for part in functions if part.digest}


# -- finding them


def outsiders(
    ran: Mapping[int, tuple[CodeType, dict[str, Any]]],
    known: Mapping[int, CodeType],
    otherwise: Callable[[], Mapping[int, CodeType]],
) -> tuple[Outside, ...]:
    """The functions that ran and are reached neither by the version nor by what the call was given.

    Parameters
    ----------
    ran : mapping of int to (code, dict)
        What ran, by id, with the globals that it ran in.
    known : mapping of int to code
        What is part of the version.
    otherwise : callable
        Finds what is part of the key otherwise; asked only if anything is left.
    """
    if not ran:
        return ()
    reached = otherwise()
    seen = {*known, *ran, *reached}
    found: dict[str, Outside] = {}
    for mark, (code, namespace) in ran.items():
        if mark not in reached:
            for part in _named(code, namespace, seen):
                found.setdefault(part.label, part)
    return tuple(found.values())


def _named(code: CodeType, namespace: dict[str, Any], seen: Set[int]) -> Iterator[Outside]:
    name, where = str(namespace.get("__name__", "")), f"{code.co_filename}:{code.co_firstlineno}"
    module = sys.modules.get(name)
    if module is None or vars(module) is not namespace:
        yield Outside(name, "", where, "")  # it came as data: unpickled by value, or executed
        return
    for found in list(_names(code, namespace, seen)) or [""]:
        part = Outside(name, found, where, _GONE)
        yield part._replace(digest=digest_of(part.label)) if found else part


def _names(code: CodeType, namespace: dict[str, Any], seen: Set[int]) -> Iterator[str]:
    """The names in its module of what a code object is part of."""
    direct = [name for name, value in list(namespace.items()) if callable(value) and _code(value) is code]
    if direct:
        yield from direct
        return
    top = code.co_qualname.partition(".")[0]
    owner = namespace.get(top)
    if isinstance(owner, type):
        yield top
    elif "<locals>" in code.co_qualname and id(_code(owner)) in seen:
        # It was made by a function that ran as well: what it holds came of that run.
        yield top


def _code(value: object) -> CodeType | None:
    function = origin.underlying(value) if callable(value) else None
    return function.__code__ if isinstance(function, FunctionType) else None
