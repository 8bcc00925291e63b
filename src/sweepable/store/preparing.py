"""What is written of a call, encoded: result, arguments, cells, and the blobs that are still to be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sweepable.model import Argument, NewCall, Outputs
from sweepable.store import index, results
from sweepable.store.blobs import digest_of
from sweepable.store.cells import Cell, is_cell, is_scalar, to_cell
from sweepable.store.codecs import EXTENSIONS, INLINE, External, Externals, OutputFacts, Summary, shape_of
from sweepable.store.files import Buffer
from sweepable.store.function_tables import Column


class Pending(NamedTuple):
    """A blob that is encoded and not yet written."""

    digest: str
    extension: str
    chunks: list[Buffer]
    size: int


def externals(pending: list[Pending]) -> Externals:
    """Puts blobs on a list: they are written when all is encoded, and whatever user code that runs is done."""

    def keep(extension: str, chunks: list[Buffer], size: int) -> str:
        digest = digest_of(chunks)
        pending.append(Pending(digest, extension, chunks, size))
        return digest

    return Externals(keep)


def prepare(new: NewCall, pending: list[Pending]) -> index.Prepared:
    """A call encoded; its blobs are put on the list."""
    outside = externals(pending)
    result = None if new.outputs is None else results.encode_outputs(new.outputs, outside)
    arguments = results.encode_arguments(new.arguments, outside)
    error = None if new.failure is None else results.encode_failure(new.failure)
    cells, others = output_cells(new.outputs)
    return index.Prepared(arguments, result, error, _argument_cells(new.arguments) | cells, others, [])


def _argument_cells(arguments: tuple[Argument, ...]) -> dict[Column, Cell]:
    """Parameters by value; those that are upstream calls by its key, which the index turns into its id."""
    cells: dict[Column, Cell] = {}
    names: list[str] | None = None
    for argument in arguments:
        value = argument.value
        if argument.kind != "value":
            cells["upstream", argument.name] = str(value)
        elif is_cell(value):
            cells["parameter", argument.name] = value
        else:  # the digest is made for those alone that have no short form
            cells["parameter", argument.name] = to_cell(value, argument.digest)
            names = names or [argument.name for argument in arguments]
            from sweepable.store.field_cells import field_cells

            cells |= field_cells(argument.name, value, names)
    return cells


def output_cells(outputs: Outputs | None) -> tuple[dict[Column, Cell], dict[Column, Cell]]:
    """The outputs that are scalars, and the others."""
    cells: dict[Column, Cell] = {}
    others: dict[Column, Cell] = {}
    if outputs is not None:
        for name, value in zip(outputs.layout.names, outputs.values, strict=True):
            if is_scalar(value):
                cells["output", name] = to_cell(value)
            else:
                others["output", name] = to_cell(value)
                cells |= _form(name, *shape_of(value))
    return cells, others


def _form(name: str, shape: tuple[int, ...] | None, dtype: str) -> dict[Column, Cell]:
    """The columns by which arrays are found, none of which is loaded for that."""
    found: dict[Column, Cell] = {("shape", name): str(shape)} if shape is not None else {}
    return found | {("dtype", name): dtype} if dtype else found


def stored_cells(
    facts: Mapping[str, OutputFacts], load: Callable[[str], object]
) -> tuple[dict[Column, Cell], dict[Column, Cell]]:
    """The same of outputs that are stored; only what is small is loaded."""
    cells: dict[Column, Cell] = {}
    others: dict[Column, Cell] = {}
    for name, found in facts.items():
        value = load(name) if found.nbytes <= INLINE else Summary(results.described(found), "")
        if is_scalar(value):
            cells["output", name] = to_cell(value)
        else:
            others["output", name] = to_cell(value)
            cells |= _form(name, found.shape, found.dtype)
    return cells, others


def blob_row(found: External) -> index.Blob:
    """A blob that is there already, as a row refers to it."""
    return index.Blob(found.digest, EXTENSIONS[found.codec], found.nbytes, None)
