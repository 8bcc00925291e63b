"""Code objects without what does not matter: their normal form, and the names that they use."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType

_CO_OPTIMIZED = 0x1
_OP = dis.opmap
_SHIFTED_ATTRIBUTES = sys.version_info >= (3, 12)
_GLOBAL = _OP["LOAD_GLOBAL"]
_NAMES = {_OP["LOAD_NAME"], _OP.get("LOAD_FROM_DICT_OR_GLOBALS", -1)} - {-1}
_ATTRIBUTES = {_OP["LOAD_ATTR"], _OP.get("LOAD_METHOD", -1)} - {-1}
_CELLS = {_OP["LOAD_DEREF"], _OP.get("LOAD_CLASSDEREF", -1), _OP.get("LOAD_FROM_DICT_OR_DEREF", -1)} - {-1}
_CONSTANTS = {_OP["LOAD_CONST"], _OP.get("RETURN_CONST", -1)} - {-1}
_SMALL_INT = _OP.get("LOAD_SMALL_INT", -1)
_REBINDS = {_OP["STORE_GLOBAL"], _OP["DELETE_GLOBAL"]}
_EXTENDED, _CACHE = _OP["EXTENDED_ARG"], _OP["CACHE"]
_IMPORT = _OP["IMPORT_NAME"]


class Uses:
    """The names that a code object and those within it use, in the order met.

    Attributes
    ----------
    chains : list of (name, attributes)
        Globals and closure variables, with the attributes taken directly from them.
    loaded : set of str
        The globals among them.
    rebound : list of str
        Globals that the code binds itself.
    imports : list of (module, level, names)
        Imports inside the body.
    attributes : set of str
        Every attribute name.
    strings : list of str
        Every string constant.
    """

    __slots__ = ("chains", "loaded", "rebound", "imports", "attributes", "strings")

    def __init__(self) -> None:
        self.chains: list[tuple[str, tuple[str, ...]]] = []
        self.loaded: set[str] = set()
        self.rebound: list[str] = []
        self.imports: list[tuple[str, int, tuple[str, ...]]] = []
        self.attributes: set[str] = set()
        self.strings: list[str] = []


def instructions(code: CodeType) -> Iterator[tuple[int, int]]:
    """Opcode and argument of each instruction, inline caches left out."""
    raw, extended = code.co_code, 0
    for at in range(0, len(raw), 2):
        operation, argument = raw[at], raw[at + 1] | extended
        if operation == _EXTENDED:
            extended = argument << 8
            continue
        extended = 0
        if operation != _CACHE:
            yield operation, argument


def inner(code: CodeType) -> list[CodeType]:
    """The code objects directly within another."""
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def uses(code: CodeType) -> Uses:
    """The names used by a function's code, nested functions and comprehensions included."""
    found, free = Uses(), set(code.co_freevars)
    stack = [code]
    while stack:
        part = stack.pop()
        _scan(part, free, found)
        found.strings += list(_strings(part.co_consts))
        stack.extend(reversed(inner(part)))
    return found


def _scan(code: CodeType, free: set[str], found: Uses) -> None:
    slots = _slots(code)
    chain: list[str] = []
    consts: list[object] = []
    for operation, argument in instructions(code):
        if operation in _ATTRIBUTES:
            name = code.co_names[argument >> 1 if _shifted(operation) else argument]
            found.attributes.add(name)
            if chain:
                chain.append(name)
            continue
        _close(chain, found)
        if operation == _GLOBAL or operation in _NAMES:
            chain = [code.co_names[argument >> 1 if operation == _GLOBAL else argument]]
            found.loaded.add(chain[0])
        elif operation in _CELLS:
            chain = [slots[argument]] if slots[argument] in free else []
        elif operation in _REBINDS:
            found.rebound.append(code.co_names[argument])
        elif operation in _CONSTANTS:
            consts.append(code.co_consts[argument])
        elif operation == _SMALL_INT:
            consts.append(argument)
        elif operation == _IMPORT:
            found.imports.append((code.co_names[argument], _level(consts), _fromlist(consts)))
    _close(chain, found)


def _close(chain: list[str], found: Uses) -> None:
    """Note a chain of names that has ended."""
    if chain:
        found.chains.append((chain[0], tuple(chain[1:])))
        chain.clear()


def _level(consts: list[object]) -> int:
    level = consts[-2] if len(consts) > 1 else 0
    return level if isinstance(level, int) else 0


def _fromlist(consts: list[object]) -> tuple[str, ...]:
    names = consts[-1] if consts else None
    return tuple(str(name) for name in names) if isinstance(names, tuple) else ()


def _shifted(operation: int) -> bool:
    return _SHIFTED_ATTRIBUTES and operation == _OP["LOAD_ATTR"]


def _slots(code: CodeType) -> list[str]:
    """Names of the fast locals, cells and free variables, by the index that instructions use."""
    cells = [name for name in code.co_cellvars if name not in code.co_varnames]
    return [*code.co_varnames, *cells, *code.co_freevars]


def _strings(consts: tuple[object, ...]) -> Iterator[str]:
    for const in consts:
        if isinstance(const, str):
            yield const
        elif isinstance(const, tuple):
            yield from _strings(const)


def normal(code: CodeType) -> bytes:
    """The code without file, lines, name and docstring: equal in all processes of one Python."""
    parts: tuple[object, ...] = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_code,
        code.co_exceptiontable,
        code.co_names,
        code.co_varnames,
        code.co_cellvars,
        code.co_freevars,
        _consts_without_docstring(code),
    )
    return b"code" + _constant(parts)


def _consts_without_docstring(code: CodeType) -> tuple[object, ...]:
    consts = code.co_consts
    if not (consts and isinstance(consts[0], str) and code.co_flags & _CO_OPTIMIZED):
        return consts
    # A docstring that the body uses as well is one constant, and then it counts.
    used = any(operation in _CONSTANTS and argument == 0 for operation, argument in instructions(code))
    return consts if used else (None, *consts[1:])


def _constant(value: object) -> bytes:
    if type(value) is str:  # by far the most: all names
        return _framed(b"str ", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, CodeType):
        return _framed(b"C", _framed(b"n", value.co_name.encode()) + normal(value))
    if isinstance(value, tuple):
        return _framed(b"t", b"".join(map(_constant, value)))
    if isinstance(value, frozenset):
        return _framed(b"S", b"".join(sorted(map(_constant, value))))
    if isinstance(value, slice):
        return _framed(b"l", _constant((value.start, value.stop, value.step)))
    return _framed(type(value).__name__.encode() + b" ", _scalar(value))


def _scalar(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, int):
        return hex(value).encode()
    return repr(value).encode()


def _framed(tag: bytes, data: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(data), data)
