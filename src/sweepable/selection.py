"""Which calls a query is about, as plain values, and the SQL that finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sweepable.callee import Callee
from sweepable.comparisons import FALSE, TRUE, Condition, Given, Slot, given, joined, negated
from sweepable.errors import SweepableError
from sweepable.joining import alias, by_join, by_membership
from sweepable.lineage import CALL_COLUMNS, calls_in
from sweepable.logic import Q
from sweepable.lookups import Placed, condition, keys_of, ordering, placed
from sweepable.model import Status, StoredCall
from sweepable.pipelines import Source, pipeline_of
from sweepable.record import Record, note_asked, note_read
from sweepable.reverse import Reverse, reversed_name, source_of, upstream_of
from sweepable.scope import tell_left_out
from sweepable.store.cells import Cell
from sweepable.store.index import verified
from sweepable.store.location import current_store
from sweepable.tree import FunctionNode

__all__ = ["Plan", "Selection", "Source"]

#: SQLite takes 32,766 values in one statement.
_MOST_VALUES = 32_000
_BELOW = (
    "c.id IN (WITH RECURSIVE below(id) AS (SELECT l.downstream FROM _lineage AS l WHERE l.upstream = ? {} "
    "UNION SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id {}) SELECT id FROM below)"
)
#: The layouts of results that are not what is declared; of a call without a result it is 0.
_MISMATCHED = "SELECT id FROM _layouts WHERE json_extract(text, '$[2]') LIKE '!%'"
_WITHOUT = f"(c.layout = 0 OR c.layout IN ({_MISMATCHED}))"
#: So many statements of one pipeline are kept.
_MOST_STATEMENTS = 500
#: Stands in a statement for the columns that are asked for.
_COLUMNS = "/*columns*/"


#: However calls ended.
STATUSES: tuple[Status, ...] = ("done", "tainted", "failed", "killed", "unkept")


class Selection(NamedTuple):
    """Which of the calls, in which order."""

    #: All of them apply.
    where: tuple[Q, ...] = ()
    keys: tuple[str, ...] | None = None
    #: Which code counts: ``current``, ``any``, or what a version is called.
    scope: str = "current"
    statuses: tuple[Status, ...] = ("done",)
    order: tuple[str, ...] = ()
    limit: int | None = None
    #: Those before this one in the order are left out.
    offset: int = 0
    #: Only calls that came from the call with this id, at any distance.
    upstream: int | None = None
    #: Only calls of this selection, which has a limit: what narrows it further comes after that.
    within: Selection | None = None
    #: Only calls of any of these.
    either: tuple[Selection, ...] = ()
    #: Only calls whose result is what is declared; False: only those that have no result, or another one.
    conforming: bool | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it is only a part of what its look-ups find."""
        return self.limit is not None or self.offset > 0


class Plan:
    """The SQL of a selection, under the code and the tables as they are when it is made.

    Parameters
    ----------
    source : Source
        Whose calls.
    selection : Selection
        Which of them.

    Raises
    ------
    UnknownName, AmbiguousName
        For what is wrong with a look-up's name, or with the function's.
    """

    def __init__(self, source: Source, selection: Selection) -> None:
        self.store = source.store
        self.name = source.name
        self._source = source
        self._selection = selection
        self._pipeline = pipeline_of(source, selection.scope, selection.statuses, selection.keys)
        self.function = self._pipeline.function
        self._statement = self._stated()

    @property
    def root(self) -> FunctionNode:
        """The function, with all that is upstream of it."""
        return self._pipeline.root

    # -- as SQL

    def _stated(self) -> Statement:
        """The statement, which is written once for all values of the same kinds."""
        shape, cells = _shaped(self._selection)
        if shape is None:
            return Statement(self._written(self._selection))
        statements = self._pipeline.statements
        known: Statement | None = statements.get(shape)
        if known is None and shape not in statements:
            found = self._written(self._selection, by_place=True)
            places = {value.place for value in found.values if type(value) is Slot}
            if len(statements) >= _MOST_STATEMENTS:  # each limit and offset has one of its own
                statements.clear()
            # Else what is looked up depends on more than the kind of a value.
            known = statements[shape] = Statement(found) if places == set(range(len(cells))) else None
        return known.with_values(cells) if known is not None else Statement(self._written(self._selection))

    def _written(self, selection: Selection, *, by_place: bool = False) -> Condition:
        """The statement that finds the calls."""
        order = [ordering(self.root, name) for name in selection.order]
        found, others = self._looked_up(selection, by_place=by_place)
        joins, on_tables = _placed(self.root, found)
        # Where tables say which calls are read, what counts is looked at for each of those, and last.
        driven = bool(on_tables) and selection.keys is None
        where = joined(" AND ", [*on_tables, *self._counting(selection, "+c" if driven else "c"), *others])
        tables, by = "_calls AS c", "c.id"
        if driven:
            tables, by = f"{self.root.table} AS t{joins} CROSS JOIN _calls AS c ON c.id = t.id", "t.id"
        elif self.root.table:
            tables = f"_calls AS c JOIN {self.root.table} AS t ON t.id = c.id{joins}"
        first: tuple[object, ...] = ()
        if selection.keys is not None:
            tables = f"json_each(?) AS k CROSS JOIN {tables}"
            first = (json.dumps(list(dict.fromkeys(selection.keys))),)
            where, by = joined(" AND ", [Condition("c.key = k.value"), where]), "k.key"
        ordered = joined(", ", [*order, Condition(by)])
        sql = f"SELECT {_COLUMNS} FROM {tables} WHERE {where.sql} ORDER BY {ordered.sql}{_cut(selection)}"
        return Condition(sql, (*first, *where.values, *ordered.values), where.uses)

    def _counting(self, selection: Selection, row: str) -> list[Condition]:
        """How the calls ended, and under which code."""
        marks = ", ".join("?" * len(selection.statuses))
        found = [Condition(f"{row}.status IN ({marks})", selection.statuses)]
        if self.function is not None:
            found.append(Condition(f"{row}.function = {self.function.id}"))
        scope = self._pipeline.scope
        is_named = scope is not None and scope.ancestries is None
        if scope is not None and self.function is not None and (selection.keys is None or is_named):
            found.append(Condition(scope.sql(self.function.id, row)))
        return found

    def _looked_up(self, selection: Selection, *, by_place: bool) -> tuple[list[Placed], list[Condition]]:
        """The conditions on tables that every call has a row of, and all others."""
        on_tables: list[Placed] = []
        others = []
        if selection.conforming is not None:
            others.append(Condition(f"c.layout NOT IN ({_MISMATCHED})" if selection.conforming else _WITHOUT))
        if selection.upstream is not None:
            giving = self._giving()
            others.append(Condition(_BELOW.format(giving, giving), (selection.upstream,)))
        if selection.either:
            others.append(joined(" OR ", [self._among(each) for each in selection.either]))
        places = iter(_leaves(selection)) if by_place else None
        for q in selection.where:
            others += self._of(q, places, on_tables)
        if selection.within is not None:  # of the code that it saw, whatever is narrowed further
            others.append(self._among(selection.within))
        return on_tables, others

    def _giving(self) -> str:
        """That an edge by which a value was given counts: the code of the call that gave it does."""
        scope = self.root.schema.giving
        if scope is None:
            return ""
        counts = scope.giving("g", scope.versions)
        return f"AND (l.role <> 'passed' OR EXISTS (SELECT 1 FROM _calls AS g WHERE g.id = l.upstream AND {counts}))"

    def _among(self, selection: Selection) -> Condition:
        """The calls of another selection of the same function, which may see other code."""
        plan = Plan(self._source, selection)
        inner = plan._statement
        return Condition(f"c.id IN ({inner.sql()})", inner.values) if plan.function is not None else FALSE

    def _of(self, q: Q, places: Iterator[Given] | None, on_tables: list[Placed] | None) -> list[Condition]:
        """Look-ups joined as they are written; what every call must fulfil is put to the tables where it can be."""
        if q.negated or (q.word == "or" and len(q.parts) > 1):
            on_tables = None
        found = []
        below: dict[object, list[tuple[Reverse, object]]] = {}
        for part in q.parts:
            if isinstance(part, Q):
                found += self._of(part, places, on_tables)
                continue
            value = part[1] if places is None else next(places)
            if (reverse := reversed_name(self.root, part[0])) is not None:
                # What is asked together is asked of one call.
                below.setdefault(reverse.functions if q.word == "and" else part, []).append((reverse, part[1]))
                continue
            simple = None if on_tables is None else placed(self.root, part[0], value, alias=alias)
            if simple is not None and on_tables is not None:
                on_tables.append(simple)
            else:
                found.append(condition(self.root, part[0], value))
        found += [self._below(asked) for asked in below.values()]
        if on_tables is not None:
            return found
        whole = joined(f" {q.word.upper()} ", found) if found else TRUE
        return [negated(whole) if q.negated else whole]

    def _below(self, asked: list[tuple[Reverse, object]]) -> Condition:
        """The calls from which a call came of which all this is true."""
        lookups = {reverse.rest: value for reverse, value in asked if reverse.rest not in ("", "isnull")}
        selection = Selection(scope="current" if self._selection.scope == "current" else "any")
        if lookups:
            selection = selection._replace(where=(Q(**lookups),))
        for reverse, value in asked:
            if reverse.rest == "" and reverse.functions:
                selection = selection._replace(keys=tuple(keys_of(value)))
        sources = [source_of(self.store, function) for function in asked[0][0].functions]
        inner = [Plan(source, selection)._statement for source in sources]
        found = joined(" OR ", [upstream_of(Condition(one.sql(), one.values)) for one in inner] or [FALSE])
        missing = [value for reverse, value in asked if reverse.rest == "isnull"]
        return negated(found) if missing and missing[0] else found

    # -- reading

    def ids(self) -> list[int]:
        """The ids of the calls, in the selection's order."""
        return [row[0] for row in self._read("{}", "c.id")]

    def calls(self, most: int) -> list[StoredCall]:
        """The first `most` calls, by one statement."""
        return calls_in(self.store, self._read(_FIRST_TWO.replace("2", str(most)), CALL_COLUMNS))

    def rows(self, values: Sequence[Condition]) -> list[tuple[Any, ...]]:
        """The id of each call, and these values of it."""
        columns = ", ".join(["c.id", *(value.sql for value in values)])
        return self._read("{}", columns, joined(", ", values).values)

    def count(self) -> int:
        """How many calls there are."""
        return int(next(iter(self._read("SELECT count(*) FROM ({})", "1")), (0,))[0])

    def _read(self, around: str, columns: str, first: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        self._note()
        pipeline, statement = self._pipeline, self._statement
        if pipeline.function is None:
            return []
        if not pipeline.told and pipeline.scope is not None and self._selection.keys is None:
            tell_left_out(self.store, pipeline.function, pipeline.scope)
            pipeline.told = True
        if len(statement.values) > _MOST_VALUES:
            raise SweepableError(
                f"a query takes {_MOST_VALUES} values at most, got {len(statement.values)}. A list or 1-D array means "
                "any of its values; for the array itself write <name>__exact=array"
            )
        if statement.uses:
            self.store.indexes.ensure(statement.uses)
        values = (*first, *statement.values) if first else statement.values
        return self.store.connection().execute(statement.sql(around, columns), values).fetchall()

    def remember(self, lookups: Mapping[str, object]) -> None:
        """Let `known_record` find what these look-ups, of whichever values, find here."""
        shape, _ = _shaped(self._selection)
        at = _of_kinds(lookups)
        known = self._pipeline.statements.get(shape) if shape is not None else None
        if at is not None and known is not None:
            self._pipeline.statements[at[0]] = known.sql(_FIRST_TWO, CALL_COLUMNS), known

    def _note(self) -> None:
        _note(self.root, self._selection)


#: What `Plan.calls` asks for where there should be one.
_FIRST_TWO = "SELECT * FROM ({}) LIMIT 2"


def _note(root: FunctionNode, selection: Selection) -> None:
    # What a body looks up in the calls it was given may be anything about them.
    note_read("info" if selection.where or selection.order else "names")
    if selection.keys is None:
        note_asked(root.title)


def known_record(callee: Callee, lookups: Mapping[str, object]) -> Record | None:
    """The one Record of these look-ups under current code, by a statement that is there; None: ask a `Plan`."""
    at = _of_kinds(lookups)
    if at is None:
        return None
    store = current_store(callee.options.store)
    pipeline = pipeline_of(Source(store, callee.name, callee), "current", ("done",), None)
    known = pipeline.statements.get(at[0])
    if known is None or not pipeline.told:
        return None
    note_read("info")
    note_asked(pipeline.root.title)
    sql, statement = known
    if statement.uses:
        store.indexes.ensure(statement.uses)
    rows = store.connection().execute(sql, statement.filled(at[1])).fetchall()
    call = verified(rows[0]) if len(rows) == 1 else None
    return Record(store, call) if call is not None else None


def _of_kinds(lookups: Mapping[str, object]) -> tuple[tuple[object, ...], list[tuple[Cell, ...]]] | None:
    """What a statement of look-ups by ordinary values depends on, and the cells of these."""
    kinds: list[object] = ["one"]
    cells = []
    for name, value in lookups.items():
        found = given(value, 0) if name != "version" else None  # which is most often no look-up
        if found is None:
            return None
        kinds += (name, found.kind)
        cells.append(found.cells)
    return tuple(kinds), cells


class Statement:
    """A statement that finds calls, to be asked for one thing or another of each.

    Parameters
    ----------
    found : Condition
        The SQL, the values, and the columns in which an index helps.
    """

    __slots__ = ("_asked", "_sql", "_values", "uses", "values")

    def __init__(self, found: Condition) -> None:
        self._sql, self.values, self.uses = found.sql, found.values, found.uses
        self._values = found.values
        #: As it was asked for.
        self._asked: dict[tuple[str, str], str] = {}

    def with_values(self, cells: Sequence[tuple[Any, ...]]) -> Statement:
        """The same with the cells of these values in their places."""
        found = Statement.__new__(Statement)
        found._sql, found._values, found.uses, found._asked = self._sql, self._values, self.uses, self._asked
        found.values = self.filled(cells)
        return found

    def filled(self, cells: Sequence[tuple[Any, ...]]) -> tuple[object, ...]:
        """The values, with those cells in their places."""
        return tuple([cells[value.place][value.cell] if type(value) is Slot else value for value in self._values])

    def sql(self, around: str = "{}", columns: str = "c.id") -> str:
        """The SQL for these columns of each call."""
        text = self._asked.get((around, columns))
        if text is None:
            text = self._asked[around, columns] = around.replace("{}", self._sql.replace(_COLUMNS, columns, 1), 1)
        return text


def _placed(root: FunctionNode, found: list[Placed]) -> tuple[str, list[Condition]]:
    """The tables that are joined for conditions on them, and these as one."""
    if not found:
        return "", []
    if any(one.is_equality and one.node is root for one in found):
        tables, where = by_join(found)
        return tables, [where]
    return "", [by_membership(root, found)]


def _cut(selection: Selection) -> str:
    """At most so many, after so many; without a number of calls, SQLite takes a negative one."""
    if not selection.is_cut:
        return ""
    return f" LIMIT {-1 if selection.limit is None else selection.limit} OFFSET {selection.offset}"


def _leaves(selection: Selection) -> list[Given]:
    leaves = [leaf for q in selection.where for leaf in q.leaves()]
    return [given(value, place) or Given(value, place, (), ()) for place, (_, value) in enumerate(leaves)]


def _shaped(selection: Selection) -> tuple[Any, list[tuple[object, ...]]]:
    """What the statement depends on beside the values, and the cells of these; None where it depends on them, too."""
    if selection.keys is not None or selection.within or selection.either or selection.upstream is not None:
        return None, []
    cells: list[tuple[object, ...]] = []
    structure = [_structure(q, cells) for q in selection.where]
    if None in structure:
        return None, []
    return (tuple(structure), selection[3:7], selection.conforming), cells


def _structure(q: Q, cells: list[tuple[object, ...]]) -> Any:
    parts: list[Any] = []
    for part in q.parts:
        if isinstance(part, Q):
            found = _structure(part, cells)
        else:
            value = given(part[1], len(cells))
            found = value and (part[0], value.kind)
            cells.append(value.cells if value else ())
        if found is None:
            return None
        parts.append(found)
    return q.word, q.negated, tuple(parts)
