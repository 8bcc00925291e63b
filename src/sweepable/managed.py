"""What users do about the results of a cached function as a whole: versions of its code, migrations between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sweepable.callee import Callee
from sweepable.record import note_asked

if TYPE_CHECKING:
    from sweepable.forgetting import ForgetPlan
    from sweepable.migrations import Migration, MigrationPlan
    from sweepable.versions import Versions


class Managed:
    """The part of a cached function that looks after its stored results."""

    callee: Callee

    def versions(self) -> Versions:
        """The versions of the code that calls are stored under, in the order in which they came: v1, v2, ...

        Returns
        -------
        Versions
            A sequence that prints as a table: when each was first seen, how many calls it has, whether it is the
            code as it is now, and what differs from that. ``["v2"].diff()`` shows the difference in full;
            ``["v2"].set_label("submitted")`` names one.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache
        ... def triple(x=1.0):
        ...     return 3 * x
        >>> triple(2.0)
        6.0
        >>> [(version.name, version.calls, version.is_now) for version in triple.versions()]
        [('v1', 1, True)]
        >>> triple.filter(version="v1", x=2.0).count()
        1
        """
        from sweepable.versions import Versions

        note_asked(self.callee.identifier)  # a body that looks depends on what is stored by then
        return Versions(self.callee)

    def migrate(
        self,
        reason: str,
        *,
        add: Mapping[str, object] | None = None,
        rename: Mapping[str, str] | None = None,
        remove: Mapping[str, object] | Sequence[str] | None = None,
        rename_outputs: Mapping[str, str] | None = None,
        recompute_outputs: Sequence[str] = (),
        from_version: str | None = None,
        check: int = 0,
    ) -> MigrationPlan:
        """Say that results of earlier code hold under the code as it is now: a plan, which ``.apply()`` does.

        Nothing is run, unless `check` or `recompute_outputs` asks for it, and nothing stored is changed: each result
        is written again under the key that its call has now, and so is what came from it. `migrations` lists what was
        done, each revocable.

        Parameters
        ----------
        reason : str
            Why, in words; kept in the store.
        add : dict, optional
            New parameters, each with the value that it had without saying so.
        rename : dict, optional
            Old name of a parameter -> new name.
        remove : dict or list of str, optional
            Parameters that are gone, each with the value for which results hold; a list means any value.
        rename_outputs : dict, optional
            Old name of an output -> new name.
        recompute_outputs : list of str, optional
            Outputs that are taken from a new run of each call; all others stay as they are stored.
        from_version : str, optional
            ``"v3"``, a label or a digest; by default the latest version with results that is not the code as it is now.
        check : int, default 0
            Run so many of the stored calls again first, and compare.

        Returns
        -------
        MigrationPlan
            Prints its counts.

        Raises
        ------
        MigrationError
            When there is nothing to migrate, or what is said does not fit.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(version="1")
        ... def area(r=1.0):
        ...     return 3 * r * r
        >>> area(2.0)
        12.0
        >>> @sweepable.cache(version="2")
        ... def area(r=1.0, factor=3):
        ...     return factor * r * r
        >>> plan = area.migrate("the factor became a parameter", add={"factor": 3})
        >>> plan.rekeyed
        1
        >>> plan.apply().calls
        1
        >>> area.peek(2.0).value
        12.0
        """
        from sweepable.migrations import changes_of, plan

        changes = changes_of(
            reason,
            add=add,
            rename=rename,
            remove=remove,
            rename_outputs=rename_outputs,
            recompute_outputs=recompute_outputs,
        )
        return plan(self.callee, changes, from_version=from_version, check=check)

    def reset(self, *, downstream: bool = False, version: str = "any", tagged: bool = False) -> ForgetPlan:
        """Forget the stored calls of this function, failed ones too: a plan, which ``.apply()`` does.

        Parameters
        ----------
        downstream : bool, default False
            Also forget what came from them, of whatever function. Else that stays and is served as before, and its
            Records no longer have what they came from.
        version : str, default "any"
            Which code's: ``"any"`` for all that there ever was, so that going back to earlier code brings nothing
            back; ``"current"``, or one version as in `select`.
        tagged : bool, default False
            Also forget calls that are tagged; without it, ``.apply()`` refuses where there are any.

        Returns
        -------
        ForgetPlan
            Prints its counts.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache
        ... def cube(x=1.0):
        ...     return x**3
        >>> cube(2.0)
        8.0
        >>> cube.reset().apply()
        <forgotten: 1 calls of cube>
        >>> cube.peek(2.0) is None
        True
        """
        from sweepable.forgetting import ForgetPlan, calls_of_function

        return ForgetPlan(calls_of_function(self.callee, version), downstream=downstream, tagged=tagged)

    def migrations(self) -> list[Migration]:
        """The migrations that were made of this function's results, in order; ``[-1].revoke()`` takes one back."""
        from sweepable.migrations import migrations

        note_asked(self.callee.identifier)
        return migrations(self.callee)
