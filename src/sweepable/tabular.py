"""What a query offers as tables: frames, Datasets, Parquet files, and its Records by the batch."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweepable.datasets import dataset
from sweepable.errors import SweepableError
from sweepable.frames import batches, frame
from sweepable.grids import Places, places_of_query
from sweepable.imported import from_extra
from sweepable.parquet import write
from sweepable.record import Record, call_of, note_read
from sweepable.tables import Reader, Wanted, all_columns, named_columns

if TYPE_CHECKING:
    import pandas as pd
    import xarray

    from sweepable.selection import Plan

_RECORD = "record"


class Tabular:
    """The part of a query that makes tables of its calls."""

    def _plan(self) -> Plan:
        """The SQL that finds the calls."""
        raise NotImplementedError

    def _records(self, ids: Sequence[int]) -> list[Record]:
        """The Records of calls, read by one statement."""
        raise NotImplementedError

    def to_df(
        self, columns: Sequence[str] | None = None, *, upstream: bool = True, records: bool = False
    ) -> pd.DataFrame:
        """The calls as a table: own parameters and outputs bare, those upstream by their full path.

        Parameters
        ----------
        columns : sequence of str, optional
            These, in this order, called as written: any name that a look-up takes, ``info__seconds`` as well.
            None for every parameter and scalar output.
        upstream : bool, default True
            Whether there are columns of what is upstream.
        records : bool, default False
            Add a column ``record`` of the Records.

        Returns
        -------
        pandas.DataFrame
            One row per call, in the query's order. Values are as they were computed: ints stay ints (``Int64`` where
            some are missing) and bools bools (``boolean``), moments are ``datetime64``, and what is none of these, such
            as a Path, is an object. An array that was given as a parameter shows as a summary, an Enum as its name.

        Raises
        ------
        UnknownName, AmbiguousName
            For a name in `columns` that nothing, or more than one upstream call, has.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def ring(radius=1.0, holes=0):
        ...     return radius * radius - holes
        >>> runs = ring.sweep(radius=[1.0, 2.0], holes=[0, 1], progress=False)
        >>> runs.to_df()["area"].tolist()
        [1.0, 0.0, 4.0, 3.0]
        >>> runs.to_df(columns=["area", "info__status"]).to_dict("records")[-1]
        {'area': 3.0, 'info__status': 'done'}
        """
        note_read("info")  # it shows parameters that are ignored, too
        plan = self._plan()
        wanted = _wanted(plan, columns, upstream)
        if records and any(column.label == _RECORD for column in wanted):
            raise SweepableError(
                f"{plan.root.title}: with records=True the column {_RECORD!r} would be the Records, and there is one "
                f"of this name already; leave it out by columns=[...], or leave out records=True"
            )
        ids = array("q", plan.ids())  # a fifth of the memory of a list
        found = frame(Reader(plan.root, wanted), ids)
        if records:
            found[_RECORD] = self._column_of_records(ids)
        return found

    def _column_of_records(self, ids: Sequence[int]) -> np.ndarray:
        known = {call_of(record).id: record for some in batches(ids, 10_000) for record in self._records(some)}
        found = np.empty(len(ids), object)
        found[:] = [known.get(number) for number in ids]
        return found

    def to_xarray(self, *names: str, dims: Sequence[str] | None = None) -> xarray.Dataset:
        """The calls as an xarray Dataset, over the parameters in which they differ.

        The dimensions of a sweep are those of its space, in its order; of another query the parameters in which the
        calls differ, sorted. Where a grid of these would be mostly empty, and where parameters vary together (as those
        of ``zipped`` do), all calls lie along one dimension, ``point``. What does not vary is in ``attrs``.

        Parameters
        ----------
        *names : str
            The variables: outputs, own or upstream, or anything else that a look-up names. None for all own outputs
            that are scalars, or arrays of one shape and dtype; of others it is warned.
        dims : sequence of str, optional
            The parameters that are dimensions, where the grid is to be made whatever its size.

        Returns
        -------
        xarray.Dataset
            With the variable ``computed``, which tells where there is a call. Elsewhere is NaN or NaT; ints are floats
            then where these are the same numbers, and objects otherwise, as bools and texts are. Arrays have further
            dimensions, called as ``Output(dims=...)`` says, or ``<output>_0``; ``units`` are in the variable's attrs.
            A parameter whose values cannot be labels (arrays) is numbered.

        Raises
        ------
        MissingExtra
            Without xarray: ``pip install 'sweepable[xarray]'``.
        SweepableError
            For several calls in one cell, and for what was asked for and cannot be stacked.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def rectangle(width=1.0, height=1.0):
        ...     return width * height
        >>> runs = rectangle.sweep(width=[1.0, 2.0], height=[1.0, 3.0], progress=False)
        >>> data = runs.to_xarray()
        >>> data.area.sel(width=2.0).values.tolist(), dict(data.sizes)
        ([2.0, 6.0], {'width': 2, 'height': 2})
        """
        from_extra("xarray", "to_xarray", "xarray")
        note_read("info")
        plan = self._plan()
        ids = plan.ids()
        return dataset(plan.root, ids, self._places(plan, ids, dims), names, self._records)

    def _places(self, plan: Plan, ids: Sequence[int], dims: Sequence[str] | None) -> Places:
        """Where the calls stand in a Dataset."""
        return places_of_query(plan.root, ids, dims)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        columns: Sequence[str] | None = None,
        *,
        upstream: bool = True,
        **options: Any,
    ) -> None:
        """Write the table of `to_df` as a Parquet file, without ever holding all of it.

        Parameters
        ----------
        path : str or path
            The file; one that is there is replaced when the new one is complete.
        columns, upstream
            As in `to_df`.
        **options
            Of pyarrow's ``ParquetWriter``: ``compression="zstd"``.

        Raises
        ------
        MissingExtra
            Without pyarrow: ``pip install 'sweepable[parquet]'``.
        SweepableError
            For a column of several types, which no Parquet file takes.
        """
        note_read("info")
        plan = self._plan()
        write(plan.root, _wanted(plan, columns, upstream), array("q", plan.ids()), path, options)

    def batches(self, size: int = 10_000) -> Iterator[list[Record]]:
        """The Records in lists, each read by one statement when it is asked for.

        Parameters
        ----------
        size : int, default 10_000
            How many there are in a list; the last one may be shorter.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(twice=int)
        ... def double(n=1):
        ...     return 2 * n
        >>> runs = double.sweep(n=range(5), progress=False)
        >>> [[rec.twice for rec in batch] for batch in runs.batches(2)]
        [[0, 2], [4, 6], [8]]
        """
        if size < 1:
            raise ValueError(f"batches needs a number of calls, got {size}")
        ids = self._plan().ids()
        return (self._records(ids[start : start + size]) for start in range(0, len(ids), size))


def _wanted(plan: Plan, columns: Sequence[str] | None, upstream: bool) -> list[Wanted]:
    if columns is None:
        return all_columns(plan.root, upstream=upstream)
    found = named_columns(plan.root, columns)
    above = [column.label for column in found if column.path]
    if above and not upstream:
        raise SweepableError(f"{plan.root.title}: upstream=False leaves out {', '.join(above)}, asked for by name")
    return found
