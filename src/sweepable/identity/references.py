"""What a function refers to: names with their attributes, and imports inside its body, in order of first use."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from sweepable.identity.bytecode import Uses, uses
from sweepable.identity.syntax import Form

#: A name that the text of a query takes from its surroundings: ``df.query("x > @low")``.
_IN_TEXT = r"@([A-Za-z_]\w*)"
#: Code that uses one of these may read docstrings, annotations or signatures, which then count.
_READERS = frozenset(
    [
        "__doc__",
        "__annotations__",
        "__signature__",
        "signature",
        "get_type_hints",
        "get_annotations",
        "getdoc",
        "getfullargspec",
    ]
)
_WHOLE = frozenset({"globals"})
#: Attributes through which code reaches names of a module that it does not write.
_FRAMES = frozenset({"__globals__", "f_globals", "f_locals", "f_back", "_getframe", "currentframe"})
#: Modules whose ``eval`` reads the names of the code around the call.
_EVALUATING = frozenset({"builtins", "pd", "pandas", "ne", "numexpr"})
_EVALUATORS = frozenset({"eval", "exec"})
_IMPORTERS = frozenset({"import_module", "__import__"})


class Source(NamedTuple):
    """Where an import statement takes a name from."""

    module: str
    level: int
    #: None where the module itself is bound.
    member: str | None


class Reference(NamedTuple):
    """A name as written, with the attributes taken from it."""

    name: str
    attributes: tuple[str, ...] = ()
    source: Source | None = None
    #: Whether the attribute was only guessed from byte code, so that it may well not be there.
    guessed: bool = False


class References:
    """All that one function refers to.

    Attributes
    ----------
    found : list of Reference
        In order of first use, each once.
    whole : bool
        Whether any global of its module may be used: ``globals()``, ``eval`` of a computed text.
    reads_docs : bool
        Whether it may read docstrings, annotations or signatures.
    rebound : list of str
        Globals that it binds itself.
    notes : list of str
        What cannot be followed, as ends of a sentence.
    """

    __slots__ = ("found", "whole", "reads_docs", "rebound", "notes")

    def __init__(self) -> None:
        self.found: list[Reference] = []
        self.whole = False
        self.reads_docs = False
        self.rebound: list[str] = []
        self.notes: list[str] = []

    def add(self, reference: Reference) -> None:
        """Note a reference, once."""
        if reference not in self.found:
            self.found.append(reference)


def of_code(code: CodeType) -> References:
    """The references of a function whose source is not at hand."""
    used, result = uses(code), References()
    _describe_use(used, result)
    for name, attributes in used.chains:
        result.add(Reference(name, attributes))
    for module, level, names in used.imports:
        for member in names:
            result.add(Reference(member, (), Source(module, level, member)))
        if not names:
            _guess(module, level, used, result)
    for text in used.strings:
        for name in _names_in(text):
            result.add(Reference(name, guessed=True))
    if not _EVALUATORS.isdisjoint(used.loaded):
        result.whole = True
    return result


def _describe_use(used: Uses, result: References) -> None:
    names = used.loaded | used.attributes
    result.reads_docs = not names.isdisjoint(_READERS)
    result.whole = not (_WHOLE.isdisjoint(used.loaded) and _FRAMES.isdisjoint(used.attributes))
    result.notes += [f"looks names up through {name!r}" for name in sorted(_FRAMES & used.attributes)]
    if not {"environ", "getenv"}.isdisjoint(names):
        result.notes.append("reads environment variables, which do not count")
    if "__subclasses__" in used.attributes:
        result.notes.append("asks a class for its subclasses, which are not followed")
    if "modules" in used.attributes and "sys" in used.loaded:
        result.whole = True
        result.notes.append("looks modules up in sys.modules, which is not followed")
    result.rebound = list(dict.fromkeys(used.rebound))


def _guess(module: str, level: int, used: Uses, result: References) -> None:
    """The attributes that may be taken from a module imported in a body, and from the packages around it."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        source = Source(".".join(parts[:count]), level, None)
        for attribute in sorted(used.attributes):
            result.add(Reference(source.module, (attribute,), source, guessed=True))


def of_tree(form: Form, code: CodeType) -> References:
    """The references of a function, from its syntax tree and its live code together.

    The code says which names are global; the tree, which does not differ between Pythons, says in which order
    they are used and what is taken from them.
    """
    return _Reader(form, code).read()


class _Reader:
    """One pass over the syntax tree of a function."""

    def __init__(self, form: Form, code: CodeType) -> None:
        self._form = form
        self._used = uses(code)
        self._free = set(code.co_freevars)
        self._result = References()
        self._imports: dict[str, Source] = {}
        #: Nodes that are part of something noted already.
        self._done: set[int] = set()
        #: Nodes of the function's own decorators, which were evaluated around it.
        self._around: set[int] = set()
        #: The names ``eval`` and ``exec`` where they are called, and their text is read.
        self._read_texts: set[int] = set()

    def read(self) -> References:
        _describe_use(self._used, self._result)
        for decorator in self._form.decorators():
            self._around.update(id(node) for node in ast.walk(decorator))
        nodes = [node for node in self._form.walk() if type(node) in _TELLING]
        for node in nodes:
            self._note_imports(node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EVALUATORS:
                self._read_texts.add(id(node.func))
        for node in nodes:
            if id(node) not in self._done:
                _TELLING[type(node)](self, node)
        return self._result

    def _note_imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._imports[alias.asname or top] = Source(alias.name if alias.asname else top, 0, None)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._imports[alias.asname or alias.name] = Source(node.module or "", node.level, alias.name)

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._name(node.target.id, (), node.target)

    def _import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._result.add(Reference(alias.asname or alias.name, (), self._imports[alias.asname or alias.name]))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:  # a submodule that is imported becomes an attribute: it has to be loaded
            self._result.add(Reference(alias.name, (), Source(alias.name, 0, None), guessed=True))

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            for name in _names_in(node.value):
                self._result.add(Reference(name, guessed=True))

    def _chain(self, node: ast.expr, *more: str) -> None:
        """Note ``a.b.c``, if it begins with a name."""
        attributes, part, met = list(reversed(more)), node, [id(node)]
        while isinstance(part, ast.Attribute):
            attributes.append(part.attr)
            part = part.value
            met.append(id(part))
        if not isinstance(part, ast.Name) or id(part) in self._done:
            return
        self._done.update(met)
        if isinstance(part.ctx, ast.Load):
            self._name(part.id, tuple(reversed(attributes)), part)

    def _name(self, name: str, attributes: tuple[str, ...], node: ast.AST) -> None:
        if "__dict__" in attributes:  # whatever it is that has it, all of it counts
            attributes = attributes[: attributes.index("__dict__")]
        if name in _EVALUATORS and name in self._used.loaded and not attributes and id(node) not in self._read_texts:
            self._result.whole = True
            self._result.notes.append(f"hands {name!r} on, which may evaluate anything")
        known = name in self._free or name in self._used.loaded
        if known or id(node) in self._around:
            self._result.add(Reference(name, attributes))
        elif mangled := self._mangled(name):
            self._result.add(Reference(mangled, attributes))
        if name in self._imports:
            self._result.add(Reference(name, attributes, self._imports[name]))

    def _mangled(self, name: str) -> str | None:
        """The global that ``__name`` is within a class."""
        if not name.startswith("__") or name.endswith("__"):
            return None
        return next((known for known in sorted(self._used.loaded) if known.endswith(name) and known[0] == "_"), None)

    def _call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        text = next((arg.value for arg in node.args[-2:] if isinstance(arg, ast.Constant)), None)
        if name == "getattr" and len(node.args) > 1:
            wanted = node.args[1]
            if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
                self._chain(node.args[0], wanted.value)
        elif (name in _EVALUATORS and isinstance(node.func, ast.Name)) or (
            name in _EVALUATORS and node.args and (isinstance(text, str) or _last_base(node.func) in _EVALUATING)
        ):
            self._evaluated(node)
        elif name in _IMPORTERS and isinstance(text, str) and not text.startswith("."):
            self._result.add(Reference(text, (), Source(text, 0, None)))
        elif name in _IMPORTERS:
            self._result.notes.append("imports a module whose name it computes")

    def _evaluated(self, node: ast.Call) -> None:
        """A constant text that is evaluated is read as code; a computed one may use any global."""
        text = node.args[0] if node.args else None
        try:
            assert isinstance(text, ast.Constant) and isinstance(text.value, str)
            tree = ast.parse(text.value.strip())
        except (AssertionError, SyntaxError, ValueError):
            self._result.whole = True
            self._result.notes.append("evaluates text that is computed while it runs")
            return
        for reference in chains(tree):
            self._result.add(reference._replace(guessed=True))


#: The nodes that tell something, and what does with them.
_TELLING: dict[type[ast.AST], Callable[[_Reader, Any], None]] = {
    ast.Name: _Reader._chain,
    ast.Attribute: _Reader._chain,
    ast.AugAssign: _Reader._augmented,
    ast.Call: _Reader._call,
    ast.ImportFrom: _Reader._import_from,
    ast.Import: _Reader._import,
    ast.Constant: _Reader._constant,
}


def _names_in(text: str) -> list[str]:
    return re.findall(_IN_TEXT, text) if "@" in text else []


def _last_base(node: ast.expr) -> str:
    return _last_name(node.value) if isinstance(node, ast.Attribute) else ""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def chains(tree: ast.AST) -> Iterator[Reference]:
    """Every name of a piece of code with the attributes taken from it, whatever its scope."""
    done: set[int] = set()
    for node in ast.walk(tree):
        attributes, part = [], node
        while isinstance(part, ast.Attribute):
            attributes.append(part.attr)
            part = part.value
        if isinstance(part, ast.Name) and id(part) not in done:
            done.add(id(part))
            yield Reference(part.id, tuple(reversed(attributes)))
