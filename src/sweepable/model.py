"""The frozen values that cross layers: what a version of code is, what a call is, what is stored of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from blake3 import blake3

#: How a stored call ended. ``done`` is served; the others never are.
#: ``tainted``: it changed what its key was made of. ``failed``: it raised. ``killed``: its process died.
#: ``unkept``: it returned, but its result could not be stored (the row keeps the lineage whole).
Status = Literal["done", "tainted", "failed", "killed", "unkept"]

#: How an upstream call came to be one: given as an argument (or a parameter's default), called inside,
#: declared by ``depends_on``, or ``passed``: a value that it returned was given as an argument.
Role = Literal["argument", "nested", "depends_on", "passed"]
#: In the order in which names are looked for.
ROLES: tuple[Role, ...] = ("argument", "depends_on", "nested", "passed")


#: Of a source that is longer, only the beginning is kept.
LONGEST_SOURCE = 20_000
#: The kind of the one node of a version that its author has pinned by hand; its summary is what the author wrote.
PIN = "pin"


class CodeNode(NamedTuple):
    """One function, class or value that a version of code reaches."""

    #: The names it was reached by, in order met, as written: ``damp``, ``control.damp``, ``self.gain``.
    names: tuple[str, ...]
    #: ``function``, ``class``, ``value``, ``builtin``, ``package`` (third party), ``absent``, ...
    kind: str
    #: Digest of this node alone.
    digest: str
    #: Digest of this node by byte code: equal in every process of one Python that runs the same code; may be empty.
    fingerprint: str
    #: Source text for code; a short summary for a value; empty where there is none.
    summary: str
    #: ``file:line`` as last seen, for messages only; empty where unknown. Never part of a digest.
    where: str
    #: Indices (into the version's nodes) of the nodes that this one refers to, in order of first use.
    edges: tuple[int, ...] = ()


class CodeVersion(NamedTuple):
    """One state of a function's code with all that it reaches."""

    #: 64 hex digits; equal on every Python and machine for the same code.
    digest: str
    #: Digest of the same graph by byte code: compares two processes of one Python, where no source is at hand.
    fingerprint: str
    #: Depth-first from the function itself (node 0).
    nodes: tuple[CodeNode, ...] = ()
    #: Top-level names of third-party packages reached.
    packages: tuple[str, ...] = ()
    #: Sentences for people: what could not be followed, so that its change would not be seen.
    untracked: tuple[str, ...] = ()
    #: Sentences for people: what counts by more than its meaning, so that a change of nothing may cost a run.
    notes: tuple[str, ...] = ()


class FunctionFacts(NamedTuple):
    """What the store is told about a cached function."""

    #: The name that is part of every key: ``__qualname__`` or ``name=``.
    name: str
    #: Where it lives: the module's dotted name, or the script's path for ``__main__``, or ``notebook``.
    home: str
    #: Parameter names, in the order of the signature.
    parameters: tuple[str, ...]


LayoutKind = Literal["value", "tuple", "list", "dict", "object"]


class Layout(NamedTuple):
    """How the named outputs of a call make up the value that the function returned.

    ``value``: the one output is the value. ``tuple``, ``list``: outputs in order. ``dict``: outputs by key,
    in order. ``object``: a named tuple or dataclass whose fields are the outputs.
    """

    kind: LayoutKind
    names: tuple[str, ...]
    #: The declaration that the outputs were held against; empty for none. Behind a ``!`` they did not conform to it.
    declared: str = ""


class Outputs(NamedTuple):
    """A returned value, taken apart: one value per name of the layout."""

    layout: Layout
    values: tuple[object, ...]
    #: The value as it was returned.
    whole: object
    #: The codec chosen for each output, None where the value decides; empty where it does for all.
    codecs: tuple[str | None, ...] = ()


class UpstreamCall(NamedTuple):
    """An upstream call, as seen from the call below it."""

    key: str
    role: Role
    #: The parameter it was given for (``argument``, ``passed``), or the upstream function's name.
    name: str


class Content(NamedTuple):
    """What a stored call is to the calls below it, whatever code it came from.

    ``plain``: its outputs, its arguments, and the same of what it was given as upstream calls. ``named``: the
    same with the names of all functions upstream of it, by which a body may find them.
    """

    plain: str
    named: str | None


class ContentKeys(NamedTuple):
    """A call's key by content: its own code, and of each upstream call the content instead of the key."""

    #: None where the content of an upstream call is not known.
    plain: str | None
    named: str | None
    #: Digest of the arguments alone, in both ways.
    arguments: Content | None


#: How the part of an argument begins that is no encoding, but the digest of one.
DIGESTED = b"\0D"


def part_digest(part: bytes) -> str:
    """The digest of the encoding that a part of a key stands for, 64 hex digits; empty for no part."""
    if part.startswith(DIGESTED):
        return part[len(DIGESTED) :].hex()
    return blake3(part).hexdigest() if part else ""


class GivenCalls(NamedTuple):
    """The calls of a query that was given as an argument, as the store keeps them."""

    #: The name of the function whose calls they are.
    function: str
    statuses: tuple[Status, ...]
    #: In the query's order.
    keys: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<{self.text}>"

    @property
    def text(self) -> str:
        """In a few words."""
        return f"{len(self.keys)} call{'' if len(self.keys) == 1 else 's'} of {self.function.rpartition('.')[2]}"


class Argument(NamedTuple):
    """One bound argument as the store keeps it."""

    name: str
    #: ``value``: any Python value. ``call``: the key of an upstream call whose Record the body got.
    #: ``output``: one output of an upstream call; ``field`` names it.
    kind: Literal["value", "call", "output"]
    #: The value itself (``value``; `GivenCalls` for a query), or the upstream call's key.
    value: object
    field: str = ""
    #: What stands of the argument in the key (see `identity.key`); empty for ignored parameters.
    part: bytes = b""

    @property
    def digest(self) -> str:
        """The digest of its encoding, 64 hex digits; empty for ignored parameters."""
        return part_digest(self.part)


class Failure(NamedTuple):
    """An exception that a call raised, as kept."""

    type_name: str
    message: str
    traceback: str


class Environment(NamedTuple):
    """What a call ran in, as it is stored."""

    #: A JSON object: python, implementation, platform, host, packages, git.
    text: str = "{}"
    #: JSON objects that `text` names by their digests: a diff stands once for all that refer to it.
    diffs: tuple[str, ...] = ()


class NewCall(NamedTuple):
    """A call to be stored."""

    key: str
    function: FunctionFacts
    version: CodeVersion
    status: Status
    #: Seconds since the epoch.
    started: float
    #: Seconds of wall time.
    seconds: float
    arguments: tuple[Argument, ...]
    #: None for a call without a result.
    outputs: Outputs | None = None
    failure: Failure | None = None
    upstream: tuple[UpstreamCall, ...] = ()
    environment: Environment = Environment()
    #: The key by content under which later calls may take it over; None for never.
    content_key: str | None = None
    #: Digest of its arguments by content, for the calls below it.
    arguments_content: Content | None = None
    #: Id of the call whose result it took over instead of running.
    taken_from: int | None = None
    #: Id of the migration that made it.
    migration: int | None = None
    #: What the audit of the version found, as it is stored; empty where none took place.
    audit: str = ""
    #: Keys and ids of upstream calls that it was given: where one is another by now, its result came from none of them.
    given: tuple[tuple[str, int], ...] = ()


class StoredCall(NamedTuple):
    """One row of ``_calls`` whose check digest has been verified."""

    id: int
    key: str
    function: int
    version: int
    ancestry: int
    status: Status
    started: float
    seconds: float
    layout: int
    arguments: bytes
    result: bytes | None
    error: bytes | None
    environment: int
