"""A signal read at lags: which sample each row reads, and the columns that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.design.clock import Clock
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense
from bayesglm.numerics.rows.lagged import Shifted, spread_over, windows
from bayesglm.numerics.rows.projected import OfLags, Projected
from bayesglm.numerics.rows.rows import span

Array = np.ndarray
RARE = 20  # times as many zeros as events, beside which work is done event by event: chosen
SHIFTED_FEATURES = 8  # from so many on, one product with the signal beats one per lag


@dataclass(frozen=True)
class Past:
    """A signal ``(n_samples, n_features)`` that rows read at lags, inside their own trials.

    Columns are lag-major, or with ``functions`` ``(n_lags, n_functions)`` function-major.
    """

    signal: Array
    lags: Array
    clock: Clock
    functions: Array | None

    def sources(self, rows: Array) -> tuple[Array, Array]:
        """Return the sample that each row reads at each lag, and whether it is of its trial."""
        source = rows[:, None] - self.lags
        inside = (source >= self.clock.start[rows][:, None]) & (
            source < self.clock.stop[rows][:, None]
        )
        return source, inside

    def inside(self) -> Array:
        """Return which samples have every lag inside their own trial."""
        t = np.arange(len(self.signal))
        oldest, newest = t - self.lags[-1], t - self.lags[0]
        return (oldest >= self.clock.start) & (newest < self.clock.stop)

    @cached_property
    def is_rare(self) -> bool:
        """Whether the signal is mostly zero: spikes in short bins."""
        return bool(RARE * np.count_nonzero(self.signal) <= self.signal.size)

    @cached_property
    def happenings(self) -> tuple[Array, Array, Array]:
        """The samples at which the signal is not zero, rising, their features, and its values."""
        if self.signal.flags.c_contiguous:
            at, feature = np.nonzero(self.signal)
        else:
            feature, at = np.nonzero(self.signal.T)
            order = np.argsort(at, kind="stable")
            at, feature = at[order], feature[order]
        return at, feature, np.asarray(self.signal[at, feature], dtype=np.float64)

    def columns(self, rows: Array) -> Columns:
        """Return the columns for some samples; lags outside the trial read zero."""
        few = self.signal.shape[1] < SHIFTED_FEATURES
        if few:
            seen = windows(self.signal, rows, self.lags, self.clock.start, self.clock.stop)
            if seen is not None:
                return self._of_functions(seen)
        source, inside = self.sources(rows)
        if few:
            values = np.asarray(self.signal[np.where(inside, source, 0)], dtype=np.float64)
            values[~inside] = 0.0
            by_lag = values.reshape(len(rows), -1)
            if self.functions is not None:
                by_lag = spread_over(by_lag, self.functions.T)
            return Dense(by_lag)
        first = int(source.min())
        return self._of_functions(
            Shifted(
                self._seen(first, int(source.max()) + 1),
                [span(place) for place in (source - first).T],
                None if inside.all() else inside.T,
            )
        )

    def _of_functions(self, by_lag: OfLags) -> Columns:
        """Return columns of lags, or of functions of lag where coefficients are of these."""
        if self.functions is None:
            return by_lag
        return Projected(by_lag, self.functions, self.signal.shape[1])

    def _seen(self, first: int, stop: int) -> Array:
        """Return a run of the signal, with zeros beyond its ends: each place is read by one row."""
        start, end = np.clip((first, stop), 0, len(self.signal))
        if (start, end) == (first, stop):
            return np.asarray(self.signal[start:end], dtype=np.float64)
        seen = np.zeros((stop - first, self.signal.shape[1]))
        seen[start - first : end - first] = self.signal[start:end]
        return seen
