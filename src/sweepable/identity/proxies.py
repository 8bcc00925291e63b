"""Wrappers and proxies of packages: which types they are, and what of them counts."""

from __future__ import annotations

import gc

#: By package and class: the attributes that tell what a wrapper does. What it keeps of calls is left out, and what it
#: is pickled as may be a mere name.
_PIECES: dict[tuple[str, str], tuple[str, ...]] = {
    ("cachetools", "_WrapperBase"): ("__wrapped__", "cache_key"),
    ("cachetools", "_MethodDescriptor"): ("__wrapped__", "_MethodDescriptor__wrapper", "_MethodDescriptor__unbound"),
    ("pydantic", "ValidateCallWrapper"): ("function", "validate_return", "config_wrapper"),
    ("pydantic", "TypeAdapter"): ("_type", "_config"),
    ("toolz", "curry"): ("func", "args", "keywords"),
    ("cytoolz", "curry"): ("func", "args", "keywords"),
}
#: What proxies of `wrapt` hold beside what they stand for; they are named after a module of C, or of Python.
_PROXY = (
    *("__wrapped__", "_self_wrapper", "_self_instance", "_self_enabled", "_self_adapter", "_self_args"),
    "_self_kwargs",
)
_PIECES |= {("_wrappers", "ObjectProxy"): _PROXY, ("wrapt", "ObjectProxy"): _PROXY}


def own_names(value: object) -> list[str]:
    """What a user's proxy of `wrapt` keeps for itself; its `__dict__` is that of what it stands for."""
    held = [part for part in gc.get_referents(value) if type(part) is dict]
    for base in type(value).__mro__:
        if base.__name__ == "_ObjectProxyDictBase":
            held.append(vars(base)["__dict__"].__get__(value))
    return sorted({name for part in held for name in part if isinstance(name, str) and name.startswith("_self_")})


def pieces_of(kind: type) -> tuple[str, ...] | None:
    """What counts of the instances of a package's wrapper or proxy; None for all other types."""
    for base in kind.__mro__[:-1]:
        found = _PIECES.get((str(base.__module__).partition(".")[0], base.__name__))
        if found is not None:
            return found
    return None
