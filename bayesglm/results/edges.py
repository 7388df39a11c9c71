"""Edges of a coupled population: what the past of one tells of another, added up over lags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of, model_of, parameter_group, reopen
from bayesglm.spec.families import LINK_NAMES
from bayesglm.spec.terms.coupling import SOURCE

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
CAUTION = (
    "what the past of one tells of another beside all that the model knows: an input that both "
    "share, and the model does not know, looks the same, and no edge is a synapse"
)


def edges(fit: xr.DataTree, size: float = 0.0, prob: float = 0.94) -> pd.DataFrame:
    """Tell the pairs of a coupled population by their integrated gains, a row each.

    gain[i, j] = sum over lags k of coupling[i, j, k]: what one event of the source j adds to the
    linear predictors of the target i, all lags together. Under a continuous prior no gain is
    exactly zero, so it is no question whether there is an edge: ask for the probability of its
    sign, and that it is larger than some size that matters. An input that two units share, and
    that the model does not know, couples them just as well; no edge is a synapse.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of a model with a `Coupling`; a MAP has gains alone.
    size : float
        The gain, in units of the link, beyond which an edge matters.
    prob : float
        Probability of the intervals, equal-tailed.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``target``, ``source``, and ``gain``, the posterior mean or the MAP, in units of
        the link; of a posterior ``sd``, ``lower`` and ``upper``, ``p_positive`` = P(gain > 0) and
        ``p_beyond`` = P(abs(gain) > size). On a log link ``ratio`` = exp(gain), the factor by which
        an event of the source multiplies the target's rate, all lags together (a posterior's
        median), with ``ratio_lower`` and ``ratio_upper``. ``attrs`` hold ``size``, ``prob`` and
        what an edge is (``caution``).

    Raises
    ------
    DataError
        No fit, a negative size, or a probability outside (0, 1).
    ModelError
        A model without a `Coupling`.

    Examples
    --------
    >>> import bayesglm as bg, numpy as np, xarray as xr
    >>> counts = np.random.default_rng(0).poisson(0.5, (200, 2))
    >>> data = xr.Dataset({"spikes": (("time", "cell"), counts)}, coords={"cell": ["a", "b"]})
    >>> model = bg.GLM("spikes", bg.Coupling(lags=3, prior=bg.Normal(1.0)), family="poisson")
    >>> table = bg.edges(bg.fit(model, data, draws=200), size=0.5)
    >>> list(table["target"]), list(table["source"]), table.columns[6:9].tolist()
    (['a', 'b'], ['b', 'a'], ['upper', 'p_positive', 'p_beyond'])
    """
    prob = check_between_0_and_1("prob", prob, "0.94 gives intervals from 3% to 97%")
    size, model = _checked(size), model_of(fit)
    group, problems = parameter_group(fit), reopen(fit)
    numbers = [k for k, term in enumerate(model.every_term) if SOURCE in term.facts.common_dims]
    if not numbers:
        raise ModelError(
            "edges are those of a coupled population, and the model has no Coupling; add one to "
            "its terms: Coupling(lags=20), say."
        )
    every = [kept.finished[1] for kept in kept_of(fit, problems)]
    is_log = LINK_NAMES[model.link_name].is_log
    has_draws = "draw" in group.dims
    rows = []
    for k in numbers:
        of_mean = is_log and k < len(model.terms)
        for problem, kept in zip(problems, every, strict=True):
            gains = _gains(problem, kept, k)
            told = _of_draws(gains, size, prob) if has_draws else {"gain": gains[0]}
            told |= _ratios(gains, told) if of_mean else {}
            rows.append(_labelled(problem, k, told))
    table = pd.concat(rows, ignore_index=True)
    table.attrs = {"size": size, "prob": prob, "caution": CAUTION}
    return table


def _checked(size: Any) -> float:
    try:
        number = float(size)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number < np.inf or isinstance(size, bool):
        raise DataError(
            f"size must be a number of at least 0, the gain beyond which an edge matters, got "
            f"{size!r}."
        )
    return number


def _gains(problem: Problem, kept: Kept, k: int) -> Array:
    """Return the gains ``(draws, sources)`` of one member, NaN where it was left without draws."""
    block = problem.design.predictors.blocks[k]
    w = problem.natural.registry.named(block.name).natural(kept.first()[1])
    w = w.reshape(-1, *block.shape)
    weights = np.ones(block.shape[-1]) if block.functions is None else block.functions.sum(axis=0)
    gains = w @ weights
    return gains if len(gains) else np.full((2, gains.shape[1]), np.nan)


def _of_draws(gains: Array, size: float, prob: float) -> dict[str, Array]:
    """Return the columns of the draws of some gains."""
    lower, upper = np.quantile(gains, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
    missing = np.isnan(gains).any(axis=0)
    return {
        "gain": gains.mean(axis=0),
        "sd": gains.std(axis=0, ddof=1),
        "lower": lower,
        "upper": upper,
        "p_positive": np.where(missing, np.nan, (gains > 0.0).mean(axis=0)),
        "p_beyond": np.where(missing, np.nan, (np.abs(gains) > size).mean(axis=0)),
    }


def _ratios(gains: Array, told: dict[str, Array]) -> dict[str, Array]:
    """Return the ratios of gains on a log link, with their ends where there are any."""
    ends = [end for end in ("lower", "upper") if end in told]
    with np.errstate(over="ignore"):
        ratio = {"ratio": np.exp(np.median(gains, axis=0))}
        return ratio | {f"ratio_{end}": np.exp(told[end]) for end in ends}


def _labelled(problem: Problem, k: int, told: dict[str, Array]) -> pd.DataFrame:
    """Return the rows of one target."""
    block, plan = problem.design.predictors.blocks[k], problem.plan
    assert plan.labels is not None
    sources = block.coords[SOURCE]
    first = {"term": block.name, "target": plan.labels[problem.neuron], "source": sources}
    return pd.DataFrame(first | told)
