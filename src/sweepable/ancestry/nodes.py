"""The frozen values that a lineage is made of: calls, and how one came to be upstream of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sweepable.model import Role, Status


class InWords(str):
    """A few words that stand for a value, and are not to be taken for a text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class LineageNode:
    """One call of a lineage, as it was when the lineage was read.

    Attributes
    ----------
    key : str
        The call's key.
    function : str
        The name by which look-ups call its function; empty for a call that is not in the store.
    params : dict
        Its arguments that are no upstream calls: scalars as they are, all else in a few words.
    outputs : dict
        Its scalar outputs.
    others : dict of str to str
        Its other outputs, in a few words.
    status : str
        As ``rec.info.status`` has it; ``missing`` for a call that is not in the store, or not any more.
    error : str
        Of a failed call, in one line.
    seconds : float
        How long it ran; 0.0 where it took over a result.
    version : str
        Digest of the version of its code.
    stale : bool
        The code of its function in this process is another one. False where that code is not in this process.
    hidden : int
        How many further calls lie beyond it, past the depth that was asked for.
    """

    key: str
    function: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    outputs: Mapping[str, object] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    status: Status | Literal["missing"] = "missing"
    error: str = ""
    seconds: float = 0.0
    version: str = ""
    stale: bool = False
    hidden: int = 0

    @property
    def is_missing(self) -> bool:
        """Whether it is not in the store, or not any more."""
        return self.status == "missing"


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """How one call came to be upstream of another.

    Attributes
    ----------
    upstream, downstream : str
        The keys of the two calls.
    role : str
        ``argument``, ``depends_on``, ``nested`` or ``passed``.
    name : str
        The parameter it was given for, or the upstream function's name.
    output : str
        The one output that was given for the parameter; empty where it was the Record.
    """

    upstream: str
    downstream: str
    role: Role
    name: str
    output: str = ""

    @property
    def label(self) -> str:
        """In a word or two, beside an arrow."""
        if self.role == "argument":
            return f"{self.name} = {self.output}" if self.output and self.output != self.name else self.name
        if self.role == "passed":
            return f"{self.name} from"
        return "calls" if self.role == "nested" else "depends on"
