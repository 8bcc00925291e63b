"""Tags: a set of calls that is found again under its name, whatever the code is by then."""

from __future__ import annotations

import sqlite3
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable import NoCallFound, Q, StoreError, SweepableError, UnknownName

RUNS: list[str] = []
SOURCE = """
@sweepable.cache(y=np.ndarray, ignore_globals=["RUNS"])
def simulate(gain=2.0):
    RUNS.append("simulate")
    if gain == "no":
        raise ValueError("no such gain")
    return np.arange(4.0) * gain{change}

@sweepable.cache(rms=float, ignore_globals=["RUNS"])
def evaluate(sim_result=simulate, scale=1.0):
    RUNS.append("evaluate")
    return float(np.sqrt(np.mean(sim_result.y ** 2)) * scale)
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    RUNS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sweepable.StaleResults)
        yield


def define(change: str = "") -> Any:
    namespace: dict[str, Any] = {"sweepable": sweepable, "np": np, "RUNS": RUNS}
    exec(SOURCE.format(change=change), namespace)
    return type("Lab", (), namespace)


def gains(query: Any) -> list[Any]:
    return [rec.gain for rec in query]


def test_a_tag_brings_back_that_exact_set_whatever_the_code_is_by_then() -> None:
    """After edits, of the function itself and upstream, the tagged calls are found, and no others."""
    lab = define()
    runs = lab.evaluate.sweep(sim_result__gain=[1.0, 2.0, 3.0], progress=False)
    assert runs.filter(sim_result__gain__gte=2.0).tag("fig3", note="for the paper") == 2
    values = [rec.rms for rec in lab.evaluate.filter(info__tag="fig3")]
    later = define(change=" + 1.0")
    later.evaluate.sweep(sim_result__gain=[1.0, 2.0, 3.0], progress=False)
    RUNS.clear()
    found = later.evaluate.filter(info__tag="fig3")
    assert [rec.rms for rec in found] == values and gains(found) == [2.0, 3.0]
    assert found.to_df()["sim_result__gain"].tolist() == [2.0, 3.0]
    assert found.first().info.tags == {"fig3": "for the paper"}
    assert found.filter(rms__gt=values[0]).count() == 1 and RUNS == []
    assert later.evaluate.filter(info__tag="fig3", version="v1", sim_result__gain=2.0).count() == 1
    assert later.simulate.select(version="v2").filter(info__tag__isnull=False).count() == 0


def test_a_tag_is_put_on_and_taken_off() -> None:
    """A Record gives itself back, a query says how many; another note replaces the first, none leaves it."""
    lab = define()
    rec = lab.simulate.get_or_run(gain=2.0)
    assert rec.tag("fig3", note="first") is rec and rec.tag("base") is rec
    assert rec.info.tags == {"base": None, "fig3": "first"}
    assert rec.tag("fig3").info.tags["fig3"] == "first" and rec.tag("fig3", "second").info.tags["fig3"] == "second"
    assert "base, fig3 (second)" in repr(rec.info)
    assert rec.untag("base").untag("none such").info.tags == {"fig3": "second"}
    lab.simulate(gain=3.0)
    assert lab.simulate.select().tag("fig3") == 2 and rec.info.tags == {"fig3": "second"}
    assert lab.simulate.filter(gain=3.0).untag("fig3") == 1 and lab.simulate.select().untag("fig3") == 1
    assert lab.simulate.filter(info__tag="fig3").count() == 0 and "\n  tags" not in repr(rec.info)
    assert lab.simulate.filter(gain=99.0).tag("fig3") == 0


def test_lookups_of_tags() -> None:
    """Equality, lists, text look-ups, what has none; a call with two tags is one row; also through an upstream call."""
    lab = define()
    lab.evaluate.sweep(sim_result__gain=[1.0, 2.0, 3.0, 4.0], progress=False)
    simulate = lab.simulate
    simulate.filter(gain__lte=2.0).tag("fig3")
    simulate.filter(gain__in=[2.0, 3.0]).tag("fig4 b")
    assert gains(simulate.filter(info__tag=["fig3", "fig4 b"])) == [1.0, 2.0, 3.0]
    assert gains(simulate.filter(info__tag__startswith="fig")) == [1.0, 2.0, 3.0]
    assert gains(simulate.filter(info__tag__contains="4")) == [2.0, 3.0]
    assert gains(simulate.filter(info__tag__endswith="b", info__tag="fig3")) == [2.0]
    assert (
        gains(simulate.filter(info__tag__ne="fig3")) == [3.0, 4.0] == gains(simulate.select().exclude(info__tag="fig3"))
    )
    assert gains(simulate.filter(info__tag__isnull=True)) == [4.0] == gains(simulate.filter(info__tag=None))
    assert gains(simulate.filter(info__tag__isnull=False)) == [1.0, 2.0, 3.0]
    assert gains(lab.evaluate.filter(sim_result__info__tag="fig4 b")) == [2.0, 3.0]
    assert gains(lab.evaluate.filter(simulate__info__tag="fig3", sim_result__info__tag="fig4 b")) == [2.0]
    assert simulate.filter(info__tag="Fig3").count() == 0


def test_what_is_not_tagged_keeps_to_the_code_as_it_is_now() -> None:
    """Look-ups for calls without a tag, and tags upstream, do not bring back results of earlier code."""
    lab = define()
    lab.evaluate()
    lab.simulate.select().tag("base")
    later = define(change=" + 1.0")
    later.evaluate()
    assert later.simulate.filter(info__tag__isnull=True).count() == 1
    assert later.simulate.select().exclude(info__tag="base").count() == 1
    assert later.evaluate.filter(sim_result__info__tag="base").count() == 0
    assert later.evaluate.filter(sim_result__info__tag="base", version="any").count() == 1


def test_tags_in_conditions_that_are_joined() -> None:
    """Code of any age is seen where each call that is found has to have a tag; else it is the code as it is now."""
    lab = define()
    lab.simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    lab.simulate.filter(gain=1.0).tag("a")
    lab.simulate.filter(gain=2.0).tag("b")
    later = define(change=" + 1.0")
    later.simulate.sweep(gain=[2.0, 3.0], progress=False)
    found = later.simulate.filter
    assert gains(found(Q(info__tag="a") | Q(info__tag="b"))) == [1.0, 2.0]
    assert gains(found(Q(info__tag="a") | Q(gain=3.0))) == [3.0]
    assert gains(found(Q(info__tag__in=["a", "b"]) & Q(gain=2.0))) == [2.0]
    assert gains(found(~Q(info__tag="a"))) == [2.0, 3.0]
    assert gains(found(info__tag="a") | found(gain=3.0)) == [1.0, 3.0]
    assert gains(found(info__tag="b")) == [2.0] and gains(found(info__tag="none")) == []


def test_failed_and_tainted_calls_can_be_tagged() -> None:
    """A tag brings back calls however they ended."""
    lab = define()
    runs = lab.simulate.sweep(gain=[1.0, "no"], progress=False)
    assert runs.all().tag("odd") == 2 and runs.failed.tag("failed") == 1
    found = list(lab.simulate.filter(info__tag="odd"))
    assert [rec.info.status for rec in found] == ["done", "failed"]
    assert lab.simulate.filter(info__tag="odd", gain="no").get().info.error == "ValueError: no such gain"


@pytest.mark.parametrize("tag", ["", "  ", " fig3", "fig3\n", "a\tb", "x" * 201, None, 3, ["fig3"], "\ud800"])
def test_what_cannot_be_a_tag_is_refused(tag: Any) -> None:
    """The error says why, and nothing is written."""
    lab = define()
    rec = lab.simulate.get_or_run()
    for way in (rec.tag, rec.untag, lab.simulate.select().tag, lab.simulate.select().untag):
        with pytest.raises(SweepableError, match="cannot be tagged"):
            way(tag)
    with pytest.raises(SweepableError, match="note= takes a str"):
        rec.tag("fig3", note=3)  # type: ignore[arg-type]
    assert rec.info.tags == {}


def test_wrong_lookups_of_tags_are_errors() -> None:
    """A misspelled name, look-up or kind of value is never taken for "no such call"."""
    lab = define()
    lab.simulate()
    with pytest.raises(UnknownName, match="did you mean 'tag'"):
        lab.simulate.filter(info__tags="fig3")
    with pytest.raises(UnknownName, match="has no look-up 'contain'"):
        lab.simulate.filter(info__tag__contain="fig3")
    with pytest.raises(SweepableError, match="info__tag is a text"):
        lab.simulate.filter(info__tag=3).count()
    with pytest.raises(SweepableError, match="several tags, so there is no order"):
        lab.simulate.select().order_by("info__tag").count()


def test_any_printable_tag_and_note_comes_back() -> None:
    """Tags are plain text: quotes, percent signs and other scripts stand for themselves."""
    lab = define()
    rec = lab.simulate.get_or_run()
    for tag in ("it's", 'a "b"', "50%_x", "Bild 3 – größer", "图3", "x" * 200):
        assert rec.tag(tag, note=f"{tag}\nsecond line \ud800").info.tags[tag].startswith(f"{tag}\nsecond line")
        assert lab.simulate.filter(info__tag=tag).count() == 1
    assert lab.simulate.filter(info__tag__contains="%").count() == 1
    assert lab.simulate.filter(info__tag__contains="0%x").count() == 0


def test_a_tag_outlives_a_run_in_its_place(store_path: Path) -> None:
    """A call that is damaged and computed again is the same call: its tags stay."""
    lab = define()
    rec = lab.simulate.get_or_run(gain=2.0).tag("fig3", note="kept")
    with sqlite3.connect(store_path / "index.db") as c:
        c.execute("UPDATE _calls SET result = x'00' WHERE key = ?", (rec.info.key,))
    c.close()
    with pytest.warns(sweepable.DamagedData):
        lab.simulate(gain=2.0)
    assert lab.simulate.filter(info__tag="fig3").get().info.tags == {"fig3": "kept"}


def test_what_is_made_of_a_tagged_call_is_another_call() -> None:
    """A migrated copy is not tagged: the tag stays with what was marked."""
    define().simulate.get_or_run(gain=2.0).tag("fig3")
    later = define(change=" + 0.0")
    later.simulate.migrate("the same").apply()
    assert later.simulate.peek(gain=2.0).info.tags == {}
    assert later.simulate.filter(info__tag="fig3").get().info.version != later.simulate.version().digest


def test_a_call_that_is_not_in_the_store_cannot_be_tagged() -> None:
    """It was forgotten since, or could never be stored: an error, and not a tag on nothing."""
    lab = define()
    rec = lab.simulate.get_or_run()
    lab.simulate.reset().apply()
    with pytest.raises(NoCallFound, match="cannot be tagged 'fig3'"):
        rec.tag("fig3")


def test_a_function_that_has_a_parameter_called_tag() -> None:
    """``rec["tag"]`` and look-ups are the user's own, as ever."""

    @sweepable.cache
    def labelled(tag: str = "a") -> str:
        return tag.upper()

    rec = labelled.get_or_run(tag="b").tag("fig3")
    assert rec["tag"] == "b" and rec.params.tag == "b"
    assert labelled.filter(tag="b", info__tag="fig3").count() == 1


def test_a_body_that_reads_tags_depends_on_more_than_content() -> None:
    """A run that looks at tags reads what is known about a call: it is not taken over for another one."""

    def define_reader(same: str) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "RUNS": RUNS}
        source = f"""
@sweepable.cache
def base(x=1.0):
    return x{same}

@sweepable.cache(ignore_globals=["RUNS"])
def reader(b=base):
    RUNS.append("reader")
    return sorted(b.info.tags)
"""
        exec(source, namespace)
        return type("Lab", (), namespace)

    lab = define_reader("")
    lab.base.get_or_run().tag("fig3")
    assert lab.reader() == ["fig3"]
    assert define_reader(" + 0.0").reader() == [] and RUNS == ["reader", "reader"]


LAB = """
import sweepable

@sweepable.cache(rms=float)
def evaluate_sim(gain=1.0):
    return 2 * gain
"""


def test_tags_are_found_in_a_process_without_the_code(run_script: RunScript) -> None:
    """A name and a tag are all that it takes, after edits as well."""
    run = """
        from lab import evaluate_sim
        if __name__ == "__main__":
            runs = evaluate_sim.sweep(gain=[1.0, 2.0, 3.0], progress=False, on_stale="ignore", n_jobs=2)
            runs.filter(rms__gte=4.0).tag("fig3", note="plotted")
    """
    run_script(run, files={"lab.py": LAB})
    again = "from lab import evaluate_sim\nevaluate_sim(2.0)"
    run_script(again, files={"lab.py": LAB.replace("2 * gain", "3 * gain")})
    found = run_script(
        """
        import sweepable
        for rec in sweepable.find("evaluate_sim", info__tag="fig3").order_by("gain"):
            print(rec.gain, rec.rms, rec.info.tags["fig3"])
        """,
        name="other.py",
    )
    assert found.stdout.splitlines() == ["2.0 4.0 plotted", "3.0 6.0 plotted"]


@pytest.mark.skipif(sys.platform != "linux", reason="drops the right to write as root")
def test_a_read_only_store_says_that_it_takes_no_tags(run_script: RunScript, store_path: Path) -> None:
    """Tags are read there; putting one on, or taking one off, is a clear error."""
    run_script("from lab import *\nevaluate_sim.get_or_run().tag('fig3')", files={"lab.py": LAB})
    body = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert libc.capset(header, data) == 0
        from lab import evaluate_sim
        rec = evaluate_sim.peek()
        for change in (lambda: rec.tag("x"), lambda: rec.untag("fig3"), lambda: evaluate_sim.reset(tagged=True).apply(),
                       lambda: evaluate_sim.select().tag("x")):
            try:
                change()
            except Exception as error:
                print(type(error).__name__, "read-only" in str(error))
        print(rec.info.tags)
    """
    paths = [store_path, *store_path.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        found = run_script(body, name="reader.py").stdout.splitlines()
    finally:
        for path in paths:
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert found == ["StoreError True"] * 4 + ["{'fig3': None}"]
    assert StoreError is sweepable.StoreError


def test_tagging_many_calls_is_one_transaction(store_path: Path) -> None:
    """All of a set is tagged or none of it: another process never sees a part."""
    lab = define()
    lab.simulate.sweep(gain=list(range(300)), progress=False)
    with sqlite3.connect(store_path / "index.db") as c:
        before = c.execute("PRAGMA data_version").fetchone()
        assert lab.simulate.select().tag("all") == 300
        assert c.execute("PRAGMA data_version").fetchone() != before
        created = "SELECT count(*), count(DISTINCT created) FROM _tags"
        assert c.execute(created).fetchone() == (300, 1)
    c.close()
