"""Tables as Parquet files: written by the batch, in the types that the whole table has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sweepable.errors import SweepableError
from sweepable.frames import BATCH, Facts, batches, chunk_of, column_of, frame, table
from sweepable.imported import from_extra
from sweepable.tables import Reader, Wanted
from sweepable.tree import FunctionNode

if TYPE_CHECKING:
    import pandas as pd

#: How many rows are held at once, and make a row group.
_ROWS = 50_000


def write(
    root: FunctionNode,
    wanted: Sequence[Wanted],
    ids: Sequence[int],
    path: str | os.PathLike[str],
    options: dict[str, Any],
) -> None:
    """Write calls of one function as a Parquet file, which is there when it is complete.

    Parameters
    ----------
    root : FunctionNode
        The function.
    wanted : sequence of Wanted
        The columns.
    ids : sequence of int
        The calls, in order.
    path : str or path
        The file.
    options : dict
        Of pyarrow's ``ParquetWriter``.
    """
    table = _Table(root, wanted, ids)
    final = os.path.expanduser(os.fspath(path))
    partial = f"{final}.{os.getpid()}.part"
    try:
        table.write(partial, options)
        os.replace(partial, final)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


class _Table:
    """A table that is read twice: once for the types of its columns, and once to be written."""

    def __init__(self, root: FunctionNode, wanted: Sequence[Wanted], ids: Sequence[int]) -> None:
        self._arrow = from_extra("pyarrow", "to_parquet", "parquet")
        self._writer = from_extra("pyarrow.parquet", "to_parquet", "parquet").ParquetWriter
        self._root, self._ids = root, ids
        reader = Reader(root, wanted)
        facts = [Facts() for _ in wanted]
        for some in batches(ids, BATCH):
            for known, cells in zip(facts, reader.read(some), strict=True):
                known.note(chunk_of(cells))
        shown = [place for place in range(len(facts)) if reader.is_shown(place)]
        self._wanted, self._facts = [wanted[place] for place in shown], [facts[place] for place in shown]
        #: Of columns of several kinds, which have to be seen as a whole: the dtype, and Arrow's type.
        self._types = {
            column.label: self._type_of(column)
            for column, known in zip(self._wanted, self._facts, strict=True)
            if known.kind == "other"
        }

    def _type_of(self, column: Wanted) -> tuple[Any, Any]:
        values = frame(Reader(self._root, [column._replace(is_asked=True)]), self._ids)[column.label]
        try:
            return values.dtype, self._arrow.array(values, from_pandas=True).type
        except (self._arrow.ArrowException, ValueError, TypeError) as error:
            raise SweepableError(
                f"{self._root.title}: the column {column.label} cannot stand in a Parquet file, which has one type for "
                f"each column ({error}); leave it out by columns=[...]"
            ) from error

    def write(self, path: str, options: dict[str, Any]) -> None:
        reader = Reader(self._root, self._wanted)
        first = self._frame(reader, self._ids[:_ROWS])
        schema = self._schema(first)
        with self._writer(path, schema, **options) as writer:
            for number, some in enumerate(batches(self._ids, _ROWS)):
                part = first if number == 0 else self._frame(reader, some)
                writer.write_table(self._arrow.Table.from_pandas(part, schema=schema, preserve_index=False))

    def _frame(self, reader: Reader, ids: Sequence[int]) -> pd.DataFrame:
        found = {}
        parts = [reader.read(some) for some in batches(ids, BATCH)]
        for place, (column, known) in enumerate(zip(self._wanted, self._facts, strict=True)):
            values = column_of(known, [chunk_of(part[place]) for part in parts])
            wanted = self._types.get(column.label)
            found[column.label] = values if wanted is None else values.astype(wanted[0])
        return table(found, len(ids))

    def _schema(self, first: pd.DataFrame) -> Any:
        schema = self._arrow.Schema.from_pandas(first, preserve_index=False)
        for place, name in enumerate(first.columns):
            if name in self._types:
                schema = schema.set(place, self._arrow.field(name, self._types[name][1]))
        return schema
