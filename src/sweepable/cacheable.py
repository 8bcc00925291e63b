"""What can be cached: which callables, under which name, and with which signature."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from sweepable.errors import DeclarationError


def check_cacheable(function: object) -> None:
    """Refuse what cannot be cached, with the way out.

    Raises
    ------
    DeclarationError
        For generator functions, classes, descriptors and callables without a signature.
    """
    name = name_of(function)
    if isinstance(function, (classmethod, staticmethod, property, functools.cached_property)):
        kind = type(function).__name__
        raise DeclarationError(f"{name}: write @{kind} above @sweepable.cache, not below it")
    if isinstance(function, type):
        raise DeclarationError(f"{name} is a class; cache a function that makes and returns the instance")
    if not callable(function):
        raise DeclarationError(f"sweepable.cache needs a function, got {type(function).__name__} {function!r:.60}")
    code = _runs(function)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise DeclarationError(
            f"{name} is a generator function: what it yields exists only while it is read, so it cannot be stored. "
            "Return a list or an array of what it yields, or cache the function that makes one element."
        )


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(_runs(function))


def _runs(function: object) -> object:
    """What runs when `function` is called: for an instance, the method ``__call__`` of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or hasattr(function, "__wrapped__"):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004 - what it is, not whether it is there


def name_of(function: object) -> str:
    """The name that a function goes by: its ``__qualname__``, that of what a partial calls, or that of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, (classmethod, staticmethod)):
        function = function.__func__
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def code_of(function: object) -> object:
    """The code object that runs when a function, method, partial or callable instance is called; None for others."""
    function = _runs(function)
    return getattr(getattr(function, "__func__", function), "__code__", None)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature by which `function` itself takes its arguments.

    A wrapper with ``*args, **kwargs`` is bound as such, whatever it wraps: it may tell an argument that was given
    from one that was not. Compiled functions and ``lru_cache`` hand on what they are given, and have that signature.
    """
    # A ufunc tells names, but does not take its own defaults.
    for follow in (False, True) if not isinstance(function, np.ufunc) else ():
        with contextlib.suppress(ValueError, TypeError):
            return inspect.signature(function, follow_wrapped=follow)
    name = name_of(function)
    raise DeclarationError(
        f"{name} does not tell the names of its parameters; cache a function of your own that calls it: "
        f"@sweepable.cache above `def my_{name.rpartition('.')[2]}(x): return {name}(x)`"
    )


def shown_signature(function: Callable[..., Any], bound: inspect.Signature) -> inspect.Signature:
    """The signature to show to people and tools: that of what a wrapper wraps, where it says so."""
    if hasattr(function, "__wrapped__"):
        with contextlib.suppress(ValueError, TypeError):
            return inspect.signature(function)
    return bound
