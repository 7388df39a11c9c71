"""What a model believes before it has seen data: parameters and responses, drawn from priors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.tree.named import thetas_from
from bayesglm.inference.tree.opened import reopen
from bayesglm.inference.tree.prior import prior_tree
from bayesglm.numerics.memory import free_memory
from bayesglm.results.predict import TOGETHER
from bayesglm.results.prior_draws import StandIn, draw_thetas, refuse_improper, stand_in
from bayesglm.results.prior_responses import Makes, in_blocks
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
NUMBER = 8  # bytes of a float
# What no one believes of an experiment, and how much of it is told: rates that are this many times
# the largest response, and at least so large; probabilities of less than 1% or more than 99%.
RATE, TIMES, OF_RATES = 1e6, 100.0, 0.03
NEXT_TO_SURE, OF_PROBABILITIES = 0.01, 2.0 / 3.0
FEW = 500  # rows, and draws, that tell how much each term moves the linear predictor: chosen


def prior_predictive(model: GLM, data: Any, draws: int = 1000, seed: int = 0) -> xr.DataTree:
    """Draw parameters and responses from the priors, on the samples of the data, before they speak.

    A prior says what responses one expects; whether these are believable is seen best in drawn
    ones (Gabry et al. 2019, JRSS A 182, 389). Parameters are independent draws from their priors,
    learned scales and correlations first, and each draw makes one response for every sample. With a
    history term the loop is closed: the past of a sample is what was drawn for it, and the recorded
    responses stand only before the first samples.

    Parameters
    ----------
    model, data
        As in `fit`. The responses only scale default priors, and place a flat intercept.
    draws : int
        Number of draws, in one chain.
    seed : int
        Same seed, same machine: same numbers.

    Returns
    -------
    xarray.DataTree
        Groups ``prior`` ``(chain, draw, ...)`` with the parameters as a posterior names them,
        ``prior_predictive`` ``(chain, draw, sample[, neuron])`` with responses, and
        ``observed_data`` and ``constant_data``, which ArviZ knows by these names. A flat intercept
        is replaced here, and nowhere else, by a Normal around the link of the mean response, at the
        means of predictors and offset, of 2.5 sds of the response on the link: the attribute
        ``intercept`` says so. Responses are infinite where their mean is beyond the largest float,
        and NaN where a linear predictor leaves the domain of its link, or a run of a history term
        has left the floats.

    Raises
    ------
    ModelError
        Any other improper prior (`Flat`, `RandomWalk`), named with a proper one; a history term
        whose loop cannot be closed, in an interaction say.
    DataError
        As in `fit`; more draws than the memory holds.

    Warns
    -----
    BayesGLMWarning
        Priors that believe in rates of a million, or in probabilities of nothing but 0 and 1: which
        term says most of it. Linear predictors outside the domain of the link.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> before = bg.prior_predictive(model, data, draws=500)
    >>> before["prior_predictive"]["y"].dims, before["prior"]["x"].shape
    (('chain', 'draw', 'obs'), (1, 500))
    >>> before.attrs["intercept"]
    'Normal(0.606, 2.5²) at the means of the predictors'
    """
    began = time.perf_counter()
    n, seed = whole_number("draws", draws, 1), check_seed(seed)
    plan = resolve(plan_fit(model, data))
    problems = [make_problem(plan, k, design) for k, design in enumerate(plan.designs)]
    before = draw_before(problems, n, seed)
    attrs: dict[str, Any] = {"method": "prior", "seed": seed}
    if before.instead:
        attrs["intercept"] = before.instead
    attrs["wall_time_s"] = time.perf_counter() - began
    return prior_tree(problems, before.thetas, before.of_samples(problems), attrs)


class Before(NamedTuple):
    """Draws from priors: thetas ``(draws, size)`` of each neuron, and responses of all.

    Responses are ``(draws, row, neuron[, level])``. ``instead`` says what stands in for a flat
    intercept.
    """

    thetas: list[Array]
    responses: Array
    instead: str

    def of_samples(self, problems: list[Problem]) -> Array:
        """Return responses ``(draws, row[, neuron or level])``, as the model has them."""
        is_population = problems[0].plan.population is not None
        return self.responses if is_population else self.responses[:, :, 0]


def draw_thetas_before(
    problems: list[Problem], n: int, seed: int
) -> tuple[list[Makes], StandIn | None]:
    """Draw thetas of every neuron from its priors; ModelError where one is improper."""
    for problem in problems:
        refuse_improper(problem)
    instead = [stand_in(problem) for problem in problems]
    streams = np.random.default_rng(seed).spawn(len(problems))
    every: list[Makes] = []
    for problem, own, rng in zip(problems, instead, streams, strict=True):
        common = every[0].theta if every else None
        every.append(Makes.of(problem, draw_thetas(problem, n, rng, own, common), rng))
    return every, instead[0]


def draw_before(problems: list[Problem], n: int, seed: int) -> Before:
    """Draw parameters and responses before the data, and warn of what no one believes."""
    responses = _room(problems, n)
    every, instead = draw_thetas_before(problems, n, seed)
    beliefs = [Belief()] * len(problems)
    for members in [every] if every[0].reads_others else [[one] for one in every]:
        for part, made in in_blocks(members):
            for one, (y, mean) in zip(members, made, strict=True):
                k = one.problem.neuron
                responses[:, part, k] = y
                beliefs[k] = beliefs[k].joined(believed(one.problem, mean))
    for one, belief in zip(every, beliefs, strict=True):
        _tell_outside(one.problem, belief)
        _tell_unbelievable(one.problem, belief, one.theta)
    told = "" if instead is None else str(instead)
    return Before([one.theta for one in every], responses, told)


def prior_means(tree: xr.DataTree) -> Array:
    """Return means of the responses of a `prior_predictive`: some draws, some samples.

    ``([levels,] draws, samples)``, per trial, of the first neuron; bounds between which responses
    are seen are left aside.
    """
    problems = reopen(tree)
    theta = thetas_from(tree["prior"].to_dataset(), problems)[0]
    theta = theta[:: -(-len(theta) // FEW)]
    rows = problems[0].design.predictors.rows
    few = problems[0].restrict(np.arange(0, len(rows), -(-len(rows) // FEW)))
    makes = Makes.of(few, theta, np.random.default_rng(0))
    return np.concatenate([mean for _, ((_, mean),) in in_blocks([makes])], axis=-1)


class Belief(NamedTuple):
    """How many means there are, how many are unbelievable, and how many linear predictors outside.

    Outside of the domain of their link, that is.
    """

    n: int = 0
    too_large: int = 0
    next_to_sure: int = 0
    outside: int = 0

    def joined(self, other: Belief) -> Belief:
        """Return the sums."""
        return Belief(*(a + b for a, b in zip(self, other, strict=True)))


def _room(problems: list[Problem], n: int) -> Array:
    """Return the array of the responses, not yet made; DataError if the memory cannot hold it."""
    problem = problems[0]
    family, rows = problem.natural.family, len(problem.design.predictors.rows)
    shape = (n, rows, len(problems), *((family.n_levels,) if family.words.counts_levels else ()))
    parameters = n * sum(one.natural.size for one in problems)
    needed = NUMBER * (2.0 * np.prod(shape, dtype=float) + parameters + 4.0 * TOGETHER)
    if needed > free_memory():
        raise DataError(
            f"draws={n:,} of {rows:,} samples"
            + (f" and {len(problems):,} neurons" if len(problems) > 1 else "")
            + f" need {1e-9 * needed:.3g} GB of memory, more than is free; ask for fewer draws "
            "(100 show what a prior believes), or give a part of the samples."
        )
    return np.empty(shape)


def believed(problem: Problem, mean: Array) -> Belief:
    """Count what is unbelievable among means ``([levels,] draws, rows)``, per trial."""
    words = problem.natural.family.words
    outside = int(np.isnan(mean).sum())
    if problem.natural.family.n_levels:
        mean = mean.max(axis=0)
    too_large = next_to_sure = 0
    if words.counts:
        largest = max(RATE, TIMES * float(np.max(problem.design.typical, initial=0.0)))
        too_large = int((mean > largest).sum())
    elif words.discrete:
        sure = mean > 1.0 - NEXT_TO_SURE
        sure |= (mean < NEXT_TO_SURE) & (not problem.natural.family.n_levels)
        next_to_sure = int(sure.sum())
    return Belief(mean.size, too_large, next_to_sure, outside)


def _tell_outside(problem: Problem, belief: Belief) -> None:
    """Warn of linear predictors that have no mean."""
    if belief.outside:
        plan, family = problem.plan, problem.natural.family
        tell(
            f"{belief.outside:,} of {belief.n:,} linear predictors of {plan.model.response!r}"
            f"{problem.where} (samples times draws) do not lie {family.domain.words}, where the "
            f"{plan.model.link_name} link of a {family.name} response is defined, or have left the "
            "floats: responses there are NaN. The priors, laid on these predictors, believe in "
            "what cannot be; a link that is defined everywhere, or narrower priors, would not."
        )


def _tell_unbelievable(problem: Problem, belief: Belief, theta: Array) -> None:
    """Warn of rates of a million, or of next to nothing but certainty, and say whence they come."""
    response = f"{problem.plan.model.response!r}{problem.where}"
    largest = float(np.max(problem.design.typical, initial=0.0))
    if belief.too_large > OF_RATES * belief.n:
        what = (
            f"{_percent(belief.too_large, belief.n)} of the rates of {response} are above "
            f"{max(RATE, TIMES * largest):.3g}, and the largest count recorded is {largest:.4g}"
        )
    elif belief.next_to_sure > OF_PROBABILITIES * belief.n:
        what = (
            f"{_percent(belief.next_to_sure, belief.n)} of the probabilities of {response} are "
            f"below {NEXT_TO_SURE:.0%} or above {1 - NEXT_TO_SURE:.0%}"
        )
    else:
        return
    name, sd = _loudest(problem, theta)
    tell(
        f"the priors believe in what no one does: {what}. Most of it comes of the prior of "
        f"{name!r}, under which the linear predictor has an sd of {sd:.3g}; give it a smaller "
        "scale (bayesglm.explain(model, data) says what each prior believes)."
    )


def _percent(some: int, whole: int) -> str:
    return f"{some / whole:.0%}"


def _loudest(problem: Problem, theta: Array) -> tuple[str, float]:
    """Return the term that moves the linear predictor most, and the sd of what it adds to it."""
    predictors = problem.design.predictors
    rows = predictors.rows[:: -(-len(predictors.rows) // FEW)]
    some = np.arange(0, len(theta), -(-len(theta) // FEW))
    sds = {}
    for block, named in zip(predictors.of_mean, predictors.named, strict=False):
        w = theta[some][:, problem.places[named.name]]
        with np.errstate(over="ignore", invalid="ignore"):
            added = block.columns(rows) @ w[:, : block.size].T
            sds[named.name] = float(np.std(added))
    if predictors.intercept:
        sds["intercept"] = float(theta[some][:, problem.places["intercept"]].std(axis=0).max())
    name = max(sds, key=lambda one: sds[one] if np.isfinite(sds[one]) else np.inf)
    return name, sds[name]
