"""Readings of sources that are kept for other processes: the same as those made anew, and never of other code."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType

import pytest
from blake3 import blake3

from running import RunScript
from sweepable.identity import readings, shelf
from sweepable.identity.references import References
from sweepable.identity.resolver import lookup

RULES = Path(__file__).with_name("golden_rules.json")
SOURCES = Path(shelf.__file__).parent
#: What a reading is made by.
MADE_BY = ("bytecode", "readings", "references", "shelf", "sources", "syntax", "texts")
MODULES = ("argparse", "ast", "copy", "dataclasses", "inspect", "json", "shutil", "statistics", "textwrap")


class Kept(dict[bytes, bytes]):
    """A shelf in memory."""

    def is_filled(self) -> bool:
        return bool(self)

    def put(self, made: Callable[[], tuple[bytes, bytes]]) -> None:
        self.update([made()])


@pytest.fixture
def kept() -> Iterator[Kept]:
    before = list(shelf._shelves)
    found = Kept()
    shelf.use(found)
    yield found
    shelf.use(before[0] if before else None)


def read(function: FunctionType) -> readings.Reading | None:
    readings._readings.clear()
    return readings.read(function.__code__, function.__globals__, lambda decorator: False, lookup(function))


def told(reading: readings.Reading) -> tuple[object, ...]:
    found = {name: getattr(reading.references, name) for name in References.__slots__}
    return reading.text, reading.asked, reading.looked, reading.body, found


@pytest.mark.parametrize("name", MODULES)
def test_what_is_kept_is_what_was_read(name: str, kept: Kept) -> None:
    """A reading that another process made says the same as one made here, for every function of a module."""
    functions = [part for part in vars(importlib.import_module(name)).values() if isinstance(part, FunctionType)]
    again = 0
    for function in functions:
        fresh = read(function)
        other = read(function)
        assert (fresh is None) == (other is None)
        if fresh is not None and other is not None:
            assert told(other) == told(fresh)
            again += other.node is None
    assert again > 2 and len(kept) >= again - 2


ALONE = """
def outer(x, y=2):
    def inner(z):
        return (x, z, 1, 1.0, "one", b"one", (True, None))
    return inner, [x for x in range(3)], 0.0
"""
EDITS = [
    ("1.0", "1"),
    ("1.0", "True"),
    ("0.0", "-0.0"),
    ('b"one"', '"one"'),
    ("(True, None)", "(1, None)"),
    ("inner", "within"),
    ("x, y=2", "x, *, y=2"),
    ("z", "w"),
    ("None", '{"a", "b"}'),
]


def compiled(source: str, filename: str = "a.py") -> bytes:
    space: dict[str, FunctionType] = {}
    exec(compile(source, filename, "exec", dont_inherit=True), space)
    return shelf._key(space["outer"].__code__, "the same lines")


def test_code_is_told_apart_by_all_but_its_place() -> None:
    """Constants of other types, names and signatures are other code, within nested functions too; lines are not."""
    keys = [compiled(ALONE.replace(*edit)) for edit in EDITS]
    assert len({compiled(ALONE), *keys}) == len(EDITS) + 1
    assert compiled("\n\n" + ALONE, "b.py") == compiled(ALONE)


def test_code_has_one_key_in_every_process(run_script: RunScript) -> None:
    """Whatever the hash seed, which orders sets, and whether it was compiled or read from a file of byte code."""
    held = ALONE.replace("return inner", 'if x in {"a", "b", "c"}:\n        pass\n    return inner')
    script = """
        from part import outer
        from sweepable.identity import shelf
        print(shelf._key(outer.__code__, "the same lines").hex())
    """
    for source in (ALONE, held):
        env = {"PYTHONDONTWRITEBYTECODE": ""}
        found = {run_script(script, files={"part.py": source}, hashseed=seed, env=env).stdout for seed in (1, 2, 3)}
        assert found == {compiled(source).hex() + "\n"}


def test_a_new_process_parses_nothing(run_script: RunScript) -> None:
    """What one process has read of a function and its helpers, the next one need not parse; the version is the same."""
    script = """
        import sys
        import sweepable
        from sweepable.identity import sources

        def refuse(code, namespace=None):
            raise AssertionError(f"{code.co_name} is parsed")

        if "again" in sys.argv:
            sources.locate = refuse
        import lab
        print(lab.f(2), lab.f.version().digest)
    """
    lab = "import sweepable\nK = 3\ndef h(x, y=1):\n    return x * K\n@sweepable.cache\ndef f(x):\n    return h(x)\n"
    first = run_script(script, files={"lab.py": lab}).stdout
    assert run_script(script, files={"lab.py": lab}, arguments=("again",)).stdout == first
    changed = lab.replace("x * K", "x * K + 1")
    refused = run_script(script, files={"lab.py": changed}, arguments=("again",), check=False)
    assert "h is parsed" in refused.stderr
    assert run_script(script, files={"lab.py": changed}).stdout.split()[0] == "7"


def test_a_script_parses_nothing_the_second_time(run_script: RunScript) -> None:
    """The same holds for functions of the script that is run."""
    script = """
        import sys
        import sweepable
        from sweepable.identity import sources

        if "again" in sys.argv:
            sources.locate = None

        def h(x):
            return x + 1

        @sweepable.cache
        def f(x):
            return h(x)

        print(f(2), f.version().digest)
    """
    first = run_script(script).stdout
    assert run_script(script, arguments=("again",)).stdout == first


def test_a_decorator_that_became_another_one_is_seen(run_script: RunScript) -> None:
    """A reading holds for what the names of decorators were bound to; where that is another thing, it is made anew."""
    script = "import lab\nprint(lab.f(2))\n"
    lab = "import sweepable\nfrom tools import deco\n@sweepable.cache\n@deco\ndef f(x):\n    return x\n"
    tools = "import sweepable\ndeco = sweepable.cache\n"
    assert run_script(script, files={"lab.py": lab, "tools.py": tools}).stdout == "2\n"
    other = "def deco(f):\n    return lambda x: f(x) * 10\n"
    assert run_script(script, files={"lab.py": lab, "tools.py": other}).stdout == "20\n"


def test_a_damaged_reading_is_not_used(run_script: RunScript, tmp_path: Path) -> None:
    """A reading that is not as it was written counts for nothing: the source is read again."""
    files = {"lab.py": "import sweepable\n@sweepable.cache\ndef f(x):\n    return x * 2\n"}
    script = "import lab\nprint(lab.f(2), lab.f.key_of(2), lab.f.peek(2) is not None)\n"
    store = tmp_path / "kept"
    before = run_script(script, files=files, store=store).stdout
    with sqlite3.connect(store / "index.db") as index:
        rows = index.execute("SELECT key, data FROM _readings").fetchall()
        for key, data in rows:
            index.execute("UPDATE _readings SET data = ? WHERE key = ?", (data.replace(b"return", b"retorn"), key))
    assert rows and run_script(script, files=files, store=store).stdout == before


def test_no_store_is_made_for_a_reading(run_script: RunScript, tmp_path: Path) -> None:
    """Asking for a key reads sources, and makes no store to keep them."""
    files = {"lab.py": "import sweepable\n@sweepable.cache\ndef f(x):\n    return x * 2\n"}
    run_script("import lab\nprint(lab.f.key_of(2))\n", files=files, store=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_readings_of_other_rules_are_not_used() -> None:
    """Stores keep readings over releases: whoever changes how they are made raises `shelf.RULES`; none is stale.

    Then, or where a change makes no other reading, write the file anew: ``python tests/test_shelf.py``.
    """
    assert json.loads(RULES.read_text()) == rules()


def rules() -> dict[str, object]:
    lines = [line for name in MADE_BY for line in (SOURCES / f"{name}.py").read_text(encoding="utf-8").splitlines()]
    counting = "\n".join(line for line in lines if line.strip() and not line.strip().startswith("#"))
    return {"rules": shelf.RULES, "digest": blake3(counting.encode()).hexdigest()}


if __name__ == "__main__":
    RULES.write_text(json.dumps(rules(), indent=1) + "\n")


def test_damage_beside_a_result_costs_no_hit(run_script: RunScript, tmp_path: Path) -> None:
    """Where what a call ran in can no longer be read, its result is served all the same."""
    files = {"lab.py": "import sweepable\n@sweepable.cache\ndef f(x):\n    print('runs')\n    return x * 2\n"}
    store = tmp_path / "kept"
    assert run_script("import lab\nprint(lab.f(2))\n", files=files, store=store).stdout.split() == ["runs", "4"]
    with sqlite3.connect(store / "index.db") as index:
        index.execute("UPDATE _environments SET text = CAST(X'ff7b22' AS TEXT)")
    assert run_script("import lab\nprint(lab.f(2))\n", files=files, store=store).stdout.split() == ["4"]
