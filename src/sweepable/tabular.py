"""What a query offers as tables: the frame of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepable.record import note_read
from sweepable.tables import frame

if TYPE_CHECKING:
    import pandas as pd

    from sweepable.selection import Plan


class Tabular:
    """The part of a query that makes tables of its calls."""

    def _plan(self) -> Plan:
        """The SQL that finds the calls."""
        raise NotImplementedError

    def to_df(self) -> pd.DataFrame:
        """The calls as a table: own parameters and outputs bare, those upstream by their full path.

        Returns
        -------
        pandas.DataFrame
            One row per call, in the query's order.
        """
        note_read("info")  # it shows parameters that are ignored, too
        plan = self._plan()
        return frame(plan.root, plan.ids())
