"""What a model believes before it has seen data: parameters and responses, drawn from priors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import family_of
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.tree.named import thetas_from
from bayesglm.inference.tree.opened import reopen
from bayesglm.inference.tree.prior import prior_tree
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.memory import free_memory
from bayesglm.results.predict import TOGETHER
from bayesglm.results.prior_draws import draw_thetas, refuse_improper, stand_in
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
    for problem in problems:
        refuse_improper(problem)
    responses = _room(problems, n)
    instead = [stand_in(problem) for problem in problems]
    streams = np.random.default_rng(seed).spawn(len(problems))
    triples = list(zip(problems, instead, streams, strict=True))
    thetas: list[Array] = []
    for problem, own, rng in triples:
        thetas.append(draw_thetas(problem, n, rng, own, thetas[0] if thetas else None))
    pairs = zip(triples, thetas, strict=True)
    every = [Makes.of(problem, theta, rng) for (problem, _, rng), theta in pairs]
    beliefs = [Belief()] * len(problems)
    for members in [every] if every[0].reads_others else [[one] for one in every]:
        for part, made in in_blocks(members):
            for one, (y, mean) in zip(members, made, strict=True):
                k = one.problem.neuron
                responses[:, part, k] = y
                beliefs[k] = beliefs[k].joined(believed(one.problem, mean))
    for problem, belief, theta in zip(problems, beliefs, thetas, strict=True):
        _tell_outside(problem, belief)
        _tell_unbelievable(problem, belief, theta)
    attrs: dict[str, Any] = {"method": "prior", "seed": seed}
    if instead[0] is not None:
        attrs["intercept"] = str(instead[0])
    attrs["wall_time_s"] = time.perf_counter() - began
    whole = responses if plan.population is not None else responses[:, :, 0]
    return prior_tree(problems, thetas, whole, attrs)


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


@dataclass(frozen=True)
class Makes:
    """How one neuron's responses are made of thetas ``(draws, size)`` of its natural density.

    ``plain`` is its family beside bounds and censoring, of which are the means that are believed.
    """

    problem: Problem
    theta: Array
    rng: np.random.Generator
    phi: list[Array]
    plain: Family

    @staticmethod
    def of(problem: Problem, theta: Array, rng: np.random.Generator) -> Makes:
        """Read the dispersions."""
        phi = [np.atleast_1d(value)[:, None] for value in problem.natural.phi(theta)]
        plain = family_of(replace(problem.plan.model, censored=None, truncated=None))
        return Makes(problem, theta, rng, phi, plain)

    @property
    def reads_others(self) -> bool:
        """Whether it reads the past of other responses, which are drawn with its own."""
        return any(block.picked is not None for block in self.problem.design.predictors.blocks)

    def known(self, part: slice) -> Array | None:
        """Return what the family is told of some kept rows beside their responses."""
        predictors = self.problem.design.predictors
        return None if predictors.known is None else predictors.known[predictors.rows[part]]

    def eta(self, part: slice, loops: list[Loop]) -> Array:
        """Return linear predictors ``(channels, draws, rows)`` without what reads responses."""
        w = np.array(self.problem.natural.w(self.theta))
        for loop in loops:
            w[:, loop.run] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return linear_predictors(self.problem.design.predictors.block(part), w)

    def draw(self, eta: Array, known: Array | None) -> tuple[Array, Array]:
        """Return responses of linear predictors ``(channels, draws, rows)``, and their means."""
        family = self.problem.natural.family
        outside = ~(family.domain.holds(eta[0]) & np.isfinite(eta).all(axis=0))
        if outside.any():
            eta = np.where(outside, family.domain.inside, eta)
        with np.errstate(all="ignore"):
            mean = self.plain.mean(eta, self.phi, None)
            beyond = ~np.isfinite(mean.sum(axis=0) if family.n_levels else mean)
            inside = np.where(beyond, family.domain.inside, eta) if beyond.any() else eta
            y = np.array(family.draw(self.rng, inside, self.phi, known))
        y = np.where(outside, np.nan, np.where(beyond, np.inf, y))
        mean = np.where(outside, np.nan, np.where(beyond, np.inf, mean))
        return (np.moveaxis(y, 0, -1) if y.ndim > outside.ndim else y), mean

    def loops(self) -> list[Loop]:
        """Return the coefficients of the past of responses."""
        problem, loops = self.problem, []
        predictors = problem.design.predictors
        for k, term in enumerate(problem.plan.model.every_term):
            if not term.reads_response:
                continue
            block = predictors.blocks[k]
            if block.lags is None or block.multiplier is not None or predictors.levels is not None:
                raise ModelError(
                    f"term {term.label!r} multiplies the response's own past, and responses are "
                    "drawn before there is any; of a plain History term their past is drawn as "
                    "well. Leave the product out to see what the other priors believe."
                )
            run = problem.places[term.label]
            loops.append(Loop(run, block, predictors.line_of(k), self.theta[:, run]))
        return loops


class Loop(NamedTuple):
    """Coefficients of the past of responses: where they stand, their block, channel and draws."""

    run: slice
    block: Block
    channel: int
    w: Array

    def eta(self, t: int, own: Array, every: Array) -> Array:
        """Return what they add ``(draws,)`` to the linear predictor of sample t.

        Of past responses, their own ``(draws, samples)`` and those of all ``(n, draws, samples)``.
        """
        block, features = self.block, own[None] if self.block.picked is None else every
        source, inside = block.sources(np.array([t]))
        seen = np.where(inside[0], features[:, :, np.where(inside[0], source[0], 0)], 0.0)
        columns = np.moveaxis(seen, 0, -1)  # (draws, lags, features)
        with np.errstate(over="ignore", invalid="ignore"):
            if block.functions is not None:
                columns = np.matmul(block.functions.T, columns)
            columns = columns.reshape(len(columns), -1)
            picked = columns if block.picked is None else columns[:, block.picked]
            return np.vecdot(picked, self.w)


def in_blocks(members: list[Makes]) -> Iterator[tuple[slice, list[tuple[Array, Array]]]]:
    """Run through the kept rows of members that are drawn together, one of a population or all.

    Which, and for each member responses ``(draws, rows[, levels])``, and means
    ``([levels,] draws, rows)``, per trial.
    """
    loops = [one.loops() for one in members]
    past = _past(members) if any(loops) else np.zeros(0)
    n_rows, size = members[0].problem.design.n_rows, max(16, TOGETHER // len(members[0].theta))
    for start in range(0, n_rows, size):
        part = slice(start, min(start + size, n_rows))
        etas = [one.eta(part, own) for one, own in zip(members, loops, strict=True)]
        if any(loops):
            yield part, _one_by_one(members, part, etas, loops, past)
        else:
            pairs = zip(members, etas, strict=True)
            yield part, [one.draw(eta, one.known(part)) for one, eta in pairs]


def _past(members: list[Makes]) -> Array:
    """Return the responses of all neurons that members read ``(n, draws, samples)``.

    Those drawn replace them.
    """
    plan, n = members[0].problem.plan, len(members[0].theta)
    designs = plan.designs if members[0].reads_others else [one.problem.design for one in members]
    return np.stack([np.tile(one.typical.astype(float), (n, 1)) for one in designs])


def _one_by_one(
    members: list[Makes],
    part: slice,
    etas: list[Array],
    loops: list[list[Loop]],
    past: Array,
) -> list[tuple[Array, Array]]:
    """Return what each member's `draw` does, each sample after those that it depends on."""
    made: list[tuple[list[Array], list[Array]]] = [([], []) for _ in members]
    numbers = [one.problem.neuron if one.reads_others else 0 for one in members]
    known = [one.known(part) for one in members]
    for k, t in enumerate(members[0].problem.design.predictors.rows[part]):
        for j, one in enumerate(members):
            own, told = etas[j][:, :, k : k + 1], known[j]
            for loop in loops[j]:
                own[loop.channel, :, 0] += loop.eta(t, past[numbers[j]], past)
            drawn = one.draw(own, None if told is None else told[k : k + 1])
            for parts, value in zip(made[j], drawn, strict=True):
                parts.append(value)
        for j, number in enumerate(numbers):
            past[number, :, t] = made[j][0][-1][:, 0]
    return [(np.concatenate(y, axis=1), np.concatenate(mean, axis=-1)) for y, mean in made]
