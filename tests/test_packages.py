"""What packages make of code and values: their models, wrappers and containers are seen through, where installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from edits_packages import CASES
from running import script_environment
from sweepable.identity.code import CodeIdentity
from test_identity_cases import States, run_state
from values_packages import PAIRS

DIGESTS = """
import json, logging, sys, warnings
from sweepable.identity.code import describe
from sweepable.identity.values import digest

warnings.simplefilter("ignore")
logging.disable()
found = {}
for name, head, *expressions in json.load(sys.stdin):
    space = {"__name__": "__main__"}
    exec(head, space)
    found[name] = [digest(eval(text, space), "x", describe=describe) for text in (*expressions, expressions[0])]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    folder = tmp_path_factory.mktemp("states")
    store = folder / "store"
    before = run_state(folder / "a", CASES, 0, seed=1, store=store)
    with ThreadPoolExecutor(2) as pool:
        after, again = pool.map(
            lambda run: run_state(folder / run[0], CASES, run[1], seed=run[2], store=store), [("b", 1, 2), ("c", 0, 3)]
        )
    return States(folder, before, after, again)


def test_no_value_is_stale(states: States) -> None:
    """Whatever is edited of a package's model, wrapper or constant, a call returns what the function returns now."""
    stale = [
        f"{case.name}: {found.value} for {found.truth}"
        for case in CASES
        for state in states[1:]
        if (found := state[case.name]).value != found.truth
    ]
    assert stale == [] and len(CASES) > 60


def test_what_was_computed_is_found_again(states: States) -> None:
    """In another process, under another hash seed, in another folder, code that leans on packages finds its results."""
    assert [case.name for case in CASES if states.after[case.name].hit] == []
    assert [case.name for case in CASES if not states.again[case.name].hit] == []


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping[str, list[str]]]:
    known = [pair for pair in PAIRS if all(find_spec(package) for package in pair.needs)]
    given = json.dumps([(pair.name, pair.head, pair.one, pair.other) for pair in known])
    return [_digests(tmp_path_factory.mktemp("digests"), given, seed) for seed in (1, 2)]


def _digests(folder: Path, given: str, seed: int) -> Mapping[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        input=given,
        env=script_environment(folder, seed),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_values_of_packages_have_digests_of_their_own(digests: list[Mapping[str, list[str]]]) -> None:
    """Different values of a package's type have different digests; equal ones, made anew, have equal ones."""
    assert [name for name, (one, other, _) in digests[0].items() if one == other] == []
    assert [name for name, (one, _, again) in digests[0].items() if one != again] == []


def test_digests_of_values_of_packages_are_the_same_in_every_process(digests: list[Mapping[str, list[str]]]) -> None:
    """Values whose order is that of hashes, or that number themselves, have the same digest under every hash seed."""
    one, other = digests
    assert {name for name in one if one[name] != other[name]} == set() and len(one) > 40


def test_memory_of_a_package_is_cleared_when_what_it_depends_on_changes() -> None:
    """What `cachetools` has kept of a helper does not enter results of the code as it is now."""
    pytest.importorskip("cachetools")
    space: dict[str, object] = {"__name__": "made_up"}
    exec(
        "import cachetools\nK = 1\n@cachetools.cached({})\ndef h(x):\n    return x * K\ndef f(x):\n    return h(x)",
        space,
    )
    f = space["f"]
    identity = CodeIdentity(f)  # type: ignore[arg-type]
    before = identity.version()
    assert f(2) == 2 and identity.version().digest == before.digest  # type: ignore[operator]
    space["K"] = 3
    assert identity.version().digest != before.digest
    assert f(2) == 6  # type: ignore[operator]
