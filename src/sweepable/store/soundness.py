"""Which versions are all there is to their calls, as far as audits know: asked at each hit, so remembered."""

from __future__ import annotations

from collections.abc import Callable

from sweepable.findings import outside_of
from sweepable.store.catalogue import Catalogue


class Soundness:
    """What is known of the calls of one store.

    Parameters
    ----------
    catalogue : Catalogue
        Of the store.

    Attributes
    ----------
    pairs : set of (version, ancestry)
        For whose calls nothing ran but what is in those versions.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.pairs: set[tuple[int, int]] = set()
        self._outside: dict[tuple[int, int], dict[str, str]] = {}
        self._states: dict[int, dict[str, str]] = {}

    def forget(self) -> None:
        """Look again: an audit has found something, or the store is another one."""
        self.pairs.clear()
        self._outside.clear()
        self._states.clear()

    def outside(self, at: tuple[int, int], read: Callable[[int, int], dict[str, str]]) -> dict[str, str]:
        """The functions of no version that ran for calls of a pair, by label, with their digests; read once."""
        found = self._outside.get(at)
        if found is None:
            found = self._outside[at] = read(*at)
        return found

    def state(self, environment: int) -> dict[str, str]:
        """The same for calls of one environment, as they were when those ran."""
        found = self._states.get(environment)
        if found is None:
            found = self._states[environment] = outside_of(self._catalogue.recorded(environment).text)
        return found
