"""The form of results, arguments and failures in a row: a plain tree whose leaves may stand elsewhere."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from blake3 import blake3

from sweepable.errors import DamagedError
from sweepable.identity.origin import is_user_code
from sweepable.model import Argument, Failure, GivenCalls, Layout, Outputs, Status, part_digest
from sweepable.store import plain
from sweepable.store.codecs import (
    CannotEncode,
    External,
    Externals,
    OutputFacts,
    Summary,
    plain_facts,
    to_external,
    type_name,
)
from sweepable.store.plain import Extension, NotPlain

#: Larger arguments are known by digest and summary only.
ARGUMENT = 64 * 1024
_TRACEBACK = 256 * 1024
#: What an argument is that is neither plain nor in a blob: a few words, or the calls of a query.
_SUMMARY, _CALLS = "summary", "calls"
#: Bytes of a key.
_KEY = 32

#: Loads what stands elsewhere: ``load(external, parts)``.
LoadExternal = Callable[[External, tuple[object, ...]], object]


# -- results


def encode_outputs(outputs: Outputs, externals: Externals) -> bytes:
    """The result of a call: the value itself where it is plain, with its outputs in place."""
    names, kind, whole = outputs.layout.names, outputs.layout.kind, outputs.whole
    if kind == "value":
        return _leaf(names[0], outputs.values[0], externals, outputs.codecs[0] if outputs.codecs else None)
    chosen = outputs.codecs or (None,) * len(names)
    parts = zip(names, outputs.values, chosen, strict=True)
    leaves = {name: _leaf(name, value, externals, codec) for name, value, codec in parts}
    if kind == "tuple" and type(whole) is tuple:
        return plain.sequence("t", list(leaves.values()))
    if kind == "list" and type(whole) is list:
        return plain.sequence("l", list(leaves.values()))
    if kind == "dict" and type(whole) is dict and _is_plain_mapping(whole, names):
        return plain.mapping([plain.encode(key, None) for key in whole], [leaves[key] for key in whole])
    return _shell(outputs, list(leaves.values()), externals)


def _is_plain_mapping(whole: dict[Any, Any], names: tuple[str, ...]) -> bool:
    return set(whole) == set(names) and all(type(key) is str for key in whole)


def _leaf(name: str, value: object, externals: Externals, codec: str | None) -> bytes:
    if codec is None:
        try:
            return plain.encode(value)
        except NotPlain:
            pass
    try:
        found = externals.encoded(value, codec=codec)
    except CannotEncode as error:
        raise CannotEncode(f"its output {name} is {error.reason}") from error
    assert found is not None
    return _external(found)


def _external(found: External) -> bytes:
    return plain.extension("X", plain.encode(tuple(found), None))


def _shell(outputs: Outputs, leaves: list[bytes], externals: Externals) -> bytes:
    """A named tuple, dataclass or the like: pickled without its fields, which are outputs of their own."""
    shell = externals.encoded(outputs.whole, parts=outputs.values)
    assert shell is not None
    content = plain.sequence("t", [plain.encode(tuple(shell), None), plain.sequence("t", leaves)])
    return plain.extension("O", content)


def loader(load: LoadExternal) -> plain.Load:
    """What `plain.decode` calls for each part that stands elsewhere."""

    def read(tag: str, content: Any) -> object:
        if tag == "X":
            return load(to_external(content), ())
        shell, parts = content
        return load(to_external(shell), tuple(parts))

    return read


def decode_whole(data: bytes, read: plain.Load) -> object:
    """The whole value of a result."""
    try:
        return plain.decode(data, read)
    except plain.Malformed as error:
        raise DamagedError(f"a stored result is damaged: {error}") from error


def decode_one(data: bytes, layout: Layout, name: str, load: LoadExternal) -> object:
    """One output of a result; nothing else is loaded."""
    found = _outputs(data, layout)[name]
    return load(to_external(found.content), ()) if isinstance(found, Extension) else found


def _outputs(data: bytes, layout: Layout) -> dict[str, Any]:
    """The outputs by name, with those that stand elsewhere not loaded."""
    try:
        tree = plain.decode(data)
        if layout.kind == "value":
            return {layout.names[0]: tree}
        parts = cast("Any", tree.content)[1] if isinstance(tree, Extension) else tree
        if isinstance(parts, dict):
            parts = [parts[name] for name in layout.names]
        return dict(zip(layout.names, parts, strict=True))
    except (plain.Malformed, ValueError, TypeError, IndexError, KeyError) as error:
        raise DamagedError(f"a stored result is damaged: {error}") from error


def output_digest(data: bytes, layout: Layout, name: str) -> str:
    """A digest of one output as it is stored; nothing is loaded. Equal ones are of equal values."""
    found = _outputs(data, layout)[name]
    elsewhere = isinstance(found, Extension)
    content = plain.encode(found.content if elsewhere else found, None)
    return blake3(b"elsewhere " + content if elsewhere else b"here " + content).hexdigest()


def outputs_in_short(data: bytes, layout: Layout) -> dict[str, object]:
    """The outputs by name, nothing being loaded: a `Summary` in the place of what stands elsewhere."""
    found = _outputs(data, layout).items()
    return {
        name: Summary(described(_facts_of(part)), "") if isinstance(part, Extension) else part for name, part in found
    }


def brings_code(data: bytes) -> bool:
    """Whether a result is more than its bytes: it holds instances of the user's classes, functions, paths, pickles."""
    found: list[External] = []
    tree = plain.decode(data, lambda tag, content: found.append(to_external(content if tag == "X" else content[0])))
    octets = ("bytes", "bytearray")
    return any(external.code or external.type_name in octets for external in found) or _holds_pickles(tree)


#: Types whose instances are nothing but their bytes, and are no bytes.
_INERT = frozenset({type(None), bool, int, float, complex, str})


def is_inert(outputs: Outputs, data: bytes) -> bool:
    """Whether it can be told from the values alone, as it nearly always can, that a result brings no code along."""
    if outputs.codecs or data.startswith((b"X", b"O")):  # it was not written as the plain value that it is
        return False
    values = outputs.values
    if len(values) == 1 and isinstance(values[0], tuple):
        values = values[0]
    return all(type(value) in _INERT for value in values)


def arguments_bring_code(data: bytes) -> bool:
    """The same of stored arguments: a path among them counts by the content of its file, and so on."""
    found: list[External] = []

    def note(tag: str, content: Any) -> None:
        if tag == "X":
            found.append(to_external(content))

    plain.decode(data, note)
    return any(external.code for external in found)


def _holds_pickles(tree: object) -> bool:
    """Whether a plain value holds bytes that may be a pickle: instances that are made of them bring their classes."""
    queue = [tree]
    for part in queue:
        if isinstance(part, bytes) and part.startswith(b"\x80"):
            return True
        if isinstance(part, dict):
            queue += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            queue += part
    return False


def facts(data: bytes, layout: Layout) -> dict[str, OutputFacts]:
    """What is known of each output without loading it."""
    return {name: _facts_of(part) for name, part in _outputs(data, layout).items()}


def _facts_of(part: Any) -> OutputFacts:
    if isinstance(part, Extension):
        return to_external(part.content).facts
    return plain_facts(part, len(plain.encode(part, None)))


def blobs_of(data: bytes | None) -> list[External]:
    """Every blob that a row's result or arguments refer to."""
    found: list[External] = []

    def note(tag: str, content: Any) -> None:
        if tag == "O" and content[0] in (_SUMMARY, _CALLS):
            return
        external = to_external(content if tag == "X" else content[0])
        if external.inline is None:
            found.append(external)

    if data is not None:
        plain.decode(data, note)
    return found


# -- arguments


def encode_arguments(arguments: tuple[Argument, ...], externals: Externals) -> bytes:
    """The arguments of a call; what is too large, or cannot be pickled, by summary."""
    return plain.sequence("t", [_argument(argument, externals) for argument in arguments])


def _argument(argument: Argument, externals: Externals) -> bytes:
    head = _argument_head(argument.name, argument.kind, argument.field)
    return head + plain.octets(argument.part) + _argument_value(argument, externals)


@lru_cache(maxsize=1024)
def _argument_head(name: str, kind: str, field: str) -> bytes:
    """How the tuple of five begins that an argument is: the same for each call of a function."""
    return plain.opening("t", 5) + b"".join(map(plain.text, (name, kind, field)))


def _argument_value(argument: Argument, externals: Externals) -> bytes:
    value = argument.value
    if isinstance(value, Summary):
        return _summary(value.text)
    if isinstance(value, GivenCalls):  # not by its pickle: it is kept whole, however many they are
        keys = b"".join(map(bytes.fromhex, value.keys))
        return plain.extension("O", plain.encode((_CALLS, value.function, value.statuses, keys), None))
    try:
        return plain.encode(value)
    except NotPlain:
        pass
    try:
        found = externals.encoded(value, limit=ARGUMENT)
    except CannotEncode:
        found = None
    return _summary(describe(value)) if found is None else _external(found)


def _summary(text: str) -> bytes:
    # A value never holds an extension of its own: this cannot be taken for one.
    return plain.extension("O", plain.encode((_SUMMARY, text), None))


def decode_arguments(data: bytes, load: LoadExternal) -> tuple[Argument, ...]:
    """What `encode_arguments` was given, with a `Summary` for each value that was not kept or cannot be read."""
    try:
        return tuple(_decoded_argument(part, load) for part in plain.decode(data))
    except (plain.Malformed, ValueError, TypeError, IndexError) as error:
        raise DamagedError(f"stored arguments are damaged: {error}") from error


def _decoded_argument(part: Any, load: LoadExternal) -> Argument:
    name, kind, field, key_part, value = part
    if isinstance(value, Extension):
        value = _argument_elsewhere(value, part_digest(key_part), load)
    return Argument(name, kind, value, field, key_part)


def _argument_elsewhere(part: Extension, digest: str, load: LoadExternal) -> object:
    if part.tag == "O":
        kind, *content = cast("Any", part.content)
        return Summary(content[0], digest) if kind == _SUMMARY else _given_calls(*content)
    external = to_external(part.content)
    try:
        return load(external, ())
    except OSError:  # not readable here and now: what it was is still known
        return Summary(_words(external.type_name.rpartition(".")[2], external.dtype, external.shape), digest)


def _given_calls(function: str, statuses: tuple[Status, ...], keys: bytes) -> GivenCalls:
    each = (keys[start : start + _KEY].hex() for start in range(0, len(keys), _KEY))
    return GivenCalls(function, statuses, tuple(each))


_SIZED = frozenset({tuple, list, dict, set, frozenset})


def describe(value: object) -> str:
    """A value in a few words: ``ndarray float64 (1001,)``, ``list of 3``, ``function damp``."""
    if isinstance(value, GivenCalls):
        return value.text
    if type(value) in _SIZED:
        return f"{type(value).__name__} of {len(value)}"  # type: ignore[arg-type]
    name = type_name(value).rpartition(".")[2]
    if is_user_code(type(value)):  # asked for nothing: its properties may do anything
        return name
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return _words(name, str(getattr(value, "dtype", ""))[:40], shape)
    called = getattr(value, "__qualname__", None)
    if isinstance(called, str):
        return f"{name} {called}"
    try:
        return f"{name} of {operator.length_hint(value)}" if hasattr(value, "__len__") else name
    except Exception:
        return name


def described(facts: OutputFacts) -> str:
    """The same of a value that is stored, as far as its facts tell."""
    return _words(facts.type_name.rpartition(".")[2], facts.dtype, facts.shape)


def _words(name: str, dtype: str, shape: tuple[int, ...] | None) -> str:
    return " ".join(part for part in (name, dtype, "" if shape is None else str(tuple(shape))) if part)


# -- failures


def encode_failure(failure: Failure) -> bytes:
    """An exception as kept; of a very long traceback its end, where the fault is."""
    return plain.encode((failure.type_name, failure.message[:_TRACEBACK], failure.traceback[-_TRACEBACK:]), None)


def decode_failure(data: bytes) -> Failure:
    """What `encode_failure` was given."""
    try:
        return Failure(*plain.decode(data))
    except (plain.Malformed, TypeError) as error:
        raise DamagedError(f"a stored failure is damaged: {error}") from error
