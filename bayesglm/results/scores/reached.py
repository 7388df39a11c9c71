"""Predictive densities that no draw reaches, told by a ratio of evidences instead.

The mean over draws of the posterior of others of p(y_i | theta) hangs on the few draws at which it
is large, once y_i lies where the others do not expect it; none of them may be near. With draws of
the posterior of the others and y_i as well,

    log p(y_i | others) = log Z(others and y_i) - log Z(others)

is told by a bridge between both (`inference.weights.bridge`), which neither has to cross alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayesglm.errors import BayesGLMError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.bridge import Bridged, bridged
from bayesglm.inference.weights.psis import KISH_PER_CHAIN, efficiency
from bayesglm.results.scores.held_out import Held, log_mean
from bayesglm.results.scores.ladder.climb import BELIEVED, evidence_ratio
from bayesglm.results.scores.ladder.units import RowUnits

Array = np.ndarray
SHARE = 0.1  # of few draws, of which a mean hangs on few where it hangs on fewer than that: chosen
TOLD = 0.125  # of these, below which it is told that a mean errs by tenths of a nat or more: chosen
PLAIN = 0.05  # nats: a bridge of draws as they are, of a larger error, is tried with moved ones


def mean_and_worth(values: Array) -> tuple[Array, Array]:
    """Return log means of densities over their draws, and on how many draws each hangs.

    (sum p)^2 / sum p^2 is Kish's size of weights in proportion to the densities.

    >>> mean_and_worth(np.log([[1.0, 4.0], [1.0, 1e-300]]))[1].round(6).tolist()
    [2.0, 1.0]
    """
    means = log_mean(values)
    with np.errstate(invalid="ignore"):
        return means, np.exp(np.log(len(values)) + 2.0 * means - log_mean(2.0 * values))


def reached_densities(
    held: Held, sampled: Callable[[Problem], Kept], chains: int, most: int
) -> tuple[Array, Array]:
    """Return log mean densities, and which of them hang on few draws.

    The worst, ``most`` of them or one, are told by bridges, each to a posterior that is sampled.
    """
    every = held.each(mean_and_worth)
    elpd, worth = (np.concatenate(one) for one in zip(*every, strict=True))
    limit = min(KISH_PER_CHAIN * chains, SHARE * held.kept.n_draws)
    hanging = ~(worth >= TOLD * limit)
    if held.problem.pooled:  # whose other neurons learn of a row as well
        return elpd, hanging
    low = np.flatnonzero(~(worth >= limit))
    for place in low[np.argsort(worth[low])][: max(1, most)].tolist():
        own = [place] if held.sets is None else np.flatnonzero(held.sets == place)
        ratio = _LeftOut(replace(held, rows=held.rows[own])).told(sampled, chains)
        if ratio is not None and ratio.error < BELIEVED:
            elpd[place], hanging[place] = ratio.log_ratio, False
    return elpd, hanging


@dataclass(frozen=True)
class _LeftOut:
    """Rows that are scored together, with draws of the posterior that has not seen them."""

    held: Held

    def told(self, sampled: Callable[[Problem], Kept], chains: int) -> Bridged | None:
        """Return the ratio with draws of the posterior that has seen them; None without any."""
        rest, problem = self.held.kept, self.held.problem
        keep = np.isin(problem.design.predictors.rows, self.held.seen)
        keep[self.held.rows] = True
        try:
            whole = sampled(problem.restrict(keep))
        except BayesGLMError:
            return None
        own, of_rest = self._densities(whole), self._densities(rest)
        if not (np.isfinite(own).all() and np.isfinite(of_rest).all()):
            return None
        n_whole, n_rest = (len(one) * efficiency(one, chains) for one in (own, of_rest))
        plain = bridged(own, of_rest, n_whole, n_rest)
        is_redrawn = {whole.redrawn, rest.redrawn} != {None}
        if plain.error < PLAIN or is_redrawn or self.held.new is not None:
            return plain
        codes = np.where(np.isin(np.flatnonzero(keep), self.held.rows), 0, -1)
        units = RowUnits(whole, codes)
        return evidence_ratio(units, units.whole, 0, rest, n_whole / len(own)) or plain

    def _densities(self, kept: Kept) -> Array:
        """Return the log densities ``(draws,)`` of the rows jointly."""
        together = np.zeros(len(self.held.rows), dtype=np.intp)
        held = replace(self.held, kept=kept, sets=together)
        return np.concatenate(held.each(np.array), axis=1)[:, 0]
