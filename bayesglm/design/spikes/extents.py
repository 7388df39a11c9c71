"""From when to when everything was recorded, where nobody says epochs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from bayesglm.design.spikes.epochs import Epochs
from bayesglm.errors import DataError

Array = np.ndarray
WHOLE = 0.5  # share of the longest that a part of a file must last, to say when the recording ends


def common_extent(extents: Sequence[tuple[str, Array]], skip_short: bool) -> Epochs:
    """Return the stretches of time that lie in the extents of all entries.

    Several are trials, since the clock has gaps between them. With ``skip_short`` entries that last
    less than half as long as the longest have no say.
    """
    longest = max(float(np.diff(one).sum()) for _, one in extents)
    least = WHOLE * longest if skip_short else 0.0
    counted = [one for _, one in extents if float(np.diff(one).sum()) >= least]
    common = reduce(intersection, counted)
    if not len(common):
        told = "; ".join(f"{name!r} {one[0, 0]:.6g} to {one[-1, 1]:.6g} s" for name, one in extents)
        raise DataError(
            f"the entries were never recorded at one time: {told}. Give all in seconds of one "
            "clock."
        )
    labels = np.arange(len(common)) if len(common) > 1 else None
    return Epochs(common[:, 0], common[:, 1], labels)


def intersection(first: Array, second: Array) -> Array:
    """Return the stretches that lie in both of two sorted lists of them.

    >>> intersection(np.array([[0.0, 4.0], [6.0, 9.0]]), np.array([[1.0, 7.0]])).tolist()
    [[1.0, 4.0], [6.0, 7.0]]
    """
    low = np.maximum(first[:, None, 0], second[None, :, 0])
    high = np.minimum(first[:, None, 1], second[None, :, 1])
    both = np.stack([low[high > low], high[high > low]], axis=1)
    return both[np.argsort(both[:, 0])]


def extent_of_times(trains: Sequence[Array], bin_size: float) -> Array:
    """Return a stretch with all of some times: from zero, or the first before, past the last."""
    known = [times for times in trains if len(times)]
    if not known:
        raise DataError(
            "nothing says when the recording begins and ends: there are no spikes and no signals; "
            "say epochs=(start, stop)."
        )
    first = min(0.0, min(float(times[0]) for times in known))
    last = max(float(times[-1]) for times in known)
    return np.array([[first, first + (np.floor((last - first) / bin_size + 1e-6) + 1) * bin_size]])
