"""Making spaces: `grid`, `zipped`, `points`, and what the keywords of a sweep mean."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sweepable.errors import SpaceError
from sweepable.spaces.hints import Parameter
from sweepable.spaces.reading import Axis, Fixed, an, constant, is_pandas, read, shown, values_of
from sweepable.spaces.space import Constant, Product, Space, Table, refuse_twice

if TYPE_CHECKING:
    from pandas import DataFrame


def grid(**axes: object) -> Space:
    """All combinations of the axes' values; the last axis varies fastest.

    A list, range, 1-D array, pandas Index or Series, Query or Sweep is an axis. Anything else, a tuple too, is a
    constant; `axis` and `fixed` say it otherwise.

    Examples
    --------
    >>> grid(a=[1, 2], b=[0.5], c="x").points()
    [{'a': 1, 'b': 0.5, 'c': 'x'}, {'a': 2, 'b': 0.5, 'c': 'x'}]
    """
    return Product(_part(name, value) for name, value in axes.items())


def zipped(**axes: object) -> Space:
    """First values of all axes together, then the second ones, and so on; constants stay constants.

    Examples
    --------
    >>> zipped(a=[1, 2], b=[10, 20]).points()
    [{'a': 1, 'b': 10}, {'a': 2, 'b': 20}]
    """
    found = {name: read(value) for name, value in axes.items()}
    columns = {name: of.values for name, of in found.items() if of is not None}
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{name} has {len(column)}" for name, column in columns.items())
        raise SpaceError(f"zipped axes are of one length, and {lengths}. Use grid(...) for all combinations.")
    together = Table(columns, bare={name: axes[name] for name in columns if not isinstance(axes[name], Axis)})
    constants = (Constant(name, constant(name, value)) for name, value in axes.items() if name not in columns)
    return Product([together, *constants] if columns else constants)


def points(rows: Iterable[Mapping[str, object]] | DataFrame) -> Space:
    """Make a space of the given points: mappings that all have the same names, or the rows of a DataFrame.

    Every value is taken as it stands: a list is one value.

    Examples
    --------
    >>> points([{"a": 1, "b": 2}, {"a": 3, "b": 5}])
    <Space of 2 points: a, b>
    """
    if is_pandas(rows, "DataFrame"):
        return _of_frame(rows)
    if isinstance(rows, (Mapping, str, bytes)) or not isinstance(rows, Iterable):
        raise SpaceError(f"points are mappings of names to values, as [{{'gain': 1.0}}, ...], not {an(rows)}.")
    mappings = list(cast("Iterable[Mapping[str, object]]", rows))
    names = _names_of(mappings)
    if mappings and not names:
        return Product(())
    return Table({name: tuple(constant(name, row[name]) for row in mappings) for name in names})


def space_of(
    given: Space | Iterable[Mapping[str, object]] | DataFrame | None,
    axes: Mapping[str, object],
    parameters: Mapping[str, Parameter],
) -> Space:
    """Make the space that ``f.sweep(given, **axes)`` goes through.

    Parameters
    ----------
    given : Space or None
        A space made before, or what `points` takes; the axes are combined with each point of it.
    axes : mapping of str to object
        Axes and constants, as for `grid`.
    parameters : mapping of str to Parameter
        What is known of parameters, by the name used in the space. Names that are not there are taken as they come.
    """
    if given is None:
        space = grid(**axes)
    else:
        base = given if isinstance(given, Space) else points(given)
        space = base * grid(**axes) if axes else base
    for name, value in space.bare.items():
        if name in parameters and parameters[name].takes_sequence:
            _refuse_ambiguous(name, value)
    floats = {name for name, parameter in parameters.items() if parameter.is_float}
    return space if floats.isdisjoint(space.names) else space.as_float(floats)


def refuse_option_names(given: Mapping[str, object], options: frozenset[str]) -> None:
    """Raise SpaceError where one of `sweep`'s options was given what can only be meant as an axis."""
    for name in sorted(options.intersection(given)):
        value = given[name]
        if isinstance(value, Fixed) or read(value) is not None:
            raise SpaceError(
                f"{name} is an option of sweep, so it cannot be an axis of it by keyword. "
                f"If it is a parameter of the function, write sweep(grid({name}={shown(value)}))."
            )


def _part(name: str, value: object) -> Space:
    found = read(value)
    if found is None:
        return Constant(name, constant(name, value))
    return Table({name: found.values}, bare=None if isinstance(value, Axis) else {name: value})


def _of_frame(frame: Any) -> Space:
    columns = list(frame.columns)
    if not all(isinstance(name, str) for name in columns):
        raise SpaceError(f"the columns of the DataFrame are the names of a space, and must be strings: {columns}")
    refuse_twice(columns)
    return Table({name: values_of(frame[name]) for name in columns})


def _names_of(rows: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise SpaceError(f"point {number} is {an(row)}, not a mapping of names to values: {reprlib.repr(row)}")
        if row.keys() != rows[0].keys():
            own, first = (", ".join(names) or "none" for names in (row, rows[0]))
            raise SpaceError(f"all points have the same names; point {number} has {own}, the first has {first}.")
    return tuple(rows[0]) if rows else ()


def _refuse_ambiguous(name: str, value: object) -> None:
    text = shown(value)
    raise SpaceError(
        f"{name} takes a sequence, so {name}={text} may be an axis or one value. Write {name}=axis({text}) "
        f"for an axis, {name}=fixed({text}) for one value."
    )
