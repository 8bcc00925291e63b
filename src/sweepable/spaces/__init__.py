"""Which points a sweep has: pure values, that know nothing of functions, calls or stores."""

from __future__ import annotations

from sweepable.spaces.hints import Parameter, is_float, takes_sequence
from sweepable.spaces.making import grid, points, refuse_option_names, space_of, zipped
from sweepable.spaces.reading import Axis, Fixed, axis, fixed
from sweepable.spaces.space import Point, Space

__all__ = [
    "Axis",
    "Fixed",
    "Parameter",
    "Point",
    "Space",
    "axis",
    "fixed",
    "grid",
    "is_float",
    "points",
    "refuse_option_names",
    "space_of",
    "takes_sequence",
    "zipped",
]
