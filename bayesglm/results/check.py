"""Goodness of fit: what a true model would have made of the data, and what this one did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.clock import Clock, read_clock
from bayesglm.inference.problem.asked import check_between_0_and_1, check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import sample_coords
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import is_projected, kept_of, reopen
from bayesglm.results.chances import chances_fault
from bayesglm.results.check_calibration import check_calibration
from bayesglm.results.check_part import Checked, put_together
from bayesglm.results.check_priors import check_priors
from bayesglm.results.check_rescaling import check_rescaling
from bayesglm.results.check_residuals import check_autocorrelation, check_quantiles
from bayesglm.results.check_scores import check_scores
from bayesglm.results.check_simulations import check_simulations, read_simulations
from bayesglm.results.check_terms import check_collinearity, check_drive
from bayesglm.results.foretold import Drawn, Foretold, foretell, some_draws
from bayesglm.results.residuals import IN_PART, NO_LINE, quantile_residuals
from bayesglm.spec.families import LINK_NAMES

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
PROJECTED = "the draws are projected from those of a larger model, and no posterior of these priors"
MOST_RESIDUALS = 20_000_000  # values (8 bytes each) that are kept, as of log likelihoods


def check(
    fit: xr.DataTree,
    simulations: xr.Dataset | None = None,
    draws: int = 200,
    prob: float = 0.94,
    seed: int = 0,
) -> xr.DataTree:
    """Check how well a fit tells the data that it was made of, with bands.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; a MAP has no bands of the posterior.
    simulations : xarray.Dataset, optional
        What ``simulate(fit)`` returns, to be held beside the recording: of models whose responses
        feed back the strictest check, since nothing recorded helps them on.
    draws : int
        Posterior draws of a unit that are looked at, evenly spaced: fewer (10 at least) where rows
        or columns are so many that linear predictors of all would be beyond 2e7 numbers, or 4e9
        multiplications. The attribute ``draws`` says how many. Bands from the posterior are of so
        many: of 10 draws a band of 94% holds 77%, for it reaches hardly beyond these.
    prob : float
        Probability of all bands, equal-tailed.
    seed : int
        Seed of what is randomised: residuals, the places of spikes in their bins, drawn responses.

    Returns
    -------
    xarray.DataTree
        A node for each check, with a dim of the units of a population in front. Means over draws
        have bands ``*_lower`` and ``*_upper`` from the posterior; ``lower`` and ``upper`` are where
        a true model would be.

        - ``scores``: ``log_likelihood``; ``deviance_explained``, 1 - D/D0, which is Cohen's
          pseudo-R2; ``mcfadden_r2``, 1 - L/L0, of probabilities without unknown dispersions; with
          D0 and L0 at the mean of the rows; ``bits_per_spike`` of events, by the mean density over
          draws as `bits_per_spike` tells them, while their band is that of each draw by itself:
          the mean density tells more than most draws do, so that it may lie above the band.
        - ``time_rescaling``: of events in time: the distribution ``observed`` of rescaled intervals
          (uniform, if the model is true) with the band of Kolmogorov and Smirnov, its ``p_value``,
          and the correlation of each with the next.
        - ``quantile_residuals``: quantiles ``observed`` of randomised quantile residuals beside
          ``normal`` ones, with the band of independent ones at each place; the ``residual`` of each
          sample, up to 2e7 of them.
        - ``autocorrelation``: of these residuals inside trials, with the band of independent ones.
        - ``calibration``: in bins of the mean that is ``predicted``, what was ``observed``, and
          between what it should lie; of labels for each level. Where draws are few, responses are
          drawn from each several times.
        - ``terms``: ``inflation``, how many times the other terms widen the variance of a term's
          coefficients; the largest ``canonical_correlation`` of two terms; ``edf``, how many of
          ``size`` parameters the data decide, and whether they ``contradicted`` the prior, as
          `explain` tells; ``prior_sensitivity``, how far 50 draws or more move with the prior, as
          `sensitivity` tells of each coefficient; ``separated``, whether without priors there is no
          estimate, since the data are separated; ``sd``, how far a term moves the linear predictor;
          of events also ``at_events``, what it adds at an event above its average, its mean
          ``share`` in that, and of how many events it is the ``most``.
        - ``events``: for each event (20,000 of a unit at most, evenly spaced) what each term
          ``added`` above its average, and its ``share`` of the sum of sizes.

        - ``simulations``, where they are given (50 at most, without those that ran away): of
          events ``interval_density``, what share of intervals between them has each length, and
          ``fano_factor``, of counts in each ``window``; the ``autocorrelation`` of responses, and
          their ``mean`` along trials (the PSTH; along the recording, if it is one trial): each
          ``*_recorded``, and the mean and the band of the simulations; ``*_n`` of how many, since
          those without an event have no Fano factor and no autocorrelation.

        What does not apply to the responses is not there, and an attribute ``absent_<check>`` says
        why.

    Raises
    ------
    DataError
        No fit; ``draws``, ``prob`` or ``seed`` that are none; simulations of other data, or of
        which all ran away.

    Notes
    -----
    All is in sample: a model that has as many parameters as it likes passes. Held-out data are
    judged by `kfold`, and by `bits_per_spike` of that. Parameters were fitted to the same events,
    so that the band of Kolmogorov and Smirnov is somewhat wide for these (Lilliefors 1967).

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> told = bg.check(bg.fit_map(model, data))
    >>> list(told.children)
    ['scores', 'quantile_residuals', 'calibration', 'terms', 'events']
    >>> bool(told["scores"]["deviance_explained"] > 0.5)
    True
    >>> told.attrs["absent_time_rescaling"]
    'the samples are not in time: neither a coordinate time nor a term of lags says so'
    """
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    return check_beside(fit, lambda one: None, simulations, draws, prob, seed)[0]


def check_beside[Result](
    fit: xr.DataTree,
    beside: Callable[[CheckedUnit], Result],
    simulations: xr.Dataset | None = None,
    draws: int = 200,
    prob: float = 0.94,
    seed: int = 0,
) -> tuple[xr.DataTree, list[Result]]:
    """Return what `check` does, and what is made of each unit while its draws are at hand."""
    problems = reopen(fit)
    applies = _applies(problems[0], fit)
    plan = problems[0].plan
    clock = read_clock(plan.dataset, plan.sample_dim, None)
    asked = Asked(prob, seed, clock, len(problems))
    every: list[dict[str, Checked]] = []
    used: list[int] = []
    results: list[Result] = []
    for kept in kept_of(fit, problems):
        drawn = some_draws(kept, draws)
        told = foretell(drawn)
        used.append(drawn.n_draws)
        every.append(_of_unit(drawn, told, applies, asked))
        results.append(beside(CheckedUnit(kept, drawn, told, every[-1], asked)))
    if simulations is not None and not applies["simulations"]:
        compared = read_simulations(problems, simulations)
        for k, (problem, parts) in enumerate(zip(problems, every, strict=True)):
            parts["simulations"] = check_simulations(problem, compared, k, clock, prob)
    tree = _tree(every, problems[0])
    tree.attrs = {"response": plan.model.response, "family": plan.model.family, "prob": prob}
    tree.attrs |= {"draws": min(used), "seed": seed, "eta": LINK_NAMES[plan.model.link_name].unit}
    tree.attrs |= {f"absent_{name}": reason for name, reason in applies.items() if reason}
    return tree, results


def _tree(every: list[dict[str, Checked]], problem: Problem) -> xr.DataTree:
    """Return the parts of all units, a node for each."""
    import xarray as xr

    plan, nodes = problem.plan, dict[str, Any]()
    for name in every[0]:
        ragged = "event" if name == "events" else None
        of_units = [one[name] for one in every]
        nodes[f"/{name}"] = put_together(of_units, plan.population, plan.labels, ragged)
    return xr.DataTree.from_dict(nodes)


class Asked(NamedTuple):
    """What is asked of a check: the probability of bands, the seed, the time, how many units."""

    prob: float
    seed: int
    clock: Clock
    n_units: int


class CheckedUnit(NamedTuple):
    """One unit: all its draws, those that are looked at, what these foretell, and the checks."""

    kept: Kept
    drawn: Drawn
    told: Foretold
    parts: Mapping[str, Checked]
    asked: Asked


def _applies(problem: Problem, fit: xr.DataTree) -> dict[str, str]:
    """Return for each check why it says nothing of a fit; empty where it does."""
    plan, family = problem.plan, problem.natural.family
    words, model = family.words, plan.model
    in_time = "time" in plan.dataset.coords or any(term.is_lagged for term in model.every_term)
    unordered = (
        ""
        if in_time
        else ("the samples are not in time: neither a coordinate time nor a term of lags says so")
    )
    chances = chances_fault(problem)
    in_part = "" if model.censored is None else IN_PART
    redrawn = "" if "effects" not in fit.children else "effects are redrawn level by level"
    weighted = (
        ""
        if np.isin(_weights(problem), (0.0, 1.0)).all()
        else ("an event of another weight than one is no point in time")
    )
    no_events = "" if words.counts_events else f"{model.family} responses count no events"
    if not no_events and model.truncated is not None:
        no_events = "responses are seen in part (truncated)"
    no_mean = NO_LINE if words.circular else in_part
    counted = "responses are counts of several levels" if words.counts_levels else ""
    shared = (
        ""
        if problem.design.predictors.sharing is None
        else ("linear predictors of several levels share all columns")
    )
    no_terms = redrawn or shared or ("" if model.every_term else "the model has no terms")
    return {
        "time_rescaling": no_events or in_part or weighted or redrawn or unordered,
        "quantile_residuals": chances,
        "autocorrelation": chances or unordered,
        "calibration": no_mean,
        "terms": no_terms,
        "priors": no_terms or (PROJECTED if is_projected(fit) else ""),
        "events": no_events or in_part or no_terms,
        "simulations": in_part or counted,
    }


def _weights(problem: Problem) -> Array:
    weights = problem.design.weights
    return np.ones(1) if weights is None else weights[problem.design.predictors.rows]


def _of_unit(
    drawn: Drawn, told: Foretold, applies: dict[str, str], asked: Asked
) -> dict[str, Checked]:
    """Return what each check says of one unit."""
    seeds = np.random.SeedSequence([asked.seed, drawn.problem.neuron]).spawn(3)
    of_bins = np.random.default_rng(seeds[0])  # the second stream is that of residuals
    prob = asked.prob
    parts = {"scores": check_scores(drawn, told, prob)}
    if not applies["time_rescaling"]:
        parts["time_rescaling"] = check_rescaling(drawn, of_bins, prob)
    predictors = drawn.problem.design.predictors
    if told.chances is not None:
        residuals = quantile_residuals(told.chances, drawn, asked.seed)
        parts["quantile_residuals"] = check_quantiles(residuals, prob)
        if len(residuals) * asked.n_units <= MOST_RESIDUALS:
            parts["quantile_residuals"] = _with_residuals(
                parts["quantile_residuals"], drawn, residuals
            )
        if not applies["autocorrelation"]:
            trial = asked.clock.start[predictors.rows]
            parts["autocorrelation"] = check_autocorrelation(
                residuals, predictors.rows, trial, asked.clock.step, prob
            )
    if not applies["calibration"]:
        seed = int(seeds[2].generate_state(1)[0])
        parts["calibration"] = check_calibration(drawn, told, seed, prob)
    if not applies["terms"]:
        parts |= _of_terms(drawn, prob, not applies["events"], not applies["priors"])
    return parts


def _with_residuals(part: Checked, drawn: Drawn, residuals: Array) -> Checked:
    """Return a part with the residual of every sample, under the samples' labels."""
    coords = sample_coords([drawn.problem])
    plan = drawn.problem.plan
    coords.pop(str(plan.population), None)
    variables = {**part.variables, "residual": ((plan.sample_dim,), residuals)}
    return part._replace(variables=variables, coords={**part.coords, **coords})


def _of_terms(drawn: Drawn, prob: float, of_events: bool, of_priors: bool) -> dict[str, Checked]:
    """Return what is said of terms, together and at each event."""
    terms, events = check_drive(drawn, prob, of_events)
    others = [check_collinearity(drawn), check_priors(drawn) if of_priors else None]
    parts = [one for one in others if one is not None] + [terms]
    variables = {name: one for part in parts for name, one in part.variables.items()}
    coords = {name: one for part in parts for name, one in part.coords.items()}
    told = {"terms": Checked(variables, coords)}
    return told | ({} if events is None else {"events": events})
