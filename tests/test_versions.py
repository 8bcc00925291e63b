"""The versions of a function: side by side, numbered for people, and found by queries."""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Any

import pytest

import sweepable
from running import RunScript
from sweepable import AmbiguousName, DeclarationError, UnknownName
from sweepable.store.location import current_store
from sweepable.versions import Version, Versions

pytestmark = [
    # exec'd sources count by their byte code, and each new state leaves older results: neither is tested here.
    pytest.mark.filterwarnings("ignore::sweepable.UntrackedCode"),
    pytest.mark.filterwarnings("ignore::sweepable.StaleResults"),
]

BODY = "@sweepable.cache\ndef f(x=1.0):\n    return {{'y': x * {}}}"


def made(source: str, name: str, **namespace: Any) -> Any:
    """A cached function from a source that is a module of its own."""
    module = types.ModuleType("__main__")
    module.__dict__.update(namespace, sweepable=sweepable)
    exec(source, module.__dict__)
    return getattr(module, name)


def state(factor: float) -> Any:
    """The function as some state of its code has it."""
    return made(BODY.format(factor), "f")


@pytest.fixture
def f() -> Any:
    """A function with three versions: two calls of v1, one of v2, one of v3, which is the code as it is now."""
    state(1)(1.0), state(1)(2.0), state(10)(1.0)
    now = state(100)
    now(1.0)
    return now


def ys(query: Any) -> list[float]:
    return sorted(rec.y for rec in query)


# -- the list of them


def test_versions_stand_side_by_side_in_the_order_in_which_they_came(f: Any) -> None:
    """v1, v2, ...: when each was first seen, how many calls it has, and which is the code as it is now."""
    found = f.versions()
    assert isinstance(found, Versions) and len(found) == 3
    assert [(version.name, version.number, version.calls, version.is_now) for version in found] == [
        ("v1", 1, 2, False),
        ("v2", 2, 1, False),
        ("v3", 3, 1, True),
    ]
    assert found.now == found["v3"] and found["v1"].first_seen <= found["v2"].first_seen
    assert found["v3"].digest == f.version().digest and str(found["v1"]) == "v1"


def test_going_back_is_the_old_version_again(f: Any) -> None:
    """A → B → A makes no third version, and its results are there."""
    again = state(1)
    assert again.versions()["v1"].is_now and again.explain(2.0).hit and len(again.versions()) == 3


def test_one_is_had_by_number_name_label_or_digest(f: Any) -> None:
    """By any way of writing it; what is none is an error with the choices."""
    found = f.versions()
    found["v2"].set_label("submitted")
    two = f.versions()["v2"]
    assert two == found[2] == found["submitted"] == found[two.digest] == found[two.digest[:6].upper()] == found[-2]
    assert list(found)[1] == next(version for version in reversed(found) if version.number == 2)
    for number in (0, 4, -4):
        with pytest.raises(IndexError, match="has 3 versions, numbered from 1"):
            found[number]
    with pytest.raises(UnknownName, match="no version 'submited'; did you mean 'submitted'"):
        found["submited"]


def test_it_prints_as_a_table(f: Any) -> None:
    """In a terminal in columns, in a notebook as HTML in which nothing of the user's is markup."""
    f.versions()[1].set_label("<b>&")
    head, first, *_ = repr(f.versions()).splitlines()
    assert (
        head.split()[:2] == ["version", "label"] and first.startswith("v1") and "<b>&" in first and first.endswith(" f")
    )
    html = f.versions()._repr_html_()
    assert html.count("<tr>") == 4 and "&lt;b&gt;&amp;" in html and "<b>" not in html
    assert "submitted" not in repr(f.versions()) and "2 calls" in repr(f.versions()[1])


def test_a_function_that_never_ran_has_none() -> None:
    """Which is said; a version asked for by name is an error."""
    f = state(1)
    assert len(f.versions()) == 0 and not f.versions() and f.versions().now is None
    assert "no call of f is stored" in repr(f.versions()) and "no call of f is stored" in f.versions()._repr_html_()
    for ask in (lambda: f.versions()["v1"], lambda: f.select(version="v1"), lambda: f.filter(version="submitted")):
        with pytest.raises(UnknownName, match=r"f has no version '.*': no call of it is stored"):
            ask()
    assert f.select(version="any").count() == 0


def test_what_differs_is_shown_in_full(run_script: RunScript) -> None:
    """``diff()`` is from a version to the code as it is now, or to another version; source by lines, values by both."""
    lab = """
        import sweepable
        K = {}
        def helper(x):
            return x * {}
        @sweepable.cache
        def f(x=1.0):
            return helper(x) + K
    """
    for numbers in ((1, 1), (2, 1), (2, 7)):
        run_script(
            "import warnings\nwarnings.simplefilter('ignore')\nimport lab\nlab.f()",
            files={"lab.py": lab.format(*numbers)},
        )
    done = run_script(
        """
        import lab
        found = lab.f.versions()
        print(found[1].diff())
        print(found["v1"].diff(found["v2"]))
        print(found[3].diff(), found[1].diff().names(), found[3].source.splitlines()[-1].strip(), sep="|")
        print(found)
        """
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    helper = ["helper (lab.py:4), called by f", "-    return x * 1", "+    return x * 7"]
    assert lines[:5] == ["v1 -> now", *helper, "K (lab.py:3): 1 -> 2"]
    assert lines[5:7] == ["v1 -> v2", "K (lab.py:3): 1 -> 2"] and lines[7:9] == [
        "v3 -> now",
        "nothing|('helper', 'K')|return helper(x) + K",
    ]
    assert lines[10].endswith("helper, K") and lines[11].endswith("helper") and " yes " in lines[12]


def test_the_first_run_of_other_code_names_what_has_changed() -> None:
    """Calls and sweeps say so in the warning itself, with the version that it is compared to."""
    module = types.ModuleType("__main__")
    exec("K = 1\ndef helper(x):\n    return x * K\ndef f(x=1.0):\n    return helper(x)\n", module.__dict__)
    f = sweepable.cache(module.f)  # type: ignore[attr-defined]
    f()
    module.K = 2  # type: ignore[attr-defined]
    with pytest.warns(
        sweepable.StaleResults, match=r"1 stored result is of older code and not used \(since v1: K\); f.expl"
    ):
        f()
    module.K = 3  # type: ignore[attr-defined]
    with pytest.warns(
        sweepable.StaleResults, match=r"2 stored results are of older code and not used \(since v2: K\); 2 c"
    ):
        f.sweep(x=[1.0, 2.0], progress=False)


# -- labels


def test_a_label_stays_with_the_version(f: Any, run_script: RunScript) -> None:
    """It is kept in the store, can be changed and taken away, and one process sees what another has set."""
    f.versions()["v1"].set_label("submitted")
    f.versions()["v1"].set_label("published")
    assert [version.label for version in f.versions()] == ["published", None, None]
    done = run_script('import sweepable\nprint(sweepable.find("f", version="published").count())')
    assert done.stdout.split() == ["2"]
    f.versions()["published"].set_label(None)
    with pytest.raises(UnknownName):
        f.filter(version="published")


@pytest.mark.parametrize(
    "label", ["v3", "V12", "7", "abcdef", "0" * 64, "any", "Current", "", "  ", " a", "a\nb", "x" * 61, 3]
)
def test_what_reads_as_something_else_is_no_label(f: Any, label: Any) -> None:
    """Numbers, digests and the words of queries mean one thing only."""
    with pytest.raises(DeclarationError, match="a version cannot be called"):
        f.versions()[1].set_label(label)
    assert f.versions()[1].label is None


def test_a_label_is_one_versions_alone(f: Any) -> None:
    """Of one function; another function may use it too."""
    f.versions()[1].set_label("best")
    f.versions()[1].set_label("best")
    with pytest.raises(DeclarationError, match="what another version of the same function is called"):
        f.versions()[2].set_label("best")
    other = made(BODY.format(1).replace("def f", "def g"), "g")
    other()
    other.versions()[1].set_label("best")
    assert f.filter(version="best").count() == 2 and other.filter(version="best").count() == 1


def test_a_read_only_store_takes_no_label(run_script: RunScript, store_path: Path) -> None:
    """It is an error that says so; versions can still be listed, and calls explained."""
    source = """
        import ctypes, os, sys
        import sweepable

        if "reading" in sys.argv and os.geteuid() == 0:  # root's right to override permissions
            assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0

        @sweepable.cache
        def f(x=1.0):
            return 2 * x

        if "reading" not in sys.argv:
            f()
        try:
            f.versions()["v1"].set_label("best")
        except sweepable.StoreError as error:
            print("read-only" in str(error), len(f.versions()), f.explain().hit, f.explain(2.0).differences[0])
    """
    assert run_script(source).stdout == ""
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    done = run_script(source, arguments=("reading",))
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o700)
    assert done.stdout.split() == ["True", "1", "True", "x:", "2.0,", "stored", "1.0:", "differs", "by", "1"]


# -- queries


def test_a_query_sees_the_version_that_it_is_asked_for(f: Any) -> None:
    """By number, label, or six digits of a digest; in select, filter, get, find; "any" sees all, nothing says now."""
    f.versions()[2].set_label("submitted")
    digest = f.versions()[1].digest
    assert ys(f.select()) == ys(f.filter(version="current")) == [100.0] and ys(f.select(version="any")) == [
        1.0,
        2.0,
        10.0,
        100.0,
    ]
    assert ys(f.select(version="v1")) == ys(f.filter(version="v1")) == ys(f.filter(version=digest[:6])) == [1.0, 2.0]
    assert ys(f.filter(version=digest)) == [1.0, 2.0] and ys(f.filter(version="v1", x__gt=1.5)) == [2.0]
    assert repr(f.filter(version="v1", x=1.0)) == "<Query of f with version='v1', x=1.0>"
    assert f.get(version="submitted").y == 10.0 and f.get_or_none(version="submitted", x=9.0) is None
    assert ys(sweepable.find(f, version="v2")) == ys(sweepable.find("f", version="submitted")) == [10.0]
    assert f.select(version="v1").to_df()["y"].tolist() == [1.0, 2.0]
    assert ys(f.select(version="v1").exclude(x=1.0)) == [2.0] and f.select(version="v1").order_by("-y").first().y == 2.0


@pytest.mark.parametrize("wanted", ["v4", "v0", "submited", "12345", "ffffffffffff", "", "V1"])
def test_a_version_that_there_is_not_is_an_error(f: Any, wanted: str) -> None:
    """With the choices; never all calls, nor none."""
    f.versions()[1].set_label("submitted")
    for ask in (f.select, f.filter, lambda **w: sweepable.find("f", **w), lambda **w: f.select().filter(**w)):
        with pytest.raises(
            UnknownName, match=r"has no version .* known: v1, submitted, v2, v3, any, or the first 6 digits"
        ):
            ask(version=wanted)


@pytest.mark.parametrize("wanted", [1, 2.0, ["v1"], b"v1"])
def test_what_is_no_name_of_a_version_is_an_error(f: Any, wanted: Any) -> None:
    """A number or a list is none."""
    for ask in (f.select, f.filter, f.select().exclude):
        with pytest.raises(UnknownName, match="f has no 'version' to compare with"):
            ask(version=wanted)


def test_a_version_cannot_be_excluded(f: Any) -> None:
    """``version=`` says which code is looked at, which narrows nothing; the way out is in the error."""
    with pytest.raises(ValueError, match="info__version"):
        f.select(version="any").exclude(version="v1")
    assert ys(f.select(version="any").exclude(info__version=f.versions()[1].digest)) == [10.0, 100.0]


def test_a_users_own_parameter_of_that_name_wins() -> None:
    """In a look-up; ``select(version=...)`` is always ours."""
    sensor = made("@sweepable.cache\ndef sensor(version='v1', x=1):\n    return {'y': x}", "sensor")
    sensor(version="v9")
    sensor(version="any", x=2)
    assert ys(sensor.filter(version="any")) == [2] and ys(sensor.filter(version="v9")) == [1]
    assert sensor.filter(version="v1").count() == 0 and sensor.select(version="v1").count() == 2
    below = made("@sweepable.cache\ndef below(s=sensor):\n    return {'y': s.y}", "below", sensor=sensor)
    below(sensor.partial(version="v9"))
    assert below.filter(version="v9").count() == 1 and below.select(version="v1").filter(version="v9").count() == 1


def test_names_are_those_of_the_version_asked_for() -> None:
    """A parameter that only it had can be looked up; one that it had not cannot."""
    made("@sweepable.cache\ndef f(x=1.0, old=2):\n    return {'y': x}", "f")()
    now = made("@sweepable.cache\ndef f(x=1.0, new=3):\n    return {'y': x}", "f")
    now()
    assert now.filter(version="v1", old=2).count() == 1 and list(now.select(version="v1").to_df()) == ["x", "old", "y"]
    with pytest.raises(UnknownName):
        now.filter(version="v1", new=3)
    assert now.filter(version="v2", new=3).count() == 1


def test_the_upstream_of_a_version_may_be_of_any_code() -> None:
    """It was asked for by name: what it came from comes along, whatever has changed there since."""
    up_source, down_source = (
        "@sweepable.cache\ndef up(x=1.0):\n    return {{'z': x * {}}}",
        "@sweepable.cache\ndef down(u=up):\n    return {'y': u.z}",
    )
    for factor in (1, 10):
        down = made(down_source, "down", up=made(up_source.format(factor), "up"))
        down()
    assert len(down.versions()) == 1 and ys(down.select()) == [10.0] and ys(down.select(version="v1")) == [1.0, 10.0]
    assert ys(down.filter(version="v1", u__x=1.0)) == [1.0, 10.0]


def test_a_sweep_is_narrowed_by_version_too(f: Any) -> None:
    """Its calls are of the code as it is now: under another version there are none of them."""
    runs = f.sweep(x=[1.0, 2.0], progress=False)
    assert runs.filter(version="v3").count() == 2 and runs.filter(version="v1").count() == 0
    assert ys(runs.filter(version="any")) == [100.0, 200.0]


def test_asking_for_a_version_says_nothing_of_what_is_left_out(f: Any, recwarn: pytest.WarningsRecorder) -> None:
    """It was asked for."""
    f.select(version="v1").count()
    assert not [warning for warning in recwarn if issubclass(warning.category, sweepable.StaleResults)]


def test_queries_of_a_version_pickle(f: Any) -> None:
    """As the calls that were found."""
    import pickle

    assert ys(pickle.loads(pickle.dumps(f.select(version="v1")))) == [1.0, 2.0]


# -- pinned


FACTORY = """
def make(a):
    @sweepable.cache{}
    def g(x=1.0):
        return {{'y': a * x}}
    return g
"""


def test_pins_are_names_of_versions() -> None:
    """``version="1"``: listed as such, and found by it; for several values of a factory it stands for all."""
    make = made(FACTORY.format("(version='paper')"), "make")
    one, two = make(1), make(2)
    one(), two()
    assert [version.pin for version in one.versions()] == ["paper", "paper"]
    assert ys(one.filter(version="paper")) == [1.0, 2.0] and ys(one.select()) == [1.0]
    assert "pinned 'paper'" in repr(one.versions())
    with pytest.raises(UnknownName, match="several versions go by 'paper': v1, v2"):
        one.versions()["paper"]
    plain = made(FACTORY.format(""), "make")(1)
    plain()
    with pytest.raises(DeclarationError, match="pinned to"):
        plain.versions().now.set_label("paper")


def test_a_pin_that_reads_as_the_number_of_another_version_is_ambiguous() -> None:
    """Unless both are one version; the digest says which."""
    made(BODY.format(1).replace("cache", "cache(version='v1')"), "f")()
    first = made(BODY.format(1).replace("cache", "cache(version='v1')"), "f")
    assert first.filter(version="v1").count() == 1
    other = made(BODY.format(1).replace("cache", "cache(version='v3')"), "f")
    other()
    now = state(3)
    now()
    assert now.filter(version="v2").count() == 1
    with pytest.raises(AmbiguousName, match="several versions go by 'v3'"):
        now.filter(version="v3")
    assert now.filter(version=now.version().digest[:8]).count() == 1


def test_methods_have_versions(f: Any) -> None:
    """Of the class's function; a query on an instance is about equal instances."""

    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @sweepable.cache
        def run(self, x: float = 1.0) -> Any:
            return {"y": self.scale * x}

    Model(2.0).run()
    Model(3.0).run()
    assert Model(2.0).run.versions()["v1"].calls == 2
    assert ys(Model(2.0).run.select(version="v1")) == ys(Model(2.0).run.filter(version="v1")) == [2.0]


# -- what is current in itself and in all its upstream


UP = "@sweepable.cache\ndef up(x=1.0):\n    return {{'z': x * {}}}"
MIDDLE = "@sweepable.cache\ndef middle(u=up):\n    return {'z': u.z}"
BELOW = {
    "as a default": "@sweepable.cache\ndef down(x=1.0, m=middle):\n    return {'y': m.z * x}",
    "nested": "@sweepable.cache\ndef down(x=1.0):\n    return {'y': middle()['z'] * x}",
    "declared": "@sweepable.cache(depends_on=[up])\ndef down(x=1.0):\n    return {'y': up(x)['z']}",
    "as an output": "@sweepable.cache(upstream={'z': middle['z']})\ndef down(z, x=1.0):\n    return {'y': z * x}",
}  # fmt: skip


def pipeline(below: str, factor: int) -> Any:
    up = made(UP.format(factor), "up")
    middle = made(MIDDLE, "middle", up=up)
    return made(below, "down", up=up, middle=middle)


@pytest.mark.parametrize("below", BELOW.values(), ids=BELOW)
def test_a_fixed_bug_upstream_never_leaves_two_rows_that_differ_in_nothing(below: str) -> None:
    """At whatever distance, and after A → B → A: a table has one row for each set of parameters."""
    for factor in (1, 10, 1, 10, 1):
        down = pipeline(below, factor)
        down.sweep(x=[1.0, 2.0], on_stale="ignore", progress=False)
        table = down.select().to_df()
        assert table["y"].tolist() == [factor * 1.0, factor * 2.0], "only what is current in all its upstream"
        assert down.select(version="any").count() in (2, 4)
    assert len({tuple(row) for row in table.drop(columns="y").itertuples(index=False)}) == 2


@pytest.mark.parametrize("below", BELOW.values(), ids=BELOW)
def test_nor_does_it_in_a_process_that_has_only_the_store(below: str, run_script: RunScript) -> None:
    """What was stored last counts there; each parameter set is one row of one state of the code."""
    for factor in (1, 10):
        pipeline(below, factor).sweep(x=[1.0, 2.0], on_stale="ignore", progress=False)
    back = pipeline(below, 1)
    back.sweep(x=[1.0, 2.0, 3.0], on_stale="ignore", progress=False)
    done = run_script(
        """
        import warnings, sweepable
        warnings.simplefilter("ignore")
        table = sweepable.find("down").to_df()
        print(sorted(table["y"]), len(table.drop(columns="y").drop_duplicates()) == len(table))
        print(sweepable.find("down", version="any").count())
        """
    )
    first, second = done.stdout.splitlines()
    assert first in ("[1.0, 2.0, 3.0] True", "[10.0, 20.0] True") and second == "5"


def test_what_one_factory_made_twice_is_seen_without_the_code(run_script: RunScript) -> None:
    """A call that came from two versions of one function is current where both were."""
    make = made(FACTORY.format(""), "make")
    one, two = make(1), make(2)
    source = "@sweepable.cache\ndef both(a=one, b=two):\n    return {'y': a.y + b.y}"
    both = made(source, "both", one=one, two=two)
    both()
    assert ys(both.select()) == [3.0]
    assert run_script("import sweepable\nprint(sweepable.find('both').count())").stdout.split() == ["1"]


def test_a_version_is_numbered_alike_in_processes_that_race(run_script: RunScript, tmp_path: Path) -> None:
    """Several processes that store the first call of one version make one version."""
    import subprocess
    import sys

    from running import script_environment

    (tmp_path / "race.py").write_text(
        "import sys, sweepable\n@sweepable.cache\ndef f(x=1.0):\n    return x\nf(float(sys.argv[1]))\n"
    )
    environment = script_environment(os.environ["SWEEPABLE_STORE"])
    racing = [subprocess.Popen([sys.executable, "race.py", str(n)], cwd=tmp_path, env=environment) for n in range(4)]
    assert [process.wait(60) for process in racing] == [0] * 4
    rows = current_store().versions(1)
    assert [(row.name, row.calls) for row in rows] == [("v1", 4)]


def test_versions_are_values(f: Any) -> None:
    """Equal by digest, and usable in sets."""
    assert len({*f.versions(), *f.versions()}) == 3 and all(isinstance(version, Version) for version in f.versions())
