"""Measure what the identity of code costs: the recheck of a warm call, the first identity, and after an edit.

The experiment is a small project of three modules: 17 functions, a class, and 25 references to constants, arrays,
dicts and functions of packages. Figures are medians. The process ends with 1 when a target is missed.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

SOURCE = Path(__file__).resolve().parents[1] / "src"

MOTOR = """
import math
import numpy as np
from . import tools
from .tools import clip, limits

GAIN, OFFSET, RATE, NAME = 2.0, 0.5, 100, "motor"
TABLE = np.linspace(0.0, 1.0, 64)
CONFIG = {"solver": "rk4", "steps": 100, "tolerances": [1e-3, 1e-6]}
SCALE = (1.0, 2.0)

def friction(v):
    return OFFSET * math.copysign(1.0, v) if v else 0.0

def torque(v):
    return GAIN * v - friction(v)

def interpolate(x):
    return float(np.interp(x, TABLE, TABLE ** 2))

def controller(error, gain=3.0):
    return clip(gain * error, *limits())

class Motor:
    inertia = 0.1

    def __init__(self, load=1.0):
        self.load = load

    def accelerate(self, v, u):
        return (torque(v) + u) / (self.inertia * self.load)

def step(motor, v, u):
    return v + motor.accelerate(v, u) / RATE

def simulate(amplitude, gain):
    motor, v = Motor(), 0.0
    for n in range(CONFIG["steps"]):
        v = step(motor, v, controller(tools.reference(n, amplitude) - v, gain))
    return v * SCALE[0]
"""
TOOLS = """
import numpy as np
from . import signals
from .signals import decay

LOW, HIGH, PERIOD = -1.0, 1.0, 20

def clip(x, low, high):
    return min(max(x, low), high)

def limits():
    return LOW, HIGH

def reference(n, amplitude):
    return amplitude * signals.wave(n / PERIOD) * decay(n) + bias(n)

def bias(n):
    return signals.noise(n) * np.exp(-n)
"""
SIGNALS = """
import math

PHASE, TAU, DEPTH = 0.1, 30.0, 1e-3

def wave(t):
    return math.sin(2 * math.pi * t + PHASE)

def decay(n):
    return math.exp(-n / TAU)

def noise(n):
    return DEPTH * hashed(n)

def hashed(n):
    return (n * 2654435761 % 2**32) / 2**32
"""
EXPERIMENT = """
import sweepable
from .motor import interpolate, simulate
from .small import CURVE, half

@sweepable.cache
def experiment(amplitude=1.0, gain=2.0):
    return interpolate(abs(simulate(amplitude, gain)))

@sweepable.cache
def small(x=1.0):
    return half(x) * CURVE[0]
"""
SMALL = """
import math
K = 3
CURVE = [1.0, 2.0]

def half(x):
    return math.sqrt(x) / K
"""
FILES = {"motor": MOTOR, "tools": TOOLS, "signals": SIGNALS, "experiment": EXPERIMENT, "small": SMALL, "__init__": ""}
COLD = """
import sys, time
sys.path.insert(0, {folder!r})
import pathlib
import sweepable
from project.experiment import experiment
started = time.thread_time()
experiment.version()
print(time.thread_time() - started)
"""


class Figure(NamedTuple):
    """What is measured, in seconds, and what it may be at most."""

    name: str
    seconds: float
    target: float


def each(function: Callable[[], object], calls: int = 2000, repetitions: int = 15) -> float:
    """The median over repetitions of the mean seconds of a call."""
    taken = []
    for _ in range(repetitions):
        started = time.thread_time()
        for _ in range(calls):
            function()
        taken.append((time.thread_time() - started) / calls)
    return median(taken)


def cold(folder: Path, repetitions: int = 9) -> float:
    """The median seconds of the first identity in a new process, everything imported."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    script = COLD.format(folder=str(folder))
    runs = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for _ in range(repetitions + 1)
    ]
    return median(float(run.stdout) for run in runs[1:])  # the first one compiles


def after_an_edit(experiment: object, module: object, repetitions: int = 15) -> float:
    """The median seconds to see that one helper is another one now; a new one each time."""
    taken, file = [], Path(module.__file__)
    text = file.read_text()
    for number in range(repetitions):
        file.write_text(text.replace("2654435761", str(number)))
        experiment.version()  # a warm call, as there are between two edits
        importlib.reload(module)
        started = time.thread_time()
        experiment.version()
        taken.append(time.thread_time() - started)
    return median(taken)


def main() -> int:
    """Measure, print one table, and say whether all targets are met."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "project").mkdir()
        for module, text in FILES.items():
            (folder / "project" / f"{module}.py").write_text(textwrap.dedent(text))
        sys.path.insert(0, name)
        first = cold(folder)
        sys.dont_write_bytecode = True
        experiment = importlib.import_module("project.experiment")
        signals = importlib.import_module("project.signals")
        experiment.experiment.version(), experiment.small.version()
        figures = [
            Figure("recheck, 25 references and 17 functions", each(experiment.experiment.version), 3e-6),
            Figure("recheck, 5 references", each(experiment.small.version), 0.5e-6),
            Figure("first identity in a new process", first, 15e-3),
            Figure("after one helper changed", after_an_edit(experiment.experiment, signals), 3e-3),
        ]
    for figure in figures:
        verdict = "" if figure.seconds <= figure.target else "  MISSED"
        print(f"{figure.name:42} {1e6 * figure.seconds:10.2f} µs   target {1e6 * figure.target:8.1f} µs{verdict}")
    return int(any(figure.seconds > figure.target for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
