"""Records: names by the one rule, outputs that load when touched, and objects that behave as objects do."""

from __future__ import annotations

import copy
import enum
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from storing import blob_files
from sweepable import AmbiguousName, DamagedData, DamagedError, NoCallFound, Query, UnknownName
from sweepable.record import call_of, store_of


@sweepable.cache
def get_reference(amplitude: float = 1.0, frequency: float = 0.5) -> dict[str, Any]:
    return {"ref_t": np.arange(2000.0), "ref_y": np.full(2000, amplitude), "peak": amplitude}


@sweepable.cache(out_traj=np.ndarray, last=float)
def sim_system(reference: Any = get_reference, gain: float = 2.0, damping: float = 0.1) -> tuple[Any, float]:
    return reference.ref_y * gain, float(reference.ref_y[-1] * gain)


@sweepable.cache(rms=float)
def evaluate_sim(sim_result: Any = sim_system, weight: float = 1.0) -> float:
    return float(weight * sim_result.out_traj.std() + sim_result.last)


def test_the_names_of_a_record_are_those_of_its_pipeline() -> None:
    """Own outputs and parameters, upstream calls by parameter and by function, and what one of those has."""
    rec = evaluate_sim.get_or_run(sim_result__gain=3.0, sim_result__reference__amplitude=2.0)
    assert rec.rms == 6.0 and rec.weight == 1.0
    assert rec.sim_result.last == 6.0 and rec.sim_system == rec.sim_result
    assert rec.sim_result.get_reference.ref_y[0] == 2.0 and rec.get_reference == rec.sim_result.reference
    assert rec.gain == 3.0 and rec.amplitude == 2.0 and rec.out_traj.shape == (2000,)
    assert rec.sim_result__reference__amplitude == 2.0 and rec["get_reference__peak"] == 2.0
    assert dict(rec.params) == {"sim_result": rec.sim_result, "weight": 1.0}
    assert dict(rec.outputs) == {"rms": 6.0} and list(rec.upstream) == ["sim_result"]
    assert rec.upstream.sim_result == rec.sim_result


def test_an_unknown_name_lists_the_choices_at_any_depth() -> None:
    """A misspelling is an AttributeError with a did-you-mean; ``hasattr`` and ``getattr`` work as everywhere."""
    rec = evaluate_sim.get_or_run()
    with pytest.raises(UnknownName, match=r"evaluate_sim has no 'rmms'; did you mean 'rms'\? known: .*sim_resul"):
        rec.rmms
    with pytest.raises(UnknownName, match="did you mean 'sim_result__reference__amplitude'"):
        rec.sim_result__reference__amplitud
    with pytest.raises(UnknownName, match="no parameter 'wieght'; did you mean 'weight'"):
        rec.params.wieght
    with pytest.raises(UnknownName, match="no output 'gain'"):
        rec.outputs["gain"]
    assert not hasattr(rec, "nothing") and getattr(rec, "nothing", 3) == 3
    assert hasattr(rec, "ref_y") and "rms" in rec and "gain" not in rec


def test_a_name_of_two_upstream_calls_is_ambiguous() -> None:
    """The paths to choose from are in the error; ``hasattr`` is False; a call reached twice is one."""

    faster = sim_system.partial(gain=5.0)

    @sweepable.cache
    def compare(left: Any = sim_system, right: Any = faster) -> float:
        return float(right.last - left.last)

    rec = compare.get_or_run()
    with pytest.raises(AmbiguousName, match="left__gain, right__gain; write the path"):
        rec.gain
    assert not hasattr(rec, "gain") and (rec.left.gain, rec.right.gain) == (2.0, 5.0)
    assert rec.amplitude == 1.0  # of the reference that both share
    assert [found.gain for found in rec.sim_system] == [2.0, 5.0]


def test_an_upstream_function_called_many_times_is_a_query() -> None:
    """All calls are there, in the order in which they were first stored; one call alone is a Record."""

    @sweepable.cache
    def total(n: int = 3) -> float:
        return sum(get_reference(float(k))["peak"] for k in range(n))

    rec = total.get_or_run()
    assert isinstance(rec.get_reference, Query) and isinstance(rec.upstream.get_reference, Query)
    assert [found.amplitude for found in rec.get_reference] == [0.0, 1.0, 2.0]
    with pytest.raises(AmbiguousName, match="3 upstream calls stand at get_reference"):
        rec.amplitude
    assert total.get_or_run(1).get_reference.amplitude == 0.0


@sweepable.cache
def ours(params: int = 1, info: str = "mine", _seed: int = 7, x: float = 2.0) -> dict[str, Any]:
    return {"outputs": 10, "upstream": 20, "downstream": 30, "x": -x, "K": 1, "k": 2, "range": 5, "größe": 6}


def test_ours_are_five_and_the_users_are_reached_by_key() -> None:
    """``rec["info"]`` is always the user's; ``rec.info`` ours; a leading underscore, K and k, and umlauts are names."""
    rec = ours.get_or_run()
    assert rec["info"] == "mine" and rec.info.status == "done"
    assert [rec[name] for name in ("params", "outputs", "upstream", "downstream")] == [1, 10, 20, 30]
    assert rec.params.params == 1 and rec.outputs.outputs == 10 and rec.params._seed == 7
    assert rec._seed == 7 and rec.K == 1 and rec.k == 2 and rec.range == 5 and rec.größe == 6


def test_a_parameter_and_output_of_one_name_say_which() -> None:
    """``x`` alone is an error that shows both spellings, on the Record and from below."""

    @sweepable.cache
    def below(up: Any = ours) -> float:
        return float(up.K)

    rec = below.get_or_run(up__x=3.0)
    assert (rec.up.params__x, rec.up.outputs__x, rec.up__params__x, rec["outputs__x"]) == (3.0, -3.0, 3.0, -3.0)
    for broken in (lambda: rec.up.x, lambda: rec.x, lambda: rec["up__x"]):
        with pytest.raises(AmbiguousName, match=r"outputs__x.*params__x"):
            broken()
    assert rec.up.params.x == 3.0 and rec.up.outputs["x"] == -3.0
    assert rec.up.params__info == "mine"  # allowed where the plain name would do


def test_records_are_ordinary_objects() -> None:
    """They compare and hash by their call, copy, pickle, print, complete, and are no sequence."""
    rec = evaluate_sim.get_or_run()
    for other in (copy.copy(rec), copy.deepcopy(rec), pickle.loads(pickle.dumps(rec))):
        assert other == rec and hash(other) == hash(rec) and other.rms == rec.rms
    assert rec != evaluate_sim.get_or_run(weight=2.0) and rec != "rec"
    assert {"rms", "weight", "sim_result", "sim_system", "reference", "gain", "ref_y", "info"} <= set(dir(rec))
    assert {"rms", "amplitude", "get_reference"} <= set(rec._ipython_key_completions_())
    assert "evaluate_sim(" in repr(rec) and "rms" in repr(rec) and "weight" in repr(rec.params)
    assert not hasattr(rec, "_repr_html_") and not hasattr(rec, "_ipython_display_") and not hasattr(rec, "__array__")
    assert not hasattr(type(rec).__new__(type(rec)), "anything")
    with pytest.raises(TypeError, match="not iterable"):
        list(rec)
    with pytest.raises(TypeError, match="a Record has names, not numbers"):
        rec[0]
    parts = copy.deepcopy(rec.params), pickle.loads(pickle.dumps(rec.outputs))
    assert parts[0]["weight"] == 1.0 and parts[1].rms == rec.rms


def test_info_tells_how_a_call_came_about() -> None:
    """Key, status, function, version, when, how long and with what."""
    info = evaluate_sim.get_or_run().info
    assert (info.status, info.function, info.error, info.traceback) == ("done", "evaluate_sim", None, None)
    assert info.key == evaluate_sim.key_of() and info.version == evaluate_sim.version().digest
    assert info.started.tzinfo is not None and info.seconds >= 0
    assert info.host and info.packages.get("numpy", np.__version__) == np.__version__
    assert "seconds" in repr(info) and pickle.loads(pickle.dumps(info)).key == info.key


def test_a_failed_call_is_a_record_with_its_traceback() -> None:
    """What it was called with is there, and why there is no result; no output is made up."""

    @sweepable.cache(y=float)
    def fails(x: float, data: Any = None) -> float:
        raise ValueError(f"no {x}")

    (rec,) = fails.sweep(x=[1.0], data=sweepable.fixed([1, 2]), progress=False).failed
    assert rec.info.error == "ValueError: no 1.0" and "raise ValueError" in rec.info.traceback
    assert rec.x == 1.0 and rec.data == [1, 2] and list(rec.outputs) == []
    assert not hasattr(rec, "y") and copy.copy(rec) == rec


def test_touching_one_output_loads_that_one(store_path: Path) -> None:
    """The other outputs need not even be there."""
    rec = get_reference.get_or_run(amplitude=4.0)
    gone = [path for path in blob_files(store_path) if np.load(path)[1] == 1.0]  # that of ref_t
    gone[0].unlink()
    found = get_reference.get_by_id(rec.info.key)
    assert found.ref_y[0] == 4.0 and found.peak == 4.0
    assert found.ref_y is found.ref_y


def test_a_damaged_output_is_computed_again_where_the_code_is_at_hand(store_path: Path) -> None:
    """A Record of ``get_or_run`` heals itself; one that was found says what is wrong and how to get it back."""
    found = get_reference.get_or_run(amplitude=5.0).info.key
    rec = get_reference.get_or_run(amplitude=5.0)
    for path in blob_files(store_path):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-8] + b"\x00" * 7 + b"\x01")
    with pytest.raises(DamagedError, match="the output ref_y cannot be read; the same call again computes it"):
        get_reference.get_by_id(found).ref_y
    with pytest.warns(DamagedData):
        assert rec.ref_y[-1] == 5.0
    assert rec.ref_t[-1] == 1999.0
    assert get_reference.get_by_id(found).ref_y[-1] == 5.0


def test_what_a_caller_does_to_an_output_stays_with_that_record() -> None:
    """Another Record of the same call, and a run below it, see what was stored."""
    rec = sim_system.get_or_run()
    rec.out_traj[:] = 0.0
    assert sim_system.get_or_run().out_traj[0] == 2.0
    assert evaluate_sim.get_or_run(sim_result=rec).rms == 2.0


class Mode(enum.Enum):
    FAST = 1


def test_arguments_come_back_as_they_were_given() -> None:
    """Enums, paths, arrays and large ints too; an argument too large to keep says so when it is touched."""

    @sweepable.cache
    def takes(mode: Any, path: Any, data: Any, n: Any) -> int:
        return 1

    rec = takes.get_or_run(Mode.FAST, Path("somewhere"), np.arange(3), 2**70)
    rec = takes.get_by_id(rec.info.key)
    assert rec.mode is Mode.FAST and rec.path == Path("somewhere") and rec.n == 2**70
    assert rec.data.tolist() == [0, 1, 2]
    large = takes.get_or_run(1, 2, np.zeros(100_000), 3)
    with pytest.raises(sweepable.SweepableError, match=r"argument data \(ndarray.*only the digest is known"):
        large.data
    assert "data" in dir(large) and large.n == 3 and repr(large)


@pytest.mark.filterwarnings("ignore::sweepable.NotKept")
def test_a_result_that_cannot_be_stored_is_in_its_record() -> None:
    """The Record of such a call carries the value, in this process."""

    @sweepable.cache
    def opened(x: float = 1.0) -> Any:
        return {"stream": (n for n in range(3)), "y": x}

    @sweepable.cache
    def below(up: Any = opened) -> float:
        return float(up.y * 2)

    rec = opened.get_or_run()
    assert rec.info.status == "unkept" and rec.y == 1.0 and list(rec.stream) == [0, 1, 2]
    assert list(rec.outputs) == ["stream", "y"] and rec.x == 1.0
    under = below.get_or_run(up__x=4.0)
    assert below.get(x=4.0) == under and under.x == 4.0
    assert below.select().to_df()["up__x"].tolist() == [4.0]


def test_downstream_finds_what_came_from_a_call() -> None:
    """At any distance, as a Query that sees later calls as well, with look-ups."""
    first, second = get_reference.get_or_run(amplitude=1.0), get_reference.get_or_run(amplitude=2.0)
    evaluate_sim.sweep(amplitude=[1.0, 2.0], gain=[1.0, 3.0], progress=False)
    below = first.downstream(evaluate_sim)
    assert sorted(rec.gain for rec in below) == [1.0, 3.0] and {rec.amplitude for rec in below} == {1.0}
    assert [rec.gain for rec in second.downstream(sim_system, gain__gt=2)] == [3.0]
    assert first.downstream("evaluate_sim").count() == 2
    evaluate_sim.get_or_run(gain=9.0, amplitude=1.0)
    assert below.count() == 3
    assert len(below.to_df()) == 3 and below.order_by("-gain").first().gain == 9.0
    with pytest.raises(UnknownName, match="no calls of 'nobody'"):
        first.downstream("nobody")


def test_records_travel_to_other_processes(run_script: RunScript, tmp_path: Path) -> None:
    """A pickled Record is the call itself: nothing of its outputs goes along."""
    rec = sim_system.get_or_run()
    data = pickle.dumps(rec)
    assert len(data) < 1000
    (tmp_path / "record.pickle").write_bytes(data)
    done = run_script(
        f"""
        import pickle
        rec = pickle.load(open({str(tmp_path / "record.pickle")!r}, "rb"))
        print(rec.last, rec.amplitude, rec.info.key)
        """
    )
    assert done.stdout.split() == ["2.0", "1.0", rec.info.key]


def test_a_pickled_record_of_another_store_says_where_it_looked(tmp_path: Path) -> None:
    """A Record whose store is gone is a clear error, not an empty one."""
    with sweepable.use(tmp_path / "other"):
        data = pickle.dumps(sim_system.get_or_run())
    store_of(pickle.loads(data)).close()
    (tmp_path / "other").rename(tmp_path / "moved")
    with pytest.raises(NoCallFound, match="is not in the store"):
        pickle.loads(data)
    with sweepable.use(tmp_path / "moved"):
        assert pickle.loads(data).last == 2.0
        assert call_of(pickle.loads(data)).status == "done"
