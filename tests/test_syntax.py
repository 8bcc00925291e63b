"""The canonical form of syntax trees: what is written differently but means the same, and what does not."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from interpreters import other_pythons
from running import SOURCE, script_environment
from sweepable.identity.syntax import Form, FunctionNode

FILES = sorted((SOURCE / "sweepable").rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def functions_of(tree: ast.AST) -> list[FunctionNode]:
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def form(text: str, **options: bool) -> bytes:
    """The canonical bytes of the first function in a text."""
    return Form(functions_of(ast.parse(textwrap.dedent(text)))[0], **options).serialise()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_layout_does_not_matter(path: Path) -> None:
    """A file written anew from its tree (other quotes, lines, parentheses, no comments) means the same."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    again = ast.parse(ast.unparse(tree))
    before, after = functions_of(tree), functions_of(again)
    assert [Form(node).serialise() for node in before] == [Form(node).serialise() for node in after]
    assert [Form(node, keep=True).serialise() for node in before] == [
        Form(node, keep=True).serialise() for node in after
    ]


def edits(function: FunctionNode) -> Iterator[ast.AST]:
    """Copies of a function, each with one thing in it changed that matters."""
    places = list(Form(function).walk())
    for number in range(len(places)):
        changed = copy.deepcopy(function)
        node = list(Form(changed).walk())[number]
        if isinstance(node, ast.Name):
            node.id += "_"
        elif isinstance(node, ast.Attribute):
            node.attr += "_"
        elif isinstance(node, ast.BinOp):
            node.left, node.right = node.right, ast.Set(elts=[node.left])
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            node.value = float(node.value)
        elif isinstance(node, ast.Compare):
            node.ops = node.ops[::-1] + [ast.Is()]
        elif isinstance(node, ast.Return) and node.value is not None:
            node.value = ast.Tuple(elts=[node.value], ctx=ast.Load())
        elif isinstance(node, ast.Call):
            node.keywords = [*node.keywords, ast.keyword(arg="more", value=ast.Constant(value=1))]
        elif isinstance(node, ast.If | ast.For | ast.While | ast.With):
            node.body = [*node.body, ast.Raise()]
        else:
            continue
        yield changed


LARGE = sorted(FILES, key=lambda path: path.stat().st_size)[-6:]


@pytest.mark.parametrize("path", LARGE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_edit_is_seen(path: Path) -> None:
    """Whatever is changed in a body, a name, a number, an operator, a statement: the function is another one."""
    functions = functions_of(ast.parse(path.read_text(encoding="utf-8")))
    count = 0
    for function in [node for node in functions if not isinstance(node, ast.Lambda)][:8]:
        before = Form(function).serialise()
        for changed in edits(function):
            count += 1
            assert Form(changed).serialise() != before, ast.unparse(changed)  # type: ignore[arg-type]
    assert count > 5


SAME = {
    "docstring": ("def f():\n    'a'\n    return 1", "def f():\n    return 1"),
    "docstring of a nested function": (
        "def f():\n    def g():\n        'a'\n        return 1\n    return g",
        "def f():\n    def g():\n        return 1\n    return g",
    ),
    "pass": ("def f():\n    pass\n    return 1", "def f():\n    return 1"),
    "ellipsis for pass": ("def f(x):\n    if x: ...\n    return 1", "def f(x):\n    if x: pass\n    return 1"),
    "annotations": ("def f(a: int, *b: str, c: 'x' = 1) -> None:\n    d: int = a", "def f(a, *b, c=1):\n    d = a"),
    "an annotation alone": ("def f(a):\n    d: int\n    return a", "def f(a):\n    return a"),
    "annotations under property": ("@property\ndef f(a) -> int:\n    return a", "@property\ndef f(a):\n    return a"),
    "own default": ("def f(a=1, *, b=2):\n    return a", "def f(a=2, *, b):\n    return a"),
    "own name": ("def f(a):\n    return a", "def g(a):\n    return a"),
    "joined texts": ("def f():\n    return f'a' 'b' f'{1}' 'c'", "def f():\n    return f'ab{1}c'"),
    "empty format": ("def f(x):\n    return f'{x:}'", "def f(x):\n    return f'{x}'"),
    "u prefix": ("def f():\n    return u'a'", "def f():\n    return 'a'"),
    "type comment": ("def f(a):\n    b = a # type: int", "def f(a):\n    b = a"),
}
DIFFERENT = {
    "names of parameters": ("def f(a):\n    return 1", "def f(b):\n    return 1"),
    "kind of parameter": ("def f(a, b):\n    return 1", "def f(a, *, b):\n    return 1"),
    "positional only": ("def f(a, b):\n    return 1", "def f(a, /, b):\n    return 1"),
    "star": ("def f(*a):\n    return 1", "def f(**a):\n    return 1"),
    "default of a nested function": (
        "def f():\n    def g(a=1): return a\n    return g",
        "def f():\n    def g(a=2): return a\n    return g",
    ),
    "which parameter of a nested function has it": (
        "def f():\n    def g(*, a=1, b): return a\n    return g",
        "def f():\n    def g(*, a, b=1): return a\n    return g",
    ),
    "annotation under a decorator": ("@d\ndef f(a: int):\n    return a", "@d\ndef f(a: str):\n    return a"),
    "annotation in a local class": (
        "def f():\n    class A:\n        a: int = 1\n    return A",
        "def f():\n    class A:\n        a: str = 1\n    return A",
    ),
    "annotation within an if of a local class": (
        "def f():\n    class A:\n        if 1:\n            a: int\n    return A",
        "def f():\n    class A:\n        if 1:\n            a: str\n    return A",
    ),
    "else and a following statement": (
        "def f(x):\n    if x: return 1\n    else: return 2",
        "def f(x):\n    if x: return 1\n    return 2",
    ),
    "zero and minus zero": ("def f():\n    return 0.0", "def f():\n    return -0.0"),
    "one, one and one": ("def f():\n    return 1", "def f():\n    return 1.0"),
    "text and bytes": ("def f():\n    return 'a'", "def f():\n    return b'a'"),
    "tuple and list": ("def f():\n    return (1,)", "def f():\n    return [1]"),
    "await": ("async def f(x):\n    return await x", "async def f(x):\n    return x"),
    "async comprehension": (
        "async def f(x):\n    return [a async for a in x]",
        "async def f(x):\n    return [a for a in x]",
    ),
    "except and except*": (
        "def f():\n    try: g()\n    except A: h()",
        "def f():\n    try: g()\n    except* A: h()",
    ),
    "level of a relative import": ("def f():\n    from . import a", "def f():\n    from .. import a"),
    "two dicts in one": ("def f(a):\n    return {**a, 'b': 1}", "def f(a):\n    return {'b': 1, **a}"),
    "pattern that binds": (
        "def f(a):\n    match a:\n        case None: return 1",
        "def f(a):\n    match a:\n        case True: return 1",
    ),
    "format of a format": ("def f(a, b):\n    return f'{a:{b}.1f}'", "def f(a, b):\n    return f'{a:.1f{b}}'"),
    "global": ("def f():\n    global a\n    a = 1", "def f():\n    a = 1"),
}


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME.keys())
def test_same(texts: tuple[str, str]) -> None:
    """What only says something to readers changes nothing."""
    assert form(texts[0]) == form(texts[1])


@pytest.mark.parametrize("texts", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different(texts: tuple[str, str]) -> None:
    """What changes the meaning changes the form."""
    assert form(texts[0]) != form(texts[1])


def test_docstrings_and_annotations_count_where_they_are_read() -> None:
    """Where code reads docstrings or annotations, they are content."""
    texts = ["def f(a: int):\n    'x'\n    b: int\n    return a", "def f(a: str):\n    'x'\n    b: int\n    return a"]
    texts += ["def f(a: int):\n    'y'\n    b: int\n    return a", "def f(a: int):\n    'x'\n    b: str\n    return a"]
    assert len({form(text, keep=True) for text in texts}) == 4
    assert len({form(text) for text in texts}) == 1


def test_long_expressions() -> None:
    """A sum of a thousand terms is no deeper for us than for Python."""
    assert form("def f(x):\n    return " + " + ".join(["x"] * 1000))


constants = st.one_of(
    st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.booleans(), st.none(), st.just(...)
)


@given(constants, constants)
def test_constants(one: object, other: object) -> None:
    """Two constants have one form only if they are one value of one type."""

    def of(value: object) -> bytes:
        tree = ast.parse("lambda: 0")
        function = functions_of(tree)[0]
        assert isinstance(function, ast.Lambda)
        function.body = ast.Constant(value=value)  # type: ignore[arg-type]
        return Form(function).serialise()

    assert (of(one) == of(other)) is (type(one) is type(other) and repr(one) == repr(other))


DIGEST = """
import ast, json, sys
from blake3 import blake3
from sweepable.identity.syntax import Form
found = {}
for path in json.load(open(sys.argv[1])):
    for node in ast.walk(ast.parse(open(path, encoding="utf-8").read())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            name = f"{path}:{node.lineno}:{node.col_offset}"
            found[name] = blake3(Form(node).serialise() + Form(node, keep=True).serialise()).hexdigest()
print(json.dumps(found))
"""


@pytest.mark.parametrize("python", other_pythons())
def test_forms_are_equal_on_every_python(python: str, tmp_path: Path) -> None:
    """The form of a function does not depend on the Python that reads it."""
    files = [str(path) for path in FILES]
    (tmp_path / "files.json").write_text(json.dumps(files))
    (tmp_path / "digest.py").write_text(DIGEST)
    command = [python, "digest.py", "files.json"]
    done = subprocess.run(command, cwd=tmp_path, env=script_environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert len(theirs) > 300
    for path in files:
        for node in functions_of(ast.parse(Path(path).read_text(encoding="utf-8"))):
            ours = blake3(Form(node).serialise() + Form(node, keep=True).serialise()).hexdigest()
            assert theirs[f"{path}:{node.lineno}:{node.col_offset}"] == ours
