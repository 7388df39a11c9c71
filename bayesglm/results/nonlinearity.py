"""The static nonlinearity of a fit: responses against what drives them, beside the link assumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.readings import OWN
from bayesglm.design.response_levels import read_response
from bayesglm.design.variables import require
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept, evenly
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen
from bayesglm.numerics.summaries import mean_of, quantiles_of
from bayesglm.results.populations import effects_asked
from bayesglm.results.predict import as_fitted
from bayesglm.results.predicted_rows import predicted_rows
from bayesglm.results.stretches import STRETCHES, band_of, error_of

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
DRAWS = 400  # at most, evenly spaced, that make bands: chosen, quantiles to a tenth of their sd
LEAST = 5  # samples of a bin, on average, of fewer of which no error can be told: chosen


class Asked(NamedTuple):
    """The rows on which a neuron is asked: their columns, responses and weights."""

    predictors: Predictors
    y: Array
    weights: Array


def nonlinearity(
    fit: xr.DataTree, data: Any = None, bins: int = 20, prob: float = 0.94
) -> xr.Dataset:
    """Tell the mean response as a function of its drive, as observed and as the link has it.

    The drive is the linear predictor: of a linear-nonlinear neuron the filtered stimulus and the
    intercept. Where observed and expected bands part, the link is another one, or terms are
    missing.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of a response with one mean.
    data : Dataset, DataFrame or mapping, optional
        New data with the response, of which the filters have learnt nothing; those of the fit by
        default.
    bins : int
        Bins of equally many samples; fewer where the drive has few values.
    prob : float
        Probability of the bands.

    Returns
    -------
    xarray.Dataset
        Along ``bin`` (and the neurons): ``drive``, the average linear predictor (link units);
        ``observed``, the mean response, with ``observed_se`` and a band ``observed_lower``,
        ``observed_upper``; ``expected``, the mean that the fit expects of the same samples, with
        the band of the posterior (of a MAP none); and ``n``, how many samples (or the sum of their
        weights). NaN where a neuron has fewer bins than another.

    Raises
    ------
    ModelError
        Responses with a probability for each of several levels, or seen within intervals only.
    DataError
        Fewer than two bins, or so many that they hold fewer than five samples each; new data
        without the response.

    Notes
    -----
    In bin b, observed = sum_t y[t] / n and expected = sum_t E[y[t] | draw] / n, draw by draw
    (Chichilnisky 2001, Network 12:199, section 3). Errors of what was observed are those of the
    residuals y[t] - observed, summed within up to 64 stretches of time, as of `sta`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.grasshopper()
    >>> model = bg.GLM("spikes", bg.Lagged("stimulus", lags=15), family="poisson")
    >>> curve = bg.nonlinearity(bg.fit_map(model, ds), bins=5)
    >>> bool(curve["observed"][-1] > 5 * curve["observed"][0])
    True
    """
    import xarray as xr

    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    bins = whole_number("bins", bins, 2)
    problems = reopen(fit)
    plan, model = problems[0].plan, problems[0].plan.model
    if problems[0].natural.family.n_levels or problems[0].natural.family.words.counts_levels:
        raise ModelError(
            f"response {model.response!r} has a probability for each of its levels, and no mean "
            "against which one drive stands; compare predict(fit) with the labels."
        )
    if model.censored is not None:
        raise ModelError(
            f"of some responses {model.response!r} only intervals are known, and these have no "
            "mean to be observed."
        )
    asked = _of_fit(problems) if data is None else _of_new(problems, data)
    has_bands = "draw" in parameter_group(fit).dims
    told = [
        _curve(_thinned(kept), one, bins, prob, has_bands)
        for kept, one in zip(kept_of(fit, problems), asked, strict=True)
    ]
    width = max(len(one["n"]) for one in told)
    padded = {
        name: np.stack(
            [np.pad(one[name], (0, width - len(one[name])), constant_values=np.nan) for one in told]
        )
        for name in told[0]
    }
    attrs = {"prob": prob, "link": model.link_name, "response": model.response}
    if plan.population is None:
        return xr.Dataset({name: ("bin", v[0]) for name, v in padded.items()}, attrs=attrs)
    return xr.Dataset(
        {name: ((plan.population, "bin"), values) for name, values in padded.items()},
        coords={plan.population: plan.labels},
        attrs=attrs,
    )


def _of_fit(problems: list[Problem]) -> list[Asked]:
    asked = []
    for problem in problems:
        design, rows = problem.design, problem.design.predictors.rows
        weights = np.ones(len(rows)) if design.weights is None else design.weights[rows]
        asked.append(Asked(design.predictors, design.y[rows], weights))
    return asked


def _of_new(problems: list[Problem], data: Any) -> list[Asked]:
    plan = problems[0].plan
    dataset, dim, every = plan_prediction(
        plan.model, data, plan.population, len(problems), labels=plan.own_labels
    )
    every = as_fitted(problems, dataset, every, "mean")
    response = require(dataset, plan.model.response, "response")
    values = read_response(plan.model, response, dim, dataset)
    columns = values.reshape(len(values), -1).T
    if len(columns) != len(problems):
        raise DataError(
            f"response {plan.model.response!r} of the new data has {len(columns)} neurons, and the "
            f"fit {len(problems)}; give those of the fit."
        )
    return [
        Asked(one, y[one.rows], np.ones(len(one.rows)))
        for one, y in zip(every, columns, strict=True)
    ]


def _thinned(kept: Kept) -> Kept:
    """Return no more draws than bands are made of."""
    _, kept = kept.finished
    return kept.some(evenly(np.arange(kept.n_draws), DRAWS))


def _curve(kept: Kept, asked: Asked, bins: int, prob: float, has_bands: bool) -> dict[str, Array]:
    """Return what there is to tell of each bin of one neuron."""
    y, weights = asked.y, asked.weights
    drive = np.zeros(len(y))
    for rows, eta in _predicted(kept, asked.predictors, "linear"):
        drive[rows] = mean_of(eta)
    edges = np.unique(np.quantile(drive, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    _, of_row = np.unique(np.searchsorted(edges, drive, side="left"), return_inverse=True)
    n = np.bincount(of_row, weights)
    if LEAST * len(n) > len(y):
        raise DataError(
            f"bins={bins} hold {len(y) / len(n):.3g} of {len(y)} samples each, too few for errors "
            f"of their means; ask for at most bins={len(y) // LEAST}."
        )
    observed = np.bincount(of_row, weights * y) / n
    sums: Any = 0.0
    for rows, mean in _predicted(kept, asked.predictors, "mean"):
        inside = (of_row[rows][:, None] == np.arange(len(n))) * weights[rows][:, None]
        sums = sums + mean @ inside
    expected = sums / n
    stretch = np.arange(len(y)) * min(STRETCHES, len(y)) // len(y)
    count = stretch[-1] + 1
    scores = np.bincount(
        stretch * len(n) + of_row, weights * (y - observed[of_row]), count * len(n)
    ).reshape(count, -1)
    se = error_of((scores**2).sum(axis=0), count) / n
    lower, upper = band_of(observed, se, count, prob)
    told = {
        "drive": np.bincount(of_row, weights * drive) / n,
        "n": n,
        "observed": observed,
        "observed_se": se,
        "observed_lower": lower,
        "observed_upper": upper,
        "expected": mean_of(expected),
    }
    if has_bands:
        quantiles = quantiles_of(expected, np.array([0.5 - prob / 2, 0.5 + prob / 2]))
        told["expected_lower"], told["expected_upper"] = quantiles
    return told


def _predicted(kept: Kept, predictors: Predictors, kind: str) -> Iterator[tuple[Array, Array]]:
    """Run through the rows: which they are, and predictions ``(draws, rows)``."""
    rng = np.random.default_rng(0)  # nothing is drawn of means
    for problem, own, theta, rows in kept.on(predictors):
        effects = effects_asked(problem, own, theta, OWN, (0,))
        for part, values in predicted_rows(problem, own, theta, kind, rng, effects):
            yield rows[part], values
