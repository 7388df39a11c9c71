"""Bayes factors of models, by their evidence, and how they depend on the scale of the priors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import ConvergenceError, DataError, ModelError, tell
from bayesglm.inference.problem.asked import check_counts, check_seed
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import are_named, reopen
from bayesglm.inference.weights.evidence import MORE
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.bayes_factors.improper import check_improper
from bayesglm.results.bayes_factors.scaled import (
    FACTORS,
    checked_factors,
    defaults_among,
    plan_widened,
    varied_terms,
)
from bayesglm.results.bayes_factors.told import Contrast, Factor, of_defaults, table_of
from bayesglm.results.criteria import by_evidence
from bayesglm.results.scores.pairing import check_fits
from bayesglm.results.searching import problems_of
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

INSTEAD = "compare what they foretell: bg.compare"

type EvidenceAt = Callable[[float], Factor]  # of one model, at a factor of its priors' scale


def bayes_factor(
    fits: Mapping[str, xr.DataTree],
    against: str | None = None,
    term: str | Sequence[str] | None = None,
    factors: Iterable[float] = FACTORS,
    prior_odds: Mapping[str, float] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare models by how probable they make the data, along the scale of their priors.

    The Bayes factor of two models is the ratio of their evidences,

        log BF = log Z_model - log Z_against,  Z = integral of p(y | theta) p(theta) d theta

    (Kass & Raftery 1995, JASA 90:773-795). It asks how well the *priors* foretold the data: of an
    effect whose prior is ten times as wide it is about a tenth, with the data and the posterior
    unchanged. So it is told at each of several factors of the priors' scale, and where its verdict
    turns. Evidences are those of `tune_prior`: exact for gaussian responses under Normal priors,
    elsewhere by Pareto-smoothed importance draws.

    Parameters
    ----------
    fits : mapping of names to fits
        Two or more fits of the same rows of the same data; of a MAP as well, since their models and
        data are all that is used.
    against : str, optional
        The model that the others are held against; the last by default, so that
        ``{"effect": fit, "nothing": other}`` gives the factor in favour of the effect.
    term : str or sequence of str, optional
        The terms whose priors are widened; by default those that the models do not have in common,
        with the same prior, or all where there are none. A scale that is learned has the scale of
        its own prior widened.
    factors : sequence of float
        The factors of the scale. 1, the priors as they are, is always among them.
    prior_odds : mapping of names to float, optional
        The weights that the models have before the data, ``{"effect": 1, "nothing": 3}``. Posterior
        probabilities need them; without them none are told.
    draws : int
        Importance draws of each evidence.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    pandas.DataFrame
        A row for each model but the one held against, and each factor: ``log_bf`` in nats, its
        Monte-Carlo standard error ``se``, the largest ``khat`` of both evidences, and with
        ``prior_odds`` the model's posterior ``probability`` among all. It is shown with sentences:
        the verdict, in the words of Kass & Raftery, and the factor of the scale at which it turns,
        or how strong it is along it; whether the priors are no more than the package's defaults.
        They are in ``attrs["sentences"]``, beside ``against``, ``varied`` (the terms whose priors
        are widened) and ``log_evidence``. Evidences of a population are those of all its neurons.

    Raises
    ------
    DataError
        Fewer than two fits; fits of other responses, or other rows (a longer past leaves out more:
        ``edges="zero"`` keeps them); unknown names; factors or odds that are no positive numbers.
    ModelError
        An improper prior, flat say, on what the models do not have in common: its evidence has no
        scale. Priors under which no evidence is known (`GroupLasso`, `SpikeSlab`, pooled kernels).

    Warns
    -----
    BayesGLMWarning
        Evidences whose k-hat is too high.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> effect = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> nothing = bg.GLM("y", [], family="poisson")
    >>> fits = {"effect": bg.fit_map(effect, data), "nothing": bg.fit_map(nothing, data)}
    >>> table = bg.bayes_factor(fits)
    >>> bool(table.loc[("effect", 1.0), "log_bf"] > 5)
    True
    >>> print(table.attrs["sentences"][1])
    The verdict is the same with the prior of x from 0.1 to 10 times as wide, very strong ...
    """
    _check_given(fits)
    draws, _ = check_counts(draws, 1)
    seed, factors = check_seed(seed), checked_factors(factors)
    held = _named(against, fits, "against") if against is not None else list(fits)[-1]
    odds = None if prior_odds is None else _log_weights(prior_odds, fits)
    problems = {name: reopen(fit) for name, fit in fits.items()}
    _check_rows(fits, problems)
    check_improper({name: of[0] for name, of in problems.items()})
    varied = varied_terms({name: of[0].plan.model for name, of in problems.items()}, term)
    evidences = {name: _evidence(name, of, varied, draws, seed) for name, of in problems.items()}
    others = [name for name in fits if name != held]
    contrasts = [_contrast(name, held, problems, varied, evidences) for name in others]
    table = table_of(contrasts, factors)
    defaults = defaults_among([of[0].plan for of in problems.values()], varied)
    if defaults:
        table.attrs["sentences"].append(of_defaults(defaults))
    _warn_of_khat(evidences, factors, khat_limit(MORE * draws))
    table.attrs |= {
        "against": held,
        "varied": varied,
        "log_evidence": {name: at(1.0).log_bf for name, at in evidences.items()},
    }
    if odds is not None:
        _add_probabilities(table, odds, evidences)
    return table


def _check_given(fits: Any) -> None:
    if not are_named(fits, 2):
        raise DataError(
            "bayes_factor needs a mapping of at least two names to fits; write "
            "bayes_factor({'effect': fit, 'nothing': other}). The Bayes factor of one fit's own "
            "coefficient is savage_dickey(fit, 'x')."
        )


def _named(name: Any, fits: Mapping[str, Any], what: str) -> str:
    if not is_among(name, fits):
        raise DataError(
            f"{what} names {shown(name)}, which is no fit; the fits are {', '.join(map(str, fits))}"
            f".{closest(name, fits)}"
        )
    return str(name)


def _log_weights(prior_odds: Any, fits: Mapping[str, Any]) -> dict[str, float]:
    """Return the logarithms of the models' prior probabilities."""
    wanted = "prior_odds is a mapping of the name of every fit to a positive number"
    if not isinstance(prior_odds, Mapping):
        raise DataError(f"{wanted}, got {shown(prior_odds)}.")
    for name in prior_odds:
        _named(name, fits, "prior_odds")
    lacking = [name for name in fits if name not in prior_odds]
    if lacking:
        raise DataError(f"{wanted}, and lacks {lacking[0]!r}.")
    for name, one in prior_odds.items():
        is_number = isinstance(one, Real) and not isinstance(one, bool)
        if not is_number or not 0 < one < np.inf:
            raise DataError(f"{wanted}, got {shown(one)} for {name!r}.")
    logs = np.array([log(prior_odds[name]) for name in fits])
    return dict(zip(fits, map(float, logs - np.logaddexp.reduce(logs)), strict=True))


def _check_rows(fits: Mapping[str, xr.DataTree], problems: Mapping[str, Sequence[Problem]]) -> None:
    """Raise DataError unless all fits explain the same rows: evidences of others have no ratio."""
    common = check_fits(fits)
    for name, places in common.items():
        dim, n_units = problems[name][0].plan.sample_dim, len(problems[name])
        n_rows = len(problems[name][0].design.predictors.rows)
        n_common = {len(place) for key, place in places.items() if key == dim}
        n_shared = {len(place) for key, place in places.items() if key != dim}
        if not n_shared <= {n_units}:
            raise DataError(
                f"{name!r} explains {n_units} units, of which the others explain {min(n_shared)}; "
                "evidences of different units have no ratio. Fit all to the same units; a unit "
                "without any events, say, has to be left out of all."
            )
        if n_common != {n_rows}:
            raise DataError(
                f"{name!r} explains {n_rows} samples, of which the others explain "
                f"{min(n_common | {n_rows})}; evidences of different samples have no ratio. Fit "
                "all to the same rows; GLM(..., edges='zero') keeps those without a full past."
            )


def _evidence(
    name: str, of: list[Problem], varied: Sequence[str], draws: int, seed: int
) -> EvidenceAt:
    """Return the log evidence of a model by the factor of its priors' scale."""
    with _said_of(name):
        _refuse(of[0])
        criterion = by_evidence(of, draws, seed, INSTEAD)
    own = [one.label for one in of[0].plan.model.every_term if one.label in varied]
    known: dict[float, Factor] = {}

    def at(factor: float) -> Factor:
        factor = factor if own else 1.0
        if factor not in known:
            with _said_of(name):
                problems = problems_of(plan_widened(of[0].plan, own, factor))
                told = criterion([problems])[0].statistics
            known[factor] = Factor(told["log_evidence"], told["log_evidence_se"], told["khat"])
        return known[factor]

    return at


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Let an error say of which model it is."""
    try:
        yield
    except (ModelError, DataError, ConvergenceError) as error:
        raise type(error)(f"of {name!r}: {error}") from error


def _refuse(problem: Problem) -> None:
    """Raise ModelError of what has no evidence here."""
    if problem.pooled:
        raise ModelError(f"the evidence of kernels that neurons pool is not available; {INSTEAD}.")
    places = {where.start: name for name, where in problem.places.items()}
    for part in problem.natural.coefficients:
        if part.prior.two_normals is not None:
            raise ModelError(
                f"the prior of {places[part.where.start]!r} weighs coefficients that matter "
                "against ones that do not by itself: the posterior of fit() has the probability of "
                f"each as {places[part.where.start]}_inclusion; or {INSTEAD}."
            )


def _contrast(
    model: str,
    against: str,
    problems: Mapping[str, Sequence[Problem]],
    varied: Sequence[str],
    evidences: Mapping[str, EvidenceAt],
) -> Contrast:
    """Return one model beside the one that it is held against."""
    one, other = evidences[model], evidences[against]
    terms = [term for name in (model, against) for term in problems[name][0].plan.model.every_term]
    own = [label for label in varied if label in [term.label for term in terms]]

    def at(factor: float) -> Factor:
        here, there = one(factor), other(factor)
        return Factor(
            here.log_bf - there.log_bf,
            float(np.hypot(here.se, there.se)),
            max(here.khat, there.khat),
        )

    return Contrast(model, against, own, at)


def _warn_of_khat(
    evidences: Mapping[str, EvidenceAt], factors: Sequence[float], limit: float
) -> None:
    for name, at in evidences.items():
        bad = [factor for factor in factors if not at(factor).khat < limit]
        if bad:
            worst = max(at(factor).khat for factor in bad)
            tell(
                f"the evidence of {name!r} cannot be trusted with its priors "
                f"{', '.join(f'{one:g}' for one in bad)} times as wide: k-hat is up to "
                f"{worst:.2f}, and its limit {limit:.2f}. Use more draws=, or {INSTEAD}."
            )


def _add_probabilities(
    table: pd.DataFrame, prior: Mapping[str, float], evidences: Mapping[str, EvidenceAt]
) -> None:
    """Add the posterior probability of each model among all, and say it at the priors as given."""
    posterior = [_posterior(prior, evidences, factor)[model] for model, factor in table.index]
    table["probability"] = posterior
    here = _posterior(prior, evidences, 1.0)
    before = ", ".join(f"{np.exp(prior[name]):.3g} of {name!r}" for name in prior)
    after = ", ".join(f"{here[name]:.3g} of {name!r}" for name in prior)
    table.attrs["sentences"].append(
        f"With prior probabilities {before}, the posterior ones are {after}."
    )


def _posterior(
    prior: Mapping[str, float], evidences: Mapping[str, EvidenceAt], factor: float
) -> dict[str, float]:
    logs = np.array([prior[name] + evidences[name](factor).log_bf for name in prior])
    shares = np.exp(logs - np.logaddexp.reduce(logs))
    return dict(zip(prior, map(float, shares), strict=True))
