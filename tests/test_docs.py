"""The README's programs do what it says they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sweepable
from running import RunScript

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TEXT = re.findall(r"```text\n(.*?)```", README, re.DOTALL)


def test_the_first_program_prints_what_the_readme_shows(run_script: RunScript) -> None:
    """The output of its first and of its second run, in a process each, is the one printed there."""
    assert run_script(PYTHON[0], name="experiment.py").stdout == TEXT[0]
    assert run_script(None, name="experiment.py").stdout == TEXT[1]


def test_every_other_program_runs(run_script: RunScript) -> None:
    """All snippets run, one after the other, on top of the first program."""
    files = {found[1]: block for block in PYTHON if (found := re.match(r"# (\w+\.py)\n", block))}
    snippets = [block for block in PYTHON if block not in files.values()]
    assert len(snippets) >= 5 and set(files) == {"experiment.py", "motor.py"}
    program = "from experiment import *\nimport numpy as np, sweepable\n\nif __name__ == '__main__':\n"
    body = "\n".join(snippets).replace("\n", "\n    ")
    printed = run_script(f"{program}    {body}\n    print(runs.counts)\n", files=files).stdout
    (lineage,) = (text for text in TEXT if text.startswith("evaluate_sim() →"))
    assert without_durations(lineage) in without_durations(printed)


def without_durations(text: str) -> str:
    return re.sub(r" +\[[\d.]+ m?s\]$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in sweepable.__all__ if name[0].islower()])
def test_every_public_function_is_in_the_readme(name: str) -> None:
    """Whoever reads the README has met each function."""
    assert re.search(rf"\b{name}\b", README)
