"""Golden digests and keys: equal on every Python, pandas and numpy, today and after an upgrade of sweepable."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import golden_values
from interpreters import other_pythons
from running import script_environment

HERE = Path(__file__).parent
GOLDEN = HERE / "golden_values.json"
SCRIPT = """
import json, sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import golden_values
print(json.dumps(golden_values.found()))
"""


def _differences(found: dict[str, dict[str, str]]) -> dict[str, str | None]:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden.keys() == found.keys()
    return {
        name: found[part].get(name)
        for part in golden
        for name in golden[part] | found[part]
        if golden[part].get(name) != found[part].get(name)
    }


def test_golden_digests_and_keys() -> None:
    """A value has the digest, and a call the key, that it has always had.

    Where a change of the rules is meant, write the file anew: ``python tests/test_golden.py``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not _differences(golden_values.found())


def test_golden_values_are_many_and_different() -> None:
    """The file holds all kinds of values, each of which counts as another."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(golden["values"]) == len(set(golden["values"].values())) > 100
    assert len(golden["keys"]) == len(set(golden["keys"].values())) > 5


@pytest.mark.parametrize("python", [sys.executable, *other_pythons()])
def test_golden_digests_and_keys_in_another_process(python: str, tmp_path: Path) -> None:
    """The same in a process of its own, with another hash seed, on every Python that is there."""
    command = [python, "-c", SCRIPT, str(HERE)]
    environment = script_environment(tmp_path / "store")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert not _differences(json.loads(done.stdout))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_values.found(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
