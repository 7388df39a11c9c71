"""How pointwise values add up to an expected log predictive density."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def summed(elpd_i: Array, p_i: Array, overlap: int = 1) -> tuple[float, float, float]:
    """Return elpd, its standard error and the effective number of parameters, as ArviZ sums.

    Of blocks of h samples that ``overlap`` the sum is h times that of n / h blocks that do not, so
    that its error is sqrt(h) times what ArviZ makes of n independent ones.
    """
    from arviz_stats.base import array_stats

    elpd, se, p, _ = array_stats.loo_summary(elpd_i.ravel(), p_i.ravel())
    return float(elpd), float(se) * np.sqrt(overlap), float(p)
