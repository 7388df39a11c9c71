"""How pointwise values add up to an expected log predictive density."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def summed(elpd_i: Array, p_i: Array) -> tuple[float, float, float]:
    """Return elpd, its standard error and the effective number of parameters, as ArviZ sums."""
    from arviz_stats.base import array_stats

    elpd, se, p, _ = array_stats.loo_summary(elpd_i.ravel(), p_i.ravel())
    return float(elpd), float(se), float(p)
