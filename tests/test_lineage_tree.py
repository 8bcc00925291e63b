"""The whole lineage of a call: what it tells, and how it is printed, drawn and exported."""

from __future__ import annotations

import pickle
import re
import sqlite3
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable.ancestry import Lineage
from sweepable.record import store_of

SVG = "{http://www.w3.org/2000/svg}"


@sweepable.cache
def reference(amplitude: float = 1.0) -> dict[str, Any]:
    return {"y": amplitude, "t": np.zeros(3)}


@sweepable.cache(total=float)
def simulate(ref: Any = reference, gain: float = 2.0) -> float:
    if gain > 100:
        raise ValueError("too much\nof a gain")
    return float(ref.y * gain)


@sweepable.cache(rms=float)
def evaluate(sim: Any = simulate) -> float:
    return float(sim.total / 4)


@sweepable.cache
def compare(left: Any = simulate, right: Any = evaluate) -> float:
    return float(left.total + right.rms)


@sweepable.cache
def summarise(runs: Any) -> float:
    return float(sum(run.rms for run in runs))


@sweepable.cache
def fib(n: int = 5) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@sweepable.cache
def describe(text: str = "", further: Any = None) -> str:
    return text


def tree(lineage: Lineage) -> list[str]:
    """The lines of a lineage, without durations, which differ from run to run."""
    return re.sub(r"  \[[\d.]+ m?s\]", "", str(lineage)).splitlines()


def forget(folder: Path, *keys: str) -> None:
    """Remove calls with all that belongs to them."""
    with sqlite3.connect(folder / "index.db") as connection:
        for key in keys:
            ((number, function),) = connection.execute("SELECT id, function FROM _calls WHERE key = ?", (key,))
            ((table,),) = connection.execute("SELECT table_name FROM _functions WHERE id = ?", (function,))
            connection.execute("DELETE FROM _calls WHERE id = ?", (number,))
            connection.execute(f'DELETE FROM "{table}" WHERE id = ?', (number,))
            connection.execute("DELETE FROM _lineage WHERE upstream = ? OR downstream = ?", (number, number))
    connection.close()


def arrows(drawn: str) -> set[tuple[str, str]]:
    """The edges of a drawing, by the ids of boxes that are there."""
    root = ElementTree.fromstring(drawn)
    boxes = {group.get("id") for group in root.iter(f"{SVG}g") if group.get("class") == "call"}
    lines = [group for group in root.iter(f"{SVG}g") if group.get("class") == "edge"]
    found = {(str(line.get("data-from")), str(line.get("data-to"))) for line in lines}
    assert {end for ends in found for end in ends} <= boxes
    return found


# -- as text


def test_the_tree_tells_functions_parameters_and_outputs() -> None:
    """Each call stands once, with its parameters and outputs; where it is met again, a word points to it."""
    assert tree(compare.get_or_run().lineage()) == [
        "compare() → value=2.5",
        "├─ left: simulate(gain=2.0) → total=2.0",
        "│  └─ ref: reference(amplitude=1.0) → y=1.0, t: ndarray float64 (3,)",
        "└─ right: evaluate() → rms=0.5",
        "   └─ sim: simulate(gain=2.0) ↑ shown above",
    ]


def test_a_cached_function_that_calls_itself_is_a_tree_as_any_other() -> None:
    """Nested calls are told from arguments, and no call of a recursion is shown twice."""
    lines = tree(fib.get_or_run(4).lineage())
    assert lines[0] == "fib(n=4) → value=3" and all(" calls fib(n=" in line for line in lines[1:])
    assert sum("↑ shown above" not in line for line in lines) == 5
    assert len(fib.get_or_run(4).lineage().edges) == 6


def test_one_call_under_two_names_has_two_edges() -> None:
    """A call that is given for two parameters, or given and called, is one node."""

    @sweepable.cache
    def twice(a: Any = reference, b: Any = reference) -> float:
        return float(a.y + b.y + reference()["y"])

    lineage = twice.get_or_run().lineage()
    assert len(lineage.nodes) == 2
    assert {(edge.role, edge.name, edge.label) for edge in lineage.edges} == {
        ("argument", "a", "a"),
        ("argument", "b", "b"),
        ("nested", "reference", "calls"),
    }
    assert len(arrows(lineage._repr_svg_())) == 1 and lineage._repr_svg_().count('class="edge"') == 3


def test_one_output_and_what_is_declared_are_told_from_records() -> None:
    """An edge says which output was given, and which call ``depends_on`` announced."""

    @sweepable.cache(depends_on=[reference])
    def announced(y: Any = reference["y"], amplitude: float = 1.0) -> float:
        return float(y + reference(amplitude)["y"])

    lines = tree(announced.get_or_run().lineage())
    assert lines[1].startswith("├─ y: reference(") or lines[1].startswith("├─ y = y: reference(")
    assert lines[2].startswith("└─ depends on reference(") and lines[2].endswith("↑ shown above")
    (edge,) = (edge for edge in announced.get_or_run().lineage().edges if edge.role == "argument")
    assert edge.output == "y"


def test_many_calls_of_one_function_are_one_line() -> None:
    """Forty runs that were reduced to one are a line with what they differ in, and so is what is upstream of them."""
    runs = evaluate.sweep(sim__gain=[float(n) for n in range(1, 41)], progress=False)
    lines = tree(summarise.get_or_run(runs).lineage())
    assert lines == [
        "summarise(runs=40 calls of evaluate) → value=205.0",
        "└─ runs: evaluate × 40 → rms=0.25 … 10.0, 40 values",
        "   └─ sim: simulate × 40 (gain=1.0 … 40.0, 40 values) → total=1.0 … 40.0, 40 values",
        "      └─ ref: reference(amplitude=1.0) → y=1.0, t: ndarray float64 (3,)",
    ]


def test_a_depth_ends_the_tree_and_says_what_lies_beyond() -> None:
    """``depth=1`` shows what was directly upstream, and how many calls that came from."""
    record = evaluate.get_or_run()
    assert tree(record.lineage(1))[1:] == [
        "└─ sim: simulate(gain=2.0) → total=2.0",
        "   └─ … 1 more call upstream, past the depth asked for",
    ]
    assert len(record.lineage(0).nodes) == 1 and record.lineage(0).nodes[0].hidden == 1
    assert record.lineage(2).nodes == record.lineage().nodes
    with pytest.raises(ValueError, match="depth"):
        record.lineage(-1)


def test_downstream_shows_what_came_from_a_call() -> None:
    """The same tree the other way round, of whatever function."""
    compare.get_or_run()
    assert tree(reference.get_or_run().lineage(downstream=True)) == [
        "reference(amplitude=1.0) → y=1.0, t: ndarray float64 (3,)",
        "└─ as ref of simulate(gain=2.0) → total=2.0",
        "   ├─ as left of compare() → value=2.5",
        "   └─ as sim of evaluate() → rms=0.5",
        "      └─ as right of compare() ↑ shown above",
    ]


def test_failures_and_other_code_are_marked() -> None:
    """The line of a call that raised tells the error; one whose code is another now says so."""
    evaluate.sweep(sim__gain=[1000.0], progress=False)
    failed = simulate.filter(info__status="failed").get()
    assert tree(failed.lineage())[0].startswith("simulate(gain=1000.0)  [failed: ValueError: too much")
    namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab"}
    exec("@sweepable.cache\ndef half(x=1.0): return x / 2", namespace)
    record = namespace["half"].get_or_run()
    assert not record.lineage().nodes[0].stale
    exec("@sweepable.cache\ndef half(x=1.0): return x * 0.5", namespace)
    assert record.lineage().nodes[0].stale and "[of other code than now" in str(record.lineage())


def test_very_large_trees_are_cut(store_path: Path) -> None:
    """A chain deeper than Python's stack is printed to a few hundred lines, and drawn in a few boxes."""

    @sweepable.cache
    def step(n: int, before: Any = None) -> int:
        return n

    record = None
    for n in range(1200):
        record = step.get_or_run(n, record)
    lineage = record.lineage()  # type: ignore[union-attr]
    lines = tree(lineage)
    assert len(lineage.nodes) == 1200 and len(lines) == 200 and lines[-1].startswith("… 1,001 more calls")
    assert len(arrows(lineage._repr_svg_())) <= 2


# -- what is not there


def test_an_upstream_call_that_is_gone_is_a_node_that_says_so(store_path: Path) -> None:
    """Everything else of the call works: its values, its tables, its lineage."""
    record = evaluate.get_or_run(sim__gain=3.0)
    gone = record.sim.info.key
    forget(store_path, gone)
    again = evaluate.get_by_id(record.info.key)
    assert again.rms == 0.75 and list(again.upstream) == []
    with pytest.raises(sweepable.NoCallFound, match=f"given as sim is no longer in the store .*key {gone[:12]}"):
        again.sim
    assert tree(again.lineage()) == [
        "evaluate() → rms=0.75",
        f"└─ sim: no longer in the store, or in another (key {gone[:12]})",
    ]
    assert [node.status for node in again.lineage().nodes] == ["done", "missing"]
    assert len(arrows(again.lineage()._repr_svg_())) == 1
    evaluate.get_or_run(sim__gain=4.0)
    shown = sweepable.find("evaluate", version="any").to_df()
    assert shown["rms"].tolist() == [0.75, 1.0] and shown["sim__gain"].isna().tolist() == [True, False]


def test_some_of_many_runs_that_are_gone_are_counted(store_path: Path) -> None:
    """Of a query that was given, what is left and what is gone are told apart."""
    runs = evaluate.sweep(sim__gain=[float(n) for n in range(1, 11)], progress=False)
    record = summarise.get_or_run(runs)
    forget(store_path, *(run.info.key for run in runs[:5]))
    lines = tree(record.lineage())
    assert lines[1].startswith("├─ runs: evaluate × 5 ") and "no longer in the store, or in another × 5" in lines[-1]


def test_upstream_calls_in_another_store_are_not_taken_for_lost(tmp_path: Path) -> None:
    """A lineage is that of one store; what lies in another is named by its key."""

    @sweepable.cache(store=tmp_path / "elsewhere")
    def source(n: int = 2) -> int:
        return n

    @sweepable.cache
    def double(rec: Any = source) -> int:
        return int(2 * rec.value)

    record = double.get_or_run()
    assert (
        tree(record.lineage())[1]
        == f"└─ rec: no longer in the store, or in another (key {source.peek().info.key[:12]})"
    )


# -- a snapshot


def test_a_lineage_does_not_change_and_can_be_pickled() -> None:
    """It is what was stored when it was read."""
    record = reference.get_or_run()
    before = record.lineage(downstream=True)
    simulate.get_or_run()
    assert len(before.nodes) == 1 and len(record.lineage(downstream=True).nodes) == 2
    lineage = simulate.get_or_run().lineage()
    again = pickle.loads(pickle.dumps(lineage))
    assert (again.nodes, again.edges, str(again)) == (lineage.nodes, lineage.edges, str(lineage))
    with pytest.raises(AttributeError):
        again.nodes[0].status = "failed"


def test_a_whole_tree_is_read_by_a_few_statements() -> None:
    """Their number depends on how many functions there are, not on how many calls."""

    def statements(record: Any) -> int:
        record.lineage()  # layouts and the like are read once
        found: list[str] = []
        connection = store_of(record).connection()
        connection.set_trace_callback(found.append)
        record.lineage()
        connection.set_trace_callback(None)
        return len(found)

    few = summarise.get_or_run(evaluate.sweep(sim__gain=[1.0, 2.0], progress=False))
    many = summarise.get_or_run(evaluate.sweep(sim__gain=[float(n) for n in range(300)][:101], progress=False))
    assert statements(many) <= statements(few) + 5


def test_a_body_that_reads_its_lineage_depends_on_more_than_content(run_script: RunScript) -> None:
    """Its result is not taken over where code upstream has changed, though every output is as it was."""
    script = """
        import sweepable
        @sweepable.cache
        def source(x=1.0): return {body}
        @sweepable.cache
        def plain(s=source): print("plain"); return s.value
        @sweepable.cache
        def told(s=source): print("told"); return len(str(s.lineage()))
        if __name__ == "__main__": plain(), told()
    """
    assert run_script(script.format(body="2 * x")).stdout.split() == ["plain", "told"]
    assert run_script(script.format(body="x + x")).stdout.split() == ["told"]


def test_what_came_from_a_call_is_no_ground_for_a_result_that_is_kept() -> None:
    """A body that asks for what lies downstream depends on what is stored by then: it is never served."""

    @sweepable.cache
    def counted(ref: Any = reference) -> int:
        return len(ref.lineage(downstream=True).nodes)

    with pytest.warns(sweepable.TaintedCall, match="asked the store for calls of what came from a call"):
        assert counted() == 1
    simulate()
    assert counted() == 3


# -- drawn and exported

HOSTILE = 'a "quoted" <b>&amp; [x](y) {z} | `code` #1; \\n back\\slash\nline\ttab \x00\x1b \ud800 \uffff é 漢字 -->'


def test_drawings_are_well_formed_whatever_a_text_contains() -> None:
    """All calls and edges are there, nothing of the user's is markup, and the same is drawn each time."""
    record = describe.get_or_run(HOSTILE, describe.get_or_run("<script>alert(1)</script>"))
    lineage = record.lineage()
    drawn = lineage._repr_svg_()
    assert arrows(drawn) == {("n2", "n1")}
    assert "<script" not in drawn and "<b>" not in drawn and drawn in lineage._repr_html_()
    drawn.encode()
    assert drawn == pickle.loads(pickle.dumps(record.lineage()))._repr_svg_()


def test_a_drawing_of_a_diamond_has_every_call_and_every_edge() -> None:
    """Each call is a box of its own, right of what it came from; no two boxes overlap."""
    lineage = compare.get_or_run().lineage()
    drawn = lineage._repr_svg_()
    number = {node.key: f"n{place}" for place, node in enumerate(lineage.nodes, 1)}
    assert arrows(drawn) == {(number[edge.upstream], number[edge.downstream]) for edge in lineage.edges}
    groups = [group for group in ElementTree.fromstring(drawn).iter(f"{SVG}g") if group.get("class") == "call"]
    boxes = {
        str(group.get("id")): [float(group[1].get(at) or 0) for at in ("x", "y", "width", "height")] for group in groups
    }
    assert len(boxes) == 4
    for upstream, downstream in arrows(drawn):
        assert boxes[upstream][0] + boxes[upstream][2] < boxes[downstream][0]
    for one, (x, y, width, height) in boxes.items():
        for other, (left, top, *_) in boxes.items():
            assert one == other or not (x <= left <= x + width and y <= top <= y + height)


def test_more_calls_than_a_picture_holds_are_grouped() -> None:
    """Beyond two hundred calls, those of one function that are used alike are a box."""
    runs = evaluate.sweep(sim__gain=np.linspace(0.0, 90.0, 150), progress=False)
    lineage = summarise.get_or_run(runs).lineage()
    assert len(lineage.nodes) == 302
    assert len(arrows(lineage._repr_svg_())) == 3
    assert "evaluate × 150" in lineage._repr_svg_() and lineage.to_mermaid().count("-->") == 3
    assert lineage.to_dot().count(" -> ") == len(lineage.edges) == 450


def test_mermaid_is_one_statement_a_line_whatever_a_text_contains() -> None:
    """Ids are n1, n2 and so on; labels are quoted, and nothing in them ends the quotes or is an entity by chance."""
    text = describe.get_or_run(HOSTILE, describe.get_or_run("]")).lineage().to_mermaid()
    head, *lines = text.splitlines()
    assert head == "flowchart LR"
    label = r'"(?:[^"#<>\[\]{}|`&]|<br/>|#\w+;)*"'
    for line in lines:
        assert re.fullmatch(rf"    (n\d+\[{label}\]|n\d+ (-->|-\.->)\|{label}\| n\d+)", line), line
    assert "#quot;quoted#quot; #60;b#62;" in text and "漢字" in text


def test_dot_is_read_as_it_was_meant() -> None:
    """Within quotes only quotes and backslashes are special to Graphviz, and they are escaped."""
    lineage = describe.get_or_run(HOSTILE, describe.get_or_run("x")).lineage()
    head, *lines, end, last = lineage.to_dot().split("\n")
    assert (head, end, last) == ("digraph lineage {", "}", "")
    quoted = r'"(?:[^"\\]|\\["\\n])*"'
    for line in lines[2:]:
        assert re.fullmatch(rf"    (n\d+|n\d+ -> n\d+) \[label={quoted}(, style=dashed|, color=red)?\];", line), line
    assert sum(" -> " in line for line in lines) == 1 and '\\"quoted\\"' in lineage.to_dot()


def test_networkx_gets_calls_with_what_is_known_of_them() -> None:
    """A graph from upstream to downstream, with two edges where a call is given twice."""
    networkx = pytest.importorskip("networkx")
    record = compare.get_or_run()
    graph = record.lineage().to_networkx()
    assert isinstance(graph, networkx.MultiDiGraph) and networkx.is_directed_acyclic_graph(graph)
    source = reference.get().info.key
    assert networkx.has_path(graph, source, record.info.key) and len(graph) == 4
    facts = graph.nodes[simulate.get().info.key]
    assert facts.pop("seconds") >= 0.0
    assert facts == {"function": "simulate", "params": {"gain": 2.0}, "outputs": {"total": 2.0}, "status": "done"}
    assert graph.edges[source, simulate.get().info.key, 0] == {"role": "argument", "name": "ref"}


def test_where_networkx_is_not_installed_the_error_says_how_to_get_it(run_script: RunScript) -> None:
    """The extra is named; all else works without it."""
    done = run_script(
        """
        import sys
        sys.modules["networkx"] = None
        import sweepable
        @sweepable.cache
        def one(): return 1
        lineage = one.get_or_run().lineage()
        lineage.to_dot(), lineage.to_mermaid(), lineage._repr_html_()
        try:
            lineage.to_networkx()
        except sweepable.SweepableError as error:
            print(error)
        """
    )
    assert done.stdout == "to_networkx() needs networkx, which is not installed: pip install 'sweepable[networkx]'\n"
