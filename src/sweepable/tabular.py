"""What a query offers as tables: the frame of its calls, and its Records by the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sweepable.errors import SweepableError
from sweepable.frames import batches, frame
from sweepable.record import Record, call_of, note_read
from sweepable.tables import Reader, all_columns, named_columns

if TYPE_CHECKING:
    import pandas as pd

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
        reader = self._reader(plan, columns, upstream)
        if records and any(column.label == _RECORD for column in reader.wanted):
            raise SweepableError(
                f"{plan.root.title}: with records=True the column {_RECORD!r} would be the Records, and there is one "
                f"of this name already; leave it out by columns=[...], or leave out records=True"
            )
        ids = plan.ids()
        found = frame(reader, ids)
        if records:
            found[_RECORD] = self._column_of_records(ids)
        return found

    def _reader(self, plan: Plan, columns: Sequence[str] | None, upstream: bool) -> Reader:
        if columns is None:
            return Reader(plan.root, all_columns(plan.root, upstream=upstream))
        found = named_columns(plan.root, columns)
        above = [column.label for column in found if column.path]
        if above and not upstream:
            raise SweepableError(f"{plan.root.title}: upstream=False leaves out {', '.join(above)}, asked for by name")
        return Reader(plan.root, found)

    def _column_of_records(self, ids: Sequence[int]) -> np.ndarray:
        known = {call_of(record).id: record for some in batches(ids, 10_000) for record in self._records(some)}
        found = np.empty(len(ids), object)
        found[:] = [known.get(number) for number in ids]
        return found

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
