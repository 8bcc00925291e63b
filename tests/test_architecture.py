"""The shape of the source tree: layers, sizes, what is imported when, and that the project is whole."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sweepable"

#: From the ground up; an import goes to a lower line, or stays within its own package.
LAYERS = (
    ("model", "errors"),
    ("outputs", "names", "environment", "imported", "notices", "cacheable"),
    ("reloading", "rendering", "spaces", "findings", "configs"),
    ("declared_fields",),
    ("identity",),
    ("store", "auditing"),
    ("lineage", "outside", "differences", "changes", "contrast", "info", "passed"),
    ("tagged",),
    ("record",),
    ("upstream",),
    ("registry", "configured", "settable"),
    ("callee",),
    ("scope", "comparisons", "redeclaring"),
    ("ancestry",),
    ("tree",),
    ("about",),
    ("array_lookups", "field_lookups", "field_columns", "misspelled"),
    ("lookups", "failed", "tables"),
    ("joining", "logic", "pipelines"),
    ("bases", "reverse"),
    ("frames",),
    ("grids", "parquet"),
    ("datasets",),
    ("selection",),
    ("choosing", "tabular", "forgetting"),
    ("marking",),
    ("query",),
    ("call",),
    ("contents", "audited", "inside"),
    ("runs", "foreign"),
    ("serving",),
    ("coroutines", "comparing", "exporting", "nearest", "explanation", "executors"),
    ("explain", "versions", "trial"),
    ("rekeying",),
    ("affected",),
    ("migrations",),
    ("dispatch",),
    ("sweeps",),
    ("methods", "managed", "variants"),
    ("function",),
    ("making",),
    ("cli", "notebook", "plots"),
    ("__init__", "__main__"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
#: They cost more than the whole of ``import sweepable`` may; they are imported by the functions that need them.
HEAVY = {"pandas", "joblib", "sqlite_utils", "tqdm", "cloudpickle", "scipy", "xarray", "torch", "matplotlib", "IPython"}
HEAVY |= {"pyarrow"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def dotted(path: Path) -> str:
    """The module's name as it is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """The name by which LAYERS knows a module: its first component below the package."""
    return (module.split(".") + ["__init__"])[1]


def imported(path: Path, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The modules of the package that one import statement reaches, by dotted name."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "sweepable")
        return
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
    source = ".".join(filter(None, (base, node.module or "")))
    if source.split(".")[0] != "sweepable":
        return
    for alias in node.names:
        is_module = (PACKAGE.parent / source.replace(".", "/") / f"{alias.name}.py").exists()
        is_package = (PACKAGE.parent / source.replace(".", "/") / alias.name).is_dir()
        yield f"{source}.{alias.name}" if is_module or is_package else source


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Every import of the package's own modules that can run, early or late."""
    typing = {part for node in ast.walk(tree_of(path)) if for_types_only(node) for part in ast.walk(node)}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in typing:
            yield from ((node, target) for target in imported(path, node))


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, ``if TYPE_CHECKING`` left out."""
    for node in body:
        if isinstance(node, FUNCTION) or for_types_only(node):
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, field, []))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """How many lines of a function are code: neither docstring nor comment nor blank."""
    first = function.body[0]
    docstring = range(0)
    if ast.get_docstring(function) is not None:
        docstring = range(first.lineno, (first.end_lineno or first.lineno) + 1)
    span = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    texts = (lines[number - 1].strip() for number in span if number not in docstring)
    return sum(1 for text in texts if text and not text.startswith("#"))


def is_method(part: ast.stmt) -> bool:
    return isinstance(part, FUNCTION) and not (part.name.startswith("__") and part.name.endswith("__"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, FUNCTION):
            yield f"{dotted(path)}.{node.name}", code_lines(node, lines)


def public_names() -> list[str]:
    for node in tree_of(PACKAGE / "__init__.py").body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            return list(ast.literal_eval(node.value))
    raise AssertionError("sweepable/__init__.py has no literal __all__")


def test_every_module_has_a_layer() -> None:
    """A new module is given its place before it is used."""
    assert {layer_of(dotted(path)) for path in MODULES} <= LEVEL.keys()


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_down_only(path: Path) -> None:
    """A module can be understood, and tested, with what lies below it alone."""
    own = layer_of(dotted(path))
    wrong = [
        f"{path.name}:{node.lineno} {target}"
        for node, target in imports(path)
        if layer_of(target) != own and LEVEL[layer_of(target)] >= LEVEL[own]
    ]
    assert not wrong, f"{own} may import only what is below it"


def test_no_import_cycles_within_a_package() -> None:
    """The modules of identity and of store have an order, too."""
    names = {dotted(path) for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        early = set(at_import(tree_of(path).body))
        graph[dotted(path)] = {target for node, target in imports(path) if target in names and node in early}
    while leaves := {name for name, targets in graph.items() if not targets - {name}}:
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    assert not graph, f"these import each other: {sorted(graph)}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    """``import sweepable`` costs next to nothing, whatever is installed."""
    found = [
        f"{path.name}:{node.lineno} {name}"
        for node in at_import(tree_of(path).body)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.split(".")[0] in HEAVY and getattr(node, "level", 0) == 0
    ]
    assert not found


def test_no_module_hides_a_public_function() -> None:
    """Importing a module late never replaces the public function of its name."""
    inside = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not inside & set(public_names())


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    """A file says in its first line what it owns, and has at most 450 lines."""
    assert ast.get_docstring(tree_of(path)), f"{path.name} does not say what it owns"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_functions_and_classes_are_short(path: Path) -> None:
    """No function has more than 45 lines of code, no class more than 20 methods beside Python's special ones."""
    assert not {name: size for name, size in functions(path) if size > 45}
    classes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)]
    methods = {node.name: sum(is_method(part) for part in node.body) for node in classes}
    assert not {name: count for name, count in methods.items() if count > 20}


def test_most_functions_are_very_short() -> None:
    """Half of all functions fit in a few lines; the long one is the exception."""
    sizes = [size for path in MODULES for _, size in functions(path)]
    assert median(sizes) <= 8


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_nothing_prints(path: Path) -> None:
    """The library is silent: what it has to say goes through logging and warnings. Only the command line prints."""
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    prints = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert not prints or path.stem == "cli"


def test_everything_imported_is_declared() -> None:
    """What the source, the tests, the examples and the benchmarks import is installed by the extra ``all``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    declared = {re.split(r"[\[<>=! ]", line)[0].replace("-", "_").lower() for line in asked}
    declared |= {"sklearn"} if "scikit_learn" in declared else set()
    files = [path for folder in ("src", "tests", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    local = {path.stem for path in files} | {"sweepable"}
    missing = {name: where for path in files for name, where in needed(path) if name not in declared | local}
    assert not missing


#: Looked at when a value is theirs, or tested where they happen to be installed; nobody needs them.
OPTIONAL = {"IPython", "attr", "attrs", "numba", "pydantic", "torch", "xarray", "dask", "polars"}


def needed(path: Path) -> Iterator[tuple[str, str]]:
    """Top-level names of the packages that a file imports, beyond the standard library."""
    for node in ast.walk(tree_of(path)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        for name in (name.split(".")[0] for name in names):
            if name not in sys.stdlib_module_names and name not in OPTIONAL:
                yield name, f"{path.name}:{node.lineno}"
