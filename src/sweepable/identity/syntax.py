"""The canonical form of a syntax tree: what counts of it, and its bytes, the same on every Python."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

#: A function, as a syntax tree has it.
FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Positions apart, these say nothing that the rest does not say.
_NOISE = frozenset({"ctx", "kind", "type_comment", "type_ignores", "simple"})
#: They never read the annotations of what they decorate.
_BLIND_DECORATORS = frozenset({"property", "staticmethod", "classmethod"})


class Form:
    """What counts of a function's syntax tree.

    Left out are positions, comments, docstrings and other constant statements, plain annotations, the
    function's own name, and the expressions of its defaults (whose live values count instead).

    Parameters
    ----------
    root : ast node
        The function.
    is_ours : callable, optional
        Whether a decorator is one of sweepable's own, which never count.
    keep : bool
        Whether docstrings and annotations count, because code that is reached reads them.
    """

    def __init__(
        self, root: FunctionNode, is_ours: Callable[[ast.expr], bool] = lambda decorator: False, keep: bool = False
    ) -> None:
        self.root = root
        self.keep = keep
        self._is_ours = is_ours
        self._fields: set[int] = set()
        #: The parts of each node that was met, and the node, whose id is not to be given to another one.
        self._known: dict[int, tuple[ast.AST, list[tuple[str, object]]]] = {}

    def serialise(self) -> bytes:
        """The canonical bytes: equal for trees that mean the same, on every Python."""
        out = bytearray()
        stack: list[object] = [self.root]
        while stack:
            part = stack.pop()
            kind = type(part)
            if kind is bytes:
                out += part  # type: ignore[arg-type]  # as its type says
            elif kind is ast.Constant:
                out += _constant(part.value)  # type: ignore[attr-defined]
            elif kind is list:
                out += b"[%d;" % len(part)  # type: ignore[arg-type]
                stack.extend(reversed(part))  # type: ignore[call-overload]
            elif isinstance(part, ast.AST):
                self._open(part, out, stack)
            else:
                out += _constant(part)
        return bytes(out)

    def _open(self, node: ast.AST, out: bytearray, stack: list[object]) -> None:
        parts = self.parts(node)
        out += _head(type(node).__name__) + b"%d;" % len(parts)
        for name, value in reversed(parts):
            stack += (value, _label(name))

    def walk(self) -> Iterator[ast.AST]:
        """Every node that counts, in the order written (decorators first)."""
        stack: list[object] = [self.root]
        while stack:
            part = stack.pop()
            if type(part) is list:
                stack.extend(reversed(part))
            elif isinstance(part, ast.AST):
                yield part
                stack += [value for _, value in reversed(self.parts(part))]

    def decorators(self) -> list[ast.expr]:
        """The decorators of the function itself that count."""
        return [] if isinstance(self.root, ast.Lambda) else self._foreign(self.root.decorator_list)

    def parts(self, node: ast.AST) -> list[tuple[str, object]]:
        """The fields of a node that count and are not empty, by name."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._parts(node)
        return known[1]

    def _parts(self, node: ast.AST) -> list[tuple[str, object]]:
        kind = type(node)
        if kind is ast.ClassDef:
            self._fields.update(id(found) for found in _fields_of_class(node))  # type: ignore[arg-type]
        special = _SPECIAL.get(kind)
        fields = (
            special(self, node) if special else [(name, getattr(node, name, None)) for name in _counting(kind._fields)]
        )
        return [part for part in fields if part[1] is not None and part[1] != [] and part[0] not in _NOISE]

    def _foreign(self, decorators: list[ast.expr]) -> list[ast.expr]:
        return [decorator for decorator in decorators if not self._is_ours(decorator)]

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [statement for statement in body if self._counts(statement)]

    def _counts(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Pass):
            return False
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return self.keep and isinstance(statement.value.value, str)
        bare = isinstance(statement, ast.AnnAssign) and statement.value is None
        return not bare or self._keeps_annotation(statement)

    def _keeps_annotation(self, statement: ast.stmt) -> bool:
        return self.keep or id(statement) in self._fields

    def annotated(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether annotations of a function count: a decorator may read them."""
        return self.keep or any(not _is_blind(decorator) for decorator in self._foreign(node.decorator_list))

    def _function(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        decorators, annotated = self._foreign(node.decorator_list), self.annotated(node)
        own: list[tuple[str, object]] = [] if node is self.root else [("name", node.name)]
        fields = [*own, ("decorators", decorators), ("args", self._arguments(node, annotated))]
        if annotated:
            fields += [("returns", node.returns), ("type_params", getattr(node, "type_params", []))]
        return [*fields, ("body", self._statements(node.body))]

    def _lambda(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.Lambda)
        return [("args", self._arguments(node, True)), ("body", node.body)]

    def _arguments(self, node: FunctionNode, annotated: bool) -> list[object]:
        args = node.args
        result: list[object] = []
        for field in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            found = getattr(args, field)
            names = found if isinstance(found, list) else [found] if found else []
            result.append([part for arg in names for part in _parameter(arg, annotated)])
        return result if node is self.root else [*result, args.defaults, args.kw_defaults]

    def _assignment(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.AnnAssign)
        kept = ("annotation", node.annotation if self._keeps_annotation(node) else None)
        return [("targets", [node.target]), kept, ("value", node.value)]

    def _class(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.ClassDef)
        return [
            ("name", node.name),
            ("decorators", self._foreign(node.decorator_list)),
            ("bases", node.bases),
            ("keywords", node.keywords),
            ("body", self._statements(node.body)),
        ]

    def _block(self, node: ast.AST) -> list[tuple[str, object]]:
        blocks = {"body", "orelse", "finalbody"}
        return [
            (name, self._statements(value) if name in blocks and isinstance(value, list) else value)
            for name, value in ast.iter_fields(node)
        ]

    def _deletion(self, node: ast.AST) -> list[tuple[str, object]]:
        """``del (a, b)`` is ``del a, b``."""
        assert isinstance(node, ast.Delete)
        targets = list(node.targets)
        while any(isinstance(target, ast.Tuple | ast.List) for target in targets):
            targets = [part for target in targets for part in getattr(target, "elts", [target])]
        return [("targets", targets)]

    def _string(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.JoinedStr)
        return [("values", _merged(node.values))]

    def _formatted(self, node: ast.AST) -> list[tuple[str, object]]:
        assert isinstance(node, ast.FormattedValue)
        spec = node.format_spec
        empty = isinstance(spec, ast.JoinedStr) and not _merged(spec.values)
        return [("value", node.value), ("conversion", node.conversion), ("spec", None if empty else spec)]


_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.ExceptHandler)
_SPECIAL: dict[type[ast.AST], Callable[[Form, ast.AST], list[tuple[str, object]]]] = {
    ast.FunctionDef: Form._function,
    ast.AsyncFunctionDef: Form._function,
    ast.Lambda: Form._lambda,
    ast.AnnAssign: Form._assignment,
    ast.ClassDef: Form._class,
    ast.Delete: Form._deletion,
    ast.JoinedStr: Form._string,
    ast.FormattedValue: Form._formatted,
    ast.match_case: Form._block,
    **dict.fromkeys(_BLOCKS, Form._block),
}


@lru_cache(maxsize=256)
def _counting(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if name not in _NOISE)


@lru_cache(maxsize=256)
def _head(kind: str) -> bytes:
    """How a node of a kind begins; an annotated assignment without its annotation is an assignment."""
    return _framed(b"(", ("Assign" if kind == "AnnAssign" else kind).encode())


@lru_cache(maxsize=256)
def _label(name: str) -> bytes:
    return _framed(b".", name.encode())


def annotations_of(form: Form) -> list[ast.expr]:
    """The annotations of the function itself, where they count."""
    root = form.root
    if isinstance(root, ast.Lambda) or not form.annotated(root):
        return []
    args = root.args
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
    return [part for part in (*(arg.annotation for arg in given), root.returns) if part is not None]


def _parameter(arg: ast.arg, annotated: bool) -> list[object]:
    return [arg.arg, arg.annotation] if annotated and arg.annotation is not None else [arg.arg]


def _is_blind(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in _BLIND_DECORATORS


def _fields_of_class(node: ast.ClassDef) -> Iterator[ast.AnnAssign]:
    """The annotated names of a class body, also within its ``if`` and ``try`` blocks: they are its fields."""
    stack: list[ast.AST] = [*node.body]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.AnnAssign):
            yield part
        elif not isinstance(part, (*_FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(part))


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string with neighbouring texts joined and empty ones dropped: Pythons differ in them."""
    result: list[ast.expr] = []
    for value in values:
        before = result[-1] if result else None
        if isinstance(value, ast.Constant) and isinstance(before, ast.Constant):
            result[-1] = ast.Constant(value=str(before.value) + str(value.value))
        elif not (isinstance(value, ast.Constant) and value.value == ""):
            result.append(value)
    return result


def _framed(tag: bytes, data: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(data), data)


def _constant(value: object) -> bytes:
    """One constant with its type; ints by hex, for which no limit on digits holds."""
    if value is None or value is Ellipsis or isinstance(value, bool):
        return _framed(b"c", repr(value).encode())
    if isinstance(value, int):
        return _framed(b"i", hex(value).encode())
    if isinstance(value, float):
        return _framed(b"f", value.hex().encode())
    if isinstance(value, complex):
        return _framed(b"j", f"{value.real.hex()} {value.imag.hex()}".encode())
    if isinstance(value, str):
        return _framed(b"s", value.encode("utf-8", "surrogatepass"))
    assert isinstance(value, bytes), value
    return _framed(b"b", value)


def docstring(node: FunctionNode) -> str:
    """The docstring of a function, without its indentation; empty for none."""
    return "" if isinstance(node, ast.Lambda) else inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
