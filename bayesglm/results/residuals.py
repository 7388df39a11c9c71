"""Residuals of a fit's own samples: quantile, Pearson and deviance residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import ModelError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import kept_of, reopen
from bayesglm.numerics.families.intervals import variance_of
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows
from bayesglm.results.chances import Chances, chances_fault, chances_of
from bayesglm.results.foretold import Drawn, Range, observed_of, some_draws
from bayesglm.results.predict import on_samples
from bayesglm.results.scores.scoring import deviance_of
from bayesglm.spec.hints import meant, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
# Responses that are drawn for each row, whose deviance residuals tell what a true model has: so
# many, fewer of very many rows, at least; and how many in all. Chosen.
REPEATS, FEWEST, DRAWN = 100, 10, 2_000_000
STREAM = 1  # of those that a seed has, the one from which residuals are randomised


def residuals(
    fit: xr.DataTree, kind: str = "quantile", draws: int = 200, seed: int = 0
) -> xr.Dataset:
    r"""Tell how far each response of a fit's data lies from what the fit expects of it.

    - ``"quantile"``: the normal quantile of the chance of a response below y in the posterior
      predictive distribution, r = Phi^-1(u), u between P(Y < y) and P(Y <= y), each the mean over
      draws: u is that chance itself where responses are measured, uniform in between where they are
      counted or seen as intervals (Dunn & Smyth 1996, J Comput Graph Stat 5:236). Independent and
      standard normal if the model is true, whatever the family.
    - ``"pearson"``: (y - E[y]) / sd[y], both where linear predictors and dispersions have their
      posterior means (sd[y] of a gaussian response is that of sigma); of a response with levels one
      for each level along ``<response>_level``, of whether, or how often, it occurred.
    - ``"deviance"``: sign(y - E[y]) sqrt(d), d being twice the log density that the fit falls short
      of the largest that any mean gives, dispersions that are a factor of it divided out (McCullagh
      & Nelder 1989, 2.4), so that the squares add up to the deviance.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit.
    kind : {"quantile", "pearson", "deviance"}
        What is defined of which responses says the note.
    draws : int
        Posterior draws that are looked at, evenly spaced; fewer (10 at least) of very many rows, as
        `check` says. Those of `check` are these, by the same ``draws`` and ``seed``.
    seed : int
        Seed of what is randomised.

    Returns
    -------
    xarray.Dataset
        One variable under the response's name, ``(sample[, neuron][, level])``, on all samples of
        the data with their labels; NaN where a full past is missing, in rows that are left out, and
        in those of weight zero. A row of a frequency weight stands for so many equal responses, of
        which it has the residual of one. The variable's attributes ``kind`` and ``draws`` say what
        it is.

    Raises
    ------
    DataError
        No fit; ``draws`` or ``seed`` that are none.
    ModelError
        An unknown kind, or one that is not defined for the responses: the message names those that
        are.

    Warns
    -----
    BayesGLMWarning
        Responses without a finite variance, whose Pearson residuals are NaN.

    Notes
    -----
    Pearson and deviance residuals stand where each row's linear predictors and the dispersions have
    their posterior means, at the MAP of a MAP fit. Angles have quantiles, counted from -pi, and
    deviances, with the sign of sin(y - mu), but no mean on a line, and so no Pearson residuals;
    censored responses have no Pearson residuals either, since they are seen in part. Levels without
    an order have quantiles by their numbers, and no deviance residuals, for these want a sign;
    ordered ones have it by their numbers. Counts of several levels have Pearson residuals alone.
    All are in sample; `loo` and `kfold` leave out.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2.0, 0.5, 3.1, 0.9], "x": [0.0, 0.0, 0.0, 0.0]}
    >>> fit = bg.fit_map(bg.GLM("y", [], dispersion=0.5), data)
    >>> bg.residuals(fit)["y"].round(3).values          # (y - mean) / 0.5
    array([ 0.75, -2.25,  2.95, -1.45])
    >>> bg.residuals(fit, "deviance")["y"].round(3).values
    array([ 0.375, -1.125,  1.475, -0.725])
    >>> bg.residuals(fit)["y"].attrs
    {'kind': 'quantile', 'draws': 1}
    """
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    problems = reopen(fit)
    record = check_kind(kind, problems[0])
    plan, response = problems[0].plan, problems[0].plan.model.response
    levels = _levels_of(problems[0]) if record.of_levels else {}
    shape = (len(problems), plan.dataset.sizes[plan.sample_dim], *map(len, levels.values()))
    values, used = np.full(shape, np.nan), draws
    for k, kept in enumerate(kept_of(fit, problems)):
        drawn = some_draws(kept, draws)
        used = min(used, drawn.n_draws)
        own = record.of_unit(drawn, seed)
        values[k, problems[k].design.predictors.rows] = own.T if levels else own[0]
    told = on_samples(values, problems, plan.dataset, plan.sample_dim, {}, levels)
    told[response].attrs |= {"kind": kind, "draws": used}
    return told


def quantile_residuals(chances: Chances, drawn: Drawn, seed: int) -> Array:
    """Return the residual of every row ``(rows,)``, NaN of those that do not count."""
    entropy = [seed, drawn.problem.neuron]
    stream = np.random.SeedSequence(entropy, spawn_key=(STREAM,))
    normal = chances.normal(np.random.default_rng(stream))
    return np.where(drawn.weights > 0.0, normal, np.nan)


class Kind(NamedTuple):
    """One kind of residuals.

    - `of_rows(drawn, seed)`: the residuals ``(kinds, rows)`` of one unit, of several levels for
      each.
    - `fault(problem)`: why responses have none; empty where they do.
    - `moments(drawn, seed)`: the mean and the variance ``(rows,)`` that they have in a true model;
      None where nobody knows.
    - `of_levels`: whether a response with levels has one for each.
    """

    of_rows: Callable[[Drawn, int], Array]
    fault: Callable[[Problem], str]
    moments: Callable[[Drawn, int], tuple[Array, Array] | None]
    of_levels: bool = False

    def of_unit(self, drawn: Drawn, seed: int) -> Array:
        """Return the residuals ``(kinds, rows)`` of one unit, NaN of rows that do not count."""
        return np.where(drawn.weights > 0.0, self.of_rows(drawn, seed), np.nan)


def _quantile(drawn: Drawn, seed: int) -> Array:
    family, chances = drawn.family, Chances.empty(drawn.n_rows)

    def work(one: Range) -> Chances:
        density = family.log_likelihood(one.rows.y, *one.told)
        return chances_of(family, one.rows.y, one.told, density)

    for at, some in drawn.streamed(work):
        chances.put(at, some)
    return quantile_residuals(chances, drawn, seed)[None]


def _pearson(drawn: Drawn, seed: int) -> Array:
    family = drawn.family

    def work(one: Range) -> tuple[Array, Array]:
        told, n = _at_means(one), len(one.rows)
        away = observed_of(family, one) - family.mean(*told).reshape(-1, n)
        variance = np.broadcast_to(variance_of(family, *told).reshape(-1, n), away.shape)
        never = (away == 0.0) & (variance == 0.0)
        values = np.where(never, 0.0, away / np.sqrt(variance))
        return np.where(np.isfinite(variance), values, np.nan), ~np.isfinite(variance[0])

    values, endless = np.empty((family.n_levels or 1, drawn.n_rows)), 0
    for at, (some, without) in drawn.streamed(work):
        values[:, at] = some
        endless += int(without.sum())
    if endless:
        model = drawn.problem.plan.model
        tell(
            f"{endless} of {drawn.n_rows} responses of {model.response!r}{drawn.problem.where} "
            f"have no finite variance ({model.family}), so that their Pearson residuals are NaN; "
            "take kind='quantile'."
        )
    return values


def _deviance(drawn: Drawn, seed: int) -> Array:
    family = drawn.family

    def work(one: Range) -> Array:
        return _deviance_residuals(family, one.rows, _at_means(one))

    values = np.empty((1, drawn.n_rows))
    for at, some in drawn.streamed(work):
        values[0, at] = some
    return values


def _deviance_residuals(family: Family, rows: Rows, told: tuple[Array, list[Array], Any]) -> Array:
    eta, phi, trials = told
    fitted = family.kernel(rows.y, eta, phi, trials, 0).value
    deviance = np.ravel(deviance_of(family, rows, fitted, eta, phi))
    away = np.ravel(family.numbers(rows.y, eta, phi, trials) - family.expected(eta, phi, trials))
    if family.words.circular:
        away = np.sin(away)
    return np.sign(away) * np.sqrt(np.maximum(deviance, 0.0))


def _standard(drawn: Drawn, seed: int) -> tuple[Array, Array]:
    return np.zeros(drawn.n_rows), np.ones(drawn.n_rows)


def _deviance_moments(drawn: Drawn, seed: int) -> tuple[Array, Array] | None:
    """Tell them of responses drawn anew: their mean is not zero, nor their variance one.

    The variance is that of a residual less the mean of those drawn. Of censored responses nothing
    says where drawn ones would be.
    """
    family, problem, n = drawn.family, drawn.problem, drawn.n_rows
    if problem.plan.model.censored is not None:
        return None
    repeats = int(np.clip(DRAWN // max(1, n), FEWEST, REPEATS))

    def work(one: Range) -> Array:
        rng, told = np.random.default_rng([seed, problem.neuron, int(one.at[0])]), _at_means(one)
        sums = np.zeros((2, len(one.rows)))
        for _ in range(repeats):
            y = np.ravel(family.draw(rng, *told))
            own = _deviance_residuals(family, replace(one.rows, responses=y, lines=None), told)
            sums += own, np.square(own)
        mean = sums[0] / repeats
        variance = (sums[1] - repeats * np.square(mean)) / (repeats - 1)
        return np.stack([mean, variance * (1.0 + 1.0 / repeats)])

    moments = np.empty((2, n))
    for at, some in drawn.streamed(work):
        moments[:, at] = some
    return moments[0], moments[1]


def _at_means(one: Range) -> tuple[Array, list[Array], Any]:
    """Return what functions of a family take at the means of linear predictors and dispersions."""
    phi = [each.mean(axis=0, keepdims=True) for each in one.phi]
    return one.eta.mean(axis=1, keepdims=True), phi, one.rows.trials


def _pearson_fault(problem: Problem) -> str:
    if problem.natural.family.words.circular:
        return NO_LINE
    return "" if problem.plan.model.censored is None else IN_PART


def _deviance_fault(problem: Problem) -> str:
    family = problem.natural.family
    ordered = family.words.labels is not None and family.words.labels.ordered
    if not family.n_levels or ordered:
        return ""
    return "levels without an order lie neither above nor below what is expected"


def _levels_of(problem: Problem) -> dict[str, Array]:
    if not problem.natural.family.n_levels:
        return {}
    model = problem.plan.model
    return {f"{model.response}_level": np.array(model.levels)}


NO_LINE = "angles have no mean on a line"
IN_PART = "responses are seen in part (censored)"
KINDS = {
    "quantile": Kind(_quantile, chances_fault, _standard),
    "pearson": Kind(_pearson, _pearson_fault, _standard, of_levels=True),
    "deviance": Kind(_deviance, _deviance_fault, _deviance_moments),
}


def check_kind(kind: Any, problem: Problem) -> Kind:
    """Return the record of a kind; ModelError where it is none, or none of these responses."""
    if not isinstance(kind, str) or kind not in KINDS:
        also = {"quantile": ("rqr", "pit", "dunn_smyth"), "pearson": ("standardised", "scaled")}
        hint = meant("kind", kind, {name: also.get(name, ()) for name in KINDS})
        raise ModelError(f"unknown kind {shown(kind)}; the kinds are {', '.join(KINDS)}.{hint}")
    fault = KINDS[kind].fault(problem)
    if fault:
        known = [repr(name) for name, one in KINDS.items() if not one.fault(problem)]
        remedy = f" Take kind={' or '.join(known)}." if known else " No kind is."
        raise ModelError(
            f"kind={kind!r} is not defined for response {problem.plan.model.response!r}: "
            f"{fault}.{remedy}"
        )
    return KINDS[kind]
