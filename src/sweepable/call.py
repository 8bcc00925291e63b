"""One call as its caller wrote it: bound arguments, the upstream calls among them, and its key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sweepable.callee import Callee
from sweepable.errors import ArgumentError, StaleResults, UndigestibleError, UpstreamArgumentError
from sweepable.identity.code import describe
from sweepable.identity.key import SHORT, framed, key_part
from sweepable.identity.values import Encoder, encode_reference, encode_scalar
from sweepable.imported import imported
from sweepable.model import Argument, CodeVersion, UpstreamCall
from sweepable.notices import warn_once
from sweepable.outputs import declared_names, short
from sweepable.record import Record, layout_of
from sweepable.registry import is_superseded
from sweepable.store.location import current_store
from sweepable.store.store import Store
from sweepable.upstream import as_upstream


class SignatureChanged(ArgumentError):
    """The arguments were bound to parameters, or with defaults, that the function has no more. Bind them again."""


class Input(NamedTuple):
    """An argument that is an upstream call, or one output of it."""

    place: int
    source: Call | Record
    field: str | None

    @property
    def key(self) -> str:
        """The upstream call's key."""
        return self.source.__sweepable_key__


class Call:
    """One call of a cached function: its bound arguments and its key. Making it runs nothing.

    Parameters
    ----------
    callee : Callee
        The function.
    bound : tuple
        What its binder returned.

    Attributes
    ----------
    version : CodeVersion
        The code that it is a call of.
    inputs : tuple of Input
        Its arguments that are upstream calls.
    held : tuple of (UpstreamCall, Record or other object with a key)
        The calls inside its other arguments: in lists, dicts, queries.
    dependencies : tuple of (name, Call)
        The calls that ``depends_on`` announces.
    is_plain : bool
        All arguments that count are scalars.
    encoded : list of bytes
        One encoding per parameter that counts.
    parts : list of bytes
        What of each stands in the key.
    key : str
        64 hex digits.
    """

    __slots__ = ("bound", "callee", "dependencies", "encoded", "held", "inputs", "is_plain", "key", "parts", "version")

    def __init__(self, callee: Callee, bound: tuple[object, ...]) -> None:
        self.callee = callee
        self.bound = bound
        binder = callee.binder
        self.version: CodeVersion = callee.version()
        if callee.binder is not binder:
            raise SignatureChanged(f"the parameters of {callee.name} were changed while it was called; call it again")
        self.inputs: tuple[Input, ...] = ()
        self.held: tuple[tuple[UpstreamCall, object], ...] = ()
        self.dependencies: tuple[tuple[str, Call], ...] = ()
        given = bound if callee.counts_all else [bound[index] for index, _ in callee.counted]
        encoded = list(map(encode_scalar, given))
        self.is_plain = None not in encoded
        self.encoded: list[bytes] = encoded if self.is_plain else self._completed(encoded)  # type: ignore[assignment]
        if callee.dependencies:
            self.dependencies = tuple(self._announced())
        further = [(name, call.key) for name, call in self.dependencies] if self.dependencies else ()
        self.parts = [part if len(part) <= SHORT else key_part(part) for part in self.encoded]
        self.key: str = callee.keys.key(self.version.digest, self.parts, further)

    @property
    def __sweepable_key__(self) -> str:
        return self.key

    def _announced(self) -> Iterator[tuple[str, Call]]:
        for dependency in self.callee.dependencies:
            upstream = dependency.callee
            yield upstream.identifier, Call(upstream, dependency.bound(self.callee.binder, self.bound))

    def _completed(self, encoded: list[bytes | None]) -> list[bytes]:
        """The encodings, those of what is no scalar included."""
        places = zip(self.callee.counted, encoded, strict=True)
        return [self._encode(index, name) if part is None else part for (index, name), part in places]

    def _encode(self, index: int, name: str) -> bytes:
        value = self.bound[index]
        if name in (self.callee.binder.variadic, self.callee.binder.several):
            value = self._with_settled_queries(index, value)
        found = self._as_input(index, name, value)
        if found is None:
            return self._encode_value(name, value)
        self.inputs += (found,)
        return reference(found.key, declared_by(found.source), found.field)

    def _with_settled_queries(self, index: int, value: Any) -> Any:
        """What ``*args`` or ``**kwargs`` hold, for the body: of each query the calls by which it counts."""
        query = imported("sweepable.query", "Query")
        parts = value.values() if isinstance(value, dict) else value
        if not query or not any(isinstance(part, query) for part in parts):
            return value
        from sweepable.query import fixed_at

        settled = [
            fixed_at(part, [call.__sweepable_key__ for call in part.__sweepable_calls__()])
            if isinstance(part, query)
            else part
            for part in parts
        ]
        found = dict(zip(value, settled, strict=True)) if isinstance(value, dict) else tuple(settled)
        self.bound = (*self.bound[:index], found, *self.bound[index + 1 :])
        return found

    def _encode_value(self, name: str, value: object) -> bytes:
        encoder = Encoder(describe)
        try:
            encoded = encoder.encode(value, name)
        except UndigestibleError as error:
            if error.function is None:
                error.function = self.callee.name
            raise
        self.held += tuple((UpstreamCall(key, "argument", name), source) for _, key, source in encoder.calls)
        return encoded

    def _as_input(self, index: int, name: str, value: object) -> Input | None:
        expected = self.callee.upstreams.get(name)
        upstream = as_upstream(value)
        if upstream is not None and (expected is not None or upstream.field is not None):
            field = upstream.field or (expected.field if expected else None)
            if is_superseded(upstream.callee):
                self._tell_superseded(name, upstream.callee.name)
            return Input(index, Call(upstream.callee, upstream.bound()), field)
        if isinstance(value, Record):
            return Input(index, value, expected.field if expected else None)
        if expected is not None and expected.field is None:
            self._refuse_plain(name, value)
        return None

    def _tell_superseded(self, name: str, upstream: str) -> None:
        message = (
            f"{self.callee.name}: {name} stands for {upstream} as it was when {self.callee.name} was defined; "
            f"{upstream} has been defined anew since. Define {self.callee.name} again (run its cell) to use it."
        )
        warn_once((is_superseded, self.callee.name, name, self.version.digest), message, StaleResults)

    def _refuse_plain(self, name: str, value: object) -> None:
        if isinstance(value, (dict, tuple, list)) or type(value).__module__.partition(".")[0] == "numpy":
            upstream = self.callee.upstreams[name].callee.identifier
            raise UpstreamArgumentError(
                f"{self.callee.name}(): {name} is an upstream call of {upstream}, but a {type(value).__name__} was "
                f"given. Give the Record of a call, {upstream}.get_or_run(...), or the call with other parameters, "
                f"{upstream}.partial(...)."
            )

    def upstream_calls(self) -> Iterator[Call]:
        """The calls that have to be there before this one can run."""
        for found in self.inputs:
            if isinstance(found.source, Call):
                yield found.source
        for _, call in self.dependencies:
            yield call

    def lineage(self) -> Iterator[UpstreamCall]:
        """The upstream calls that are known before it runs."""
        for found in self.inputs:
            yield UpstreamCall(found.key, "argument", self.callee.parameters[found.place])
        for upstream, _ in self.held:
            yield upstream
        for name, call in self.dependencies:
            yield UpstreamCall(call.key, "depends_on", name)

    def store(self) -> Store:
        """Where this call is stored."""
        return current_store(self.callee.options.store)

    def arguments(self) -> tuple[Argument, ...]:
        """The bound arguments as the store keeps them."""
        query = imported("sweepable.query", "Query")
        if self.callee.counts_all and not self.inputs and not any(isinstance(value, query) for value in self.bound):
            whole = zip(self.callee.parameters, self.bound, self.parts, strict=True)
            return tuple([Argument(name, "value", value, "", part) for name, value, part in whole])
        inputs = {found.place: found for found in self.inputs}
        parts = {index: part for (index, _), part in zip(self.callee.counted, self.parts, strict=True)}
        return tuple(
            self._argument(name, self.bound[index], inputs.get(index), parts.get(index, b""))
            for index, name in enumerate(self.callee.parameters)
        )

    def values(self) -> Iterator[tuple[str, object, bytes]]:
        """The arguments that count and are no upstream calls: name, value, and what of that stands in the key."""
        places = {found.place for found in self.inputs}
        for (place, name), part in zip(self.callee.counted, self.parts, strict=True):
            if place not in places:
                yield name, self.bound[place], part

    def keys_held(self, name: str) -> list[str]:
        """The keys of the calls inside an argument."""
        return [upstream.key for upstream, _ in self.held if upstream.name == name]

    def _argument(self, name: str, value: object, found: Input | None, part: bytes) -> Argument:
        if found is None and isinstance(value, imported("sweepable.query", "Query")):
            from sweepable.query import given_calls

            value = given_calls(value, self.keys_held(name))
        if found is None:
            return Argument(name, "value", value, part=part)
        return Argument(name, "output" if found.field else "call", found.key, found.field or "", part)

    def title(self) -> str:
        """The call as one would write it, shortened."""
        bound = zip(self.callee.parameters, self.bound, strict=True)
        shown = ", ".join(f"{name}={short(as_upstream(value) or value)}" for name, value in bound)
        return f"{self.callee.name}({shown})"


def reference(key: str, declared: tuple[str, ...], field: str | None) -> bytes:
    """The encoding of an upstream call that is an argument, or of one output of it.

    Parameters
    ----------
    key : str
        Of the upstream call.
    declared : tuple of str
        The declared names of its outputs: the body finds them by these, so other names are another argument.
    field : str, optional
        The output.
    """
    encoded = encode_reference(key)
    if declared:
        encoded = b"declared outputs" + framed(encoded) + b"".join(framed(name.encode()) for name in declared)
    if field is None:
        return encoded
    return b"output of a call" + framed(encoded) + framed(field.encode())


def declared_by(source: Call | Record) -> tuple[str, ...]:
    """The declared names of an upstream call's outputs."""
    if isinstance(source, Call):
        return source.callee.declaration.names
    return declared_names(layout_of(source).declared)
