"""What `kernels` warns of: windows that end too early, and bases too coarse for the first lags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from bayesglm.errors import tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
# A kernel of so many lags at least is told to end too early where its mean at the end is so many
# sds from zero, and this share of its largest at least: chosen.
LEAST, SDS, SHARE = 8, 3.0, 0.15
# Lags that are looked at for a refractory period; and pairs of events that are foreseen at one, at
# least, of which less than this share were seen, from which on a basis is too coarse: chosen.
FIRST, PAIRS, SEEN = 3, 20.0, 0.5
ROWS = 4096  # rows whose means are formed at a time: chosen


def warn_of_edges(name: str, node: xr.Dataset, prob: float) -> None:
    """Warn of kernels that are not back at zero where their window ends.

    Their sds are told by bands that hold each lag with a probability, as of normal posteriors.
    """
    if node.sizes.get("lag", 0) < LEAST:
        return
    ordered = node.transpose("lag", ...)
    link = np.abs(ordered["link"].values)
    width = (ordered["link_upper"] - ordered["link_lower"]).values
    sd = 0.5 * width / ndtri(0.5 + 0.5 * prob)
    ends = [(-1, "end")] + ([(0, "start")] if node["lag"].values[0] < 0 else [])
    for place, which in ends:
        with np.errstate(invalid="ignore", divide="ignore"):
            told = (link[place] > SDS * sd[place]) & (link[place] > SHARE * link.max(axis=0))
        if not told.any():
            continue
        many = f" ({int(told.sum())} of {told.size} of them)" if told.size > 1 else ""
        worst = np.argmax(np.where(told, link[place], 0.0).ravel())
        size, spread = link[place].ravel()[worst], sd[place].ravel()[worst]
        lag = node["lag"].values[place]
        at = f"lag {lag}" + (
            f", {1e3 * float(node['lag_time'].values[place]):.4g} ms"
            if "lag_time" in node.coords
            else ""
        )
        tell(
            f"the kernel of {name!r} is not back at zero at the {which} of its window{many}: "
            f"{size:.3g} at {at}, {size / spread:.1f} sds away. What lies beyond is left out, and "
            "lags inside may stand in for it; widen the window, or choose a basis that decays."
        )


def warn_of_coarse_bases(problems: Sequence[Problem], thetas: Sequence[Array]) -> None:
    """Warn of a basis of a count's own past that cannot follow how rarely events follow at once.

    ``thetas`` are the means of natural parameters of each problem. Pairs of events k samples apart
    are counted, and those that the model foresees from the past that was, mu[t] y[t - k].
    """
    first = problems[0]
    model, predictors = first.plan.model, first.design.predictors
    plain = predictors.levels is None and not predictors.beside and predictors.bounds is None
    if not FAMILY_NAMES[model.family].discrete or not plain or first.design.seen is not None:
        return
    for k, term in enumerate(model.every_term):
        block = predictors.blocks[k]
        coarse = block.functions is not None and block.functions.shape[1] < len(block.functions)
        if not term.reads_response or not coarse or block.picked is not None:
            continue
        told = []
        for problem, theta in zip(problems, thetas, strict=True):
            seen, foreseen = _pairs(problem, theta, problem.design.predictors.blocks[k])
            bad = (foreseen > PAIRS) & (seen < SEEN * foreseen)
            if bad.any():
                told.append((problem, int(np.argmax(bad)), seen, foreseen))
        if told:
            problem, at, seen, foreseen = told[0]
            assert block.lags is not None
            many = f" in {len(told)} of {len(problems)}, the first" if len(problems) > 1 else ""
            tell(
                f"the basis of {term.label!r} is too coarse for the first lags{many}"
                f"{problem.where}: {seen[at]:.0f} events came {block.lags[at]} samples after "
                f"another, and the model foresees {foreseen[at]:.0f}. A refractory period needs "
                "functions as narrow as it is: more of them, log_raised_cosine with a larger "
                "stretch=, or a History of the first lags without a basis beside this one."
            )


def _pairs(problem: Problem, theta: Array, block: Any) -> tuple[Array, Array]:
    """Return how many pairs of events there are at each of the first lags, and are foreseen."""
    lags = min(FIRST, len(block.lags))
    w = theta[: problem.natural.n_coefficients]
    phi = [np.reshape(value, (-1, 1)) for value in problem.natural.phi(theta[None])]
    seen, foreseen = np.zeros(lags), np.zeros(lags)
    predictors = problem.design.predictors
    for rows in problem.design.source.ranges(ROWS):
        samples = predictors.rows[rows.place]
        source, inside = block.sources(samples)
        past = np.where(inside, block.signal[np.where(inside, source, 0), 0], 0.0)[:, :lags]
        eta = rows.times(w[None])[0] + rows.offset
        with np.errstate(over="ignore"):
            mean = problem.natural.family.expected(eta[None, None], phi, None)
        counts = 1.0 if rows.trials is None else rows.trials
        weights = 1.0 if rows.weights is None else rows.weights
        seen += (weights * rows.y) @ past
        foreseen += np.ravel(weights * counts * mean) @ past
    return seen, foreseen
