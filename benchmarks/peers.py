"""The functions that are measured, and the same caching done by sweepable, joblib.Memory and diskcache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

PEERS = ("sweepable", "joblib", "diskcache")


def three(a, b, c):
    return a + b, a * b, a - c


def total(array):
    return float(array[::100_000].sum())


def array_of(seed):
    """80 MB."""
    return np.random.default_rng(seed).random(10_000_000)


def frame_of(seed):
    """80 MB, in columns of three types."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    floats = {f"x{i}": rng.random(1_000_000) for i in range(7)}
    ints = {f"n{i}": rng.integers(0, 100, 1_000_000) for i in range(2)}
    return pd.DataFrame(floats | ints | {"t": pd.date_range("2026-01-01", periods=1_000_000, freq="s")})


def cached(peer: str, function: Callable, folder: Path) -> Callable:
    """The function as this peer caches it, its results kept below ``folder``."""
    path = folder / peer
    if peer == "sweepable":
        import sweepable

        return sweepable.cache(function, store=path)
    if peer == "joblib":
        import joblib

        return joblib.Memory(path, verbose=0).cache(function)
    import diskcache

    return diskcache.Cache(str(path), size_limit=2**34).memoize()(function)
