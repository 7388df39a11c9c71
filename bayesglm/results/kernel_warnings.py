"""What `kernels` warns of: windows that end too early, and bases too coarse for the first lags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from bayesglm.errors import tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
# A kernel of so many lags at least is told to end too early where its mean at the end is so many
# sds from zero (of many kernels more), and this share of its largest at least: chosen.
LEAST, SDS, SHARE = 8, 3.0, 0.15
# Lags that are looked at for a refractory period; and pairs of events that are foreseen at one, at
# least, of which less than this share were seen, from which on a basis is too coarse: chosen.
FIRST, PAIRS, SEEN = 3, 20.0, 0.5
ROWS = 4096  # rows whose means are formed at a time: chosen


def warn_of_edges(name: str, node: xr.Dataset) -> None:
    """Warn, once of a term, of kernels that are not back at zero where their window ends.

    Of many kernels some are far from zero by chance: each is looked at so strictly that any of them
    is told by chance as rarely as one alone would be at 3 sds (Bonferroni), both ends of windows
    that begin before the event.
    """
    if node.sizes.get("lag", 0) < LEAST:
        return
    ordered = node.transpose("lag", ...)
    link, sd = np.abs(ordered["link"].values), ordered["link_sd"].values
    ends = {-1: "end"} | ({0: "start"} if node["lag"].values[0] < 0 else {})
    places = list(ends)
    n_looked = max(1, int(np.isfinite(link[places]).sum()))
    least = -ndtri(ndtr(-SDS) / n_looked)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = link[places] / sd[places]
        told = (away > least) & (link[places] > SHARE * link.max(axis=0))
    if not told.any():
        return
    end, *which = np.unravel_index(np.argmax(np.where(told, away, -np.inf)), told.shape)
    place = places[end]
    many = ""
    if told[end].size > 1:
        dims = [str(dim) for dim in ordered["link"].dims[1:]]
        labels = [
            shown(ordered[dim].values.tolist()[k]) if dim in ordered.coords else str(k)
            for dim, k in zip(dims, which, strict=True)
        ]
        worst = ", ".join(f"{dim} {label}" for dim, label in zip(dims, labels, strict=True))
        n_told = int(told.any(axis=0).sum())
        many = f" ({n_told} of {told[end].size} of them, furthest that of {worst})"
    lag = node["lag"].values[place]
    timed = "lag_time" in node.coords
    at = f"lag {lag}" + (f", {1e3 * float(node['lag_time'].values[place]):.4g} ms" if timed else "")
    tell(
        f"the kernel of {name!r} is not back at zero at the {ends[place]} of its window{many}: "
        f"{link[(place, *which)]:.3g} at {at}, {away[(end, *which)]:.1f} sds away. What lies "
        "beyond is left out, and lags inside may stand in for it; widen the window, or choose a "
        "basis that decays."
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
