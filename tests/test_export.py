"""Exports: calls with all that they came from as one file, which reads as the store did."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript, script_environment
from storing import blob_files
from sweepable import DamagedError, NoCallFound, NotKept, StoreError, StoreFormatError, SweepableError, TrustError
from sweepable.store import packed

RUNS: list[str] = []
SOURCE = """
class Model:
    def __init__(self, k):
        self.k = k

@sweepable.cache(ignore_globals=["RUNS"])
def reference(amplitude=1.0):
    RUNS.append("reference")
    return dict(ref_y=amplitude * np.arange(4.0), big=np.full(50_000, amplitude), huge=np.full(200_000, amplitude))

@sweepable.cache(y=np.ndarray, ignore_globals=["RUNS"])
def simulate(reference=reference, gain=2.0, data=np.arange(5000.0)):
    RUNS.append("simulate")
    if gain == "no":
        raise ValueError("no such gain")
    return reference.ref_y * gain{change}

@sweepable.cache(rms=float, frame=None, ignore_globals=["RUNS"])
def evaluate(sim=simulate, scale=1.0):
    RUNS.append("evaluate")
    rms = float(np.sqrt(np.mean(sim.y ** 2)) * scale)
    return rms, pd.DataFrame(dict(y=sim.y, name=list("abcd")))

@sweepable.cache(ignore_globals=["RUNS"])
def nested(gain=2.0):
    RUNS.append("nested")
    return float(simulate(gain=gain).sum())

@sweepable.cache(depends_on=[reference], ignore_globals=["RUNS"])
def announced(amplitude=1.0):
    RUNS.append("announced")
    return float(reference(amplitude)["ref_y"].sum())

@sweepable.cache(ignore_globals=["RUNS"])
def model(k=3.0):
    RUNS.append("model")
    return Model(k)
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    RUNS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sweepable.StaleResults)
        yield


def define(change: str = "") -> Any:
    namespace: dict[str, Any] = {"sweepable": sweepable, "np": np, "pd": pd, "RUNS": RUNS, "__name__": __name__}
    exec(SOURCE.format(change=change), namespace)
    return type("Lab", (), namespace)


def fill(lab: Any) -> Any:
    runs = lab.evaluate.sweep(sim__gain=[1.0, 2.0, 3.0], scale=[1.0, 2.0], progress=False)
    lab.evaluate(scale=9.0)
    RUNS.clear()
    return runs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export" / "paper.db"


def test_calls_come_with_all_that_they_came_from_and_nothing_else(path: Path) -> None:
    """What is upstream goes along at any distance, as arguments, nested or announced; other calls do not."""
    lab = define()
    fill(lab)
    lab.nested(5.0)
    lab.announced(6.0)
    done = sweepable.export(lab.evaluate.filter(sim__gain=3.0, scale=2.0), path)
    assert (done.path, done.calls, done.blobs) == (path, 3, 3) and done.nbytes == path.stat().st_size
    assert repr(done).startswith("<paper.db: 3 calls, 3 blobs, ")
    assert os.listdir(path.parent) == ["paper.db"]
    with sweepable.use(path):
        assert [rec.rms for rec in sweepable.find("evaluate")] == [lab.evaluate(lab.simulate.partial(gain=3.0), 2.0)[0]]
        assert (sweepable.find("simulate").count(), sweepable.find("reference").count()) == (1, 1)
        with pytest.raises(sweepable.UnknownName):
            sweepable.find("nested")
    RUNS.clear()
    sweepable.export([lab.nested.select(), lab.announced.get_or_run(6.0)], path, overwrite=True)
    with sweepable.use(path):
        assert lab.nested.get(gain=5.0).simulate.gain == 5.0 and lab.announced(6.0) == 36.0
        assert lab.announced.get().reference.big[0] == 6.0 and lab.simulate(gain=5.0).sum() == 30.0
    assert RUNS == []


def test_hits_tables_and_lookups_are_those_of_the_store(path: Path) -> None:
    """The same calls hit, with the same values; queries, tables, upstream walks, info and tags are as they were."""
    lab = define()
    runs = fill(lab)
    lab.evaluate.filter(scale=2.0).tag("fig3", note="plotted")
    table, info = runs.to_df(), runs[1].info
    frame = runs[1].frame
    sweepable.export(runs, path)
    with sweepable.use(path):
        inside = lab.evaluate.sweep(sim__gain=[1.0, 2.0, 3.0], scale=[1.0, 2.0], progress=False)
        assert inside.counts["hit"] == 6 and RUNS == []
        pd.testing.assert_frame_equal(inside.to_df(), table)
        pd.testing.assert_frame_equal(lab.evaluate.select().to_df().sort_values("rms"), table.sort_values("rms"))
        rec = inside[1]
        pd.testing.assert_frame_equal(rec.frame, frame)
        assert rec.sim.reference.huge.tolist() == [1.0] * 200_000 and rec.amplitude == 1.0
        assert vars(rec.info).keys() == vars(info).keys() and rec.info.environment == info.environment
        assert (rec.info.started, rec.info.tags) == (info.started, {"fig3": "plotted"})
        assert lab.evaluate.filter(info__tag="fig3", sim__gain__gte=2.0).count() == 2
        assert [r.scale for r in lab.simulate.get(gain=2.0).downstream(lab.evaluate)] == [1.0, 2.0]
        assert lab.evaluate.versions()["v1"].calls == 6 and lab.evaluate.explain(scale=2.0).hit
        assert lab.simulate.get(gain=1.0).data.tolist() == list(range(5000))
        changed = rec.sim.reference.big
        changed[:] = 0.0  # an array that was read is free to change, and changes nothing
        assert lab.reference()["big"][0] == 1.0


def test_what_is_not_in_the_file_is_computed_and_not_kept(path: Path) -> None:
    """A miss runs and says so once; a sweep that would have to compute is refused; nothing is written."""
    lab = define()
    sweepable.export(fill(lab), path)
    before = path.read_bytes()
    with sweepable.use(path) as used:
        with pytest.warns(NotKept, match="read-only"):
            assert lab.simulate(gain=7.0)[1] == 7.0
        assert used.store.read_only and RUNS == ["simulate"]
        with pytest.raises(StoreError, match="cannot be written"):
            lab.simulate.sweep(gain=[8.0], progress=False)
        for change in (
            lambda: lab.simulate.select().tag("x"),
            lambda: lab.simulate.reset().apply(),
            lambda: lab.simulate.get(gain=1.0).untag("x"),
        ):
            with pytest.raises(StoreError, match="read-only"):
                change()
    assert path.read_bytes() == before and os.listdir(path.parent) == ["paper.db"]


def test_queries_see_all_that_the_file_holds_whatever_the_code_is_by_now(path: Path) -> None:
    """There ``version="any"`` is the default; ``"current"`` can be asked for."""
    lab = define()
    sweepable.export(fill(lab), path)
    later = define(change=" + 1.0")
    with sweepable.use(path):
        assert later.evaluate.select().count() == 6 == sweepable.find(later.evaluate).count()
        assert later.evaluate.filter(sim__gain=2.0).count() == 2
        assert later.evaluate.select(version="current").count() == 0
        assert later.evaluate.get(sim__gain=2.0, scale=1.0).sim.y[1] == 2.0
    assert later.evaluate.select().count() == 0


def test_failed_calls_and_calls_of_several_versions_go_along(path: Path) -> None:
    """Whatever the query finds is exported, with its versions, labels and layouts."""
    lab = define()
    runs = lab.simulate.sweep(gain=[1.0, "no"], progress=False)
    lab.simulate.versions()["v1"].set_label("submitted")
    later = define(change=" + 1.0")
    later.simulate(gain=1.0)
    done = sweepable.export([runs.all(), later.simulate.select()], path)
    assert done.calls == 4
    with sweepable.use(path):
        found = later.simulate.filter(info__status="failed").get()
        assert found.info.error == "ValueError: no such gain" and "no such gain" in found.info.traceback
        assert later.simulate.filter(version="submitted").get().y[1] == 1.0
        assert [version.calls for version in later.simulate.versions()] == [1, 1]
        assert later.simulate(gain=1.0)[1] == 2.0 and lab.simulate(gain=1.0)[1] == 1.0


def test_an_export_can_be_exported(path: Path) -> None:
    """A part of a file is written as another one."""
    lab = define()
    sweepable.export(fill(lab), path)
    with sweepable.use(path):
        done = sweepable.export(lab.evaluate.filter(sim__gain=1.0), path.with_name("part.db"))
    assert done.calls == 4
    with sweepable.use(done.path):
        assert lab.evaluate.select().count() == 2 and lab.evaluate.select()[0].sim.reference.huge[7] == 1.0


def test_blobs_larger_than_a_part_come_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of any size: SQLite's limit for one value is none for them."""
    monkeypatch.setattr(packed, "PART", 70_000)
    lab = define()
    lab.reference(3.0)
    sweepable.export(lab.reference.select(), path)
    with closing(sqlite3.connect(path)) as c:
        assert c.execute("SELECT count(*), max(length(data)) FROM _data").fetchone() == (29, 70_000)
        assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with sweepable.use(path):
        assert (lab.reference(3.0)["huge"] == 3.0).all() and RUNS == ["reference"]


def test_the_file_reads_well_in_any_sqlite_tool(path: Path) -> None:
    """It is a database with the tables of an index: one per function, a row per call."""
    lab = define()
    sweepable.export(fill(lab), path)
    with closing(sqlite3.connect(path)) as c:
        query = "SELECT s.gain, e.scale, e.rms FROM evaluate e JOIN simulate s ON s.id = e.sim_id ORDER BY 1, 2"
        assert c.execute(query).fetchall()[0] == (1.0, 1.0, pytest.approx(1.8708286933869707))
        query = "SELECT sim__gain, sim__reference__amplitude, scale FROM evaluate__flat ORDER BY 1, 3"
        assert c.execute(query).fetchall()[:2] == [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0)]
        assert c.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert c.execute("SELECT count(*) FROM _damaged").fetchone() == (0,)


# -- what is refused


def test_a_file_that_is_there_is_kept_unless_it_is_said(path: Path, store_path: Path) -> None:
    """No file, folder or store is overwritten by mistake."""
    lab = define()
    fill(lab)
    path.write_text("a thesis")
    with pytest.raises(StoreError, match="is there already; overwrite=True"):
        sweepable.export(lab.reference.select(), path)
    assert path.read_text() == "a thesis"
    with pytest.raises(StoreError, match="is a folder"):
        sweepable.export(lab.reference.select(), path.parent, overwrite=True)
    with pytest.raises(StoreError, match="there is no folder"):
        sweepable.export(lab.reference.select(), path.parent / "none" / "paper.db")
    with pytest.raises(StoreError, match="is the index of a store"):
        sweepable.export(lab.reference.select(), store_path / "index.db", overwrite=True)
    sweepable.export(lab.reference.select(), path, overwrite=True)
    assert os.listdir(path.parent) == ["paper.db"] and lab.evaluate.select().count() == 7


def test_a_file_that_is_overwritten_is_another_store(path: Path, tmp_path: Path) -> None:
    """What was read of the one that was there stays what it was; using the path again reads the new one."""
    lab = define()
    lab.reference(1.0)
    sweepable.export(lab.reference.select(), path)
    with sweepable.use(path):
        rec, query = lab.reference.get(), lab.reference.select()
        assert rec.amplitude == 1.0
    with sweepable.use(tmp_path / "other"):
        lab.simulate(gain=4.0)
        lab.reference(5.0)
        sweepable.export([lab.simulate.select(), lab.reference.filter(amplitude=5.0)], path, overwrite=True)
    with sweepable.use(path):
        assert sorted(found.amplitude for found in lab.reference.select()) == [1.0, 5.0]
        assert lab.simulate.get().gain == 4.0
    assert rec.ref_y[1] == 1.0 and rec.info.status == "done" and [r.big[0] for r in query] == [1.0]


def test_only_stored_calls_can_be_exported(path: Path, tmp_path: Path) -> None:
    """Anything else is an error that says what is needed; nothing is written."""
    lab = define()
    with pytest.raises(NoCallFound, match="no calls"):
        sweepable.export(lab.reference.select(), path)
    with pytest.raises(NoCallFound, match="no calls"):
        sweepable.export([], path)
    for wrong in (lab.reference, "reference", 3, [lab.reference.select(), 3]):
        with pytest.raises(SweepableError, match="needs a query, a sweep or a Record"):
            sweepable.export(wrong, path)
    rec = lab.reference.get_or_run()
    with sweepable.use(tmp_path / "other"):
        other = lab.reference.get_or_run()
    with pytest.raises(SweepableError, match="these are in several"):
        sweepable.export([rec, other], path)
    assert os.listdir(path.parent) == []


def test_a_file_that_cannot_be_written_is_an_error(run_script: RunScript, path: Path) -> None:
    """No rights, or no room: the file that was there stays, and nothing is left of the new one."""
    exported(run_script, path)
    before = path.read_bytes()
    body = f"""
        import resource
        from lab import *
        runs = total.select()
        runs.count()
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for path in ({str(path)!r}, "/proc/paper.db"):
            try:
                sweepable.export(runs, path, overwrite=True)
            except sweepable.StoreError as error:
                print(error)
    """
    full, forbidden = run_script(body, name="full.py").stdout.splitlines()
    assert full.startswith(f"nothing was exported: {path} cannot be written: ")
    assert forbidden.startswith("nothing was exported: /proc/paper.db cannot be written: ")
    assert path.read_bytes() == before and os.listdir(path.parent) == ["paper.db"]


def _change(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [os.unlink, _change, lambda file: os.truncate(file, 100)], ids=["gone", "bit", "cut"])
@pytest.mark.parametrize("large", [False, True], ids=["read", "mapped"])
def test_what_cannot_be_read_is_not_exported(
    path: Path, store_path: Path, harm: Callable[[Path], None], large: bool
) -> None:
    """A damaged blob, of whatever size and however often it was read, names its call; the file that was there stays."""
    lab = define()
    lab.simulate().sum()
    lab.reference()["huge"].sum()
    sweepable.export(lab.reference.select(), path)
    before = path.read_bytes()
    files = sorted(blob_files(store_path), key=lambda file: file.stat().st_size)
    harm(files[-1 if large else -2])
    key = lab.reference.key_of()[:12]
    with pytest.raises(DamagedError, match=f"nothing was exported: the call {key} cannot be read"):
        sweepable.export(lab.simulate.select(), path, overwrite=True)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["paper.db"]


def test_a_damaged_row_is_not_exported(path: Path, store_path: Path) -> None:
    """A call that is not what was written, or was put aside, upstream too, is an error that names it."""
    lab = define()
    rec = lab.simulate.get_or_run()
    key = rec.reference.info.key
    with closing(sqlite3.connect(store_path / "index.db")) as c, c:
        c.execute("UPDATE _calls SET result = x'00' WHERE key = ?", (key,))
    with pytest.raises(DamagedError, match="nothing was exported"):
        sweepable.export(rec, path)
    with pytest.warns(sweepable.DamagedData):
        assert lab.reference.peek() is None
    with pytest.raises(DamagedError, match=f"the call {key[:12]} is damaged"):
        sweepable.export(rec, path)
    lab.reference()
    assert sweepable.export(rec, path).calls == 2
    with closing(sqlite3.connect(store_path / "index.db")) as c, c:
        c.execute("UPDATE _layouts SET text = replace(text, 'ref_y', 'ref_z')")
    with pytest.raises(DamagedError, match=f"the call {key[:12]} cannot be read: layout . is damaged"):
        sweepable.export(rec, path, overwrite=True)


@pytest.mark.parametrize("size", [0, 1, 50, 100, 512, 4096, 20_000, -70_000, -4097, -4096, -1])
def test_a_file_that_was_cut_short_is_an_error(path: Path, size: int) -> None:
    """Whatever is missing of it, it is not taken for a store that holds less."""
    lab = define()
    sweepable.export(fill(lab), path)
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    with sweepable.use(path):
        for use in (lab.evaluate, lab.evaluate.select().count, lambda: sweepable.find("evaluate")):
            with pytest.raises(StoreFormatError, match=r"paper\.db"):
                use()
    assert os.listdir(path.parent) == ["paper.db"] and RUNS == []


def test_a_file_of_another_program_is_an_error(path: Path, store_path: Path) -> None:
    """Text, another database, another format and the index of a store are told apart, and left as they are."""
    lab = define()
    lab.simulate()
    sweepable.export(lab.simulate.select(), path)

    def opened(file: Path) -> None:
        with sweepable.use(file):
            lab.simulate()

    (text := path.with_name("notes.txt")).write_text("not a database at all, but long enough to be taken for one" * 20)
    with pytest.raises(
        StoreFormatError, match=r"notes\.txt cannot be read as a file that sweepable.export has written"
    ):
        opened(text)
    with closing(sqlite3.connect(path.with_name("other.db"))) as c, c:
        c.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreFormatError, match="of another program"):
        opened(path.with_name("other.db"))
    with pytest.raises(StoreFormatError, match=r"is the index of a store.*use its folder"):
        opened(store_path / "index.db")
    with closing(sqlite3.connect(path)) as c, c:
        c.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreFormatError, match="is of format 99"):
        opened(path)


def test_a_file_that_another_program_is_writing_to_is_an_error(path: Path) -> None:
    """Rows that stand beside the file only would be missed: that is said, and not passed over."""
    lab = define()
    lab.simulate()
    sweepable.export(lab.simulate.select(), path)
    with closing(sqlite3.connect(path)) as c:
        c.execute("PRAGMA journal_mode = WAL")
        c.execute("INSERT INTO _readings VALUES (x'00', x'00')")
        c.commit()
        with sweepable.use(path), pytest.raises(StoreError, match="is being written by another program"):
            lab.simulate()


@pytest.mark.parametrize("blob", ["big", "huge"])
def test_a_flipped_bit_in_the_file_is_never_returned(path: Path, blob: str) -> None:
    """A blob that is not what was written is an error for a Record, and another run for a call."""
    lab = define()
    rec = lab.reference.get_or_run(2.0)
    size = rec[blob].nbytes
    sweepable.export(rec, path)
    with closing(sqlite3.connect(path)) as c, c:
        query = "SELECT rowid, data FROM _data ORDER BY abs(length(data) - ?) LIMIT 1"
        row, data = c.execute(query, (size,)).fetchone()
        changed = bytearray(data)
        changed[-3] ^= 16
        c.execute("UPDATE _data SET data = ? WHERE rowid = ?", (bytes(changed), row))
    RUNS.clear()
    with sweepable.use(path):
        with pytest.raises(DamagedError, match="is not what was written"):
            lab.reference.get(amplitude=2.0)[blob]
        with pytest.warns(sweepable.SweepableWarning):
            assert (lab.reference(2.0)[blob] == 2.0).all()
    assert RUNS == ["reference"]


def test_sizes_are_checked_before_memory_is_taken(path: Path) -> None:
    """A file that claims to hold more than it does takes no memory for it."""
    lab = define()
    rec = lab.reference.get_or_run(2.0)
    sweepable.export(rec, path)
    with closing(sqlite3.connect(path)) as c, c:
        c.execute("DELETE FROM _data")
    with sweepable.use(path) as used, pytest.raises(DamagedError, match="is missing, or not all there"):
        assert used.store.read_only
        used.store.blobs.open("0" * 64, "npy", 2**62, None)


# -- trust


def test_pickles_load_only_from_a_file_that_nobody_else_can_write(path: Path) -> None:
    """As in a store: else it is computed again, with a warning, unless it is trusted; arrays are data."""
    lab = define()
    globals()["Model"] = lab.Model
    lab.model()
    lab.reference()
    sweepable.export([lab.model.select(), lab.reference.select()], path)
    assert path.stat().st_mode & 0o777 == 0o600
    RUNS.clear()
    with sweepable.use(path):
        assert lab.model.get().value.k == 3.0 and lab.model().k == 3.0 and RUNS == []
    other = path.with_name("shared.db")
    other.write_bytes(path.read_bytes())
    other.chmod(0o666)
    with sweepable.use(other):
        assert lab.reference()["huge"][0] == 1.0
        with pytest.raises(TrustError, match="its pickles"):
            lab.model.get().value
        with pytest.warns(sweepable.SweepableWarning):
            assert lab.model().k == 3.0
        assert RUNS == ["model"]
    with sweepable.use(other, trust=True):
        assert lab.model().k == 3.0 and RUNS == ["model"]


# -- across processes

LAB = """
import numpy as np
import sweepable

@sweepable.cache
def base(x=1.0):
    print("base runs")
    return {"y": np.full(20_000, x)}

@sweepable.cache(total=float)
def total(b=base, k=2.0):
    print("total runs")
    return float(b.y.sum() * k)

def first(rec):
    return float(rec.b.y[0]), rec.total
"""


def exported(run_script: RunScript, path: Path) -> None:
    body = """
        import sys
        from lab import *
        runs = total.sweep(b__x=[1.0, 2.0], k=[1.0, 2.0], progress=False)
        runs.filter(k=2.0).tag("fig3")
        print(sweepable.export(runs, sys.argv[1]))
    """
    run_script(body, files={"lab.py": LAB}, arguments=(str(path),))


@pytest.mark.parametrize("way", ["use", "variable", "option"])
def test_a_file_is_a_store_in_every_way_to_name_one(
    run_script: RunScript, path: Path, tmp_path: Path, way: str
) -> None:
    """``sweepable.use``, ``SWEEPABLE_STORE`` and ``store=``: calls hit in another process, and nothing runs."""
    exported(run_script, path)
    lab, store = LAB, tmp_path / "empty"
    begin = f"import sweepable; sweepable.use({str(path)!r})\n" if way == "use" else ""
    if way == "variable":
        store = path
    if way == "option":
        lab = LAB.replace("cache\n", f"cache(store={str(path)!r})\n").replace(
            "cache(", f"cache(store={str(path)!r}, ", 2
        )
        lab = lab.replace(f"cache(store={str(path)!r}, store=", "cache(store=").replace(", )", ")")
    body = f"{begin}from lab import *\nprint(total(base.partial(x=2.0)), base(1.0)['y'].sum(), total.select().count())"
    done = run_script(body, name="reader.py", files={"lab.py": lab}, store=store)
    assert done.stdout.splitlines() == ["80000.0 20000.0 4"]
    assert os.listdir(path.parent) == ["paper.db"] and not (tmp_path / "empty").exists()


def test_a_file_is_read_without_the_code_on_a_read_only_medium(run_script: RunScript, path: Path) -> None:
    """By a name and a tag alone, where nothing can be written: no log, no lock, no file beside it."""
    exported(run_script, path)
    body = f"""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert libc.capset(header, data) == 0
        assert not os.access({str(path.parent)!r}, os.W_OK)
        import sweepable
        sweepable.use({str(path)!r})
        for rec in sweepable.find("total", info__tag="fig3"):
            print(rec.x, rec.total, rec.b.y.size, rec.info.tags)
        print(sweepable.find("total").to_df()["b__x"].tolist())
    """
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        done = run_script(body, name="reader.py").stdout.splitlines()
    finally:
        path.parent.chmod(0o700)
    both = ["1.0 40000.0 20000 {'fig3': None}", "2.0 80000.0 20000 {'fig3': None}"]
    assert done == [*both, "[1.0, 1.0, 2.0, 2.0]"] and os.listdir(path.parent) == ["paper.db"]


def test_many_processes_read_one_file(run_script: RunScript, path: Path) -> None:
    """At once, and again in the workers that they start: a Record finds its way by the path of the file."""
    exported(run_script, path)
    body = f"""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        import sweepable
        from lab import first, total
        if __name__ == "__main__":
            sweepable.use({str(path)!r})
            with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
                print(list(pool.map(first, total.select())))
    """
    run_script("import lab", files={"reader.py": body}, name="nothing.py")
    project = path.parents[1] / "project"
    children = [
        subprocess.Popen(
            [sys.executable, "reader.py"],
            cwd=project,
            env=script_environment(path.parent / "none"),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    expected = "[(1.0, 20000.0), (1.0, 40000.0), (2.0, 40000.0), (2.0, 80000.0)]\n"
    assert [child.communicate(timeout=120)[0] for child in children] == [expected] * 3
    assert os.listdir(path.parent) == ["paper.db"]


def test_records_of_a_file_pickle_and_are_arguments_elsewhere(path: Path) -> None:
    """A Record of a file is an upstream call in another store, as one of any store is."""
    lab = define()
    sweepable.export(fill(lab), path)
    with sweepable.use(path):
        rec = lab.simulate.get(gain=3.0)
        query = pickle.loads(pickle.dumps(lab.simulate.filter(gain__gte=2.0)))
    assert pickle.loads(pickle.dumps(rec)).y.tolist() == rec.y.tolist() == [0.0, 3.0, 6.0, 9.0]
    assert sorted(found.gain for found in query) == [2.0, 3.0]
    assert lab.evaluate(rec, 2.0)[0] == lab.evaluate(lab.simulate.partial(gain=3.0), 2.0)[0] and RUNS == []


def test_an_export_that_is_killed_leaves_the_file_that_was_there(run_script: RunScript, path: Path) -> None:
    """A file appears whole or not at all."""
    exported(run_script, path)
    before = path.read_bytes()
    body = f"""
        import os, signal
        from lab import *
        from sweepable.store import packed
        write = packed.write
        def killed(*arguments):
            write(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        packed.write = killed
        sweepable.export(total.select(), {str(path)!r}, overwrite=True)
    """
    assert run_script(body, name="killed.py", check=False).returncode == -9
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """No folder is made that bears the name of a misspelled export."""
    with pytest.raises(sweepable.StoreError, match=r"there is no file .*misspelt.db"):
        sweepable.use(tmp_path / "misspelt.db")
    assert not (tmp_path / "misspelt.db").exists()
