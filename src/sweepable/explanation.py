"""What `explain` found, in parts, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sweepable.changes import CodeDifference
from sweepable.contrast import ParameterDifference
from sweepable.rendering import Line, as_html, as_text, at, some


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is stored.

    Attributes
    ----------
    key : str
        The call's key.
    status : str
        ``done``; else ``failed``, ``killed``, ``tainted`` or ``unkept``, which are never served.
    started, seconds : float
        When, in seconds since the epoch, and for how long.
    host, python : str
        Where; empty where it was not recorded.
    version : str
        The version of its code, as people call it: ``v3 'submitted'``.
    packages : dict of str to str
        Versions of the packages that its code reached.
    error : str
        The exception of a call that failed.
    origin : str
        Whence it has its result, where it did not run itself: taken over from a call of the same content, or migrated.
    """

    key: str
    status: str
    started: float
    seconds: float
    host: str
    python: str
    version: str
    packages: dict[str, str] = field(default_factory=dict)
    error: str = ""
    origin: str = ""

    def when(self) -> str:
        """As in a sentence."""
        return f"on {at(self.started)}"


@dataclass(frozen=True, slots=True)
class UpstreamDifference:
    """An upstream call that is another one than that of a stored call.

    Attributes
    ----------
    name : str
        The parameter that it is given for; the function's name for one that ``depends_on`` announces.
    asked, stored : str
        The two calls, as one would write them; empty for one that is not there.
    differences : tuple
        In what they differ: parameters, code, and what is upstream of them.
    note : str
        What else there is to say.
    """

    name: str
    asked: str
    stored: str
    differences: tuple[Difference, ...] = ()
    note: str = ""

    def lines(self) -> Iterator[Line]:
        """For people."""
        note = f", {self.note}" if self.note else ""
        if not self.differences:
            same = self.asked == self.stored
            stored = "another call of that text" if same and not note else self.stored or "none"
            yield Line(
                f"{self.name}, upstream: {self.asked or 'none'}{'' if same and note else f', stored {stored}'}{note}"
            )
            return
        yield Line(f"{self.name}, upstream, is another call of {self.asked.partition('(')[0]}{note}:")
        for difference in self.differences:
            yield from (line.deeper() for line in lines_of(difference))


#: One thing in which a call differs from a stored one.
Difference = ParameterDifference | CodeDifference | UpstreamDifference


@dataclass(frozen=True, slots=True)
class NearestCall:
    """A stored call that is near to one that is not stored.

    Attributes
    ----------
    title : str
        The call as one would write it.
    ran : Ran
    differences : tuple of ParameterDifference, CodeDifference and UpstreamDifference
        In what the call that was asked for differs from it.
    same_code : bool
        Whether it is of the code as it is now.
    """

    title: str
    ran: Ran
    differences: tuple[Difference, ...]
    same_code: bool

    def has_same_arguments(self) -> bool:
        """Whether only the code of the function itself has changed."""
        return all(isinstance(difference, CodeDifference) for difference in self.differences)

    def lines(self) -> Iterator[Line]:
        """For people, with a heading."""
        if self.has_same_arguments():
            yield Line(f"the same call ran {self.ran.when()} under other code, {self.ran.version}; since then:")
        else:
            code = "this code" if self.same_code else f"other code, {self.ran.version}"
            own = any(isinstance(difference, ParameterDifference) for difference in self.differences)
            what = "arguments" if own else "calls upstream"
            yield Line(f"nearest stored call under {code}, with other {what}, ran {self.ran.when()}:")
        yield from (line.deeper() for line in self.difference_lines())

    def difference_lines(self) -> Iterator[Line]:
        """What differs, without a heading."""
        for difference in self.differences:
            yield from lines_of(difference)
        if not self.differences:
            yield Line("nothing that is stored differs")


@dataclass(frozen=True, slots=True)
class Covered:
    """What a version of code covers, so that a change of it is seen.

    Attributes
    ----------
    functions, classes, values : tuple of str
        By the names under which they are reached.
    packages : tuple of str
        Packages that are reached; they do not count, unless named in ``packages=``.
    untracked : tuple of str
        What could not be followed: its change would not be seen.
    notes : tuple of str
        What counts by more than its meaning: its change may cost a run.
    pin : str or None
        What ``version=`` says: nothing of the code counts then.
    noticed : tuple of str
        What the audit of its first run found: files read, programs, global random state, functions out of sight.
    """

    functions: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pin: str | None = None
    noticed: tuple[str, ...] = ()

    def lines(self, packages: dict[str, str]) -> Iterator[Line]:
        """What counts, and what does not."""
        kinds = {"functions": self.functions, "classes": self.classes, "values": self.values}
        for kind, names in kinds.items():
            if names:
                yield Line(f"covers the {kind} {some(names, 12)}")
        if self.packages:
            shown = [f"{name} {packages[name]}" if name in packages else name for name in self.packages]
            yield Line(f"reaches the packages {some(shown, 12)}")

    def warnings(self) -> Iterator[Line]:
        """What could not be followed, and what was pinned."""
        if self.pin is not None:
            yield Line(f"pinned by version={self.pin!r}: changes of its code are not seen")
        yield from (Line(f"not followed: {sentence}") for sentence in self.untracked)
        yield from (Line(sentence) for sentence in self.notes)
        yield from (Line(f"noticed: {sentence}") for sentence in self.noticed)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call hits or misses. Prints as text; a notebook shows it with its differences coloured.

    Attributes
    ----------
    hit : bool
        Whether the call is stored and would be served.
    title : str
        The call as one would write it.
    key : str
        Its key; empty where the code alone was asked about.
    ran : Ran or None
        The stored run of this very call, served or not.
    nearest : tuple of NearestCall
        Of a miss: the nearest stored call under the code as it is now, and the same or the nearest call under
        other code.
    code : CodeDifference or None
        Where the code alone was asked about: what has changed since calls were last stored.
    covers : Covered
        What the version of the code covers.
    remarks : tuple of str
        What else there is to say.
    same_content : Ran or None
        Of a miss: a stored call of the same content, such as one whose upstream was only rewritten. The call takes
        over its result, and will not run.
    """

    hit: bool
    title: str
    key: str
    ran: Ran | None
    nearest: tuple[NearestCall, ...]
    code: CodeDifference | None
    covers: Covered
    remarks: tuple[str, ...] = ()
    same_content: Ran | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """In what the call differs from the first of the nearest."""
        return self.nearest[0].differences if self.nearest else ()

    @property
    def text(self) -> str:
        """As it is printed."""
        return as_text(self.lines())

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return as_html(self.lines())

    # -- as lines

    def lines(self) -> Iterator[Line]:
        """For people."""
        head, *lines = self._hit() if self.hit else self._miss() if self.key else self._code()
        yield head._replace(style="head")
        yield from (line.deeper() for line in lines)
        yield from (line.deeper() for line in self.covers.warnings())

    def _hit(self) -> Iterator[Line]:
        assert self.ran is not None
        host = f" on {self.ran.host}" if self.ran.host else ""
        python = f", Python {self.ran.python}" if self.ran.python else ""
        version = f", {self.ran.version}" if self.ran.version else ""
        yield Line(f"hit: {self.title} ran {self.ran.when()} for {self.ran.seconds:.3g} s{host}{python}{version}")
        if self.ran.origin:
            yield Line(self.ran.origin)
        yield from self.covers.lines(self.ran.packages)

    def _miss(self) -> Iterator[Line]:
        remarks = [Line(remark) for remark in self.remarks]
        first = self.nearest[0] if self.nearest else None
        if self.same_content is not None:
            origin = f"{self.same_content.when()}, {self.same_content.version}"
            remarks.append(Line(f"its result will be taken over from a call of the same content that ran {origin}"))
        if self.ran is not None:
            remarks.insert(0, self._not_served(self.ran))
        if first is not None and len(self.nearest) == 1 and first.has_same_arguments() and not remarks:
            yield Line(f"miss: {self.title} ran {first.ran.when()} under other code, {first.ran.version}")
            yield from first.difference_lines()
            return
        yield Line(f"miss: {self.title} is not stored")
        yield from remarks
        for found in self.nearest:
            yield from found.lines()

    @staticmethod
    def _not_served(ran: Ran) -> Line:
        error = f": {ran.error}" if ran.error else ""
        if ran.status == "done":
            return Line(f"a run of it {ran.when()} is kept, and not served")
        return Line(f"a run of it {ran.when()} is kept as {ran.status}, which is never served{error}")

    def _code(self) -> Iterator[Line]:
        yield Line(self.title)
        yield from (Line(remark) for remark in self.remarks)
        if self.code is not None:
            yield from self.code.lines()


def lines_of(difference: Difference) -> Iterator[Line]:
    """One difference for people."""
    if isinstance(difference, ParameterDifference):
        yield Line(str(difference))
    else:
        yield from difference.lines()
