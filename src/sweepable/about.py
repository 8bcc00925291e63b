"""Look-ups of what is known about a call beside arguments and outputs: ``info__seconds``, ``info__packages__numpy``."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from sweepable.comparisons import Condition, among, axis_values, compared, is_axis, negated, one_value
from sweepable.environment import version_of
from sweepable.errors import SweepableError, UnknownName
from sweepable.names import SEPARATOR, Own, Place, Step, did_you_mean, resolve
from sweepable.store.store import Store
from sweepable.tree import FunctionNode, function_of

NAME = "info"
#: Environments, and not the diffs that stand beside them: by the index, so that no diff is read.
_ENVIRONMENTS = "_environments AS e WHERE e.text > '{\"e'"
_VERSION = "(SELECT v.digest FROM _versions AS v WHERE v.id = {version})"
_FUNCTION = "(SELECT f.name FROM _functions AS f WHERE f.id = {function})"
_DIRTY = "CASE json_extract(g.value, '$.dirty') WHEN 1 THEN x'54727565' WHEN 0 THEN x'46616c7365' END"
_ORDER: dict[str, Callable[[int], bool]] = {
    "lt": lambda order: order < 0,
    "lte": lambda order: order <= 0,
    "gt": lambda order: order > 0,
    "gte": lambda order: order >= 0,
}
Kind = Literal["text", "number", "moment", "version", "bool"]
Part = Literal["call", "environment", "git", "tag"]
#: The SQL of a column of the call's row.
Row = Callable[[str], str]


class Field(NamedTuple):
    """What one name after ``info`` stands for.

    Attributes
    ----------
    name : str
        As written.
    part : str
        Whether it stands in the call's row, in its environment ``e``, in any repository ``g`` of that, or in any of
        the call's tags ``g``.
    kind : str
        What its values are.
    sql : str
        The expression; for a call, with the names of its columns in braces.
    """

    name: str
    part: Part
    kind: Kind
    sql: str


def _fact(name: str, kind: Kind) -> Field:
    return Field(name, "environment", kind, f"json_extract(e.text, '$.{name}')")


_FIELDS = (
    Field("key", "call", "text", "{key}"),
    Field("status", "call", "text", "{status}"),
    Field("function", "call", "text", _FUNCTION),
    Field("version", "call", "text", _VERSION),
    Field("started", "call", "moment", "{started}"),
    Field("seconds", "call", "number", "{seconds}"),
    _fact("python", "version"),
    _fact("implementation", "text"),
    _fact("platform", "text"),
    _fact("host", "text"),
    Field("git__name", "git", "text", "json_extract(g.value, '$.name')"),
    Field("git__path", "git", "text", "json_extract(g.value, '$.path')"),
    Field("git__commit", "git", "text", "json_extract(g.value, '$.commit')"),
    Field("git__dirty", "git", "bool", _DIRTY),
    Field("tag", "tag", "text", "g.tag"),
)
_BY_NAME = {field.name: field for field in _FIELDS}
_PACKAGE = f"packages{SEPARATOR}"
CHOICES = (*_BY_NAME, f"{_PACKAGE}<package>")


# -- names


def places(root: FunctionNode, name: str) -> tuple[Field, list[Place]] | None:
    """What a name that goes through ``info`` stands for, and of which calls; None where it does not."""
    parts = name.split(SEPARATOR)
    for at, part in enumerate(parts):
        field = _field(SEPARATOR.join(parts[at + 1 :])) if part == NAME else None
        if field is not None:
            found = resolve(_Seen(root, SEPARATOR.join(parts[at:])), name)
            if found:
                _check_package(root, field)
                return field, [place._replace(node=_function_node(place.node)) for place in found]
    return None


def _field(name: str) -> Field | None:
    package = name.removeprefix(_PACKAGE)
    if package != name and package.isidentifier() and SEPARATOR not in package:
        return Field(name, "environment", "version", f"json_extract(e.text, '$.packages.\"{package}\"')")
    return _BY_NAME.get(name)


class _Seen:
    """A function and what is upstream of it, of whose names one is seen: that of the field asked for."""

    def __init__(self, node: FunctionNode, name: str) -> None:
        self.node = node
        self._name = name

    def own(self) -> Own:
        return Own((), (self._name,))

    def steps(self) -> list[Step]:
        return [step._replace(node=_Seen(function_of(step.node), self._name)) for step in self.node.steps()]

    def identity(self) -> object:
        return self.node.identity()


def _function_node(node: object) -> FunctionNode:
    assert isinstance(node, _Seen)
    return node.node


def _check_package(root: FunctionNode, field: Field) -> None:
    """A package that no stored call reaches, and that is nowhere in sight, is a misspelled one."""
    package = field.name.removeprefix(_PACKAGE)
    if package == field.name or package in sys.modules:
        return
    query = (
        f"SELECT DISTINCT p.key FROM (SELECT e.text FROM {_ENVIRONMENTS}) AS e, json_each(e.text, '$.packages') AS p"
    )
    known = [name for (name,) in root.schema.store.connection().execute(query)]
    if package not in known and version_of(package) is None:
        raise UnknownName(
            f"{root.title}: no stored call reaches a package that is imported as {package!r}, and none is installed"
            f"{did_you_mean(package, sorted(known))}"
        )


def refuse(root: FunctionNode, written: str, lookups: Sequence[str]) -> None:
    """Raise for a name that goes through ``info`` to something unknown."""
    way, through, rest = f"{SEPARATOR}{written}".rpartition(f"{SEPARATOR}{NAME}{SEPARATOR}")
    if not through or (way and places(root, f"{way.removeprefix(SEPARATOR)}{SEPARATOR}{NAME}{SEPARATOR}key") is None):
        return
    name, _, last = rest.rpartition(SEPARATOR)
    if _field(name) is not None:
        whole = f"{NAME}{SEPARATOR}{name}"
        raise UnknownName(f"{root.title}: {whole!r} has no look-up {last!r}{did_you_mean(last, lookups)}")
    raise UnknownName(f"{root.title}: {NAME} has no look-up {rest!r}{did_you_mean(rest, CHOICES)}")


# -- conditions


def condition(field: Field, row: Row, lookup: str, value: object, store: Store) -> Condition:
    """The calls of which a look-up of `field` is true.

    Parameters
    ----------
    field : Field
        What is asked of.
    row : callable
        The SQL of a column of the call's row.
    lookup : str
        As written; empty for equality.
    value : object
        What it is compared with.
    store : Store
        Where it is stored.
    """
    if lookup == "ne":
        return negated(condition(field, row, "", value, store))
    if field.part == "call":
        return compared(_expression(field, row), lookup, _adapted(field, lookup, value))
    if lookup == "isnull" and value is True:  # where there is no repository at all, too
        return negated(condition(field, row, "isnull", False, store))
    if field.part == "tag":
        if lookup == "" and value is None:  # it has none
            return negated(condition(field, row, "isnull", False, store))
        inner = compared(field.sql, lookup, _adapted(field, lookup, value))
        return Condition(f"{row('id')} IN (SELECT g.call FROM _tags AS g WHERE {inner.sql})", inner.values)
    if lookup in (*_ORDER, "range") and field.kind == "version":
        inner = among(field.sql, _in_order(field, lookup, value, store))
    else:
        inner = compared(field.sql, lookup, _adapted(field, lookup, value))
    if field.part == "git":
        inner = Condition(f"EXISTS (SELECT 1 FROM json_each(e.text, '$.git') AS g WHERE {inner.sql})", inner.values)
    return Condition(f"{row('environment')} IN (SELECT e.id FROM {_ENVIRONMENTS} AND {inner.sql})", inner.values)


def _expression(field: Field, row: Row) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: row(found[1]), field.sql)


def expression(field: Field, row: Row, store: Store) -> Condition:
    """The value of `field`, by which calls are ordered."""
    if field.part == "call":
        return Condition(_expression(field, row))
    if field.part in ("git", "tag"):
        several = "repositories" if field.part == "git" else "tags"
        raise SweepableError(f"{NAME}{SEPARATOR}{field.name}: a call may have several {several}, so there is no order")
    found = dict(store.connection().execute(f"SELECT e.id, {field.sql} FROM {_ENVIRONMENTS}").fetchall())
    if field.kind == "version":
        order = sorted(set(filter(None, found.values())), key=_version_parts)
        ranks = {version: rank for rank, version in enumerate(order)}
        found = {number: ranks.get(version) for number, version in found.items()}
    # A table of its own, so that the few environments are read once and not for each call.
    table = "WITH r (id, value) AS MATERIALIZED (SELECT CAST(key AS INTEGER), value FROM json_each(?))"
    return Condition(f"({table} SELECT r.value FROM r WHERE r.id = {row('environment')})", (json.dumps(found),))


def cell(field: Field, row: Row, store: Store) -> tuple[str, Callable[[Any], Any] | None]:
    """The SQL for a column of `field`, and what makes its values of what that gives.

    Parameters
    ----------
    field : Field
        What is asked of; of no repository, of which a call may have several.
    row : callable
        The SQL of a column of the call's row.
    store : Store
        Where it is stored.
    """
    if field.part == "call":
        return _expression(field, row), _at if field.kind == "moment" else None
    # The few environments are read once, and not for each call.
    found = dict(store.connection().execute(f"SELECT e.id, {field.sql} FROM {_ENVIRONMENTS}").fetchall())
    return row("environment"), found.get


def _at(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


# -- values


_TYPES: dict[Kind, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float, np.number),
    "version": (str,),
    "bool": (bool, np.bool_),
    "moment": (dt.date, str, int, float),
}
_WORDS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "version": "a version as a text: '2.4.6'",
    "bool": "True or False",
    "moment": "a datetime, a date, or one as a text: '2026-11-20 14:30'",
}


def _adapted(field: Field, lookup: str, value: object) -> object:
    """The value as it stands in the tables; an error for one of a kind that is never found there."""
    if lookup == "isnull":
        return value
    many = lookup in ("in", "range") or (lookup == "" and is_axis(value))
    if not many:
        return _one(field, one_value(value))
    parts = axis_values(value, lookup) if lookup != "range" else list(_pair(value))
    return [_one(field, one_value(part)) for part in parts]


def _one(field: Field, value: object) -> object:
    is_bool = isinstance(value, _TYPES["bool"])
    if value is not None and (not isinstance(value, _TYPES[field.kind]) or is_bool != (field.kind == "bool")):
        raise SweepableError(f"{NAME}{SEPARATOR}{field.name} is {_WORDS[field.kind]}; got {value!r:.60}")
    return _moment(field, value) if field.kind == "moment" else value


def _moment(field: Field, value: object) -> object:
    """Seconds since the epoch, which is how calls keep a moment. What says no time zone is local."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise SweepableError(f"{NAME}{SEPARATOR}{field.name} is {_WORDS['moment']}; got {value!r:.60}") from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    return value.timestamp() if isinstance(value, dt.datetime) else value


def _pair(value: object) -> tuple[object, object]:
    parts = axis_values(value, "range")
    if len(parts) != 2:
        raise SweepableError(f"range needs a pair (lowest, highest), got {value!r:.60}")
    return parts[0], parts[1]


# -- the order of versions


def _in_order(field: Field, lookup: str, value: object, store: Store) -> list[str]:
    """Of the versions that are stored, those before or after the one given: 1.26 comes after 1.9."""
    bounds = list(zip(("gte", "lte"), _pair(value), strict=True)) if lookup == "range" else [(lookup, value)]
    found = [version for version in _distinct(field, store) if version[:1].isdigit()]
    for operator, bound in bounds:
        limit = str(_one(field, one_value(bound)))
        if not limit[:1].isdigit():
            raise SweepableError(f"{NAME}{SEPARATOR}{field.name} is {_WORDS['version']}; got {limit!r:.60}")
        found = [version for version in found if _ORDER[operator](_compare(version, limit))]
    return found


def _distinct(field: Field, store: Store) -> list[str]:
    rows = store.connection().execute(f"SELECT DISTINCT {field.sql} FROM {_ENVIRONMENTS}")
    return [value for (value,) in rows if isinstance(value, str)]


_BEFORE = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "post": 1}


def _version_parts(version: str) -> tuple[tuple[int, ...], int, int]:
    """Release numbers, then what comes before or after the release of these numbers."""
    text = version.lower().partition("+")[0]
    release = re.match(r"[\d.]*", text)
    numbers = [int(part) for part in (release[0] if release else "").split(".") if part]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    suffix = re.search(r"(dev|alpha|beta|a|b|c|rc|pre|post)[-_.]?(\d*)", text[release.end() if release else 0 :])
    if suffix is None:
        return tuple(numbers), 0, 0
    return tuple(numbers), _BEFORE[suffix[1]], int(suffix[2] or 0)


def _compare(one: str, other: str) -> int:
    mine, theirs = _version_parts(one), _version_parts(other)
    return (mine > theirs) - (mine < theirs)
