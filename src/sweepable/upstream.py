"""What stands for an upstream call: a cached function, one with parameters fixed, or one output of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweepable.outputs import short

if TYPE_CHECKING:
    from sweepable.callee import Callee


class Upstream:
    """An upstream call that a parameter stands for: a cached function, with parameters fixed, or one output of it.

    Made by ``f.partial(...)`` and ``f["output"]``; a cached function itself counts as one without either.
    """

    __sweepable_upstream__ = True
    __slots__ = ("callee", "field", "fixed")

    def __init__(self, callee: Callee, fixed: Mapping[str, object] | None = None, field: str | None = None) -> None:
        self.callee = callee
        self.fixed = dict(fixed or {})
        self.field = field

    def partial(self, **fixed: object) -> Upstream:
        """The same with (more) parameters fixed."""
        return Upstream(self.callee, self.callee.fixing(self.fixed, fixed), self.field)

    __iter__ = None  # as of the cached function

    def __getitem__(self, output: str) -> Upstream:
        self.callee.check_output(output)
        return Upstream(self.callee, self.fixed, output)

    def bound(self, further: Mapping[str, object] | None = None) -> tuple[object, ...]:
        """The arguments of the call that this stands for, with `further` ones, by any name of the rule for names."""
        return self.callee.bind_by_name({**self.fixed, **(further or {})})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the cached function with the fixed parameters; returns what it returns, or the one output."""
        front = self.callee.front()
        given = {**self.fixed, **kwargs}
        if self.field is None:
            return front._value(args, given)
        return front.get_or_run(*args, **given)[self.field]

    def __sweepable_digest__(self) -> tuple[object, ...]:
        return self.callee.front(), self.fixed, self.field

    def __reduce__(self) -> tuple[object, ...]:
        return Upstream, (self.callee, self.fixed, self.field)

    def __repr__(self) -> str:
        fixed = ", ".join(f"{name}={short(value)}" for name, value in self.fixed.items())
        base = f"{self.callee.name}.partial({fixed})" if fixed else self.callee.name
        return f"{base}[{self.field!r}]" if self.field is not None else base


def is_cached(value: object) -> bool:
    """Whether `value` is a cached function."""
    return bool(getattr(type(value), "__sweepable_cached__", False))


def as_upstream(value: object) -> Upstream | None:
    """The upstream call that a value stands for: a cached function, a partial of it, or one output."""
    if isinstance(value, Upstream):
        return value
    return Upstream(value.callee) if is_cached(value) else None  # type: ignore[attr-defined]
