"""Cached methods: the instance is an argument like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript


@dataclass
class Motor:
    """A user's class with cached methods."""

    k: float
    table: Any = None

    @sweepable.cache(speed=float)
    def respond(self, voltage: float = 1.0) -> float:
        """Volts to speed."""
        return self.k * voltage

    @classmethod
    @sweepable.cache
    def kind(cls, x: float = 1.0) -> str:
        return f"{cls.__name__} {x}"

    @staticmethod
    @sweepable.cache
    def ohm(u: float, r: float = 2.0) -> float:
        return u / r


class Geared(Motor):
    """A class that inherits the methods."""


class Steep(Motor):
    """A class that overrides one, and calls the other."""

    @sweepable.cache
    def respond(self, voltage: float = 1.0) -> float:
        return float(10 * super().respond(voltage))


def test_equal_instances_are_one_argument() -> None:
    """A call on an equal instance is the same call; on another, another."""
    assert (Motor(2.0).respond(3.0), Motor(2.0).respond(voltage=3.0), Motor(3.0).respond(3.0)) == (6.0, 6.0, 9.0)
    assert Motor.respond.select().count() == 2
    assert Motor(2.0).respond.key_of(3.0) == Motor.respond.key_of(Motor(2.0), 3.0)
    assert Motor(2.0, np.arange(3)).respond.key_of(3.0) != Motor(2.0, np.arange(4)).respond.key_of(3.0)


def test_a_bound_method_has_what_a_cached_function_has() -> None:
    """Calls, Records, look-ups, sweeps and partials, on this instance."""
    method = Motor(2.0).respond
    assert method.get_or_run(4.0).speed == 8.0
    assert method.peek(4.0) is not None and method.peek(5.0) is None
    assert [rec.speed for rec in method.sweep(voltage=[1.0, 4.0], progress=False)] == [2.0, 8.0]
    Motor(3.0).respond(4.0)
    assert method.filter().count() == 2 and method.get(voltage=4.0).speed == 8.0
    assert method.get_or_none(voltage=9.0) is None
    assert method.partial(voltage=5.0)() == 10.0
    assert "hit" in repr(method.explain(4.0))


def test_a_bound_method_looks_like_one() -> None:
    """Name, docstring, equality and repr are those of a method."""
    motor = Motor(2.0)
    assert motor.respond.__doc__ == "Volts to speed." and motor.respond.__name__ == "respond"
    assert motor.respond == motor.respond != Motor(2.0).respond
    assert len({motor.respond, motor.respond}) == 1
    assert repr(motor.respond).startswith("<cached method Motor.respond of Motor(")
    assert repr(Motor.respond) == "<cached function Motor.respond>"


def test_class_and_static_methods() -> None:
    """Written above ``@sweepable.cache``; the class is an argument of a class method."""
    assert (Motor.kind(2.0), Motor(1.0).kind(2.0), Geared.kind(2.0)) == ("Motor 2.0", "Motor 2.0", "Geared 2.0")
    assert (Motor.ohm(4.0), Motor(1.0).ohm(4.0), Motor.ohm.get(u=4.0).value) == (2.0, 2.0, 2.0)


def test_inherited_and_overridden_methods() -> None:
    """Instances of a subclass are other arguments; an overriding method is another function."""
    assert (Motor(2.0).respond(1.0), Geared(2.0).respond(1.0), Steep(2.0).respond(1.0)) == (2.0, 2.0, 20.0)
    assert Motor.respond.select().count() == 3
    assert Steep.respond.get().upstream["respond"].speed == 2.0


def test_a_method_that_changes_its_instance_is_never_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance is an argument: a method that writes to it has no result that another call could be given."""
    monkeypatch.setattr("sweepable.notices._said", set())

    class Counter:
        def __init__(self) -> None:
            self.n = 0

        @sweepable.cache
        def step(self) -> int:
            self.n += 1
            return self.n

    counter = Counter()
    with pytest.warns(sweepable.TaintedCall, match="step changed its argument self"):
        assert [counter.step() for _ in range(3)] == [1, 2, 3]
    assert Counter().step.peek() is None


def test_a_changed_method_is_seen_by_what_calls_it(run_script: RunScript) -> None:
    """Another process finds the methods' results; an edit of the class, though not of the method, runs it again."""
    source = """
        import sweepable

        class Motor:
            factor = {factor}

            def __init__(self, k):
                self.k = k

            def scaled(self):
                return self.factor * self.k

            @sweepable.cache
            def respond(self, x):
                print("ran")
                return self.scaled() * x

        print(Motor(2.0).respond(3.0))
    """
    assert run_script(source.replace("{factor}", "1.0")).stdout.split() == ["ran", "6.0"]
    assert run_script(source.replace("{factor}", "1.0")).stdout.split() == ["6.0"]
    assert run_script(source.replace("{factor}", "2.0")).stdout.split() == ["ran", "12.0"]
