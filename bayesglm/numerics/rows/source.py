"""Where rows come from: a source forms them range by range, and reduces over the ranges.

A range is formed by the worker that needs it, and dropped when the next one comes: a pass over
the rows holds a few blocks a thread, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesglm.numerics.rows.parallel import even, share_out
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


@dataclass(frozen=True)
class Source:
    """Rows by range: ``form(range)`` makes the `Rows` of one, given as a slice of ``n_rows``.

    >>> source = Source.of(np.arange(6.0)[:, None], y=np.arange(6.0))
    >>> source.reduce(lambda run: sum(float(rows.y.sum()) for rows in run), 4)
    [15.0]
    """

    n_rows: int
    form: Callable[[slice], Rows]

    @staticmethod
    def of(
        X: Array,
        y: Array,
        offset: Array | float = 0.0,
        weights: Array | None = None,
        trials: Array | None = None,
    ) -> Source:
        """Make a source of arrays with a number for each row along their last axis."""

        def form(part: slice) -> Rows:
            arrays = (_part(each, part) for each in (y, offset, weights, trials))
            return replace(Rows.of(X[part], *arrays), first=part.start)

        return Source(len(X), form)

    def _slices(self, size: int) -> list[slice]:
        size = even(self.n_rows, size)
        starts = range(0, self.n_rows, size)
        return [slice(start, min(start + size, self.n_rows)) for start in starts]

    def ranges(self, size: int) -> Iterator[Rows]:
        """Form one range of rows after another, ``size`` at most at a time, in this thread."""
        return map(self.form, self._slices(size))

    def reduce[Result](
        self, work: Callable[[Iterable[Rows]], Result], size: int, runs: int | None = None
    ) -> list[Result]:
        """Return work(run) for runs of neighbouring ranges that make up all rows, in their order.

        A run is gone through once. There is one to a thread, or ``runs`` at most where results are
        too large for one to a thread.
        """

        def formed(slices: Iterable[slice]) -> Result:
            return work(map(self.form, slices))

        return share_out(self._slices(size), formed, runs)


def _part(values: Any, part: slice) -> Any:
    return values[..., part] if isinstance(values, np.ndarray) else values
