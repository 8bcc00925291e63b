"""The store: what was put comes back as it was, from any process, and nothing is lost."""

from __future__ import annotations

import dataclasses
import enum
import os
import sqlite3
import stat
import threading
import time
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from running import RunScript
from storing import blob_files, gain, key_of, new_call, outputs_of, same
from sweepable.errors import DamagedData, DamagedError, StoreError, TrustError
from sweepable.model import Argument, Layout, Outputs, Status
from sweepable.store import CannotEncode, Store, Summary, files, index, open_store
from test_codecs import ARRAYS, FRAME, PLAIN


@pytest.fixture
def store(store_path: Path) -> Store:
    return open_store(store_path)


def again(store: Store, name: object) -> Any:
    """The value of a call as another process reads it: with nothing in memory."""
    store.close()
    call = store.fetch(key_of(name))
    assert call is not None
    return store.value(call)


@dataclasses.dataclass
class Fit:
    weights: Any
    score: float


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    weights: Any
    name: str


class Mode(enum.Enum):
    FAST = 1


Pair = namedtuple("Pair", "first second")


# -- values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.one_of(PLAIN, ARRAYS, st.dictionaries(st.text(), st.one_of(PLAIN, ARRAYS), max_size=4)), st.integers(0))
def test_values_come_back_as_they_were(store: Store, value: Any, salt: int) -> None:
    """What a function returned comes back equal in type and content, whole and output by output."""
    key = (salt, repr(value), time.monotonic_ns())
    call = store.put(new_call(key, value))
    found = store.fetch(call.key)
    assert found == call and same(store.value(found), value)
    outputs = outputs_of(value)
    for name, part in zip(outputs.layout.names, outputs.values, strict=True):
        assert same(store.output(found, name), part)
    assert set(store.output_facts(found)) == set(outputs.layout.names)


VALUES = {
    "frame": FRAME,
    "large frame": pd.DataFrame(np.arange(400_000.0).reshape(-1, 4), columns=list("abcd")),
    "series": pd.Series([1.0, None], index=pd.Index(["a", "b"], name="case"), name="rms"),
    "large array": np.arange(200_000.0),
    "fortran": np.asfortranarray(np.arange(200_000.0).reshape(400, 500)),
    "empty": np.empty((0, 3), dtype="f4"),
    "long text": "text" * 5000,
    "decimals": [Decimal("1.10"), Path("a/b"), Mode.FAST],
    "ordered": OrderedDict(b=1, a=np.zeros(2)),
    "tuple": (np.zeros(3), 1.0, None, "x"),
    "named tuple": Pair(np.arange(100_000.0), None),
    "dataclass": Fit(np.arange(100_000.0), 0.5),
    "frozen": Frozen(np.zeros(3), "weights"),
    "nested": {"fit": Fit(np.zeros(3), 1.0), "table": FRAME, "n": 3},
    "function": np.sin,
}


@pytest.mark.parametrize("name", VALUES)
def test_results_of_every_kind(store: Store, name: str) -> None:
    """Frames, named tuples, dataclasses, functions: exactly the type, the order and the content."""
    store.put(new_call(name, VALUES[name]))
    back = again(store, name)
    assert type(back) is type(VALUES[name])
    assert_equal(back, VALUES[name])


def assert_equal(back: Any, value: Any) -> None:
    if isinstance(value, (pd.DataFrame, pd.Series)):
        (pd.testing.assert_frame_equal if value.ndim == 2 else pd.testing.assert_series_equal)(back, value)
        assert back.attrs == value.attrs
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            assert_equal(getattr(back, field.name), getattr(value, field.name))
    elif isinstance(value, dict):
        assert list(back) == list(value)
        for key in value:
            assert_equal(back[key], value[key])
    elif isinstance(value, tuple):
        for one, other in zip(back, value, strict=True):
            assert_equal(one, other)
    else:
        assert same(back, value)


def test_extra_attributes_come_back_with_the_object(store: Store) -> None:
    """An object is more than its fields: all of it is kept, and one field is still loaded alone."""
    fit = Fit(np.arange(100_000.0), 0.5)
    fit.note = "converged"  # type: ignore[attr-defined]
    call = store.put(new_call(0, fit))
    assert again(store, 0).note == "converged"
    os.remove(blob_files(store.path)[0])
    assert store.output(call, "score") == 0.5
    with pytest.raises(DamagedError):
        store.output(call, "weights")


def test_what_a_caller_does_to_a_value_never_reaches_the_store(store: Store) -> None:
    """Arrays and frames are exactly what was returned, free to change, and the next hit is untouched."""
    for size in (10, 10_000, 1_000_000):
        store.put(new_call(size, {"y": np.zeros(size), "t": pd.DataFrame({"x": np.zeros(size)})}))
        value = again(store, size)
        assert type(value["y"]) is np.ndarray and value["y"].flags.writeable
        value["y"][:] = 7.0
        value["t"].iloc[0, 0] = 7.0
        value["t"]["x"] += 1
        fresh = again(store, size)
        assert not fresh["y"].any() and not fresh["t"]["x"].any()


def test_a_value_that_changes_after_it_was_put_is_stored_as_it_was(store: Store) -> None:
    """The caller owns what the function returned."""
    value = np.zeros(1000)
    call = store.put(new_call(0, value))
    value[:] = 1.0
    assert not store.value(call).any()  # type: ignore[attr-defined]


def test_outputs_load_one_by_one(store: Store) -> None:
    """Touching one output of a call reads no other; their facts are known without reading any."""
    value = {"y": np.zeros((300, 300)), "table": VALUES["large frame"], "rms": 0.5, "n": np.float32(2), "note": "x"}
    call = store.put(new_call(0, value))
    for path in blob_files(store.path):
        path.unlink()
    assert store.output(call, "rms") == 0.5
    facts = store.output_facts(call)
    of_frame = "frame" if hasattr(pd.api, "internals") else "pickle"  # from pandas 3 on
    assert [facts[name].codec for name in value] == ["npy", of_frame, "data", "data", "data"]
    assert facts["y"].shape == (300, 300) and facts["y"].dtype == "float64" and facts["y"].nbytes > 720_000
    assert facts["y"].type_name == "numpy.ndarray" and facts["table"].type_name.endswith("DataFrame")
    assert facts["n"].type_name == "numpy.float32" and facts["rms"].type_name == "float"


def test_a_hit_costs_one_select_and_no_file(run_script: RunScript, tmp_path: Path) -> None:
    """A hit of small outputs is one statement, and opens nothing."""
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import numpy as np
        from storing import key_of, new_call
        from sweepable.store import open_store
        store = open_store("s")
        value = {{"rms": 0.5, "y": np.arange(5.0), "name": "x"}}
        store.put(new_call(0, value))
        store.value(store.fetch(key_of(0)))
        opened, statements = [], []
        sys.addaudithook(lambda event, arguments: opened.append(event) if event in ("open", "os.listdir") else None)
        store.connection().set_trace_callback(statements.append)
        back = store.value(store.fetch(key_of(0)))
        print(len(statements), statements[0].split()[0], len(opened), back["y"].tolist() == value["y"].tolist())
    """
    assert run_script(script).stdout == "1 SELECT 0 True\n"


def test_equal_outputs_are_stored_once(store: Store) -> None:
    """A thousand calls that return the same array take the room of one."""
    value = np.arange(1000.0)
    for number in range(1000):
        store.put(new_call(number, value, arguments=gain(number)))
    assert len(blob_files(store.path)) == 1
    assert same(again(store, 999), value)


def test_blobs_are_files_that_other_tools_read(store: Store) -> None:
    """An array in the store is a .npy file that NumPy opens, named by the digest of its bytes."""
    value = np.arange(1000.0)
    store.put(new_call(0, value))
    (path,) = blob_files(store.path)
    assert path.suffix == ".npy" and same(np.load(path), value)


# -- arguments and failures


def test_arguments_are_kept_so_that_a_call_can_run_again(store: Store) -> None:
    """Arguments come back as they were; large ones, and those no pickle takes, by summary and digest."""
    lock = threading.Lock()
    values = [
        2.0,
        np.arange(10.0),
        np.arange(5000.0),
        FRAME,
        Mode.FAST,
        np.zeros(10**6),
        list(range(10**6)),
        lock,
        sorted,
    ]
    arguments = tuple(
        Argument(f"a{n}", "value", value, "", b"\0D" + bytes.fromhex(key_of(n))) for n, value in enumerate(values)
    )
    found = store.arguments(store.put(new_call(0, 1.0, arguments=arguments)))
    assert [argument.digest for argument in found] == [key_of(n) for n in range(len(values))]
    for argument, value in zip(found[:5], values[:5], strict=True):
        assert_equal(argument.value, value)
    assert [argument.value for argument in found[5:8]] == [
        Summary("ndarray float64 (1000000,)", key_of(5)),
        Summary("list of 1000000", key_of(6)),
        Summary("lock", key_of(7)),
    ]
    assert found[8].value is sorted


def test_an_argument_whose_blob_is_gone_is_a_summary(store: Store) -> None:
    """What a call was given is still known when the data are lost; the result is unaffected."""
    call = store.put(new_call(0, 1.0, arguments=gain(np.arange(5000.0))))
    blob_files(store.path)[0].unlink()
    (argument,) = store.arguments(call)
    assert isinstance(argument.value, Summary) and argument.value.text == "ndarray float64 (5000,)"
    assert store.value(call) == 1.0


def test_failures_are_kept_with_their_traceback(store: Store) -> None:
    """Type, message and traceback of an exception come back; there is no value."""
    call = store.put(new_call(0, status="failed"))
    failure = store.failure(call)
    assert failure is not None and (failure.type_name, failure.message) == ("ValueError", "no")
    with pytest.raises(StoreError, match="failed"):
        store.value(call)
    assert store.output_facts(call) == {} and store.layout(call.layout).names == ()
    assert store.failure(store.put(new_call(1, 1.0))) is None


# -- what replaces what

STATUSES: tuple[Status, ...] = ("done", "tainted", "failed", "killed", "unkept")


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_a_better_outcome_replaces_a_worse_one(store: Store, old: Status, new: Status) -> None:
    """The first done call wins for good; a failure never takes a result's place."""
    rank = {"done": 2, "tainted": 1}
    first = store.put(new_call(0, "old", status=old))
    second = store.put(new_call(0, "new", status=new))
    replaced = old != "done" and rank.get(new, 0) >= rank.get(old, 0)
    assert second.status == (new if replaced else old) and second.id == first.id
    assert store.fetch(key_of(0)) == second
    if second.result is not None:
        assert store.value(second) == ("new" if replaced else "old")


def test_relayout_gives_a_stored_value_other_names(store: Store) -> None:
    """When a declaration changes, the result stays, and its outputs are found under their new names."""
    value = (0.5, np.arange(5000.0))
    call = store.put(new_call(0, value, arguments=gain(np.arange(6000.0))))
    assert store.layout(call.layout).names == ("value",)
    call = store.relayout(call, Outputs(Layout("tuple", ("rms", "y"), "rms: float"), value, value))
    assert same(again(store, 0), value) and store.layout(call.layout).declared == "rms: float"
    assert store.output(call, "rms") == 0.5 and same(store.output(call, "y"), value[1])
    assert store.connection().execute("SELECT rms FROM sim").fetchall() == [(0.5,)]
    assert len(store.connection().execute("SELECT * FROM _uses").fetchall()) == 2
    assert isinstance(store.arguments(call)[0].value, np.ndarray)


# -- what cannot be stored


def test_what_cannot_be_encoded_leaves_no_trace(store: Store) -> None:
    """An output that cannot be stored is named, and nothing of the call is written."""
    with pytest.raises(CannotEncode, match="output lock"):
        store.put(new_call(0, {"y": np.zeros(10_000), "lock": threading.Lock()}))
    assert store.fetch(key_of(0)) is None and not blob_files(store.path)


def test_a_database_that_is_full_keeps_what_it_has(store: Store) -> None:
    """When SQLite can write no more, the put fails, and all that was stored is still served."""
    store.put(new_call(0, 0.0))
    (pages,) = store.connection().execute("PRAGMA page_count").fetchone()
    store.connection().execute(f"PRAGMA max_page_count = {pages + 3}")
    kept = [0]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for number in range(1, 1000):
            store.put(new_call(number, float(number)))
            kept.append(number)
    assert [again(store, number) for number in kept] == [float(number) for number in kept]
    assert store.value(store.put(new_call(1000, 1.0))) == 1.0


CALLS = [
    name
    for name, found in vars(files).items()
    if callable(found)
    and getattr(found, "__module__", "") == files.__name__
    and not name.startswith("_")
    and name != "Stamp"
]


@pytest.mark.parametrize("name", CALLS)
def test_a_failing_disk_loses_nothing_that_was_stored(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whichever operating-system call fails, and when: what was stored is served, and the next put succeeds."""
    original: Callable[..., Any] = getattr(files, name)
    values = {number: {"y": np.arange(600.0) + number, "large": np.full(140_000, number)} for number in range(3)}
    for failing in range(8):
        calls = [0]

        def maybe(*arguments: Any, **options: Any) -> Any:
            calls[0] += 1
            if calls[0] == failing + 1:
                raise OSError(28, "No space left on device")
            return original(*arguments, **options)

        store = Store(str(store_path / f"{name}-{failing}"))
        stored = []
        monkeypatch.setattr(files, name, maybe)
        for number, value in values.items():
            try:
                store.put(new_call(number, value))
                stored.append(number)
            except OSError:
                pass
        monkeypatch.setattr(files, name, original)
        for number in stored:
            assert_equal(again(store, number), values[number])
        for number, value in values.items():
            store.put(new_call(number, value))
            assert_equal(again(store, number), value)
        assert not list((store.path / "tmp").iterdir())
        store.close()


# -- damage


def test_a_flipped_bit_in_a_row_is_never_served(store: Store) -> None:
    """A damaged row is put aside with a warning; the call is computed again under its old id."""
    call = store.put(new_call(0, {"rms": 0.5}, arguments=gain(1.0)))
    below = store.put(new_call(1, 1.0))
    damage = {
        "result": "CAST(substr(result, 1, length(result) - 1) || x'00' AS BLOB)",
        "arguments": "x'00'",
        "status": "'donf'",
        "layout": "layout + 1",
        "function": "function + 1",
        "check_digest": "'x'",
        "error": "x'00'",
    }
    for column, expression in damage.items():
        with sqlite3.connect(store.path / "index.db") as c:
            c.execute(f"UPDATE _calls SET {column} = {expression} WHERE id = 1")
        c.close()
        fetch: Callable[[], Any] = (lambda: store.fetch_id(1)) if column == "error" else (lambda: store.fetch(call.key))
        with pytest.warns(DamagedData):
            assert fetch() is None
        assert store.fetch(call.key) is None
        assert store.connection().execute("SELECT * FROM sim WHERE id = 1").fetchall() == []
        anew = store.put(new_call(0, {"rms": 0.5}, arguments=gain(1.0)))
        assert anew.id == call.id and store.value(anew) == {"rms": 0.5}
    assert store.fetch_id(below.id) == below


def test_a_damaged_layout_names_no_wrong_output(store: Store) -> None:
    """Outputs that changed their names on disk are not served under them."""
    call = store.put(new_call(0, Pair(1.0, 2.0)))
    store.close()
    with sqlite3.connect(store.path / "index.db") as c:
        c.execute("""UPDATE _layouts SET text = replace(replace(text, 'first', 'x'), 'second', 'first')""")
    c.close()
    with pytest.raises(DamagedError):
        store.output(call, "first")
    store.put(new_call(0, Pair(1.0, 2.0)))
    found = store.fetch(call.key)
    assert found is not None and store.output(found, "first") == 1.0


@pytest.mark.parametrize("size", [1000, 200_000])
def test_a_damaged_blob_is_computed_again(store: Store, size: int) -> None:
    """A damaged or missing blob is warned of; the next put of the call writes it anew, whatever it then returns."""
    call = store.put(new_call(0, np.zeros(size)))
    for value, damage in ((np.zeros(size), flip), (np.ones(size), flip), (np.ones(size), Path.unlink)):
        (path,) = blob_files(store.path)[:1]
        damage(path)
        with pytest.warns(DamagedData), pytest.raises(DamagedError):
            store.value(call)
        call = store.put(new_call(0, value))
        assert same(again(store, 0), value)
        for aside in (store.path / "blobs").rglob("*.damaged"):
            aside.unlink()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 16
    path.write_bytes(data)


def test_a_missing_blob_is_found_by_put_as_well(store: Store) -> None:
    """A row whose blob is gone does not keep a result from being stored."""
    store.put(new_call(0, np.zeros(5000)))
    blob_files(store.path)[0].unlink()
    store.put(new_call(0, np.ones(5000)))
    assert again(store, 0)[0] == 1.0


def test_a_value_that_loads_no_more_is_replaced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle whose class is gone is an error that says so; the recomputed result takes its place."""
    store.put(new_call(0, [Mode.FAST]))
    monkeypatch.delattr(f"{__name__}.Mode")
    with pytest.warns(DamagedData, match="cannot be loaded"), pytest.raises(DamagedError, match="Mode"):
        again(store, 0)
    store.put(new_call(0, [1]))
    assert again(store, 0) == [1]


def test_bit_flips_anywhere_in_the_index_give_no_wrong_value(store: Store, tmp_path: Path) -> None:
    """Whatever bit of the index flips, a call is right, missing, or an error: never another value."""
    values = {n: {"rms": n / 7, "y": np.arange(20.0) + n, "name": f"call {n}"} for n in range(12)}
    for number, value in values.items():
        store.put(new_call(number, value, arguments=gain(float(number))))
    store.close()
    content = (store.path / "index.db").read_bytes()
    right = 0
    for number, at in enumerate(range(0, len(content), len(content) // 250)):
        folder = tmp_path / f"flipped-{number}"
        folder.mkdir()
        (folder / "index.db").write_bytes(content[:at] + bytes([content[at] ^ (1 << number % 8)]) + content[at + 1 :])
        right += served_right(Store(str(folder)), values)
    assert right > 250 * len(values) / 2


def served_right(store: Store, values: dict[int, Any]) -> int:
    right = 0
    for number, value in values.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedData)
            try:
                call = store.fetch(key_of(number))
                if call is None or call.status != "done":
                    continue
                back = store.value(call)
                output = store.output(call, "rms")
                (argument,) = store.arguments(call)
            except (OSError, sqlite3.Error):
                continue
        assert same(back, value) and same(output, value["rms"]) and argument.value == float(number)
        right += 1
    store.close()
    return right


# -- places and permissions


def test_nothing_is_made_before_it_is_used(store_path: Path) -> None:
    """Naming a store opens nothing; one folder is one store, however it is spelled."""
    store = open_store(store_path)
    assert open_store(store_path.parent / "." / store_path.name) is store and not store_path.exists()
    assert store.fetch(key_of(0)) is None
    assert (store_path / "index.db").exists() and (store_path / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_store_is_private_whatever_the_umask(store: Store, umask: int) -> None:
    """Folders are 0700 and files 0600, those of SQLite too."""
    before = os.umask(umask)
    try:
        store.put(new_call(0, np.zeros(5000)))
        with store.hold(key_of(1), who="sim"):
            found = [store.path, *store.path.rglob("*")]
            modes = {path.relative_to(store.path): stat.S_IMODE(path.stat().st_mode) for path in found}
    finally:
        os.umask(before)
    folders = {path: mode for path, mode in modes.items() if (store.path / path).is_dir()}
    assert set(folders.values()) == {0o700}
    assert {mode for path, mode in modes.items() if path not in folders} == {0o600}
    assert {"index.db-wal", "index.db-shm"} <= {path.name for path in modes}


def test_a_path_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    """The error says what is wrong and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"is a file.*SWEEPABLE_STORE"):
        open_store(tmp_path / "file").fetch(key_of(0))
    with pytest.raises(StoreError, match="cannot be made"):
        open_store(tmp_path / "file" / "below").fetch(key_of(0))


def test_pickles_of_a_store_that_others_can_write_are_not_loaded(store: Store) -> None:
    """Data and arrays are served; pickles, which can run code, only with trust."""
    store.put(new_call(0, FRAME))
    store.put(new_call(1, {"y": np.zeros(5000), "n": 1}, arguments=gain(Decimal(1))))
    for place in (store.path, store.path / "blobs", store.path / "index.db"):
        mode = place.stat().st_mode
        place.chmod(mode | 0o020)
        with pytest.raises(TrustError, match="trust=True"):
            again(store, 0)
        assert again(store, 1)["n"] == 1
        call = store.fetch(key_of(1))
        assert call is not None and isinstance(store.arguments(call)[0].value, Summary)
        place.chmod(mode)
        assert_equal(again(store, 0), FRAME)
    store.path.chmod(0o770)
    assert open_store(store.path, trust=True) is store
    assert_equal(again(store, 0), FRAME)


def test_a_store_that_was_deleted_is_made_anew(store: Store) -> None:
    """Deleting the folder while the program runs forgets what was there, and loses nothing that comes after."""
    import shutil

    with store.hold(key_of(0), who="sim"):
        store.put(new_call(0, np.zeros(5000)))
        shutil.rmtree(store.path)
        store.put(new_call(1, np.ones(5000)))
    assert again(store, 1)[0] == 1.0 and store.fetch(key_of(0)) is None


def test_threads_share_a_store(store: Store) -> None:
    """Threads read and write at the same time, each with a connection of its own."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(20):
                store.put(new_call((number, step), np.arange(600.0) + step))
                call = store.fetch(key_of((number, step)))
                assert call is not None and store.value(call)[0] == step  # type: ignore[index]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert store.connection().execute("SELECT count(*) FROM sim").fetchone() == (80,)


@pytest.mark.parametrize("fails", ["_write_beside", "write_blobs", "_write_call"])
def test_a_transaction_that_came_to_nothing_leaves_nothing_remembered(
    store: Store, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Ids that were made in a transaction that was rolled back are not used by the next one."""

    def broken(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    store.put(new_call("before", 1.0))
    with monkeypatch.context() as patched:
        patched.setattr(index, fails, broken)
        with pytest.raises(sqlite3.OperationalError):
            store.put(new_call("lost", {"x": 1.0}, source="def sim(gain): return {}", environment={"python": "4"}))
    stored = store.put(new_call("kept", {"y": 2.0}, source="def sim(gain): return 2", environment={"python": "5"}))
    after = store.put(new_call("lost", {"x": 1.0}, source="def sim(gain): return {}", environment={"python": "4"}))
    assert again(store, "kept") == {"y": 2.0} and again(store, "lost") == {"x": 1.0}
    assert (store.environment(stored.environment), store.environment(after.environment)) == (
        {"python": "5"},
        {"python": "4"},
    )
    assert store.layout(stored.layout).names == ("y",) and store.layout(after.layout).names == ("x",)
    assert len({stored.version, after.version}) == 2


def test_a_transaction_that_is_never_left_is_rolled_back(store: Store) -> None:
    """Where an interrupt comes between a transaction and its end, nothing of it stays and others can write."""
    store.put(new_call("before", 1.0))
    block = store._connections.writing()
    block.__enter__().execute("DELETE FROM _calls")
    del block
    assert not store.connection().in_transaction and again(store, "before") == 1.0
    with ThreadPoolExecutor(1) as pool:  # a connection and locks of its own
        pool.submit(store.put, new_call("after", 2.0)).result(timeout=30)
    assert again(store, "after") == 2.0


def test_a_store_among_other_files_hides_none_of_them(tmp_path: Path) -> None:
    """A store's own folder tells git to ignore it; a folder that holds other files is left as it is."""
    (tmp_path / "paper.tex").write_text("")
    open_store(tmp_path).put(new_call("a", 1.0))
    open_store(tmp_path / "own").put(new_call("a", 1.0))
    assert not (tmp_path / ".gitignore").exists() and (tmp_path / "own" / ".gitignore").read_text() == "*\n"
