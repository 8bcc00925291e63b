"""Owns what users registered for types that are not theirs to change: functions that say what stands for a value."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np

from sweepable.errors import DeclarationError
from sweepable.identity.origin import OWN_NAME

Digest: TypeAlias = Callable[[Any], object]
F = TypeVar("F", bound=Digest)

_lock = threading.Lock()
_by_type: dict[type, Digest] = {}
#: By dotted name, for types whose modules were not imported yet when they were registered.
_by_name: dict[str, Digest] = {}
#: How often something was registered: guards know the number that they were made under.
generation = [0]
#: What `travelling` last made, and of which generation; what `take_in` last took in.
_packed: list[Any] = [-1, b""]  # a list, so that both change together
_taken = [b""]
#: Types that have a handler of sweepable's own which nothing can come before; `values` fills it.
TAKEN: set[type] = set()


@overload
def register_digest(kind: type | str) -> Callable[[F], F]: ...


@overload
def register_digest(kind: type | str, function: F) -> F: ...


def register_digest(kind: type | str, function: Digest | None = None) -> Any:
    """Say what stands for the instances of a type, where the type itself cannot be given a method that does.

    Two instances count as one argument when their types are the same and `function` returns the same for both. For a
    class of your own, a method ``__sweepable_digest__(self)`` does the same.

    Parameters
    ----------
    kind : type or str
        The type; it counts for its subclasses too, unless they have one of their own. A dotted name,
        ``"torch.Tensor"``, is a type of a module that need not be imported yet.
    function : callable, optional
        ``function(value)`` returns anything that can be digested: a number, a tuple, a dict of arrays. It has to
        return all that a cached function could see of the value: what it leaves out is left out of keys. Without it,
        ``register_digest(kind)`` is a decorator.

    Returns
    -------
    callable
        `function`, unchanged; or a decorator.

    Raises
    ------
    DeclarationError
        For a builtin type, one of numpy's arrays and numbers, or one of sweepable's own: what these count as is fixed.

    Notes
    -----
    The function is code that decides about identity, so it is part of it: its code, with all that it reaches, counts
    wherever it is used, and a function that is corrected gives new keys. A later registration for the same type
    replaces the earlier one. Registrations are sent to the workers of a sweep.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.register_digest("meshio.Mesh")      # from a package that knows nothing of sweepable
    ... def what_counts(mesh):
    ...     return mesh.points, mesh.cells_dict
    """
    if function is None:
        return functools.partial(register_digest, kind)
    if not callable(function):
        raise DeclarationError(
            f"register_digest: function has to be callable with one value, got {function!r}; nothing was registered"
        )
    known = kind if isinstance(kind, type) else _located(_checked(kind))
    if isinstance(known, type):
        _refuse_fixed(known)
    with _lock:
        if isinstance(known, type):
            _by_type[known] = function
        else:
            _by_name[str(kind)] = function
        generation[0] += 1
    return function


def _checked(kind: object) -> str:
    if isinstance(kind, str) and all(part.isidentifier() for part in kind.split(".")) and "." in kind:
        return kind
    raise DeclarationError(
        f"register_digest: expected a type or its dotted name ('torch.Tensor'), got {kind!r}; nothing was registered"
    )


def _located(name: str) -> type | None:
    """The type of a dotted name; None while its module is not imported."""
    module, _, rest = name.rpartition(".")
    while module and module not in sys.modules:
        module, _, outer = module.rpartition(".")
        rest = f"{outer}.{rest}"
    if not module:
        return None
    found: Any = sys.modules[module]
    for part in rest.split("."):
        if not hasattr(found, part):
            if _may_come(found, name.endswith(f".{part}")):
                return None
            raise _missing(name, found, part)
        found = getattr(found, part)
    if not isinstance(found, type):
        raise DeclarationError(f"register_digest: {name} is a {type(found).__name__}, not a type")
    return found


def _may_come(holder: object, is_last: bool) -> bool:
    """Whether what is not there yet may come: a module below a package, or a name of a module that is being run."""
    spec = getattr(holder, "__spec__", None)
    return (hasattr(holder, "__path__") and not is_last) or bool(getattr(spec, "_initializing", False))


def _missing(name: str, holder: Any, part: str) -> DeclarationError:
    from difflib import get_close_matches

    close = get_close_matches(part, dir(holder), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return DeclarationError(f"register_digest: there is no {name}: {part!r} is not in {holder.__name__}{hint}")


def _refuse_fixed(kind: type) -> None:
    top = kind.__module__.partition(".")[0]
    fixed = top in ("builtins", "pathlib", OWN_NAME) or kind in TAKEN
    if fixed or (issubclass(kind, np.generic) and top == "numpy"):
        raise DeclarationError(
            f"register_digest: what a {kind.__qualname__} counts as is fixed, and nothing was registered. "
            "Register a class that extends it, or wrap the value in a class of your own"
        )


def function_for(kind: type) -> Digest | None:
    """What was registered for exactly this type."""
    if _by_name:
        _resolve_names()
    return _by_type.get(kind)


def is_registered(kind: type) -> bool:
    """Whether a function was registered for a type or for one that it extends."""
    if _by_name:
        _resolve_names()
    return bool(_by_type) and any(base in _by_type for base in kind.__mro__)


def _resolve_names() -> None:
    """Find the types of what was registered by name, as far as their modules are imported by now."""
    for name in list(_by_name):
        kind = _located(name)
        if kind is not None:
            _refuse_fixed(kind)
            with _lock:
                function = _by_name.pop(name, None)
                if function is not None:
                    _by_type.setdefault(kind, function)


def travelling() -> bytes:
    """What another process has to know, pickled; types by name where they have one: it may never import them."""
    if not (_by_type or _by_name):
        return b""
    if _packed[0] != generation[0]:
        import cloudpickle

        now, told = generation[0], [*((_sent(kind), told) for kind, told in _by_type.items()), *_by_name.items()]
        _packed[:] = now, cloudpickle.dumps(told)
    packed: bytes = _packed[1]
    return packed


def _sent(kind: type) -> type | str:
    module, name = kind.__module__, f"{kind.__module__}.{kind.__qualname__}"
    try:
        return name if module not in ("__main__", "__mp_main__") and _located(name) is kind else kind
    except DeclarationError:  # made within a function, or out of the reach of its name
        return kind


def take_in(sent: bytes) -> None:
    """Register what another process has registered; each time that it has changed."""
    if sent and sent != _taken[0]:
        import cloudpickle

        for kind, function in cloudpickle.loads(sent):
            register_digest(kind, function)
        _taken[0] = sent
