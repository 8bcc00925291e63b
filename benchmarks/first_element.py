"""Print the seconds that a hit takes in this, a new process, from the call to the first element of its result.

The libraries are imported before; what is measured is opening the store, finding the call and loading it. What
their import leaves to the garbage collector is collected before, too: it takes 0.7 ms, and whether it would be amid the
hit depends on how many objects the imports happen to make.
Usage: ``first_element.py PEER array_of|frame_of FOLDER``.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import pandas as pd
import peers


def main(peer: str, kind: str, folder: str) -> None:
    function = peers.cached(peer, getattr(peers, kind), Path(folder))
    gc.collect()
    started = time.perf_counter()
    result = function(1)
    first = result.iat[0, 0] if isinstance(result, pd.DataFrame) else result[0]
    seconds = time.perf_counter() - started
    assert first == peers.np.random.default_rng(1).random()
    print(seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
