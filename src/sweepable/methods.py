"""Cached methods of one instance: the cached function with its first parameter given."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweepable.comparing import Comparison
    from sweepable.explanation import Explanation
    from sweepable.function import CachedFunction
    from sweepable.query import Query
    from sweepable.record import Record
    from sweepable.sweeps import Sweep
    from sweepable.versions import Versions


class BoundMethod:
    """A cached method of one instance: the cached function with its first parameter given."""

    def __init__(self, function: CachedFunction[..., Any], instance: object) -> None:
        self._function = function
        self._instance = instance
        functools.update_wrapper(self, function, updated=())
        mark_async(self)

    def _with_instance(self, lookups: dict[str, Any]) -> dict[str, Any]:
        return {self._function.callee.parameters[0]: self._instance, **lookups}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._function(self._instance, *args, **kwargs)

    def get_or_run(self, /, *args: Any, **kwargs: Any) -> Record:
        """The Record of a call on this instance, run if it is not stored."""
        return self._function.get_or_run(self._instance, *args, **kwargs)

    def peek(self, /, *args: Any, **kwargs: Any) -> Record | None:
        """The Record of a call on this instance if it is stored; runs nothing."""
        return self._function.peek(self._instance, *args, **kwargs)

    def key_of(self, /, *args: Any, **kwargs: Any) -> str:
        """The key of a call on this instance."""
        return self._function.key_of(self._instance, *args, **kwargs)

    def explain(self, /, *args: Any, **kwargs: Any) -> Explanation:
        """Why a call on this instance hits or misses; without arguments, where some are needed, of the code alone."""
        if not (args or kwargs) and len(self._function.callee.binder.required) > 1:
            return self._function.explain()
        return self._function.explain(self._instance, *args, **kwargs)

    def audit(self, /, *args: Any, **kwargs: Any) -> Comparison:
        """Run a stored call on this instance again, and compare."""
        return self._function.audit(self._instance, *args, **kwargs)

    def partial(self, /, **fixed: Any) -> Any:
        """The method of this instance with parameters fixed."""
        return self._function.partial(**self._with_instance(fixed))

    def variant(self, name: str, /, **defaults: object) -> Any:
        """The method of this instance in another pipeline; see `CachedFunction.variant`."""
        return self._function.variant(name, **defaults).__get__(self._instance)

    def versions(self) -> Versions:
        """The versions of the method's code."""
        return self._function.versions()

    def select(self, *, version: str | None = None) -> Query:
        """All stored calls on an equal instance, as a query."""
        return self._function.select(version=version).filter(**self._with_instance({}))

    def filter(self, /, **lookups: Any) -> Query:
        """The stored calls on an equal instance."""
        return self._function.filter(**self._with_instance(lookups))

    def get(self, /, **lookups: Any) -> Record:
        """The one stored call on an equal instance."""
        return self._function.get(**self._with_instance(lookups))

    def get_or_none(self, /, **lookups: Any) -> Record | None:
        """The one stored call on an equal instance, None if there is none."""
        return self._function.get_or_none(**self._with_instance(lookups))

    def sweep(self, /, **axes: Any) -> Sweep:
        """Run the calls on this instance at all points."""
        return self._function.sweep(**self._with_instance(axes))

    def __sweepable_digest__(self) -> tuple[object, ...]:
        return self._function, self._instance

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundMethod):
            return NotImplemented
        return self._function is other._function and self._instance is other._instance

    def __hash__(self) -> int:
        return hash((id(self._function), id(self._instance)))

    def __repr__(self) -> str:
        return f"<cached method {self._function.callee.name} of {self._instance!r}>"


def mark_async(front: Any) -> None:
    """Let `inspect` and `asyncio` know an ``async def`` function for what it is."""
    function = front._function if isinstance(front, BoundMethod) else front
    if function.callee.is_async:
        import asyncio

        if hasattr(inspect, "markcoroutinefunction"):
            inspect.markcoroutinefunction(front)
        else:
            front._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
