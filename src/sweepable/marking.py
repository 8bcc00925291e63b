"""What people do about the calls that a query finds: tag them, untag them, forget them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepable.tagged import checked_note, checked_tag

if TYPE_CHECKING:
    from sweepable.forgetting import ForgetPlan
    from sweepable.selection import Plan


class Marked:
    """The part of a query that marks its calls, or makes a plan to forget them."""

    def _plan(self) -> Plan:
        """The SQL that finds the calls."""
        raise NotImplementedError

    def tag(self, tag: str, note: str | None = None) -> int:
        """Mark the calls, so that just these are found by ``filter(info__tag=...)`` whatever the code is by then.

        Parameters
        ----------
        tag : str
            A word or a few: ``"fig3"``. A call may have several.
        note : str, optional
            What is to be remembered. It replaces the notes that the calls have under this tag; None leaves those as
            they are.

        Returns
        -------
        int
            How many calls there are.

        Raises
        ------
        StoreError
            The store is read-only.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def rectangle(width=1.0, height=1.0):
        ...     return width * height
        >>> runs = rectangle.sweep(width=[1.0, 2.0, 3.0], progress=False)
        >>> runs.filter(width__gt=1.0).tag("fig3", note="the wide ones")
        2
        >>> rectangle.filter(info__tag="fig3").to_df()["area"].tolist()
        [2.0, 3.0]
        """
        checked = checked_tag(tag), checked_note(note)
        plan = self._plan()
        return plan.store.tags.add(plan.ids(), *checked)

    def untag(self, tag: str) -> int:
        """Take a tag off the calls, with its notes; the answer is how many had it."""
        checked, plan = checked_tag(tag), self._plan()
        return plan.store.tags.remove(plan.ids(), checked)

    def forget(self, *, downstream: bool = False, tagged: bool = False) -> ForgetPlan:
        """Forget these calls, so that each runs again when it is next called: a plan, which ``.apply()`` does.

        Calls of this content that the query does not find, of older code or under other names, stay and serve their
        own keys, but are no longer taken over in the place of these. Blobs stay on the disk.

        Parameters
        ----------
        downstream : bool, default False
            Also forget what came from them. Else that stays and is served as before, and its Records no longer have
            what they came from.
        tagged : bool, default False
            Also forget calls that are tagged; without it, ``.apply()`` refuses where there are any.

        Returns
        -------
        ForgetPlan
            Prints its counts.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def disc(r=1.0):
        ...     return 3.0 * r * r
        >>> runs = disc.sweep(r=[1.0, 2.0, 3.0], progress=False)
        >>> plan = disc.filter(r__gt=1.0).forget()
        >>> plan
        forgetting 2 calls of disc
        nothing is changed before .apply()
        >>> plan.apply()
        <forgotten: 2 calls of disc>
        >>> runs.missing
        [{'r': 2.0}, {'r': 3.0}]
        """
        from sweepable.forgetting import ForgetPlan, calls_of_plan

        return ForgetPlan(calls_of_plan(self._plan()), downstream=downstream, tagged=tagged)
