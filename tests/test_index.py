"""The index: tidy tables that any SQLite tool shows, and what the store knows of functions, versions and lineage."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storing import SIM, gain, key_of, new_call, version_of
from sweepable.errors import StoreFormatError
from sweepable.model import Argument, FunctionFacts, UpstreamCall
from sweepable.store import Store, open_store, schema

numbers = itertools.count()


@pytest.fixture
def store(store_path: Path) -> Store:
    return open_store(store_path)


def query(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """What another program sees."""
    with sqlite3.connect(store.path / "index.db") as c:
        rows = c.execute(sql).fetchall()
    c.close()
    return rows


# -- function tables


def test_a_function_has_a_table_that_reads_well(store: Store) -> None:
    """One row per call; parameters, scalar outputs and the form of arrays are columns under their own names."""
    for number in (1, 2):
        store.put(new_call(number, {"rms": number / 2, "y": np.zeros(3), "ok": True}, arguments=gain(float(number))))
    assert query(store, "SELECT * FROM sim") == [
        (1, 1.0, 0.5, "(3,)", "float64", b"True"),
        (2, 2.0, 1.0, "(3,)", "float64", b"True"),
    ]
    assert store.columns(1) == {
        ("parameter", "gain"): "gain",
        ("output", "rms"): "rms",
        ("shape", "y"): "y__shape",
        ("dtype", "y"): "y__dtype",
        ("output", "ok"): "ok",
    }
    names = ["id", "gain", "rms", "y__shape", "y__dtype", "ok"]
    assert [row[1] for row in query(store, "PRAGMA table_info(sim)")] == names


def test_tables_keep_exact_values(store: Store) -> None:
    """A table turns no "1" into 1, no True into 1, no large integer into a float."""
    values = ["1", 1, 1.0, True, 2**60 + 1, 2**70, None, float("nan"), "x" * 999, "ö"]
    for value in values:
        store.put(new_call(repr(value), arguments=gain(value), value=0.0))
    kinds = query(store, "SELECT typeof(gain) FROM sim ORDER BY id")
    assert [kind for (kind,) in kinds] == [
        *("text", "integer", "real", "blob", "integer", "blob", "null", "blob", "text", "text")
    ]


def test_names_that_differ_in_case_have_columns_of_their_own(store: Store) -> None:
    """K and k are two parameters, though SQLite does not tell them apart; an output may bear a parameter's name."""
    arguments = (Argument("K", "value", 1.0), Argument("k", "value", 2.0), Argument("id", "value", 3.0))
    store.put(new_call(0, {"k": 4.0, "K": 5.0}, arguments=arguments))
    columns = store.columns(1)
    assert [columns["parameter", name] for name in ("K", "k", "id")] == ["K", "k_2", "id_2"]
    assert len({column.lower() for column in columns.values()}) == 5
    assert query(store, "SELECT * FROM sim") == [(1, 1.0, 2.0, 3.0, 4.0, 5.0)]


HOSTILE = [
    '"; DROP TABLE _calls; --',
    "'",
    "]",
    "`",
    "",
    " ",
    "select",
    "a b",
    "ß",
    "αβ",
    "\0",
    "\ud800",
    "x" * 300,
    "1",
]


def test_hostile_output_names_are_only_names(store: Store) -> None:
    """Whatever a dict's keys are, its values come back, and the tables stay whole."""
    value = {name: float(number) for number, name in enumerate(HOSTILE)}
    call = store.put(new_call(0, value))
    assert store.value(call) == value
    for name, expected in value.items():
        assert store.output(call, name) == expected
    found = {column for (kind, name), column in store.columns(1).items()}
    assert len(found) == len(HOSTILE) - 2  # SQLite has no words for two of them
    assert len(query(store, "SELECT * FROM sim")[0]) == len(found) + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), min_size=1, max_size=4, unique=True))
def test_any_name_can_be_stored(store: Store, function: str, outputs: list[str]) -> None:
    """No name of a function or an output breaks the store."""
    facts = FunctionFacts(f"{function}.<locals>.{function}", "lab", ())
    if not facts.name.isprintable():
        return
    call = store.put(new_call(next(numbers), dict.fromkeys(outputs, 1.5), function=facts))
    assert store.value(call) == dict.fromkeys(outputs, 1.5)
    table = next(found.table for found in store.functions() if found.name == facts.name)
    assert not table.startswith(("_", "sqlite_")) and query(store, f'SELECT count(*) FROM "{table}"') >= [(1,)]


@pytest.mark.parametrize("name", ["select", "Order", "_calls", "sqlite_x", "1st", "", "table", "__", "<lambda>", "sim"])
def test_table_names_need_no_quotes(name: str) -> None:
    """A table's name is never a keyword and never one of ours; a name that is taken gets a number."""
    first = schema.table_name(name, [])
    second = schema.table_name(name, [first.upper()])
    with sqlite3.connect(":memory:") as c:
        c.execute(f"CREATE TABLE {first} (x)")
        c.execute(f"CREATE TABLE {second} (x)")
    c.close()
    assert first.isidentifier() and first[0] != "_"


def test_outputs_that_come_later_get_columns_later(store: Store) -> None:
    """A table grows with what functions return; earlier rows have nothing there, and arrays do not read as None."""
    store.put(new_call(1, {"a": 1.0}))
    store.put(new_call(2, {"a": 2.0, "b": np.zeros(2)}))
    store.put(new_call(3, {"a": np.zeros(2), "b": 3.0}))
    assert query(store, "SELECT id, a, b FROM sim ORDER BY id") == [
        (1, 1.0, None),
        (2, 2.0, b"no scalar #?"),
        (3, b"ndarray float64 (2,) #?", 3.0),
    ]


def test_more_outputs_than_columns(store: Store) -> None:
    """A result of thousands of numbers is stored whole; the table shows the first 1,500."""
    value = {f"x{number}": float(number) for number in range(2500)}
    call = store.put(new_call(0, value))
    assert store.value(call) == value and store.output(call, "x2499") == 2499.0
    assert len(store.columns(1)) == 1500


def test_only_results_have_rows_in_function_tables(store: Store) -> None:
    """A failed call is in no function's table; when it succeeds at last, its row appears."""
    store.put(new_call(0, status="failed", arguments=gain(1.0)))
    assert query(store, "SELECT * FROM sim") == []
    store.put(new_call(0, 1.5, arguments=gain(1.0)))
    assert query(store, "SELECT * FROM sim") == [(1, 1.0, 1.5)]


# -- functions and versions


def test_a_function_that_moves_is_the_same_function(store: Store) -> None:
    """Known at its home, or known to have had this code: then its calls go on in the same table."""
    store.put(new_call(1, 1.0, source="v1"))
    store.put(new_call(2, 1.0, source="v2"))
    store.put(new_call(3, 1.0, source="v2", function=FunctionFacts("sim", "notebook", ())))
    store.put(new_call(4, 1.0, source="v3", function=FunctionFacts("sim", "notebook", ())))
    (function,) = store.functions()
    assert function.homes == ("lab.control", "notebook") and function.table == function.identifier == "sim"
    assert [version.digest for version in store.versions(1)] == [version_of(v).digest for v in ("v1", "v2", "v3")]
    assert [version.calls for version in store.versions(1)] == [1, 2, 1]
    assert store.stale_count(1, version_of("v2").digest) == 2 and store.stale_count(1, "0" * 64) == 4


def test_functions_that_only_share_a_name_stay_apart(store: Store) -> None:
    """Another module's function of the same name has a table of its own, and is found by its home or its code."""
    other = FunctionFacts("sim", "lab.thermal", ())
    store.put(new_call(1, 1.0, source="control"))
    store.put(new_call(2, 1.0, source="thermal", function=other))
    assert [function.table for function in store.functions()] == ["sim", "sim_2"]
    found = [
        store.find_function("sim", home="lab.thermal"),
        store.find_function("sim", version_of("thermal").digest),
        store.find_function("sim", version_of("control").digest, "lab.thermal"),
        store.find_function("sim"),
        store.find_function("sim", version_of("new").digest, "lab.new"),
        store.find_function("nobody"),
    ]
    assert [function and function.id for function in found] == [2, 2, 2, 1, None, None]


def test_methods_and_closures_have_short_identifiers(store: Store) -> None:
    """A qualified name is kept whole; its last part is what people write."""
    store.put(new_call(0, 1.0, function=FunctionFacts("make.<locals>.Motor.run", "lab", ())))
    (function,) = store.functions()
    assert (function.name, function.identifier, function.table) == ("make.<locals>.Motor.run", "run", "run")


# -- lineage


def test_lineage_is_recorded_per_call_and_per_function(store: Store) -> None:
    """Upstream calls are found by role and name, their versions gathered over all distances."""
    reference, sim, score = (FunctionFacts(name, "lab", ()) for name in ("reference", "sim", "score"))
    store.put(new_call("r", 1.0, function=reference, source="r"))
    given = (UpstreamCall(key_of("r"), "argument", "reference"), UpstreamCall(key_of("r"), "nested", "reference"))
    arguments = (Argument("reference", "call", key_of("r")), Argument("gain", "value", 2.0))
    store.put(new_call("s", 2.0, function=sim, source="s", upstream=given, arguments=arguments))
    below = (UpstreamCall(key_of("s"), "argument", "result"), UpstreamCall(key_of("gone"), "nested", "gone"))
    output = (Argument("result", "output", key_of("s"), "value"),)
    call = store.put(new_call("c", 3.0, function=score, source="c", upstream=below, arguments=output))
    assert query(store, "SELECT * FROM sim") == [(2, 1, 2.0, 2.0)]
    assert store.columns(2)["upstream", "reference"] == "reference_id"
    assert query(store, "SELECT result_id FROM score") == [(2,)]
    assert query(store, "SELECT * FROM _lineage") == [
        (2, 1, "argument", "reference"),
        (2, 1, "nested", "reference"),
        (3, 2, "argument", "result"),
    ]
    assert [tuple(route) for route in store.routes(2)] == [("argument", "reference", 1), ("nested", "reference", 1)]
    versions = {name: store.versions(number)[0].id for number, name in enumerate("rsc", 1)}
    assert store.ancestries()[call.ancestry] == tuple(sorted((versions["r"], versions["s"])))
    assert [store.arguments(call)[0].value, store.arguments(call)[0].field] == [key_of("s"), "value"]


def test_lineage_follows_a_call_that_is_replaced(store: Store) -> None:
    """A failed call that is run again has the lineage of its last run; its id stays."""
    for name in ("a", "b"):
        store.put(new_call(name, 1.0))
    first = store.put(new_call("c", status="failed", upstream=(UpstreamCall(key_of("a"), "nested", "sim"),)))
    second = store.put(new_call("c", 1.0, upstream=(UpstreamCall(key_of("b"), "nested", "sim"),)))
    assert first.id == second.id == 3
    assert query(store, "SELECT downstream, upstream FROM _lineage") == [(3, 2)]


# -- shared rows


def test_what_calls_share_is_stored_once(store: Store) -> None:
    """Layouts, environments, versions and ancestries stand once, however many calls refer to them."""
    for number in range(20):
        store.put(new_call(number, (1.0, 2.0), environment={"python": "3.11", "host": "a"}))
    for table in ("_layouts", "_environments", "_versions", "_ancestries", "_functions"):
        assert query(store, f"SELECT count(*) FROM {table}") == [(1,)]
    call = store.fetch(key_of(3))
    assert call is not None and store.environment(call.environment) == {"python": "3.11", "host": "a"}


def test_versions_keep_their_source_and_manifest(store: Store) -> None:
    """What the code was is in the store, for explanations."""
    store.put(new_call(0, 1.0, source="def sim(): return '\udcff'"))
    ((source, manifest),) = query(store, "SELECT source, manifest FROM _versions")
    assert source.startswith("def sim()") and "control.py:1" in manifest


def test_statuses_of_many_keys_at_once(store: Store) -> None:
    """A sweep knows what is there of tens of thousands of points without a statement for each."""
    for number in range(5):
        store.put(new_call(number, 1.0, status="done" if number % 2 else "failed"))
    keys = [key_of(number) for number in range(25_000)]
    statements: list[str] = []
    store.connection().set_trace_callback(statements.append)
    found = store.statuses(keys)
    store.connection().set_trace_callback(None)
    assert len(statements) == 3
    assert {key: (known.id, known.status) for key, known in found.items()} == {
        key_of(n): (n + 1, "done" if n % 2 else "failed") for n in range(5)
    }
    assert store.statuses([]) == {}


def test_the_database_is_handed_out_for_reading(store: Store) -> None:
    """Users get a sqlite_utils Database on the index; it cannot change what the store answers for."""
    store.put(new_call(0, {"rms": 0.5}, arguments=gain(1.0)))
    database = store.database()
    assert list(database["sim"].rows) == [{"id": 1, "gain": 1.0, "rms": 0.5}]
    with pytest.raises(sqlite3.OperationalError):
        database["sim"].insert({"id": 2})
    database.conn.close()


# -- formats


def test_a_store_of_another_format_is_refused(store: Store, tmp_path: Path) -> None:
    """A newer store is left alone; the error names both formats and the way out."""
    store.put(new_call(0, 1.0))
    store.close()
    with sqlite3.connect(store.path / "index.db") as c:
        c.execute(f"PRAGMA user_version = {schema.FORMAT + 1}")
    c.close()
    with pytest.raises(StoreFormatError, match=f"format {schema.FORMAT + 1}.*format {schema.FORMAT}.*SWEEPABLE_STORE"):
        store.fetch(key_of(0))


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Neither a foreign database nor a foreign file is written to."""
    with sqlite3.connect(tmp_path / "index.db") as c:
        c.execute("CREATE TABLE theirs (x)")
    c.close()
    with pytest.raises(StoreFormatError, match="another program"):
        open_store(tmp_path).fetch(key_of(0))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.db").write_text("not a database at all, but long enough to be mistaken for one" * 20)
    with pytest.raises(StoreFormatError, match="no index of sweepable"):
        open_store(tmp_path / "other").put(new_call(0, 1.0))


def test_the_index_says_what_it_is(store: Store) -> None:
    """Other tools can tell the file by its application id, and its format by its version."""
    store.put(new_call(0, 1.0, function=SIM))
    assert query(store, "PRAGMA application_id") == [(schema.APPLICATION,)]
    assert query(store, "PRAGMA user_version") == [(schema.FORMAT,)]
    assert query(store, "PRAGMA integrity_check") == [("ok",)]
    strict = query(store, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    assert all(flag for name, flag in strict if not name.startswith("sqlite_"))
