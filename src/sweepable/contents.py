"""The key of a call by content: of its upstream calls counts what they are, not which code made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sweepable.call import Call, Input, declared_by
from sweepable.errors import UndigestibleError
from sweepable.identity.code import describe
from sweepable.identity.key import content_digest
from sweepable.identity.values import Encoder
from sweepable.model import Content, ContentKeys
from sweepable.store.store import Store

#: The content of an upstream call, given its key; it raises `KeyError` for one that has none.
_Look = Callable[[str], str]


def content_keys(call: Call, store: Store) -> ContentKeys | None:
    """The keys of a call by content, its upstream calls being stored; None where the content of one is unknown.

    A call of the same content key has the same result: the same code of its own was given the same values. So a
    change of code upstream that changes no output, or another name, need not run anything below it again.
    """
    upstream = [found.key for found in call.inputs] + [held.key for held, _ in call.held]
    upstream += [dependency.key for _, dependency in call.dependencies]
    known = store.contents(upstream) if upstream else {}
    try:
        plain = content_digest("arguments", *_parts(call, store, _plain(known)))
    except (KeyError, UndigestibleError):
        return None
    named = _named_arguments(call, store, known) if upstream else plain
    own = [call.version.digest.encode(), *_distinguished(call)]
    return ContentKeys(
        content_digest("call by content", plain.encode(), *own),
        None if named is None else content_digest("call by content and names", named.encode(), *own),
        Content(plain, named),
    )


def _distinguished(call: Call) -> Iterator[bytes]:
    """A pin says nothing of the code: there the name tells one function from another."""
    if call.callee.options.version is not None:
        yield call.callee.name.encode()


def _plain(known: Mapping[str, Content]) -> _Look:
    return lambda key: known[key].plain


def _named_arguments(call: Call, store: Store, known: Mapping[str, Content]) -> str | None:
    def look(key: str) -> str:
        named = known[key].named
        if named is None:
            raise KeyError(key)
        return named

    try:
        return content_digest("arguments", *_parts(call, store, look))
    except (KeyError, UndigestibleError):
        return None


def _parts(call: Call, store: Store, look: _Look) -> Iterator[bytes]:
    """Each parameter that counts, by name and content, and the calls that ``depends_on`` announces."""
    inputs = {found.place: found for found in call.inputs}
    holding = {held.name for held, _ in call.held}
    for (place, name), encoded in zip(call.callee.counted, call.encoded, strict=True):
        yield name.encode()
        if place in inputs:
            yield _input(inputs[place], store, look)
        elif name in holding:
            yield b"value " + Encoder(describe, look).encode(call.bound[place], name)
        else:
            yield b"value " + encoded
    for name, dependency in call.dependencies:
        yield f"depends_on {name} {look(dependency.key)}".encode()


def _input(found: Input, store: Store, look: _Look) -> bytes:
    if found.field is None:
        names = "".join(f" {name}" for name in declared_by(found.source))
        return f"call {look(found.key)}{names}".encode("utf-8", "surrogatepass")
    value = store.output_content(found.key, found.field)
    return (f"output {value}" if value is not None else f"output {found.field} of {look(found.key)}").encode()
