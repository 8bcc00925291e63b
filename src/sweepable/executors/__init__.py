"""One loop of futures over keys: inline, over joblib's loky workers, or over any executor. Knows nothing of stores."""

from __future__ import annotations

from sweepable.executors.loop import drive
from sweepable.executors.order import Outcome, OutcomeStatus, Task
from sweepable.executors.workers import Runner

__all__ = ["Outcome", "OutcomeStatus", "Runner", "Task", "drive"]
