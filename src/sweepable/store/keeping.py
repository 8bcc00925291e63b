"""What people do about calls that are stored: tags keep them, forgetting lets them go."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweepable.store.connections import Connections
    from sweepable.store.forgetting import Forgetting
    from sweepable.store.tags import Tags


class Kept:
    """The part of a store that looks after calls by what people say of them; made when asked for."""

    _connections: Connections

    @cached_property
    def forgetting(self) -> Forgetting:
        """What goes where calls are forgotten."""
        from sweepable.store.forgetting import Forgetting

        return Forgetting(self._connections)

    @cached_property
    def tags(self) -> Tags:
        """The tags of calls."""
        from sweepable.store.tags import Tags

        return Tags(self._connections)
