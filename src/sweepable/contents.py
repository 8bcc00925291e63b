"""The key of a call by content: of its upstream calls counts what they are, not which code made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from sweepable.call import Call, Input, declared_by
from sweepable.errors import UndigestibleError
from sweepable.identity.code import describe
from sweepable.identity.key import content_digest, key_part
from sweepable.identity.values import Encoder
from sweepable.model import Argument, Content, ContentKeys
from sweepable.store.store import Store

#: The content of an upstream call, given its key; it raises `KeyError` for one that has none.
_Look = Callable[[str], str]


def content_keys(call: Call, store: Store) -> ContentKeys | None:
    """The keys of a call by content, its upstream calls being stored; None where the content of one is unknown.

    A call of the same content key has the same result: the same code of its own was given the same values. So a
    change of code upstream that changes no output, or another name, need not run anything below it again.
    """
    own = [call.version.digest.encode(), *_distinguished(call)]
    if not (call.inputs or call.held or call.dependencies):
        values = zip(call.callee.counted, call.parts, strict=True)
        alone = content_digest("arguments", *[each for (_, name), part in values for each in _value(name, part)])
        return ContentKeys(content_digest("call by content", alone.encode(), *own), None, Content(alone, alone))
    upstream = [found.key for found in call.inputs] + [held.key for held, _ in call.held]
    upstream += [dependency.key for _, dependency in call.dependencies]
    known = store.contents(upstream)
    try:
        plain = content_digest("arguments", *_parts(call, store, _plain(known)))
    except (KeyError, UndigestibleError):
        return None
    key = content_digest("call by content", plain.encode(), *own)
    named = _named_arguments(call, store, known)
    named_key = None if named is None else content_digest("call by content and names", named.encode(), *own)
    return ContentKeys(key, named_key, Content(plain, named))


def _distinguished(call: Call) -> tuple[bytes, ...]:
    """A pin says nothing of the code: there the name tells one function from another."""
    return () if call.callee.options.version is None else (call.callee.name.encode(),)


def _value(name: str, part: bytes) -> tuple[bytes, bytes]:
    return name.encode(), b"value " + part


def _plain(known: Mapping[str, Content]) -> _Look:
    return lambda key: known[key].plain


def _named(known: Mapping[str, Content]) -> _Look:
    def look(key: str) -> str:
        named = known[key].named
        if named is None:
            raise KeyError(key)
        return named

    return look


def _named_arguments(call: Call, store: Store, known: Mapping[str, Content]) -> str | None:
    try:
        return content_digest("arguments", *_parts(call, store, _named(known)))
    except (KeyError, UndigestibleError):
        return None


def _parts(call: Call, store: Store, look: _Look) -> Iterator[bytes]:
    """Each parameter that counts, by name and content, and the calls that ``depends_on`` announces."""
    inputs = {found.place: found for found in call.inputs}
    holding = {held.name for held, _ in call.held}
    for (place, name), part in zip(call.callee.counted, call.parts, strict=True):
        if place in inputs:
            yield from (name.encode(), _input(inputs[place], store, look))
        elif name in holding:
            yield from _value(name, key_part(Encoder(describe, look).encode(call.bound[place], name)))
        else:
            yield from _value(name, part)
    for name, dependency in call.dependencies:
        yield _announced(name, look(dependency.key))


def _input(found: Input, store: Store, look: _Look) -> bytes:
    if found.field is None:
        return _call(look(found.key), declared_by(found.source))
    return _output(store.output_content(found.key, found.field), found.field, lambda: look(found.key))


def _call(content: str, declared: Iterable[str]) -> bytes:
    return f"call {content}{''.join(f' {name}' for name in declared)}".encode("utf-8", "surrogatepass")


def _output(value: str | None, field: str, content: Callable[[], str]) -> bytes:
    """The value alone where it is data; else the whole call that it is an output of."""
    return (f"output {value}" if value is not None else f"output {field} of {content()}").encode()


def _announced(name: str, content: str) -> bytes:
    return f"depends_on {name} {content}".encode()


def content_of_stored(
    arguments: Iterable[Argument],
    announced: Iterable[tuple[str, str]],
    declared: Mapping[str, tuple[str, ...]],
    outputs: Mapping[tuple[str, str], str | None],
    known: Mapping[str, Content],
) -> Content | None:
    """The digest of the arguments of a stored call by content, none of whose values holds upstream calls.

    Parameters
    ----------
    arguments : iterable of Argument
    announced : iterable of (name, key)
        What ``depends_on`` announced.
    declared : mapping of key to names
        The declared outputs of the upstream calls among the arguments.
    outputs : mapping of (key, name) to digest
        The outputs of upstream calls among the arguments; see `Store.output_content`.
    known : mapping of key to Content
        Of the upstream calls; None is the answer where one is missing.
    """

    def parts(look: _Look) -> Iterator[bytes]:
        for argument in arguments:
            key = str(argument.value) if argument.kind != "value" else ""
            if not argument.part:
                continue
            if argument.kind == "value":
                yield from _value(argument.name, argument.part)
                continue
            yield argument.name.encode()
            if argument.kind == "call":
                yield _call(look(key), declared[key])
            else:
                yield _output(outputs[key, argument.field], argument.field, partial(look, key))
        for name, key in announced:
            yield _announced(name, look(key))

    try:
        plain = content_digest("arguments", *parts(_plain(known)))
    except KeyError:
        return None
    try:
        return Content(plain, content_digest("arguments", *parts(_named(known))))
    except KeyError:
        return Content(plain, None)
