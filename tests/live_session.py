"""Runs cases of edits in one IPython session, cell by cell; a script of its own, started by test_live_edits."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import inspect
import json
import os
import re
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from IPython.core.interactiveshell import InteractiveShell

import sweepable

_OWN_TRUTH = object()
_ticks = iter(range(1, 10**6))


class Session:
    """An IPython shell, and what the calls made in it came to."""

    def __init__(self) -> None:
        self.shell: Any = InteractiveShell.instance()
        self.shell.history_manager.enabled = False
        self.shell.showtraceback = lambda *args, **kwargs: None  # told by the result of each cell
        self.came_to: list[str] = []
        self.said: list[str] = []
        warnings.showwarning = lambda message, *rest: self.said.append(str(message))

    def play(self, number: int, text: str) -> list[str]:
        """Run the cells of one case, in a folder, store and namespace of its own; return what its calls came to."""
        self.came_to, self.said = [], []
        before = set(sys.modules)
        folder = Path.cwd().parent / f"case{number}"
        folder.mkdir()
        os.chdir(folder)
        cells = re.split(r"^# %%\n", re.sub(r"\b(lab|pkg)\b", rf"\g<1>{number}", text), flags=re.MULTILINE)
        with sweepable.use(folder / "store"):
            self._play(cells)
        self._forget(before)
        return self.came_to

    def _play(self, cells: list[str]) -> None:
        self.shell.reset(new_session=False)
        # Not among the names of the session, which some code under test uses as a whole.
        vars(builtins).update(run=self.run, write=write, said=self.said)
        self.shell.user_ns.update(np=np, sweepable=sweepable)
        for cell in cells:
            done = self.shell.run_cell(cell, store_history=True)
            if done.error_in_exec or done.error_before_exec:
                self.came_to.append(_told(done.error_in_exec or done.error_before_exec))

    def _forget(self, before: set[str]) -> None:
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(os.getcwd()):
                del sys.modules[name]

    def run(self, f: Any, /, *args: Any, truth: Any = _OWN_TRUTH, **kwargs: Any) -> Any:
        """Call a cached function, and the function itself; note whether it was a hit and told the truth."""
        known = f.peek(*args, **kwargs) is not None
        value = _awaited(f(*args, **kwargs))
        true = _awaited(f.__wrapped__(*args, **kwargs)) if truth is _OWN_TRUTH else truth
        wrong = "" if _same(value, true) else f" WRONG: {value!r}, in truth {true!r}"
        self.came_to.append(("hit" if known else "miss") + wrong)
        return value


def _awaited(value: Any) -> Any:
    if not inspect.isawaitable(value):
        return value
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(value)
    finally:
        loop.close()


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and repr(value) == repr(other)


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-3000:]


def write(name: str, text: str | None = None, *, replace: tuple[str, str] | None = None) -> ModuleType | None:
    """Write a file, or replace a text in it; its time of modification differs from any before."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        assert replace is not None
        text = path.read_text()
        assert replace[0] in text
        text = text.replace(*replace)
    path.write_text(text)
    stamp = path.stat().st_mtime_ns + next(_ticks) * 1_000_000_000
    os.utime(path, ns=(stamp, stamp))
    importlib.invalidate_caches()
    return None


def main() -> None:
    """Play the cases of one file; print what each came to."""
    sys.path.insert(0, "")
    asked, answer = (Path(name).resolve() for name in sys.argv[1:])
    session = Session()
    cases: dict[str, str] = json.loads(asked.read_text())
    os.chdir(asked.parent)
    Path("cases").mkdir()
    os.chdir("cases")
    told = {name: session.play(number, text) for number, (name, text) in enumerate(cases.items())}
    answer.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
