"""Edits inside one running IPython: run, edit, run. Values are the truth, and only what has to run again does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from running import script_environment

SESSION = Path(__file__).with_name("live_session.py")
#: Files of cases. A case is ``## name: what its calls of run() come to`` and cells, with ``# %%`` between them.
CASES = Path(__file__).with_name("live_edits")


class Case(NamedTuple):
    """Cells, and what the calls in them come to."""

    expected: str
    cells: str


def cases(file: Path) -> dict[str, Case]:
    """The cases of a file by name."""
    found: dict[str, Case] = {}
    for part in f"\n{file.read_text(encoding='utf-8')}".split("\n## ")[1:]:
        heading, _, cells = part.partition("\n")
        name, _, expected = heading.rpartition(": ")
        assert name not in found, name
        found[name] = Case(expected, f"{cells.strip()}\n")
    return found


GROUPS = {file.stem: cases(file) for file in sorted(CASES.glob("*.txt"))}
NAMES = [(group, name) for group, found in GROUPS.items() for name in found]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What came of all cases, each file of them in one IPython."""
    running = {}
    for group, found in GROUPS.items():
        folder = tmp_path_factory.mktemp(group)
        (folder / "cases.json").write_text(json.dumps({name: case.cells for name, case in found.items()}))
        running[group] = (
            folder,
            subprocess.Popen(
                [sys.executable, str(SESSION), "cases.json", "came.json"],
                cwd=folder,
                env=script_environment(folder / "store"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ),
        )
    told = {}
    for group, (folder, process) in running.items():
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        told[group] = json.loads((folder / "came.json").read_text())
    return told


@pytest.mark.parametrize(("group", "name"), NAMES, ids=[name for _, name in NAMES])
def test_live_edit(played: dict[str, dict[str, list[str]]], group: str, name: str) -> None:
    """Whatever is edited in a running session, a value is never stale, and what has not changed is not run again."""
    assert " ".join(played[group][name]) == GROUPS[group][name].expected
