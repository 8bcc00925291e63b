"""What an audit found, as it is stored with a version, and as it is said to people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sweepable.model import Environment

#: Under this name a call's environment tells which functions ran for it that are in no version, with their digests.
OUTSIDE = "functions outside"
#: So many of a kind are kept; more would say nothing new.
_MOST = 20


class Outside(NamedTuple):
    """A user's function, or class, that ran and is not part of the version."""

    module: str
    #: Its name in the module; empty for one that cannot be found by name again.
    name: str
    #: ``file:line``, for messages only.
    where: str
    #: Of its code with all that it reaches, as it was when it was found; empty for what is in no module.
    digest: str

    @property
    def label(self) -> str:
        """By which it is known in the record of a call."""
        return f"{self.module}:{self.name}" if self.name else f"{self.module}:?{self.where}"

    def spoken(self) -> str:
        """As one would speak of it."""
        name = self.name or "a function without a name of its own"
        return f"{name} ({os.path.basename(self.where)})" if self.where else name


class Found(NamedTuple):
    """What the audit of a version found."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    #: Sources of global randomness that were drawn from.
    random: tuple[str, ...] = ()
    #: Whether the code seems to seed them.
    seeded: bool = False
    #: The sentence about what it changed that its identity depends on.
    changed: str = ""
    functions: tuple[Outside, ...] = ()
    #: Whether it was seen at all which functions ran.
    saw_functions: bool = False
    #: Whether it was seen to have to do with nothing but its arguments and its result: with no other files, programs,
    #: machines, random or environment state, spoken of or not; and all of its code could be followed.
    alone: bool = False

    @property
    def checked(self) -> tuple[Outside, ...]:
        """The functions that hits look at."""
        return tuple(found for found in self.functions if found.digest)

    def text(self) -> str:
        """As it is stored."""
        return json.dumps({name: value for name, value in self._asdict().items() if value})

    def sentences(self, name: str) -> Iterator[str]:
        """What there is to say of the function called `name`, each with the way out."""
        if self.reads:
            yield (
                f"{name} reads {_listed(self.reads)}, whose content is no part of a call's identity: "
                "give each file as an argument, a pathlib.Path"
            )
        if self.writes:
            yield (
                f"{name} writes {_listed(self.writes)}, which a hit does not write again: return the data, or write "
                "them outside the function"
            )
        if self.programs:
            yield (
                f"{name} starts other programs ({_quoted(self.programs)}), whose changes are not seen: "
                "give what tells their versions as an argument"
            )
        if self.connections:
            yield (
                f"{name} connects to {_quoted(self.connections)}, from where other data may come at any time: "
                "fetch them outside, and give them as an argument"
            )
        yield from self._about_randomness(name)
        if self.checked:
            yield (
                f"{name} ran {_spoken(self.checked)}, reached in a way that cannot be followed: when that changes, "
                "stored results are not used any more. Refer to it by name, or give it as an argument, and it is part "
                "of the version"
            )
        others = [found for found in self.functions if not found.digest]
        if others:
            yield (
                f"{name} ran {_spoken(others)}, which is in no module, being unpickled or executed: its changes are "
                "not seen. Define it in a module, or give it as an argument"
            )

    def _about_randomness(self, name: str) -> Iterator[str]:
        sources = " and ".join(self.random)
        if self.random and self.seeded:
            yield f"{name} seeds and draws from the global random state of {sources}, and so changes it for all others"
        elif self.random:
            yield (
                f"{name} draws from the global random state of {sources}, which it does not seed, so two runs differ: "
                "give it a seed as an argument, and draw from np.random.default_rng(seed)"
            )

    def all_sentences(self, name: str) -> tuple[str, ...]:
        """The same, and what was said when it happened: for `explain`."""
        return (*self.sentences(name), *([self.changed] if self.changed else ()))

    def warnings(self, name: str) -> Iterator[str]:
        """What of it is worth a warning: all but what is harmless to the function itself."""
        yield from (self._replace(random=()) if self.seeded else self).sentences(name)


def with_outside(environment: Environment, functions: Mapping[str, str]) -> Environment:
    """The environment of a call for which functions ran that are in no version: by label, with their digests."""
    if not functions:
        return environment
    facts = {**json.loads(environment.text), OUTSIDE: dict(functions)}
    return environment._replace(text=json.dumps(facts, sort_keys=True))


def outside_of(text: str) -> dict[str, str]:
    """The functions that an environment, as it is stored, tells of."""
    return dict(json.loads(text).get(OUTSIDE, {})) if OUTSIDE in text else {}


def found_in(text: str | None) -> Found | None:
    """What is stored as `text`; None where no audit has taken place."""
    if text is None:
        return None
    told: dict[str, Any] = json.loads(text)
    functions = tuple(Outside(*part) for part in told.pop("functions", ()))
    values: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in told.items()}
    return Found(functions=functions)._replace(**values)


def merged(before: str | None, text: str) -> str:
    """What two audits of a version found, the earlier first: a function keeps the digest that it was found with."""
    first, second = found_in(before), found_in(text)
    if first is None or second is None:
        return text
    known = {part.label for part in first.functions}
    further = tuple(part for part in second.functions if part.label not in known)
    return Found(
        reads=_joined(first.reads, second.reads),
        writes=_joined(first.writes, second.writes),
        programs=_joined(first.programs, second.programs),
        connections=_joined(first.connections, second.connections),
        random=_joined(first.random, second.random),
        seeded=first.seeded or second.seeded,
        changed=first.changed or second.changed,
        functions=(*first.functions, *further),
        saw_functions=first.saw_functions or second.saw_functions,
        alone=first.alone and second.alone,
    ).text()


def _joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *second]))[:_MOST]


def kept(found: Sequence[str]) -> tuple[str, ...]:
    """As many as are worth keeping."""
    return tuple(found[:_MOST])


def _spoken(functions: Sequence[Outside]) -> str:
    return ", ".join(found.spoken() for found in functions[:3]) + (", ..." if len(functions) > 3 else "")


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(os.path.basename(path) or path for path in paths[:3])
    return shown if len(paths) <= 3 else f"{len(paths)} files ({shown}, ...)"


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "")
