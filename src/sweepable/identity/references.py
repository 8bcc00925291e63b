"""What a function refers to: names with their attributes, and imports inside its body, in order of first use."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any, NamedTuple

from sweepable.identity import texts
from sweepable.identity.bytecode import Uses, uses
from sweepable.identity.syntax import Form, annotations_of

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
#: Methods that are given text in which ``@name`` may be any global.
_QUERIES = frozenset({"query", "eval"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_NAMERS = frozenset({"__name__", "__qualname__"})
#: What is no part of the code, by the names that reach it.
_OUT_OF_SIGHT = {
    "reads environment variables": frozenset({"environ", "getenv"}),
    "lists the files of folders": frozenset({"listdir", "scandir", "iterdir", "glob", "iglob", "rglob"}),
}
#: Modules whose functions are known by what they are, whatever a module calls them.
_PYTHONS = frozenset({"builtins", "importlib", "inspect", "typing", "sys"})
#: What `Look` returns for a name that is bound to nothing.
UNBOUND = object()

#: Looks up a name as the function would, in its closure, its globals and among the builtins.
Look = Callable[[str], object]


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
    asks : set of str
        What else of all that is reached counts, because this code looks at it: ``names`` of functions,
        ``subclasses``, and modules that texts name, for ``imports`` of a name that is computed.
    attributes : set of str
        Names of attributes that it takes from anything, also by a text.
    texts : list of str
        Its string constants.
    """

    __slots__ = ("found", "whole", "reads_docs", "rebound", "notes", "asks", "attributes", "texts")

    def __init__(self) -> None:
        self.found: list[Reference] = []
        self.whole = False
        self.reads_docs = False
        self.rebound: list[str] = []
        self.notes: list[str] = []
        self.asks: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def add(self, reference: Reference) -> None:
        """Note a reference, once."""
        if reference not in self.found:
            self.found.append(reference)


def of_code(code: CodeType, look: Look) -> References:
    """The references of a function whose source is not at hand."""
    used, result = uses(code), References()
    _describe_use(used, result, look)
    for name, attributes in used.chains:
        result.add(Reference(name, attributes))
    for module, level, names in used.imports:
        for member in names:
            result.add(Reference(member, (), Source(module, level, member)))
        if not names:
            _guess(module, level, used, result)
    for text in used.strings:
        for name in texts.names_in(text):
            result.add(Reference(*texts.dotted(name), guessed=True))
    loaded = {known_name(name, look) for name in used.loaded}
    if not _EVALUATORS.isdisjoint(loaded):
        result.whole = True
    if not _IMPORTERS.isdisjoint(loaded | used.attributes):
        result.asks.add("imports")
    return result


def known_name(name: str, look: Look) -> str:
    """What Python itself calls the function that a name is bound to, if it is one that matters here."""
    value = look(name)
    # Never `isinstance`: what is bound to the name may be a proxy that has nothing to stand for yet.
    if type(value) in (FunctionType, BuiltinFunctionType) and value.__module__ in _PYTHONS:
        return str(value.__name__)  # type: ignore[attr-defined]
    return name


def _describe_use(used: Uses, result: References, look: Look) -> None:
    loaded = {known_name(name, look) for name in used.loaded}
    special = {text for text in used.strings if text.startswith("__")}
    names = loaded | used.attributes | special
    frames = _FRAMES & (used.attributes | loaded)
    result.texts, result.attributes = used.strings, used.attributes | {*filter(str.isidentifier, used.strings)}
    result.reads_docs = not names.isdisjoint(_READERS)
    result.whole = not (_WHOLE.isdisjoint(loaded) and not frames)
    result.notes += [f"looks names up through {name!r}" for name in sorted(frames)]
    if not _NAMERS.isdisjoint(used.attributes | special):
        result.asks.add("names")
    if "__subclasses__" in used.attributes | special:
        result.asks.add("subclasses")
        if any(isinstance(cls := look(name), type) and cls.__module__ == "builtins" for name in used.loaded):
            result.notes.append("asks a class of Python's own for its subclasses, which are not followed")
    result.notes += [f"{does}, which do not count" for does, by in _OUT_OF_SIGHT.items() if not by.isdisjoint(names)]
    if "argv" in used.attributes and "sys" in used.loaded:
        result.notes.append("reads the arguments of the command line, which do not count")
    if "modules" in used.attributes and "sys" in used.loaded:
        result.whole = True
        result.asks.add("imports")
        result.notes.append("looks modules up in sys.modules, which is not followed")
    result.rebound = list(dict.fromkeys(used.rebound))


def _guess(module: str, level: int, used: Uses, result: References) -> None:
    """The attributes that may be taken from a module imported in a body, and from the packages around it."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        source = Source(".".join(parts[:count]), level, None)
        for attribute in sorted(used.attributes):
            result.add(Reference(source.module, (attribute,), source, guessed=True))


def of_tree(form: Form, code: CodeType, look: Look) -> References:
    """The references of a function, from its syntax tree and its live code together.

    The code says which names are global; the tree, which does not differ between Pythons, says in which order
    they are used and what is taken from them.
    """
    return _Reader(form, code, look).read()


class _Reader:
    """One pass over the syntax tree of a function."""

    def __init__(self, form: Form, code: CodeType, look: Look) -> None:
        self._form = form
        self._look = look
        self._used = uses(code)
        self._free = set(code.co_freevars)
        self._result = References()
        self._parameters = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        self._imports: dict[str, list[Source]] = {}
        self._set: dict[str, list[ast.expr]] | None = None
        #: Nodes that are part of something noted already.
        self._done: set[int] = set()
        #: Nodes of the function's own decorators, which were evaluated around it.
        self._around: set[int] = set()
        #: The names ``eval`` and ``exec`` where they are called, and their text is read.
        self._read_texts: set[int] = set()

    def read(self) -> References:
        _describe_use(self._used, self._result, self._look)
        for decorator in self._form.decorators():
            self._around.update(id(node) for node in ast.walk(decorator))
        for annotation in annotations_of(self._form):
            self._annotation(annotation)
        nodes = [node for node in self._form.walk() if type(node) in _TELLING]
        for node in nodes:
            self._note_imports(node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and self._known(node.func) in _EVALUATORS:
                self._read_texts.add(id(node.func))
        for node in nodes:
            if id(node) not in self._done:
                _TELLING[type(node)](self, node)
        return self._result

    def _annotation(self, annotation: ast.expr) -> None:
        """What a decorator may read of a parameter: its names were evaluated around the function, or are a text."""
        for node in ast.walk(annotation):
            self._around.add(id(node))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                with suppress(SyntaxError, ValueError):
                    for reference in chains(ast.parse(node.value.strip(), mode="eval")):
                        self._result.add(reference._replace(guessed=True))

    def _note_imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._bind(alias.asname or top, Source(alias.name if alias.asname else top, 0, None))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._bind(alias.asname or alias.name, Source(node.module or "", node.level, alias.name))

    def _bind(self, name: str, source: Source) -> None:
        """Note that an import binds a name; in another branch it may be bound to something else."""
        sources = self._imports.setdefault(name, [])
        if source not in sources:
            sources.append(source)

    def _settings(self) -> dict[str, list[ast.expr]]:
        """What each local name is set to."""
        found: dict[str, list[ast.expr]] = {}
        for node in self._form.walk():
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For | ast.comprehension):
                targets = [node.target]
            value = getattr(node, "iter", None) or getattr(node, "value", None)
            if not isinstance(value, ast.expr):
                continue
            for part in (part for target in targets for part in ast.walk(target)):
                if isinstance(part, ast.Name):
                    found.setdefault(part.id, []).append(value)
        return found

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._name(node.target.id, (), node.target)

    def _import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            source = Source(node.module or "", node.level, alias.name)
            self._result.add(Reference(alias.asname or alias.name, (), source))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:  # a submodule that is imported becomes an attribute: it has to be loaded
            self._result.add(Reference(alias.name, (), Source(alias.name, 0, None), guessed=True))

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            for name in texts.names_in(node.value):
                self._result.add(Reference(*texts.dotted(name), guessed=True))

    def _chain(self, node: ast.expr, *more: str) -> None:
        """Note ``a.b.c``, if it begins with a name."""
        attributes, part, met = list(reversed(more)), node, [id(node)]
        while isinstance(part, ast.Attribute):
            attributes.append(part.attr)
            part = part.value
            met.append(id(part))
        imports = isinstance(part, ast.Call) and self._known(part.func) == "import_module" and part.args
        if imports and self._imported_by_call(part, tuple(reversed(attributes))):  # type: ignore[arg-type]  # a Call
            self._done.update(met)
        if not isinstance(part, ast.Name) or id(part) in self._done:
            return
        self._done.update(met)
        if isinstance(part.ctx, ast.Load):
            self._name(part.id, tuple(reversed(attributes)), part)

    def _name(self, name: str, attributes: tuple[str, ...], node: ast.AST) -> None:
        if "__dict__" in attributes:  # whatever it is that has it, all of it counts
            attributes = attributes[: attributes.index("__dict__")]
        loaded = name in self._used.loaded and not attributes
        if loaded and known_name(name, self._look) in _EVALUATORS and id(node) not in self._read_texts:
            self._result.whole = True
            self._result.notes.append(f"hands {name!r} on, which may evaluate anything")
        known = name in self._free or name in self._used.loaded
        if known or id(node) in self._around:
            self._result.add(Reference(name, attributes))
        elif mangled := self._mangled(name):
            self._result.add(Reference(mangled, attributes))
        for source in self._imports.get(name, ()):
            self._result.add(Reference(name, attributes, source))

    def _mangled(self, name: str) -> str | None:
        """The global that ``__name`` is within a class."""
        if not name.startswith("__") or name.endswith("__"):
            return None
        return next((known for known in sorted(self._used.loaded) if known.endswith(name) and known[0] == "_"), None)

    def _known(self, node: ast.expr) -> str:
        """What a called function is called by Python itself."""
        return known_name(node.id, self._look) if isinstance(node, ast.Name) else _last_name(node)

    def _call(self, node: ast.Call) -> None:
        name = self._known(node.func)
        text = next((arg.value for arg in node.args[-2:] if isinstance(arg, ast.Constant)), None)
        if name == "getattr" and len(node.args) > 1:
            wanted = node.args[1]
            if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
                self._chain(node.args[0], wanted.value)
        elif (name in _EVALUATORS and isinstance(node.func, ast.Name)) or (
            name in _EVALUATORS and node.args and (isinstance(text, str) or _last_base(node.func) in _EVALUATING)
        ):
            self._evaluated(node)
        elif name in _QUERIES and isinstance(node.func, ast.Attribute):
            self._query(node)
        elif name in _IMPORTERS:
            self._imported_by_call(node)

    def _imported_by_call(self, node: ast.Call, attributes: tuple[str, ...] = ()) -> bool:
        """A module that is imported by a call, if its name is written there, and what is taken from it."""
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name = node.args[0] if node.args else given.get("name")
        package = node.args[1] if len(node.args) > 1 else given.get("package")
        if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            self._result.asks.add("imports")
            if not attributes and not (isinstance(name, ast.Name) and isinstance(self._look(name.id), str)):
                self._result.notes.append("imports a module whose name it computes")
            return False
        text = name.value.lstrip(".")
        level = len(name.value) - len(text)
        if level and isinstance(package, ast.Constant) and isinstance(package.value, str):
            around = package.value.split(".")[: 1 - level or None]
            text, level = ".".join([*around, *filter(None, [text])]), 0
        self._result.add(Reference(text, attributes, Source(text, level, None)))
        return True

    def _module_asked_for(self, node: ast.Subscript) -> None:
        """``sys.modules["lab"]``."""
        owner, key = node.value, node.slice
        asked = isinstance(owner, ast.Attribute) and owner.attr == "modules" and isinstance(owner.value, ast.Name)
        if asked and isinstance(key, ast.Constant) and isinstance(key.value, str):
            self._result.add(Reference(key.value, (), Source(key.value, 0, None)))

    def _query(self, node: ast.Call) -> None:
        """A text in which ``@name`` is a global: as written, or computed, and then it may name any."""
        text = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "expr"), None)
        if text is not None and not self._is_written(text):
            self._result.whole = True
            self._result.notes.append("queries by a text that is computed while it runs")

    def _is_written(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression is made of texts that are constants here, or of what globals hold."""
        parts: list[ast.expr] = []
        if isinstance(node, ast.Name):
            self._set = self._settings() if self._set is None else self._set
            if node.id in self._parameters or depth > 20:
                return False
            parts = self._set.get(node.id, [])
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.values
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, ast.Subscript):
            parts = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = [node.func.value] if node.func.attr in ("format", "join", "strip", "values", "items") else [node]
        else:
            return isinstance(node, ast.Constant | ast.JoinedStr)
        return depth <= 20 and all(self._is_written(part, depth + 1) for part in parts)

    def _evaluated(self, node: ast.Call) -> None:
        """A constant text that is evaluated is read as code; a computed one may use any global."""
        text = node.args[0] if node.args else None
        try:
            assert isinstance(text, ast.Constant) and isinstance(text.value, str)
            tree = ast.parse(re.sub(texts.IN_TEXT, r"\1", text.value.strip()))
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
    ast.Subscript: _Reader._module_asked_for,
}


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
