"""The table of a fit: a row per coefficient, with its prior beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.tree.marginals import checks_of_redrawn, marginals, with_redrawn
from bayesglm.inference.tree.opened import group_redrawn, model_of, parameter_group
from bayesglm.inference.tree.shares import variance_shares
from bayesglm.inference.tree.shown import Shown
from bayesglm.inference.tree.words import (
    Entries,
    entries_alone,
    entries_of,
    is_curve,
    prior_words,
    stands_last,
    with_means,
)
from bayesglm.inference.weights.psis import effective_sizes, rank_rhats
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.notation import priors_by_name

if TYPE_CHECKING:
    import xarray as xr

    from bayesglm.spec.model import GLM

Array = np.ndarray
TOLD = ("method", "why", "top_size", "levels_of", "level_acceptance", "worst_level")


def summary(fit: xr.DataTree, exponentiate: bool = False, level: float = 0.94) -> pd.DataFrame:
    """Tell a fit in a table, a row per coefficient, in the words of the data.

    What all samples share stands first, then scales and correlations, then the share of variance
    that lies between the levels of each group (where the response has a residual variance: the
    intraclass correlation), then the levels, and the weights of the functions that make up curves
    (the curves themselves are what `kernels` and `plot_posterior` give).
    The mean change from level to level of a `Monotonic` effect, whose prior it has, is a row beside
    its steps; as a ratio it is that of each step if all were alike.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit.
    exponentiate : bool
        Whether coefficients are told as ratios, exp(w): odds ratios on the logit link, rate ratios
        of counts on the log link. Rows that are none (scales, dispersions, predictors of these,
        weights of the functions that make up a curve) are left out; the intercept's is the
        odds or the rate where all predictors are zero.
    level : float
        Probability of the intervals, equal-tailed.

    Returns
    -------
    pandas.DataFrame
        Of a posterior: ``mean``, ``sd``, the ends of the interval (``3%`` and ``97%``), ``ess``
        (the bulk effective size; of importance draws no more than their weights are worth),
        ``r_hat`` of NUTS or ``khat`` of importance draws, and ``prior``. With ``exponentiate`` the
        median stands for the mean: exp(median of w) is the median of the ratio. Of a MAP: ``map``
        and ``prior``. Cells are shown to four digits, or as many as the sd needs, and hold all.
        ``attrs`` hold the fit's ``method`` and ``why``.

    Raises
    ------
    DataError
        No fit, or a level outside (0, 1).
    ModelError
        ``exponentiate`` on a link whose coefficients are no logarithms of ratios.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> table = bg.summary(fitted)
    >>> list(table.index), list(table.columns)
    (['intercept', 'x'], ['mean', 'sd', '3%', '97%', 'ess', 'khat', 'prior'])
    >>> bg.summary(fitted, exponentiate=True).index.name
    'rate ratio'
    """
    level = check_between_0_and_1("level", level, "0.94 gives intervals from 3% to 97%")
    model = model_of(fit)
    group = with_redrawn(fit, with_means(model, parameter_group(fit)))
    ratio = _ratio_of(model) if exponentiate else None
    priors, redrawn = priors_by_name(model), group_redrawn(fit)
    dispersed = {term.label for one in model.predicted.values() for term in one.terms}
    tables = []
    shares = {} if ratio or "draw" not in group.dims else variance_shares(model, group)
    for entries in entries_of(model, group):
        own = entries.term if entries.own else None
        if own is not None and stands_last(own, group):
            tables += [_share_row(fit, shares.pop(label), label, level) for label in list(shares)]
        is_dispersed = entries.term is not None and entries.term.label in dispersed
        is_weight = entries.own and is_curve(group[entries.name])
        if ratio and (is_weight or is_dispersed or not entries.of_eta):
            continue
        if entries.name == redrawn:
            numbers = _of_redrawn(fit, entries, level, ratio is not None)
        else:
            numbers = _numbers(fit, group[entries.name], entries, level, ratio is not None)
        known = entries.name in priors
        numbers["prior"] = prior_words(priors[entries.name], entries) if known else ""
        tables.append(pd.DataFrame(numbers, index=list(entries.words)))
    table = Shown(pd.concat(tables) if tables else {"map": [], "prior": []})
    table.index.name = ratio or "coefficient"
    table.attrs = {name: fit.attrs[name] for name in TOLD if name in fit.attrs}
    return table


def _share_row(fit: xr.DataTree, share: xr.DataArray, label: str, level: float) -> pd.DataFrame:
    """Return the row of a group's share of variance."""
    entries = entries_alone(f"variance share of {label}", share)
    numbers = _numbers(fit, share, entries, level, False)
    return pd.DataFrame(numbers | {"prior": ""}, index=list(entries.words))


def _of_redrawn(fit: xr.DataTree, entries: Entries, level: float, is_ratio: bool) -> dict[str, Any]:
    """Return the columns of effects that are kept as marginals, or redrawn for other levels."""
    told, tail = marginals(fit, level, is_ratio), (1.0 - level) / 2.0
    middle = "median" if is_ratio else "mean"
    numbers = {
        middle: told[middle],
        "sd": told["sd"],
        f"{100 * tail:g}%": told["lower"],
        f"{100 * (1.0 - tail):g}%": told["upper"],
        **checks_of_redrawn(fit, len(told["mean"])),
    }
    return {name: values[entries.places] for name, values in numbers.items()}


def _numbers(
    fit: xr.DataTree, variable: xr.DataArray, entries: Entries, level: float, is_ratio: bool
) -> dict[str, Any]:
    """Return the columns of some coefficients."""
    if "draw" not in variable.dims:
        values = variable.values.ravel()[entries.places]
        return {"map": np.exp(values) if is_ratio else values}
    ordered = variable.transpose("chain", "draw", ...)
    draws = ordered.values.reshape(*ordered.shape[:2], -1)[..., entries.places]
    flat = draws.reshape(-1, draws.shape[-1])
    tail = (1.0 - level) / 2.0
    told = np.exp(flat) if is_ratio else flat
    lower, middle, upper = np.nanquantile(told, [tail, 0.5, 1.0 - tail], axis=0)
    return {
        **({"median": middle} if is_ratio else {"mean": np.nanmean(told, axis=0)}),
        "sd": np.nanstd(told, axis=0, ddof=1),
        f"{100 * tail:g}%": lower,
        f"{100 * (1.0 - tail):g}%": upper,
        **_checks(fit, ordered, draws, entries),
    }


def _checks(
    fit: xr.DataTree, ordered: xr.DataArray, draws: Array, entries: Entries
) -> dict[str, Array]:
    """Return effective sizes, and what was asked of the draws: r-hat of NUTS, k-hat of weights."""
    sizes = effective_sizes(draws)
    if "laplace" not in fit.children and {"top_size", "khat"} <= fit.attrs.keys():
        ess, khat = fit.attrs.get("importance_ess", np.inf), fit.attrs["khat"]
        return {"ess": np.minimum(sizes, ess), "khat": np.full(len(sizes), float(khat))}
    if "laplace" not in fit.children:
        return {"ess": sizes, "r_hat": rank_rhats(draws)}
    told = fit["laplace"].to_dataset()
    like = ordered.isel(chain=0, draw=0, drop=True)
    own = {
        name: told[name].broadcast_like(like).transpose(*like.dims).values.ravel()[entries.places]
        for name in ("khat", "importance_ess")
    }
    return {"ess": np.minimum(sizes, own["importance_ess"]), "khat": own["khat"]}


def _ratio_of(model: GLM) -> str:
    """Return what exp of a coefficient is called; raises ModelError where it is no ratio."""
    link = LINK_NAMES[model.link_name]
    if not link.ratio:
        raise ModelError(
            f"exponentiate: on the link {model.link_name!r} exp of a coefficient is no ratio; read "
            "the coefficients as they are, or predict(fit, data) on the response's scale."
        )
    return (FAMILY_NAMES[model.family].log_ratio if link.is_log else "") or link.ratio
