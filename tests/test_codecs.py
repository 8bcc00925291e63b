"""How values become bytes and come back: the same in type and content, or not at all."""

from __future__ import annotations

import dataclasses
import io
import pickle
import threading
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import sweepable
from running import RunScript
from storing import outputs_of, same
from sweepable.errors import DamagedError
from sweepable.store import codecs, npy, pickles, plain, results
from sweepable.store.codecs import CannotEncode, Externals

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.floats().map(np.float64),
    st.floats(width=32).map(np.float32),
    st.booleans().map(np.bool_),
    st.integers(-128, 127).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.integers(-(2**62), 2**62).map(lambda n: np.datetime64(n, "ns")),
)
KEYS = st.one_of(st.text(), st.integers(), st.binary(), st.booleans(), st.none())
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(KEYS, inner, max_size=5),
        st.sets(KEYS, max_size=5),
        st.frozensets(KEYS, max_size=5),
    ),
    max_leaves=12,
)
FRAME = pd.DataFrame(
    {"x": np.arange(3.0), "k": pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True)},
    index=pd.date_range("2026-01-01", periods=3, freq="h", name="time"),
)
FRAME.attrs["unit"] = "rad"


def through(value: Any) -> Any:
    """A value that is not plain, encoded and decoded again."""
    codec, chunks, _ = codecs.encode_value(value)
    return codecs.decode_value(codec, bytearray(b"".join(chunks)))


@given(PLAIN)
@example(float("nan"))
@example(-0.0)
@example({1: "int", "1": "str", None: 0})
@example("\ud800 lone")
@example([np.float32(0.1), 0.1])
def test_plain_values_come_back_as_they_were(value: object) -> None:
    """Scalars and small containers come back equal in type and content, without running any code."""
    data = plain.encode(value, None)
    assert same(plain.decode(data), value)
    assert plain.encode(plain.decode(data), None) == data


class Celsius(float):
    pass


class Point(NamedTuple):
    x: int


@pytest.mark.parametrize(
    "value",
    [Celsius(1.0), Point(1), OrderedDict(a=1), Decimal(1), object(), np.longdouble(1), np.longlong(1), np.str_("x")],
    ids=lambda value: type(value).__name__,
)
def test_only_exact_types_are_plain(value: object) -> None:
    """A subclass never comes back as its base class."""
    with pytest.raises(plain.NotPlain):
        plain.encode(value)
    assert type(through(value)) is type(value) and (through(value) == value or type(value) is object)


def test_containers_that_share_are_not_plain() -> None:
    """A list that stands twice in a result is the same list when it comes back."""
    inner = [1]
    recursive: list[object] = []
    recursive.append(recursive)
    deep: object = 1
    for _ in range(100):
        deep = (deep,)
    for value in ([inner, inner], recursive, deep, "x" * 5000, list(range(5000))):
        with pytest.raises(plain.NotPlain):
            plain.encode(value)
    first, second = through([inner, inner])
    assert first is second


@given(SCALARS)
def test_a_limit_holds_for_scalars_as_well(value: object) -> None:
    """What takes more bytes than a row has room for is refused, whether it stands alone or in a container."""
    size = len(plain.encode(value, None))
    assert len(plain.encode(value, size)) == size and len(plain.encode((value,), size + 5)) == size + 5
    for whole, limit in ((value, size - 1), ((value,), size + 4)):
        with pytest.raises(plain.NotPlain):
            plain.encode(whole, limit)


@given(PLAIN)
@example(b"\x80 perhaps a pickle")
@example((b"\x80 perhaps a pickle", 1.0))
@example(("long" * 2000, 1.0))
@example(Point(1))
@example({"a": 1.0, "b": object})
@example((object, 1.0))
@example(np.arange(3))
def test_what_is_told_of_a_result_at_once_is_what_reading_it_tells(value: object) -> None:
    """A result that is said to bring no code along, without being read, brings none."""
    outputs = outputs_of(value)
    data = results.encode_outputs(outputs, Externals(lambda extension, chunks, size: "0" * 64))
    assert not (results.is_inert(outputs, data) and results.brings_code(data))


@pytest.mark.parametrize("value", [1.0, None, "text", (1, 2.0, True), {"x": 0.5, "name": "a"}])
def test_of_plain_numbers_it_is_told_at_once(value: object) -> None:
    """Results of numbers and text, which most are, need not be read for it."""
    outputs = outputs_of(value)
    data = results.encode_outputs(outputs, Externals(lambda extension, chunks, size: "0" * 64))
    assert results.is_inert(outputs, data)


def test_equal_sets_are_equal_bytes() -> None:
    """The order in which a set happens to be walked is not stored."""
    forwards, backwards = set(), set()
    for number in range(0, 800, 8):
        forwards.add(number)
        backwards.add(792 - number)
    assert plain.encode(forwards) == plain.encode(backwards)


@given(st.binary(max_size=60))
def test_the_reader_of_plain_values_believes_nothing(data: bytes) -> None:
    """Whatever bytes it is given, the decoder answers with a value or says that they are malformed."""
    try:
        plain.decode(data)
    except plain.Malformed:
        pass


@given(PLAIN, st.data())
def test_changed_bytes_are_a_value_or_malformed(value: object, data: st.DataObject) -> None:
    """A cut or changed plain value never takes memory that is not there."""
    raw = bytearray(plain.encode(value, None))
    with pytest.raises(plain.Malformed):
        plain.decode(bytes(raw[: data.draw(st.integers(0, len(raw) - 1))]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        plain.decode(bytes(raw))
    except plain.Malformed:
        pass


DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(),
    npst.floating_dtypes(),
    npst.complex_number_dtypes(),
    npst.unicode_string_dtypes(),
    npst.byte_string_dtypes(),
    npst.datetime64_dtypes(),
    npst.timedelta64_dtypes(),
)
ARRAYS = npst.arrays(
    st.one_of(DTYPES, npst.array_dtypes(DTYPES, max_size=3, allow_subarrays=False)),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(ARRAYS, st.booleans(), st.booleans())
@example(np.zeros(1, [("α", "?")]), False, False)
def test_arrays_come_back_as_they_were(array: np.ndarray[Any, Any], fortran: bool, gaps: bool) -> None:
    """Any array, in any memory order, comes back equal in dtype, shape and bytes, free to change."""
    array = np.asfortranarray(array) if fortran else array
    array = array[..., ::2] if gaps and array.ndim else array
    if not npy.accepts(array):  # fields with titles, or with names in other letters
        assert same(through(array), array)
        return
    content = b"".join(npy.encode(array))
    back = npy.decode(bytearray(content))
    assert type(back) is np.ndarray and back.flags.writeable
    assert same(back, array) and back.dtype.isnative == array.dtype.isnative
    assert back.flags.f_contiguous == array.flags.f_contiguous or gaps
    read = np.load(io.BytesIO(content))
    assert read.dtype == array.dtype and read.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.zeros((2, 2)).view(np.memmap),
        np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]),
        np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
        np.zeros(3, np.dtype("f8", metadata={"unit": "rad"})),
        np.array([(1, 2)], dtype=[(("title", "a"), "i4"), ("b", "i4")]),
    ],
    ids=["object", "memmap", "masked", "recarray", "metadata", "titles"],
)
def test_what_an_array_file_cannot_say_is_pickled(array: np.ndarray[Any, Any]) -> None:
    """Subclasses, objects and metadata of arrays are kept."""
    assert not npy.accepts(array)
    back = through(array)
    assert type(back) is type(array) and back.dtype == array.dtype and back.dtype.metadata == array.dtype.metadata
    assert back.tolist() == array.tolist()


def test_frames_come_back_with_all_that_belongs_to_them() -> None:
    """Index names, freq, categories and attrs of a DataFrame survive, and it is free to change."""
    back = through(FRAME)
    pd.testing.assert_frame_equal(back, FRAME, check_freq=True)
    assert back.attrs == FRAME.attrs and back.index.name == "time"
    back.loc[back.index[0], "x"] = 7.0
    large = pd.DataFrame({"x": np.arange(100_000.0)})
    back = through(large)
    back.iloc[0, 0] = 7.0
    assert back.iloc[0, 0] == 7.0 and large.iloc[0, 0] == 0.0


def test_large_buffers_stand_beside_the_pickle() -> None:
    """Buffers begin at a page, so that a mapped file needs no copy; one that was read-only stays so."""
    free, fixed = np.arange(10_000.0), np.arange(10_000.0)
    fixed.flags.writeable = False
    chunks = pickles.encode([free, fixed]).chunks
    assert chunks is not None
    content = b"".join(chunks)
    starts = [content.index(free.tobytes()), content.rindex(fixed.tobytes())]
    assert [start % 4096 for start in starts] == [0, 0] and starts[0] != starts[1]
    buffer = bytearray(content)
    first, second = pickles.decode(buffer)  # type: ignore[misc]
    assert first.flags.writeable and not second.flags.writeable
    first[0] = 5.0
    assert np.frombuffer(buffer, float, 1, starts[0])[0] == 5.0


def test_pickled_arrays_keep_their_byte_order() -> None:
    """Numbers of another machine's byte order come back so, with gaps between them or without."""
    numbers = np.arange(24, dtype=">i4").reshape(4, 6)
    for array in (numbers, numbers.T, numbers[::2, ::-1], numbers[1], numbers[1:, 1]):
        (back,) = through([array])
        assert same(back, array) and back.dtype.str == ">i4"


def test_values_beyond_a_limit_are_not_pickled_to_the_end() -> None:
    """Whether a large argument is kept is known without having pickled all of it."""
    assert pickles.encode(list(range(10**6)), limit=1000) is None
    assert pickles.encode(np.zeros(10**6), limit=1000) is None
    assert pickles.encode(Decimal(1), limit=1000) is not None


def test_what_cannot_be_stored_says_why() -> None:
    """A value that would not come back as what it was is refused by name."""
    with open(__file__) as file:
        for value in (threading.Lock(), (n for n in ()), file, memoryview(b"x")):
            with pytest.raises(CannotEncode, match=type(value).__qualname__):
                codecs.encode_value(value)


def test_functions_made_on_the_spot_are_stored_by_value() -> None:
    """Lambdas, closures and local classes come back, and work."""
    step = 3

    class Local:
        size = 4

    back = through({"f": lambda x: x + step, "local": Local()})
    assert back["f"](1) == 4 and back["local"].size == 4 and type(back["local"]).__name__ == "Local"


@dataclasses.dataclass
class Fit:
    weights: np.ndarray[Any, Any]
    score: float


@given(st.sampled_from([FRAME, [FRAME, np.arange(20_000.0)], Fit(np.arange(5000), 1.0), Point(3)]), st.data())
def test_changed_containers_are_a_value_or_damaged(value: object, data: st.DataObject) -> None:
    """A cut or garbled container is found out; one that is only cut never loads."""
    codec, chunks, _ = codecs.encode_value(value)
    raw = bytearray(b"".join(chunks))
    with pytest.raises(DamagedError):
        codecs.decode_value(codec, raw[: data.draw(st.integers(0, len(raw) - 1))])
    raw[data.draw(st.integers(0, 40))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        codecs.decode_value(codec, raw)
    except DamagedError:
        pass


def test_an_array_file_with_objects_is_refused() -> None:
    """An array file never makes a reader unpickle what is in it."""
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DamagedError):
        codecs.decode_value("npy", bytearray(file.getvalue()))


SCRIPT = """
    import dataclasses, enum, sys
    from collections import namedtuple
    from pathlib import Path
    from sweepable.store import pickles

    @dataclasses.dataclass
    class Fit:
        score: float
        {extra}
        class Inner:
            pass

    class Mode(enum.Enum):
        FAST = 1

    Point = namedtuple("Point", "x y")
    def double(x):
        return 2 * x

    path = Path("value.pkl")
    if not path.exists():
        value = [Fit(1.5), Mode.FAST, Point(1, 2), double, Fit.Inner()]
        path.write_bytes(b"".join(pickles.encode(value).chunks))
    fit, mode, point, function, inner = pickles.decode(path.read_bytes())
    print(isinstance(fit, Fit), mode is Mode.FAST, isinstance(point, Point), function is double,
          isinstance(inner, Fit.Inner), fit.score)
"""


def test_classes_of_a_script_are_those_of_its_next_run(run_script: RunScript) -> None:
    """isinstance holds for results of the script's last run; without the script they still load."""
    expected = "True True True True True 1.5\n"
    assert run_script(SCRIPT.format(extra="")).stdout == expected
    assert run_script(SCRIPT.format(extra="note: str = ''")).stdout == expected
    other = """
        from pathlib import Path
        from sweepable.store import pickles
        data = Path("value.pkl").read_bytes()
        fit, mode, point, function, inner = pickles.decode(data)
        again = pickles.decode(data)[0]
        print(fit.score, mode.name, point.y, function(4), type(fit) is type(again))
    """
    assert run_script(other, name="other.py").stdout == "1.5 FAST 2 8 True\n"


def test_a_name_that_means_something_else_is_stored_by_value(run_script: RunScript) -> None:
    """A function hidden behind its decorated form comes back as itself."""
    script = """
        from sweepable.store import pickles
        def plain(x):
            return x
        raw = plain
        def plain(x):
            return "decorated"
        print(pickles.decode(b"".join(pickles.encode(raw).chunks))(3))
    """
    assert run_script(script).stdout == "3\n"


def test_large_globals_do_not_ride_along(run_script: RunScript) -> None:
    """A class of a script whose methods use a large array does not take it into every result."""
    script = """
        import numpy as np
        from sweepable.store import pickles
        DATA = np.zeros(10**6)
        class Model:
            def predict(self):
                return DATA[0]
        chunks = pickles.encode(Model()).chunks
        print(sum(map(len, chunks)) < 10_000, pickles.decode(b"".join(chunks)).predict())
    """
    assert run_script(script).stdout == "True 0.0\n"


def test_parts_stored_elsewhere_are_referred_to() -> None:
    """The fields of a named tuple or dataclass are outputs of their own; the rest is pickled around them."""
    fit = Fit(np.arange(1_000_000.0), 2.0)
    fit.extra = "kept"  # type: ignore[attr-defined]
    parts = (fit.weights, fit.score)
    chunks = pickles.encode(fit, parts=parts).chunks
    assert chunks is not None and sum(map(len, chunks)) < 1000
    back: Any = pickles.decode(b"".join(chunks), parts)
    assert back.weights is fit.weights and back.score == 2.0 and back.extra == "kept"
    assert pickle.loads(pickle.dumps(back)).extra == "kept"


class Measured(np.ndarray[Any, Any]):
    """NumPy's own example of a subclass: with an attribute that views of it have, too."""

    info: Any

    def __array_finalize__(self, of: Any) -> None:
        self.info = getattr(of, "info", None)


class Plainer(np.ndarray[Any, Any]):
    """One without anything but what is set on its instances."""


@pytest.mark.parametrize("kind", [Measured, Plainer])
def test_arrays_of_classes_keep_their_attributes(tmp_path: Path, kind: type[Any]) -> None:
    """Small or mapped, alone or within a list, in any order; the array itself among them; with a dtype as it is."""

    def measure(size: int, dtype: str) -> Any:
        found = np.asfortranarray(np.arange(size, dtype=dtype).reshape(2, -1)).view(kind)
        found.info = ["volts", {"by": np.ones(2)}]
        found.itself = found
        return found, [found[:1]]

    made = sweepable.cache(measure, store=tmp_path, version="1")
    for size, dtype in ((6, "f8"), (100_000, "f8"), (6, ">i4")):
        ran, (hit, (part,)) = made(size, dtype), made(size, dtype)
        assert type(hit) is type(part) is kind and hit.dtype == ran[0].dtype and hit.flags.f_contiguous
        assert hit.itself is hit and hit.info[0] == "volts" and hit.info[1]["by"].tolist() == [1.0, 1.0]
        assert np.array_equal(hit, ran[0]) and np.array_equal(part, ran[0][:1])
        assert vars(part).keys() == vars(ran[1][0]).keys()


def test_mapped_files_of_a_class_are_kept_without_their_file(tmp_path: Path) -> None:
    """An array over a file is stored as its values, of whatever class it is; the file is not."""

    class Mapped(np.memmap[Any, Any]):
        pass

    file = str(tmp_path / "raw")

    def mapped() -> Any:
        return Mapped(file, dtype="f8", mode="w+", shape=(3,))

    made = sweepable.cache(mapped, store=tmp_path / "store", version="1", audit=False)
    assert made().tolist() == made().tolist() == [0.0, 0.0, 0.0]
    assert made.peek() is not None
