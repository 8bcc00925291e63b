"""Frames and series as data: they come back exactly as they were, or are pickled."""

from __future__ import annotations

import pickle
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import sweepable
from running import RunScript
from storing import blob_files
from sweepable.errors import DamagedError
from sweepable.identity.code import describe
from sweepable.store import codecs, frames, pickles

pytestmark = pytest.mark.skipif(
    not hasattr(pd.api, "internals"), reason="pandas 2 cannot make a frame of its blocks: frames are pickled"
)

NAMES = st.one_of(
    st.none(), st.text(max_size=4), st.integers(-3, 3), st.floats(), st.tuples(st.text(max_size=2), st.integers(0, 3))
)
ATTRS = st.dictionaries(st.text(max_size=3), st.one_of(NAMES, st.lists(st.integers(), max_size=3)), max_size=2)
FREQUENCIES = st.sampled_from(["s", "250ms", "h", "D", "B", "W-WED", "MS", "YE-MAR", None])
DTYPES = st.sampled_from(
    ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c16", "c8", ">f8", ">i4", "g"]
    + ["M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "m8[s]", "m8[ns]"]
)


@st.composite
def indices(draw: st.DrawFn, size: int) -> pd.Index:
    name = draw(NAMES)
    kind = draw(st.sampled_from(["range", "number", "text", "object", "date", "span", "zone", "multi", "category"]))
    if kind == "range":
        start, step = draw(st.integers(-9, 9)), draw(st.integers(-3, 3).filter(bool))
        return pd.RangeIndex(start, start + step * size, step, name=name)
    if kind == "number":
        dtype = draw(st.sampled_from(["f8", "f4", "i8", "i4", "u1", "?", "c16"]))
        return pd.Index(draw(npst.arrays(dtype, size)), name=name)
    if kind in ("text", "object"):
        labels = draw(
            st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), min_size=size, max_size=size)
        )
        if draw(st.booleans()) and size:
            labels[0] = np.nan  # type: ignore[call-overload]
        return pd.Index(labels, dtype="str" if kind == "text" else object, name=name)
    if kind in ("date", "zone"):
        unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
        zone = draw(st.sampled_from(["UTC", zoneinfo.ZoneInfo("Europe/Vienna")])) if kind == "zone" else None
        found = pd.date_range("2026-03-28", periods=size, freq=draw(FREQUENCIES) or "s", name=name, tz=zone)
        found = found if unit in ("s", "us") else found.as_unit(unit)
        return found if draw(st.booleans()) else found.take(np.arange(size)[::-1])
    if kind == "span":
        return pd.timedelta_range("1s", periods=size, freq=draw(st.sampled_from(["s", "90min"])), name=name)
    if kind == "multi":
        return pd.MultiIndex.from_arrays([np.arange(size), ["a"] * size], names=[name, "b"])
    return pd.CategoricalIndex(["a"] * size, name=name)


@st.composite
def whole_frames(draw: st.DrawFn) -> pd.DataFrame:
    rows, width = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    index, columns = draw(indices(rows)), draw(indices(width))
    if draw(st.booleans()):  # one block, in one order or the other
        values = draw(npst.arrays(draw(DTYPES.filter(lambda text: text not in ("f2", "g"))), (rows, width)))
        values = np.asfortranarray(values) if draw(st.booleans()) else values
        made = pd.DataFrame(values, index=index, columns=columns, copy=draw(st.booleans()))
    else:
        texts = draw(st.lists(DTYPES, min_size=width, max_size=width))
        data = {place: draw(npst.arrays(text, rows)) for place, text in enumerate(texts)}
        made = pd.DataFrame(data, index=index, columns=range(width))
        if width and texts[0] in ("f8", "i8", "?") and draw(st.booleans()):
            made[0] = made[0].astype(draw(st.sampled_from(["category", "object", "str"])))
        made.columns = columns
    if draw(st.booleans()):
        made = made.iloc[:: draw(st.sampled_from([1, 2, -1])), :: draw(st.sampled_from([1, 2]))]
    made.attrs = draw(ATTRS)
    return made.set_flags(allows_duplicate_labels=False) if draw(st.booleans()) and unique(made) else made


def unique(frame: pd.DataFrame) -> bool:
    return frame.index.is_unique and frame.columns.is_unique


def through(value: Any) -> tuple[str, Any]:
    """The codec, and the value as another process would read it."""
    codec, chunks, code = codecs.encode_value(value)
    assert codec == "pickle" or not code
    return codec, codecs.decode_value(codec, bytearray(b"".join(chunks)))


def layout(value: Any) -> list[Any]:
    """How pandas keeps a frame or series: blocks, and where each of them lies."""
    blocks = [
        (type(block), type(block.values), block.mgr_locs.as_array.tolist(), block.values) for block in value._mgr.blocks
    ]
    return [(*kind, array_of(values)) for *kind, values in blocks]


def array_of(values: Any) -> Any:
    bare = getattr(values, "_ndarray", values)
    if not isinstance(bare, np.ndarray):
        return None
    flags = bare.flags
    return bare.dtype.str, bare.dtype.type, bare.shape, flags.c_contiguous, flags.f_contiguous, flags.writeable


def same_index(one: pd.Index, other: pd.Index) -> bool:
    """Whether two indices pickle alike, which is all there is to them."""
    attributes = ("dtype", "freq", "tz", "start", "stop", "step", "storage")
    told = [
        (
            type(i),
            type(getattr(i, "_data", None)),
            [repr(getattr(i, a, None)) for a in attributes],
            pickle.dumps(i.names),
        )
        for i in (one, other)
    ]
    flags = [array_of(getattr(i, "_data", None)) for i in (one, other)]
    return told[0] == told[1] and flags[0] == flags[1]


def assert_same(back: Any, value: Any) -> None:
    check: Callable[..., None] = (
        pd.testing.assert_frame_equal if isinstance(value, pd.DataFrame) else pd.testing.assert_series_equal
    )
    check(back, value, check_freq=True, check_exact=True, check_flags=True)
    pickled = pickles.decode(bytearray(b"".join(pickles.encode(value).chunks)))  # type: ignore[union-attr]
    assert (
        type(back) is type(value)
        and repr(back.attrs) == repr(value.attrs)
        and list(map(type, back.attrs)) == list(map(type, value.attrs))
    )
    assert layout(back) == layout(pickled)
    for axis, other in zip(back.axes, pickled.axes, strict=True):  # type: ignore[attr-defined]
        assert same_index(axis, other)
    assert back.to_numpy().flags.f_contiguous == pickled.to_numpy().flags.f_contiguous  # type: ignore[attr-defined]
    assert describe(back, "value") == describe(value, "value")


@settings(max_examples=150)
@given(whole_frames())
def test_frames_come_back_exactly_as_they_were(value: pd.DataFrame) -> None:
    """Values, index, names, frequency, time zone, attrs, flags, and blocks as pickle would bring them back."""
    assert_same(through(value)[1], value)


@settings(max_examples=100)
@given(st.data())
def test_series_come_back_exactly_as_they_were(data: st.DataObject) -> None:
    """The same of a series, with its name."""
    size = data.draw(st.integers(0, 6))
    values = data.draw(npst.arrays(data.draw(DTYPES), size))
    value = pd.Series(values, index=data.draw(indices(size)), name=data.draw(NAMES))[
        :: data.draw(st.sampled_from([1, -2]))
    ]
    value.attrs = data.draw(ATTRS)
    back = through(value)[1]
    assert_same(back, value)
    assert pickle.dumps(back.name) == pickle.dumps(value.name)


def frame(rows: int = 20_000) -> pd.DataFrame:
    """Three blocks, and dates."""
    numbers = {"x": np.arange(float(rows)), "n": np.arange(rows), "y": np.ones(rows)}
    return pd.DataFrame(numbers | {"t": pd.date_range("2026-01-01", periods=rows, freq="s")})


def test_frames_of_common_form_are_data() -> None:
    """Numbers, booleans and dates under labels that are numbers, text or dates are stored without a pickle."""
    plain = frame()
    dated = plain.set_index(pd.date_range("2026-01-01", periods=len(plain), freq="s", name="time")._with_freq(None))
    short = frame(10).set_index(pd.date_range("2026-01-01", periods=10, freq="h"))
    table = pd.DataFrame(np.ones((3, 4)), index=[0.5, 1.0, 2.0])
    for value in (plain, dated, short, table, plain["x"], pd.DataFrame(), plain.iloc[:0], short["t"]):
        codec, back = through(value)
        assert codec == "frame"
        assert_same(back, value)


class Trajectory(pd.DataFrame):
    pass


def strange() -> dict[str, Any]:
    """Frames that only a pickle brings back as they are."""
    frame_with_note = frame(3)
    object.__setattr__(frame_with_note, "note", "mine")
    holding = frame(3)
    holding.attrs["unit"] = np.arange(3)
    one = frame(3)[["x", "n", "y"]]
    one.columns = one.index
    return {
        "text": pd.DataFrame({"a": ["x", "y"]}),
        "objects": pd.DataFrame({"a": [1, "y"]}, dtype=object),
        "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        "zone": pd.DataFrame({"a": pd.date_range("2026-01-01", periods=2, tz="UTC")}),
        "subclass": Trajectory(frame(3)),
        "subclass of str": pd.DataFrame({np.str_("a"): [1.0]}).rename_axis(np.str_("n"), axis=1),
        "attrs": holding,
        "set upon": frame_with_note,
        "one index twice": one,
        "flags": frame(3).set_flags(allows_duplicate_labels=False),
        "business days": frame(3).set_index(pd.bdate_range("2026-01-01", periods=3, freq="C", holidays=["2026-01-02"])),
    }


@pytest.mark.parametrize("name", strange())
def test_all_else_is_pickled(name: str) -> None:
    """What the form for data cannot say in full is stored as it was before."""
    value = strange()[name]
    codec, chunks, _ = codecs.encode_value(value)
    back: Any = codecs.decode_value(codec, bytearray(b"".join(chunks)))
    assert codec == "pickle" and type(back) is type(value)
    pd.testing.assert_frame_equal(back, value, check_freq=True, check_exact=True, check_flags=True)


def test_read_only_blocks_stay_so() -> None:
    """A block that nobody could change is not free to change when it comes back."""
    values = np.arange(6.0).reshape(2, 3)
    values.flags.writeable = False
    value = pd.DataFrame(values, copy=False)
    assert not layout(value)[0][-1][-1]
    codec, back = through(value)
    assert codec == "frame"
    assert_same(back, value)


def test_large_arrays_begin_at_a_page() -> None:
    """A mapped file needs no copy: the blocks lie where the file is mapped."""
    chunks = frames.encode(frame())
    assert chunks is not None
    content = bytearray(b"".join(chunks))
    back: Any = frames.decode(content)
    base = np.frombuffer(content, np.uint8).ctypes.data
    starts = [array.ctypes.data - base for array in (back["x"].array._ndarray, back["n"].array._ndarray)]
    assert len(chunks) == 1 + 2 * 3 and all(0 < start < len(content) for start in starts)
    assert (starts[0] % 4096, starts[1] % 4096) == (0, 0)


def test_pandas_may_make_its_objects_in_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the short way into pandas is gone, the public one gives the same."""
    value = frame(5).set_index(pd.Index([0.5, 1.0, 1.5, 2.0, 2.5], name="at"))
    monkeypatch.setattr(frames, "_DIRECT", "_no_such_way")
    assert_same(through(value)[1], value)


def test_values_beyond_a_limit_are_not_encoded() -> None:
    """Whether a large frame is kept as an argument is known without writing it."""
    assert frames.encode(frame(), 1000) == []
    assert frames.encode(frame(3), 1000)


@pytest.mark.parametrize(
    "value", [frame(3), frame(10_000), frame(3)["x"], pd.DataFrame()], ids=["3", "10000", "series", "empty"]
)
@given(data=st.data())
def test_changed_bytes_are_a_value_or_damaged(value: Any, data: st.DataObject) -> None:
    """A cut frame never loads; a garbled one loads or is found out, and no block is ever out of its place."""
    raw = bytearray(b"".join(frames.encode(value) or []))
    with pytest.raises(DamagedError):
        codecs.decode_value("frame", raw[: data.draw(st.integers(0, len(raw) - 1))])
    head = 16 + int.from_bytes(raw[8:16], "little")
    raw[data.draw(st.integers(0, head - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        back: Any = codecs.decode_value("frame", raw)
    except DamagedError:
        return
    copied = back.copy()
    if copied.size:  # without a value there is no block, and a range of rows may be longer than any array
        copied.to_numpy()


def test_no_damage_to_a_frame_takes_more_memory_than_there_is(run_script: RunScript) -> None:
    """Whatever bit of what is said of a frame is another one, reading it is done within the memory of a hit."""
    done = run_script(
        """
        import resource
        import numpy as np, pandas as pd
        from sweepable.errors import DamagedError
        from sweepable.store import codecs, frames

        two = pd.DataFrame({"x": [1.0, 2.0], "n": [1, 2]})
        raws = [bytearray(b"".join(frames.encode(value))) for value in (pd.DataFrame(), two, two["x"], two[[]])]
        for raw in raws:
            codecs.decode_value("frame", raw)  # all is imported
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**30, -1))  # the test fails, and nothing beside it
        found = 0
        for raw in raws:
            for bit in range(8 * (16 + int.from_bytes(raw[8:16], "little"))):
                raw[bit // 8] ^= 1 << bit % 8
                try:
                    codecs.decode_value("frame", raw)
                except DamagedError:
                    found += 1
                raw[bit // 8] ^= 1 << bit % 8
        print(found > 500, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000)
        """
    )
    assert done.stdout == "True True\n"


def test_changing_a_result_never_changes_the_store(tmp_path: Path) -> None:
    """What is mapped is the caller's own, in values and in labels; the next hit is as the first run was."""
    made = sweepable.cache(lambda rows: frame(rows), name="made", store=tmp_path)
    for rows in (20, 200_000):  # in the row, and in a mapped file
        made(rows)
        first = made(rows)
        first.iloc[:, 0] = -1.0
        first["x"].array._ndarray[:] = -2.0
        first._mgr.blocks[1].values[:] = 7
        del first["n"]
        assert_same(made(rows), frame(rows))
    assert [path.suffix for path in blob_files(tmp_path)] == [".frame"]


def test_frames_that_were_pickled_are_read(tmp_path: Path) -> None:
    """What an earlier version has pickled is served, and a pickle is still there for the asking."""
    outputs = {"table": sweepable.Output(pd.DataFrame, codec="pickle")}
    made = sweepable.cache(lambda rows: frame(rows), name="made", store=tmp_path, outputs=outputs)
    made(200_000)
    assert_same(made(200_000), frame(200_000))
    assert [path.suffix for path in blob_files(tmp_path)] == [".pkl"]


def test_another_process_reads_what_one_has_stored(run_script: RunScript) -> None:
    """Frames are the same in the next process, which has not run the function."""
    script = """
        import numpy as np, pandas as pd, sweepable
        @sweepable.cache
        def made(rows):
            print("ran")
            found = pd.DataFrame({"x": np.arange(float(rows)), "n": np.arange(rows)}, index=np.arange(rows) / 4)
            found.attrs["unit"] = "rad"
            return {"small": found.head(3), "all": found, "x": found["x"]}
        found = made(300_000)
        print(found["small"].attrs, found["all"].index[-1], found["all"]["n"].sum(), found["x"].name, found["x"].iat[9])
    """
    expected = "{'unit': 'rad'} 74999.75 44999850000 x 9.0\n"
    assert run_script(script).stdout == "ran\n" + expected
    assert run_script(script).stdout == expected


def test_frames_of_a_store_that_others_can_write_are_loaded(tmp_path: Path) -> None:
    """They are data: reading them never runs code, so no trust is needed."""
    calls: list[int] = []
    made = sweepable.cache(
        lambda rows: (calls.append(rows), frame(rows))[1], name="made", store=tmp_path, ignore_globals=["calls"]
    )
    made(200_000)
    tmp_path.chmod(0o777)
    assert_same(made(200_000), frame(200_000))
    assert calls == [200_000]
