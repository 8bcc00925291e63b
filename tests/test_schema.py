"""The page on the schema: it says all that is there and nothing else, and its examples give what it shows."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from running import RunScript
from sweepable.store import schema

PAGE = (Path(__file__).parents[1] / "docs" / "schema.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = [(found[1], found[2]) for found in BLOCK.finditer(PAGE)]
PROGRAM = next(text for kind, text in BLOCKS if kind == "python")
#: Each example, with the text that stands below it.
EXAMPLES = [(kind, text, below) for (kind, text), (next_kind, below) in pairwise(BLOCKS) if next_kind == "text"]
SQL = [(text, below) for kind, text, below in EXAMPLES if kind == "sql"]


def described() -> dict[str, list[str]]:
    """The tables of the page with their columns: each has a heading, and a list with a column in each first cell."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
        heading = re.match(r"`([^`]+)`\n", part)
        if heading:
            found[heading[1]] = re.findall(r"^\| `([^`]+)` \|", part.split("\n## ")[0], re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's program has run, with its store where people have it."""
    return tmp_path_factory.mktemp("schema")


@pytest.fixture
def index(folder: Path, run_script: RunScript) -> Path:
    found = folder / ".sweepable" / "index.db"
    if not found.exists():
        run_script(PROGRAM, name="control.py", store=found.parent, cwd=folder)
    return found


def lines(rows: Iterator[tuple[Any, ...]] | list[tuple[Any, ...]], names: list[str]) -> str:
    return "".join("|".join(map(str, row)) + "\n" for row in [tuple(names), *rows])


def test_every_table_and_column_is_described(index: Path) -> None:
    """Nothing is missing on the page, and nothing is there that the index has not."""
    c = sqlite3.connect(index)
    stored = {
        name: [row[1] for row in c.execute(f"PRAGMA table_info({name})")]
        for (name,) in c.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_%' ESCAPE '\\'")
    }
    page = described()
    assert {name: columns for name, columns in page.items() if name.startswith("_")} == stored
    assert set(page) - set(stored) == {"<table>", "<table>__flat"}
    others = {name for (name,) in c.execute("SELECT name FROM sqlite_schema WHERE type <> 'index'")} - set(stored)
    functions = {"get_reference", "sim_system", "evaluate_sim"}
    assert others - {"sqlite_sequence"} == functions | {f"{name}__flat" for name in functions}


def test_the_columns_of_tables_and_views_are_as_described(index: Path) -> None:
    """What stands beside the user's own names is what the page says, in that order."""
    c = sqlite3.connect(index)
    view = [row[1] for row in c.execute("PRAGMA table_info(sim_system__flat)")]
    about = [name for name in described()["<table>__flat"] if not name.startswith("<")]
    own = ["gain", "reference__amplitude", "reference__smooth", "reference__peak", "last"]
    assert view == [*about, *own]
    assert [row[1] for row in c.execute("PRAGMA table_info(sim_system)")] == [
        *("id", "reference_id", "gain", "y__shape", "y__dtype", "last"),
    ]
    assert f"`PRAGMA user_version` is {schema.FORMAT}," in PAGE


@pytest.mark.parametrize("example", range(len(SQL)))
def test_the_sql_gives_what_the_page_shows(index: Path, example: int) -> None:
    """Run as it stands there, by Python's sqlite3 with a schema that is not trusted."""
    text, below = SQL[example]
    c = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
    c.execute("PRAGMA trusted_schema = OFF")
    found = c.execute(text)
    assert lines(found.fetchall(), [column[0] for column in found.description]) == below


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell")
def test_the_shell_gives_the_same(index: Path) -> None:
    """All of it at once in the shell that the page names."""
    command = ["sqlite3", "-readonly", "-header", str(index)]
    shell = subprocess.run(
        command, input="\n".join(text for text, _ in SQL), capture_output=True, text=True, check=True
    )
    assert shell.stdout == "".join(below for _, below in SQL) and not shell.stderr


def test_the_pandas_example_gives_what_the_page_shows(
    index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as it stands there, in the folder of the store."""
    ((text, below),) = [(text, below) for kind, text, below in EXAMPLES if kind == "python"]
    monkeypatch.chdir(index.parents[1])
    names: dict[str, Any] = {}
    exec(text, names)
    names["index"].close()
    assert capsys.readouterr().out == below


def test_sqlite_utils_reads_views(index: Path) -> None:
    """As a table that is named by the view, row by row."""
    from sqlite_utils import Database

    rows = list(Database(sqlite3.connect(index))["evaluate_sim__flat"].rows_where("sim_result__gain = ?", [4.0]))
    assert sorted(row["rms"] for row in rows) == [4.0, 8.0]


def test_datasette_reads_views(index: Path) -> None:
    """A view filtered by a column of what is upstream, as its pages ask for it."""
    application = pytest.importorskip("datasette.app")
    import asyncio

    async def read() -> Any:
        datasette = application.Datasette([str(index)])
        response = await datasette.client.get("/index/evaluate_sim__flat.json?sim_result__gain__gt=2&_shape=objects")
        return response.json()["rows"]

    assert sorted(row["rms"] for row in asyncio.run(read())) == [4.0, 8.0]


DUCKDB = """
import sys
import duckdb

def loaded():
    c = duckdb.connect()
    for name in sys.argv[2:]:
        try:
            c.execute(f"LOAD '{name}'")
            return c
        except duckdb.Error:
            pass

c = loaded()
if c is None:
    sys.exit(77)
found = c.execute(sys.argv[1])
print("|".join(column[0] for column in found.description))
for row in found.fetchall():
    print("|".join(map(str, row)))
"""


def ducks(run_script: RunScript, text: str, folder: Path) -> str:
    """What DuckDB gives, in a process of its own as the page asks for."""
    package = find_spec("duckdb_extension_sqlite_scanner")  # the extension, for machines that cannot load it
    files = [*Path(package.origin or "").parent.rglob("*.duckdb_extension")] if package is not None else []
    arguments = (text, "sqlite_scanner", *map(str, files))
    done = run_script(DUCKDB, name="ducks.py", cwd=folder, arguments=arguments, check=False)
    if done.returncode == 77:
        pytest.skip("DuckDB has no sqlite extension here")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_duckdb_gives_what_the_page_shows(index: Path, run_script: RunScript) -> None:
    """Run as it stands there."""
    pytest.importorskip("duckdb")
    ((text, below),) = [(text, below) for kind, text, below in EXAMPLES if kind == "duckdb"]
    assert ducks(run_script, text, index.parents[1]) == below


def test_duckdb_reads_views_of_every_shape(run_script: RunScript, tmp_path: Path) -> None:
    """Calls made inside, an argument that is a value or a call, calls of two functions in one place: whole rows."""
    pytest.importorskip("duckdb")
    store = tmp_path / ".sweepable"
    script = """
    import sweepable

    @sweepable.cache
    def inner(k=1):
        return {"y": k, "is_large": k > 1}

    @sweepable.cache
    def other(z=1):
        return {"y": 10 * z}

    @sweepable.cache
    def total(n=2, up=inner):
        return sum(inner(k + 3)["y"] for k in range(n)) + (up if isinstance(up, int) else up.y)

    total(0), total(1), total(2, up=5), total(1, up=other.get_or_run())
    """
    run_script(script, store=store)
    text = f"""
    SET GLOBAL sqlite_all_varchar = true; ATTACH '{store}/index.db' AS store (TYPE sqlite, READ_ONLY);
    SELECT {{}} FROM store.total__flat ORDER BY id::INT
    """
    c = sqlite3.connect(store / "index.db")
    names = [row[1] for row in c.execute("PRAGMA table_info(total__flat)")]
    assert {"n", "up", "up__k", "up__z", "up__y", "up__is_large", "inner__y", "value"} <= set(names)
    own = ", ".join(f'"{name}"' for name in names if not name.startswith("info__"))
    for columns in ("* EXCLUDE (info__started, info__seconds)", own):  # these have more digits than DuckDB is given
        shown = ducks(run_script, text.format(columns), tmp_path)
        listed = own if columns == own else ", ".join([*names[:4], *names[6:]])
        found = c.execute(f"SELECT {listed} FROM total__flat ORDER BY id")
        expected = lines(found.fetchall(), [column[0] for column in found.description])
        assert re.sub(r"\b(True|False)\b", lambda word: str(int(word[0] == "True")), shown) == expected
