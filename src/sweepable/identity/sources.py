"""The source of running code: texts kept as they were at definition, and the syntax tree of a live code object."""

from __future__ import annotations
import __future__

import ast
import io
import keyword
import linecache
import os
import re
import threading
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import CodeType
from typing import NamedTuple, TypeVar

from sweepable.identity.bytecode import inner, normal
from sweepable.identity.syntax import FunctionNode

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag
#: Notebook cells may await at top level; for anything else the flag changes nothing within functions.
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
#: How many states of one file are kept, so that an editing session does not grow without end.
_STATES = 8
#: The file name of code that `cloudpickle` has sent: the real one is lost on the way.
_SENT = "<dynamic-code>"
_MAINS = ("__main__", "__mp_main__")
_IMPORT = re.compile(r"^([ \t]*)(?:from\s+\S+\s+)?import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE)
#: Makes spaces of what stands between names; a pattern would take as long to compile as all the rest takes.
_APART = dict.fromkeys(map(ord, "()[]{},.;:#*=\\\"'"), " ")
#: What binds a name in a module: a class, or an assignment.
_BINDING = r"^(?:class[ \t]+(\w+)|(\w+)[ \t]*(?::[^=\n]*|[^\w\s=(.\[:]*)=(?!=))"
_DEFINITIONS = ("def ", "async def ")
#: How a line goes on, or is no statement, where it is not indented: within brackets, or a comment.
_WITHIN = " \t\r\f)]}#"


T = TypeVar("T")


class Located(NamedTuple):
    """Where a code object comes from."""

    node: FunctionNode
    #: The source lines as written, decorators included.
    text: str
    line: int
    #: All of the text that says so, if the function could be told by it alone.
    context: str = ""


class _Scope(NamedTuple):
    """A function in a syntax tree, with what a code object can be told by."""

    node: FunctionNode
    name: str
    first_line: int
    #: Line and column where its body begins and ends.
    body: tuple[tuple[int, int], tuple[int, int]]


class Text:
    """One state of one source file: its tree and code objects, compiled when first asked for."""

    def __init__(self, filename: str, text: str) -> None:
        self.filename = filename
        self.text = text
        self._compiled: dict[tuple[int, bool], dict[str, list[CodeType]]] = {}
        self._tree: ast.Module | None = None
        self._scopes: dict[int, list[_Scope]] = {}
        self._lines: list[str] | None = None
        self._imports: dict[bool, list[str]] = {}
        self._statements: list[tuple[str, str]] | None = None
        self._bound: dict[str, int] | None = None

    def lines(self) -> list[str]:
        """The lines of the text, as Python counts them."""
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines

    def tree(self) -> ast.Module:
        """The syntax tree; of no statements where the text does not parse."""
        if self._tree is None:
            self._tree = _parsed(self.text, self.filename) or ast.Module(body=[], type_ignores=[])
        return self._tree

    def locate(self, code: CodeType) -> Located | None:
        """The tree of a code object, if this text compiles to the very same code."""
        flags = code.co_flags & _FUTURES
        return (
            self._locate_alone(code)
            or self._locate_within(code, self._codes(flags))
            or self._locate_within(code, self._codes(flags, apart=True))
        )

    def context(self, code: CodeType) -> str:
        """The lines of a function that can be told by them alone; empty for any other.

        The imports around them, which change the byte code of calls, need not be told: that is part of the key.
        """
        return "\n".join(self._lines_of(code))

    def _lines_of(self, code: CodeType) -> list[str]:
        """The lines of a function of the module; none for any other, or where there is none."""
        if code.co_qualname != code.co_name or code.co_freevars or code.co_name.startswith("<"):
            return []
        return _definition(self.lines(), code.co_firstlineno)

    def _locate_alone(self, code: CodeType) -> Located | None:
        """The same for a function of the module: its own lines are compiled, instead of the whole text."""
        lines = self._lines_of(code)
        # On the lines where it stands, so that nothing but a comparison is needed where nothing has moved.
        text = "\n" * (code.co_firstlineno - 1) + "\n".join(lines)
        tree = _parsed(text, self.filename) if lines else None
        if tree is None or not any(_makes(part, code) for part in self._compiled_alone(tree, code)):
            return None
        node = tree.body[0]
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        last = (node.end_lineno or 0) - code.co_firstlineno + 1
        return Located(node, "\n".join(lines[:last]), code.co_firstlineno, self.context(code))

    def _compiled_alone(self, tree: ast.Module, code: CodeType) -> Iterator[CodeType]:
        """A definition compiled below the imports of the text, and without them, as IPython does.

        Functions of a module that is imported in the same text are called by other byte code.
        """
        flags = code.co_flags & _FUTURES
        for names in (self._imported(unindented=True), self._imported(unindented=False), []):
            aliases = [ast.alias(name, lineno=1, col_offset=0) for name in names]
            above = [ast.Import(aliases, lineno=1, col_offset=0)] if aliases else []
            found = _compiled(ast.Module([*above, *tree.body], []), self.filename, flags)
            if found is not None:
                yield found

    def _imported(self, *, unindented: bool) -> list[str]:
        """The names that import statements of the text may bind, anywhere or for certain in the module; some more."""
        if unindented not in self._imports:
            if self._statements is None:
                self._statements = _IMPORT.findall(self.text)
            parts = [part for indent, part in self._statements if not (unindented and indent)]
            names = dict.fromkeys(name for part in parts for name in part.translate(_APART).split())
            self._imports[unindented] = [n for n in names if n.isidentifier() and not keyword.iskeyword(n)]
        return self._imports[unindented]

    def _locate_within(self, code: CodeType, codes: dict[str, list[CodeType]]) -> Located | None:
        named = codes.get(code.co_name, ())
        wanted = normal(code) if named else b""
        # Of several equal ones the one on the same line, so that the choice never depends on the run.
        ordered = sorted(named, key=lambda found: abs(found.co_firstlineno - code.co_firstlineno))
        same_line = [found for found in ordered if found.co_firstlineno == code.co_firstlineno]
        several = len(same_line) > 1
        same_place = [found for found in same_line if _places(found) == _places(code)] if several else []
        for found in [*same_place, *ordered]:
            if normal(found) == wanted and (scope := self._scope_of(found)):
                return Located(scope.node, self._segment(scope), scope.first_line)
        return None

    def line_of(self, name: str) -> int:
        """The line that last binds a module-level name; 0 for none."""
        if self._bound is None:  # all of them in one pass: a pattern of its own for each name takes longer to compile
            found = re.finditer(_BINDING, self.text, re.MULTILINE)
            self._bound = {binding[1] or binding[2]: binding.start() for binding in found}
        place = self._bound.get(name)
        return 0 if place is None else self.text.count("\n", 0, place) + 1

    def _codes(self, flags: int, *, apart: bool = False) -> dict[str, list[CodeType]]:
        """The code objects by name; of each statement compiled by itself, as IPython does, if `apart`.

        Where a module is imported in the same text, its functions are called by other byte code.
        """
        if (flags, apart) not in self._compiled:
            parts = [ast.Module([statement], []) for statement in self.tree().body] if apart else [self.text]
            self._compiled[flags, apart] = _by_name(_compiled(part, self.filename, flags) for part in parts)
        return self._compiled[flags, apart]

    def _scope_of(self, code: CodeType) -> _Scope | None:
        """The one function in the tree that a code object was compiled from; None in any doubt."""
        line = code.co_firstlineno
        if line not in self._scopes:
            self._scopes[line] = [scope for scope in _scopes(self.tree(), line) if scope.first_line == line]
        found = [scope for scope in self._scopes[line] if scope.name == code.co_name]
        if len(found) < 2:
            return found[0] if found else None
        within = [scope for scope in found if _inside(code, scope)]
        innermost = [scope for scope in within if not any(_encloses(scope, other) for other in within)]
        return innermost[0] if len(innermost) == 1 else None

    def _segment(self, scope: _Scope) -> str:
        return "\n".join(self.lines()[scope.first_line - 1 : scope.node.end_lineno])


def _parsed(text: str, filename: str) -> ast.Module | None:
    try:
        return ast.parse(text, filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _compiled(text: str | ast.Module, filename: str, flags: int) -> CodeType | None:
    try:
        found = compile(text, filename, "exec", flags=flags | _FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found if isinstance(found, CodeType) else None


def _makes(module: CodeType, code: CodeType) -> bool:
    """Whether a compiled definition is that of a code object."""
    made = [part for part in inner(module) if part.co_name == code.co_name]
    return len(made) == 1 and (made[0] == code or normal(made[0]) == normal(code))


def _definition(lines: list[str], first: int) -> list[str]:
    """The lines of the function that begins at column 0 of a line, as far as indentation tells; none if none does."""
    at = first - 1
    while at < len(lines) and not lines[at].startswith(_DEFINITIONS):
        if at == first - 1 and not lines[at].startswith("@"):
            return []
        at += 1
    if at >= len(lines):  # another state of the file, or another file altogether
        return []
    end = at + 1
    while end < len(lines) and (not lines[end] or lines[end][0] in _WITHIN):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return lines[first - 1 : end]


def _by_name(codes: Iterable[CodeType | None]) -> dict[str, list[CodeType]]:
    found: dict[str, list[CodeType]] = {}
    stack = [code for code in codes if code]
    stack.reverse()
    while stack:
        part = stack.pop()
        found.setdefault(part.co_name, []).append(part)
        stack.extend(reversed(inner(part)))
    return found


def _scopes(tree: ast.Module, line: int) -> Iterator[_Scope]:
    """The functions whose text covers a line, outer ones first."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Lambda):
            yield _Scope(node, "<lambda>", node.lineno, (_start(node.body), _end(node)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _Scope(node, node.name, _first_line(node), (_start(node.body[0]), _end(node)))
        parts = reversed(list(ast.iter_child_nodes(node)))
        # Within an f-string Pythons before 3.12 give places of their own.
        anywhere = isinstance(node, ast.FormattedValue)
        stack += [part for part in parts if anywhere or _covers(part, line)]


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _covers(node: ast.AST, line: int) -> bool:
    """Whether a line is within a node's text; nodes without a place of their own may have any."""
    end: int | None = getattr(node, "end_lineno", None)
    if end is None or isinstance(node, ast.JoinedStr | ast.FormattedValue):
        return True
    decorated = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    first: int = _first_line(node) if decorated else node.lineno  # type: ignore[arg-type, attr-defined]  # see above
    return first <= line <= end


def _start(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _places(code: CodeType) -> list[tuple[int | None, ...]]:
    return list(code.co_positions())


def _inside(code: CodeType, scope: _Scope) -> bool:
    """Whether every instruction that has a place of its own lies within a function's body."""
    start, end = scope.body
    spans = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and end_line is not None and column is not None and end_column is not None
        if (line, column) != (end_line, end_column)
    ]
    return bool(spans) and all(start <= first and last <= end for first, last in spans)


def _encloses(scope: _Scope, other: _Scope) -> bool:
    return other is not scope and scope.body[0] <= other.body[0] and other.body[1] <= scope.body[1]


_texts: dict[str, list[Text]] = {}
_stamps: dict[str, tuple[int, ...]] = {}
#: Files whose functions are sent by value.
_travelling: set[str] = set()
_lock = threading.Lock()


def remember(filename: str, namespace: Mapping[str, object] | None = None) -> None:
    """Keep the text of a source file as it is now; once per state of the file.

    Parameters
    ----------
    filename : str
        ``co_filename`` of a code object.
    namespace : mapping, optional
        The globals of the code, whose ``__loader__`` knows sources that are not files.
    """
    stamp = _stamp(filename)
    if stamp is not None and _stamps.get(filename) == stamp:
        return
    text = _read(filename, namespace)
    with _lock:
        known = _texts.setdefault(filename, [])
        if text is not None and all(state.text != text for state in known):
            known.insert(0, Text(filename, text))
            del known[_STATES:]
        if stamp is not None:
            _stamps[filename] = stamp


def locate(code: CodeType, namespace: Mapping[str, object] | None = None) -> Located | None:
    """The syntax tree that a live code object was compiled from, or None if no text of its file compiles to it."""
    if code.co_filename == _SENT:
        texts = [text for name in sorted(_travelling) for text in list(_texts.get(name, ()))]
        return next(filter(None, (text.locate(code) for text in texts)), None)
    if _travels(code, namespace or {}):
        _travelling.add(code.co_filename)
    return _search(code.co_filename, namespace, lambda text: text.locate(code))


def contexts(code: CodeType, namespace: Mapping[str, object]) -> list[str]:
    """What each known state of its file says of a function of a module: `Located` has the one that it was told by."""
    files = [code.co_filename]
    if code.co_filename == _SENT:
        files = sorted(_travelling)
    elif _travels(code, namespace):
        _travelling.add(code.co_filename)
    if code.co_filename not in _texts:
        remember(code.co_filename, namespace)
    found = [text.context(code) for file in files for text in list(_texts.get(file, ()))]
    return [context for context in found if context]


def _travels(code: CodeType, namespace: Mapping[str, object]) -> bool:
    """Whether a function goes to other processes by value: one that no module shows under its name."""
    return namespace.get("__name__") in _MAINS or "<" in code.co_qualname


def travelling(files: Collection[str] | None = None) -> dict[str, tuple[str, ...]]:
    """The texts, by file, of functions that other processes are sent by value; they may not find them themselves.

    Parameters
    ----------
    files : collection of str, optional
        No others than these.
    """
    names = sorted(_travelling if files is None else _travelling.intersection(files))
    return {name: tuple(state.text for state in _texts.get(name, ())) for name in names}


def take_in(texts: Mapping[str, tuple[str, ...]]) -> None:
    """Know the texts that another process sent along with its functions."""
    with _lock:
        for filename, states in texts.items():
            known = _texts.setdefault(filename, [])
            fresh = [text for text in states if all(state.text != text for state in known)]
            known[:0] = [Text(filename, text) for text in fresh]
            del known[_STATES:]
            _travelling.add(filename)


def line_of(filename: str, name: str) -> int:
    """The line of a file that binds a module-level name; 0 if unknown."""
    return _search(filename, None, lambda text: text.line_of(name) or None) or 0


def _search(filename: str, namespace: Mapping[str, object] | None, ask: Callable[[Text], T | None]) -> T | None:
    for text in list(_texts.get(filename, ())):
        if (found := ask(text)) is not None:
            return found
    known = len(_texts.get(filename, ()))
    remember(filename, namespace)
    fresh = _texts.get(filename, [])
    return ask(fresh[0]) if len(fresh) > known else None


def _stamp(filename: str) -> tuple[int, ...] | None:
    """What tells that a file was written since: its times of modification can be set back, that of change cannot."""
    try:
        found = os.stat(filename)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


def _read(filename: str, namespace: Mapping[str, object] | None) -> str | None:
    try:
        with open(filename, "rb") as file:
            return _decoded(file.read())
    except (OSError, ValueError, SyntaxError, LookupError):
        return _from_elsewhere(filename, namespace)


def _decoded(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding).read()


def _from_elsewhere(filename: str, namespace: Mapping[str, object] | None) -> str | None:
    """The text of a notebook cell, which `linecache` is told, or of a module that a loader knows."""
    cached = linecache.cache.get(filename)
    if cached is not None and len(cached) == 4:
        return "".join(cached[2])
    loader, name = (namespace or {}).get("__loader__"), (namespace or {}).get("__name__")
    get_source = getattr(loader, "get_source", None)
    if get_source is None or filename.startswith("<") or name in _MAINS:
        return None
    try:
        found = get_source(name)
    except Exception:  # a loader of somebody else's: without a source the byte code counts
        return None
    return found if isinstance(found, str) else None
