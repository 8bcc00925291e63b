"""Random projects with random edits: what the function can reach is seen, what it cannot is not."""

# ruff: noqa: E501
# A piece of a project on one line is easier to read than one on many.
from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from editing import Case, run_state

MODULES = ("lab", "tools", "parts")


class Piece(NamedTuple):
    """A function, class or constant of a random project, and the earlier pieces that it uses."""

    name: str
    kind: str
    module: str
    uses: tuple[int, ...]


class Project:
    """Pieces in a few modules that use one another by random routes; the last one is the function that is called.

    Every piece adds a number of its own to the result of whatever reaches it, so that the number tells the truth.
    """

    def __init__(self, seed: int, size: int) -> None:
        self.draw = random.Random(seed)
        self.pieces: list[Piece] = []
        for at in range(size - 1):
            kind = self.draw.choice(["function", "function", "class", "constant", "closure", "partial", "data"])
            self.pieces.append(Piece(f"p{at}", kind, self.draw.choice(MODULES), self._used(at, 3)))
        self.pieces.append(Piece("f", "function", "lab", self._used(size - 1, 4)))

    def _used(self, at: int, most: int) -> tuple[int, ...]:
        return tuple(sorted(self.draw.sample(range(at), k=min(at, self.draw.randint(0 if at < 3 else 1, most)))))

    def reached(self) -> set[int]:
        """The pieces that the function reaches."""
        found, stack = set(), [len(self.pieces) - 1]
        while stack:
            at = stack.pop()
            if at not in found:
                found.add(at)
                stack += self.pieces[at].uses
        return found

    def files(self, numbers: list[int], routes: random.Random) -> dict[str, str]:
        """The modules as text; the same routes for the same `routes`."""
        texts = {
            module: [f"import functools, importlib, dataclasses\nfrom . import {', '.join(MODULES)}"]
            for module in MODULES
        }
        for piece, number in zip(self.pieces, numbers, strict=True):
            calls = [self._route(piece, self.pieces[at], routes) for at in piece.uses]
            texts[piece.module].append(_written(piece, number, calls))
        return {f"{module}.py": "\n\n".join(parts) for module, parts in texts.items()}

    def _route(self, piece: Piece, used: Piece, routes: random.Random) -> str:
        """An expression that is the number of what a piece uses, by one of the ways there are."""
        name, module, call = used.name, used.module, _CALLS[used.kind]
        ways = [f"{module}.{name}", f"getattr({module}, '{name}')", f"importlib.import_module('PKG.{module}').{name}"]
        ways += [name, name] if piece.module == module else []
        return call.format(routes.choice(ways))


_CALLS = {
    "function": "{0}()", "class": "{0}().go()", "constant": "{0}['v'][0]",
    "closure": "{0}()", "partial": "{0}()", "data": "{0}().v",
}  # fmt: skip


def _written(piece: Piece, number: int, calls: list[str]) -> str:
    name, total = piece.name, " + ".join([str(number), *calls])
    if piece.kind == "function":
        return f"def {name}(x=0):\n    return {total}"
    if piece.kind == "class":
        return f"class {name}Base:\n    def part(self):\n        return {number}\nclass {name}({name}Base):\n    def go(self):\n        return {' + '.join(['self.part()', *calls])}"
    if piece.kind == "closure":
        return f"def make_{name}(n):\n    def inner():\n        return {' + '.join(['n', *calls])}\n    return inner\n{name} = make_{name}({number})"
    if piece.kind == "partial":
        return f"def base_{name}(n):\n    return {' + '.join(['n', *calls])}\n{name} = functools.partial(base_{name}, {number})"
    if piece.kind == "data":
        return f"@dataclasses.dataclass\nclass {name}:\n    n: int = {number}\n    @property\n    def v(self):\n        return {' + '.join(['self.n', *calls])}"
    return f"{name} = {{'v': [{number}], 'w': {number}}}"


def _case(seed: int, size: int) -> Case:
    project = Project(seed, size)
    # A constant uses nothing: what it "uses" is not reached through it.
    project.pieces = [piece._replace(uses=()) if piece.kind == "constant" else piece for piece in project.pieces]
    numbers = [project.draw.randrange(10**6) for _ in project.pieces]
    edited = project.draw.randrange(size)
    after = [number + (at == edited) for at, number in enumerate(numbers)]
    reached = edited in project.reached()
    before, later = (project.files(values, random.Random(seed)) for values in (numbers, after))
    name = f"{seed}: {project.pieces[edited].kind} {project.pieces[edited].name}"
    return Case(name, not reached, before, later, "", differs=reached)


def _try(folder: Path, cases: list[Case]) -> None:
    before, after, again = (
        run_state(folder / name, cases, state, seed=seed, store=folder / "store")
        for name, state, seed in (("a", 0, 1), ("b", 1, 2), ("c", 0, 3))
    )
    stale = [name for state in (before, after, again) for name, found in state.items() if found.value != found.truth]
    unexpected = [case.name for case in cases if after[case.name].hit is not case.hit or not again[case.name].hit]
    wrongly_told = [
        case.name for case in cases if (before[case.name].truth != after[case.name].truth) is not case.differs
    ]
    assert (stale, unexpected, wrongly_told) == ([], [], [])


def test_random_edits_of_random_projects(tmp_path: Path) -> None:
    """Of random projects, whatever is reached is seen when it is edited, by whatever route; whatever is not, hits."""
    cases = [_case(seed, 12) for seed in range(60)]
    assert 15 < sum(case.hit for case in cases) < 45
    _try(tmp_path, cases)


@pytest.mark.stress
@pytest.mark.parametrize("part", range(10))
def test_many_random_edits_of_larger_projects(tmp_path: Path, part: int) -> None:
    """The same for a thousand projects of more pieces."""
    _try(tmp_path, [_case(1000 * (part + 1) + seed, 8 + seed % 40) for seed in range(100)])
