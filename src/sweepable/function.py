"""The cached function that users hold: calls, Records, queries and sweeps in one hand."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from sweepable import record as records
from sweepable.cacheable import shown_signature
from sweepable.call import Call, SignatureChanged
from sweepable.callee import Callee
from sweepable.coroutines import value_of_async
from sweepable.errors import ArgumentError, NoCallFound, SpaceError
from sweepable.managed import Managed
from sweepable.methods import BoundMethod, mark_async
from sweepable.model import CodeVersion, GivenCalls
from sweepable.record import Record, note_asked
from sweepable.registry import WRAPPED, callee_by_name, found_in
from sweepable.reloading import follow_autoreload
from sweepable.serving import peek, record_of, value_of
from sweepable.store.location import current_store
from sweepable.upstream import Upstream
from sweepable.variants import Varied

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sweepable.ancestry import Lineage
    from sweepable.comparing import Comparison
    from sweepable.explanation import Explanation
    from sweepable.logic import Q
    from sweepable.query import Query
    from sweepable.spaces import Space
    from sweepable.store.store import Store
    from sweepable.sweeps import OnStale, Settings, Sweep

P = ParamSpec("P")
R = TypeVar("R")


class CachedFunction(Managed, Varied[R], Generic[P, R]):
    """A function whose calls are stored and found again. Made by `sweepable.cache`.

    Calling it returns what the function returns, run at most once per call, in any process. Signature, name,
    docstring and types are those of the function; ``__wrapped__`` is the function itself.

    Parameters
    ----------
    callee : Callee
        The function, its declared outputs and options.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache
    ... def double(x=1.0):
    ...     return 2 * x
    >>> double(3.0)
    6.0
    >>> double.peek(3.0).value, double.peek(4.0)
    (6.0, None)
    """

    __sweepable_cached__ = True
    callee: Callee
    __wrapped__: Callable[P, R]

    def __init__(self, callee: Callee) -> None:
        self._attach(callee)

    def _attach(self, callee: Callee) -> None:
        function = callee.function
        for name, value in getattr(function, "__dict__", {}).items():
            if not hasattr(CachedFunction, name):  # an attribute of the function never hides a method of ours
                self.__dict__[name] = value
        self.__name__, self.__qualname__ = callee.identifier, callee.name
        functools.update_wrapper(self, function, updated=())
        signature, options = callee.binder.signature, callee.options
        if options.defaults is not None:
            self.__name__, self.__qualname__ = callee.identifier, callee.name
        has_own = options.upstream or options.defaults is not None
        self.__signature__ = signature if has_own else shown_signature(function, signature)
        self.callee = callee
        callee.has_front(self)
        mark_async(self)
        follow_autoreload(CachedFunction)
        if self.__module__ in ("__main__", "__mp_main__"):
            _send_by_name()

    # -- calling

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        callee = self.callee
        try:
            call = Call(callee, callee.binder.bind(*args, **kwargs))
        except SignatureChanged:
            call = Call(callee, callee.binder.bind(*args, **kwargs))
        return value_of_async(call) if callee.is_async else value_of(call)  # type: ignore[return-value]

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else BoundMethod(self, instance)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        callee = self.callee
        callee.version()  # so that the arguments are bound to the parameters that it has now
        return Call(callee, callee.bind_mixed(args, kwargs))

    def _value(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._call(args, kwargs)
        return value_of_async(call) if self.callee.is_async else value_of(call)

    def get_or_run(self, /, *args: Any, **kwargs: Any) -> Record:
        """The Record of a call, run if it is not stored.

        Parameters
        ----------
        *args, **kwargs
            The function's parameters; those of upstream calls by name (``sim_result__gain=3.0``, or ``gain=3.0``
            where only one upstream call has it); fields of config objects (``config__solver__dt=0.1``), which are set
            on what is given, or on the default, by the object's constructor.

        Returns
        -------
        Record
        """
        return record_of(self._call(args, kwargs))

    def peek(self, /, *args: Any, **kwargs: Any) -> Record | None:
        """The Record of exactly this call if it is stored, else None; runs nothing."""
        call = self._call(args, kwargs)
        note_asked(self.callee.identifier)
        store = call.store()
        row = peek(call, store)
        return Record(store, row) if row is not None else None

    def key_of(self, /, *args: Any, **kwargs: Any) -> str:
        """The key of a call, 64 hex digits; runs nothing."""
        return self._call(args, kwargs).key

    def explain(self, /, *args: Any, **kwargs: Any) -> Explanation:
        """Why a call hits or misses. Runs nothing.

        Of a hit: when it ran, how long and where, and what its version covers. Of a miss: in what the call differs
        from the nearest that is stored: which parameter, and by how much; which function, class or constant, as a
        diff, and the way by which it is reached; or which upstream call, and why that one is another.

        Parameters
        ----------
        *args, **kwargs
            As in `get_or_run`. Without any, where the function needs some, it is about the code alone.

        Returns
        -------
        Explanation
            Prints as text; ``.hit``, ``.nearest``, ``.differences`` and ``.covers`` are its parts.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache
        ... def area(width=1.0, height=1.0):
        ...     return width * height
        >>> area(width=0.3)
        0.3
        >>> print(area.explain(width=0.1 + 0.2).differences[0])
        width: 0.30000000000000004, stored 0.3: differs by 5.6e-17, rounding?
        """
        from sweepable.explain import explain, explain_code

        note_asked(self.callee.identifier)
        if not (args or kwargs) and self.callee.binder.required:
            return explain_code(self.callee)
        return explain(self._call(args, kwargs))

    def audit(self, /, *args: Any, rtol: float = 0.0, atol: float = 0.0, **kwargs: Any) -> Comparison:
        """Run a stored call again, twice, under the code as it is now, and compare with what is stored.

        Nothing of it is stored, and no argument of the caller is changed. Cached calls upstream of it, and inside of
        it, are served as always.

        Parameters
        ----------
        *args, **kwargs
            The function's parameters, as in `get_or_run`.
        rtol, atol : float
            How far numbers may be apart, as in `numpy.isclose`; by default not a bit, type and dtype included. The
            types must be the same anyhow.

        Returns
        -------
        Comparison
            True if it returns what is stored, both times. Prints as text: which outputs differ, where and by how
            much; and what was noticed on the way, such as files read and global random state.

        Raises
        ------
        NoCallFound
            If the call is not stored.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def disc(r=1.0):
        ...     return 3.14 * r * r
        >>> disc(2.0)
        12.56
        >>> disc.audit(2.0)
        disc(r=2.0): as stored
        """
        from sweepable.comparing import compare_call
        from sweepable.differences import Tolerance

        for name, given in (("rtol", rtol), ("atol", atol)):
            if given and name in self.callee.parameters:
                raise ArgumentError(
                    f"{name} is a parameter of {self.callee.name} and an option of audit; for the option: "
                    f"sweepable.audit({self.callee.identifier}.filter(...), fraction=1.0, {name}={given!r})"
                )
        return compare_call(self._call(args, kwargs), Tolerance(rtol, atol))

    # -- as an upstream

    def partial(self, /, **fixed: Any) -> Any:
        """The same function with parameters fixed, to stand as a parameter's default or on an axis.

        Parameters
        ----------
        **fixed
            Its parameters, fields of these, or by name those of what is upstream of it.
        """
        return Upstream(self.callee, self.callee.fixing({}, fixed))

    __iter__ = None  # or Python would ask for f[0], f[1], ..., and each would be an output

    def __getitem__(self, output: str) -> Any:
        """One output, to stand as a parameter's default: the body then gets the value itself."""
        self.callee.check_output(output)
        return Upstream(self.callee, {}, output)

    # -- finding

    def select(self, *, version: str | None = None) -> Query:
        """All stored calls, as a query.

        Parameters
        ----------
        version : str, optional
            None: those whose code, and the code of everything upstream, is as it is now. ``"any"``: all. Else those
            of one version, whatever the code upstream was: a number (``"v3"``), a label, or the first digits of a
            digest; see `versions`.

        Raises
        ------
        UnknownName
            There is no such version.
        """
        from sweepable.query import Source, query_at

        source = Source(current_store(self.callee.options.store), self.callee.name, self.callee)
        return query_at(source, version)

    def filter(self, /, *conditions: Q, **lookups: Any) -> Query:
        """The stored calls to which all look-ups apply; see `Query.filter`."""
        return self.select().filter(*conditions, **lookups)

    def get(self, /, *conditions: Q, **lookups: Any) -> Record:
        """The one stored call to which all look-ups apply; none or several is an error."""
        selection = None if conditions else sys.modules.get("sweepable.selection")  # there since the first query
        known: Record | None = selection.known_record(self.callee, lookups) if selection is not None else None
        return known if known is not None else self.select().get(*conditions, **lookups)

    def get_or_none(self, /, *conditions: Q, **lookups: Any) -> Record | None:
        """The one stored call to which all look-ups apply, None if there is none; several is an error."""
        return self.select().get_or_none(*conditions, **lookups)

    def get_by_id(self, key: str) -> Record:
        """The stored call with this key, whatever its code; the first digits do, if no other call has them."""
        store = current_store(self.callee.options.store)
        rows = (
            store.connection()
            .execute("SELECT key FROM _calls WHERE key >= ? AND key < ? LIMIT 2", (key, f"{key}g"))
            .fetchall()
        )
        call = store.fetch(rows[0][0]) if len(rows) == 1 else None
        if call is None or call.key != key:
            note_asked(self.callee.identifier)
        if call is None:
            raise NoCallFound(f"{len(rows) or 'no'} calls in {store.path} have a key that begins with {key!r}")
        return Record(store, call)

    # -- sweeping

    def sweep(
        self,
        space: Space | None = None,
        /,
        *,
        n_jobs: int | None = None,
        executor: Executor | None = None,
        progress: bool | None = None,
        on_stale: OnStale = "warn",
        retry_failed: bool = False,
        **axes: Any,
    ) -> Sweep:
        """Run the calls at all points of a space that are not stored yet.

        Parameters
        ----------
        space : Space, optional
            Points made by `sweepable.grid` and the like.
        n_jobs : int, optional
            Worker processes, as joblib counts them: -1 for one per core. None: what ``joblib.parallel_config``
            says, else none, and the calls run in this process.
        executor : concurrent.futures.Executor, optional
            Where to run instead.
        progress : bool, optional
            Show a progress bar. None: where somebody is looking.
        on_stale : {"warn", "raise", "ignore"}
            What to do when there are results, but only of older code.
        retry_failed : bool, default False
            Run calls again that are known to fail.
        **axes
            Values by parameter, own or upstream, or by field of a config object (``config__dt``): a list, range, 1-D
            array, Index or Series is an axis, anything else a constant. The axes make a grid; the last varies fastest.
            `sweepable.axis` and `sweepable.fixed` say which is meant where it is not clear.

        Returns
        -------
        Sweep
            A Query over the points, in order. A failing point never stops the others: see ``.failed``.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def ellipse(a=1.0, b=1.0):
        ...     return 3.14 * a * b
        >>> runs = ellipse.sweep(a=[1.0, 2.0], b=[1.0, 3.0], progress=False)
        >>> runs.to_df()["area"].round(2).tolist()
        [3.14, 9.42, 6.28, 18.84]
        """
        from sweepable.sweeps import Settings, space_for, sweep

        given = Settings(n_jobs, executor, progress, on_stale, retry_failed)
        self._refuse_options(space, given)
        self.callee.version()  # as in `_call`
        return sweep(self.callee, space_for(self.callee, space, axes), given)

    def _refuse_options(self, space: Space | None, given: Settings) -> None:
        """An option that is a parameter's name too might mean either, unless the space says which."""
        for name, default in given._field_defaults.items():
            if name in self.callee.parameters and getattr(given, name) is not default:
                if space is not None and name in space.names:
                    continue
                raise SpaceError(
                    f"{name} is a parameter of {self.callee.name} and an option of sweep. To sweep the parameter: "
                    f"{self.callee.name}.sweep(sweepable.grid({name}=[...]), ...)"
                )

    # -- as an object

    def version(self) -> CodeVersion:
        """The version of the function's code as it is now, with all that it reaches."""
        return self.callee.version()

    def __repr__(self) -> str:
        return f"<cached function {self.callee.name}>"

    def __copy__(self) -> CachedFunction[P, R]:
        return self  # as functions do

    def __deepcopy__(self, memo: dict[int, Any]) -> CachedFunction[P, R]:
        return self

    # In two steps, so that a function whose globals hold this very object can be pickled by value.
    def __reduce__(self) -> Any:
        named = self.callee.named()
        if named is not None:
            return front_by_name, named
        return _blank, (type(self),), self.callee

    def __setstate__(self, callee: Callee) -> None:
        self.callee = callee  # the callee attaches this object once it is whole itself


def _blank(kind: type[CachedFunction[..., Any]]) -> CachedFunction[..., Any]:
    return kind.__new__(kind)


def front_by_name(module: str, qualname: str, wrapped: dict[str, dict[str, Any]]) -> CachedFunction[..., Any]:
    """The cached function that a module holds, wrapped here as it was where it comes from."""
    found = callee_by_name(module, qualname, wrapped).front()
    assert isinstance(found, CachedFunction)
    return found


@functools.cache
def _send_by_name() -> None:
    """Let processes of `multiprocessing`, which have this ``__main__`` too, find its cached functions there."""
    from multiprocessing.reduction import ForkingPickler

    ForkingPickler.register(CachedFunction, _by_name)
    ForkingPickler.register(Callee, lambda callee: (_callee_of, (callee.front(),)))


def _by_name(front: CachedFunction[..., Any]) -> Any:
    module, qualname = front.__module__, front.__qualname__
    if module in ("__main__", "__mp_main__") and found_in(sys.modules.get(module), qualname) is front:
        return front_by_name, ("__main__", qualname, dict(WRAPPED.get(module, {})))
    return front.__reduce__()


def _callee_of(front: CachedFunction[..., Any]) -> Callee:
    return front.callee


# Queries and sweeps are imported when the first is made: a program that only calls its functions has no use for them.


def _query_of_keys(store: Store, keys: Sequence[str]) -> Query:
    from sweepable.query import query_of_keys

    return query_of_keys(store, keys)


def _query_of_given(store: Store, given: GivenCalls, parameter: str) -> Query:
    from sweepable.query import query_of_given

    return query_of_given(store, given, parameter)


def _query_downstream(record: Record, function: object, lookups: Mapping[str, object]) -> Query:
    from sweepable.query import query_downstream

    return query_downstream(record, function, lookups)


def _lineage_of(record: Record, depth: int | None, downstream: bool) -> Lineage:
    from sweepable.ancestry import lineage_of

    return lineage_of(record, depth, downstream)


records.query_of_keys, records.query_of_given = _query_of_keys, _query_of_given
records.query_downstream, records.lineage_of = _query_downstream, _lineage_of
