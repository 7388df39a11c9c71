"""Modes of fields of low rank: time courses and images in turn, each exactly.

Given orthonormal time courses T (lags, R) a field W = T S is linear in its images S, and as |W| =
|S| its prior is theirs: the mode of S is that of a GLM with R columns for each feature, whose
objective is concave where that of any field is. Given images it is likewise one in time courses.
In turn they climb to a mode among fields of that rank, of which there may be several: it is looked
for from the singular vectors of the spike-triggered average, and from directions at random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.errors import BayesGLMError, ConvergenceError, ModelError
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.numerics.density.sampled import Density
from bayesglm.numerics.solvers.newton import Solution

Array = np.ndarray
type Find = Callable[[list[Problem]], list[Solution]]
# Starts beside the average's, and turns after which the best of all is followed: chosen.
N_RANDOM, FIRST_TURNS = 2, 3
# Rows on which these are taken, where there are twice as many: so many for each number of the
# factors, and at least so many: chosen.
FIRST_ROWS, LEAST_ROWS = 12, 10_000
STRETCH = 256  # rows that are taken together: chosen
# What a turn gains, of a log posterior, at its end: steps of 1e-4 posterior sds are left.
GAIN, MOST_TURNS = 1e-8, 300
ROWS = 8192  # at a time, of which the average is taken


class State(NamedTuple):
    """Where the climb stands: time courses by the number of the block, a theta, and its value."""

    times: Mapping[int, Array]
    theta: Array
    value: float
    last: Solution | None = None


def confined_modes(problems: list[Problem], find: Find) -> list[Solution]:
    """Return the modes of problems with fields of low rank; ``find`` those of any others."""
    return [_confined_mode(problem, find) for problem in problems]


def _confined_mode(problem: Problem, find: Find) -> Solution:
    check_confined(problem)
    rng = np.random.default_rng(0)
    starts = [_of_average(problem)]
    shapes = {k: time.shape for k, time in starts[0].items()}
    for _ in range(N_RANDOM):
        starts.append({k: orthonormal(rng.standard_normal(s)) for k, s in shapes.items()})
    nowhere = np.empty(0)
    states = [State(times, nowhere, -np.inf) for times in starts]
    turns = 0
    few, first = _some_rows(problem), states
    try:
        for _ in range(FIRST_TURNS):
            states = [_turned(few, state, find) for state in states]
            turns += len(states)
    except BayesGLMError:
        if few is problem:
            raise
        few, states = problem, [_turned(problem, state, find) for state in first]
    best = max(states, key=lambda state: state.value)
    if few is not problem:
        best = State(best.times, nowhere, -np.inf)
    while True:
        last, best, turns = best, _turned(problem, best, find), turns + 1
        if best.value - last.value < GAIN * max(1.0, 1e-4 * abs(best.value)):
            break
        if turns > MOST_TURNS:
            raise ConvergenceError(
                f"the field of rank {_ranks(problem)}{problem.where} was still moving after "
                f"{turns} turns of time courses and images; a lower rank may be all that the data "
                "tell, or a smaller scale of its prior."
            )
    return _solution(problem, best, turns)


def _some_rows(problem: Problem) -> Problem:
    """Return the problem of stretches of its rows, where these tell which start is best."""
    blocks = problem.design.predictors.blocks
    confined = [blocks[k] for k in problem.confined]
    numbers = sum(one.rank * (one.shape[0] + one.size // one.shape[0]) for one in confined)
    n, enough = problem.design.n_rows, max(LEAST_ROWS, FIRST_ROWS * numbers)
    if n < 2 * enough:
        return problem
    return problem.restrict(np.arange(n) // STRETCH % (n // enough) == 0)


def check_confined(problem: Problem) -> None:
    """Raise ModelError where what stands beside a field of low rank leaves it without a mode."""
    if problem.design.predictors.levels is not None:
        raise ModelError(
            f"a field of rank {_ranks(problem)} would be one for each of several levels of the "
            "response, which is not available; take a family of one linear predictor, or leave "
            "rank= out."
        )
    others = [*problem.learned, *problem.without_mode()]
    if others:
        raise ModelError(
            f"a field of rank {_ranks(problem)} beside {', '.join(map(repr, others))}, which "
            "leaves no joint mode, is not available; give the other terms priors with numbers."
        )


def _ranks(problem: Problem) -> str:
    blocks = problem.design.predictors.blocks
    return ", ".join(f"{blocks[k].rank} ({blocks[k].name!r})" for k in problem.confined)


def orthonormal(matrix: Array) -> Array:
    """Return orthonormal columns that span those of a matrix ``(n, r)``, the strongest first."""
    return np.linalg.svd(matrix, full_matrices=False)[0]


def _of_average(problem: Problem) -> dict[int, Array]:
    """Return the first singular vectors in time of each field's response-triggered average."""
    design = problem.design
    rows = design.predictors.rows
    weights = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    y = design.typical[rows]
    away = weights * (y - np.average(y, weights=weights))
    times = {}
    for k in problem.confined:
        block = design.predictors.blocks[k]
        average = np.zeros(block.size)
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            average += block.on(rows[part]).adjoint(away[None, part])[0]
        times[k] = orthonormal(average.reshape(block.shape[0], -1))[:, : block.rank]
    return times


def _turned(problem: Problem, state: State, find: Find) -> State:
    """Return the state after images given time courses, and time courses given these images."""
    blocks = problem.design.predictors.blocks
    step = with_blocks(problem, {k: of_images(blocks[k], T) for k, T in state.times.items()})
    solution = find([step])[0]
    images = {}
    for k, T in state.times.items():
        S = solution.x[step.places[blocks[k].name]].reshape(T.shape[1], -1)
        images[k] = orthonormal(S.T)
    step = with_blocks(problem, {k: of_times(blocks[k], V) for k, V in images.items()})
    solution = find([step])[0]
    values = {name: solution.x[place] for name, place in step.places.items()}
    times = {}
    for k, V in images.items():
        A = values[blocks[k].name].reshape(-1, V.shape[1])
        values[blocks[k].name] = (A @ V.T).ravel()
        times[k] = orthonormal(A)
    theta = np.empty(problem.natural.size)
    for name, place in problem.places.items():
        theta[place] = values[name]
    value = float(problem.natural.log_density(theta[None])[0])
    return State(times, theta, value, solution)


def with_blocks(problem: Problem, swapped: Mapping[int, Block]) -> Problem:
    """Return the problem with other columns for some of its terms."""
    predictors = problem.design.predictors
    blocks = tuple(swapped.get(k, block) for k, block in enumerate(predictors.blocks))
    design = replace(problem.design, predictors=replace(predictors, blocks=blocks))
    return make_problem(problem.plan, problem.neuron, design)


def of_images(block: Block, T: Array) -> Block:
    """Return a block whose coefficients are the images that belong to given time courses."""
    own, labels = f"{block.name}_basis", np.arange(1, T.shape[1] + 1)
    return replace(
        block,
        rank=0,
        functions=T if block.functions is None else block.functions @ T,
        shape=(T.shape[1], *block.shape[1:]),
        dims=(own, *block.dims[1:]),
        coords={own: labels, **{dim: block.coords[dim] for dim in block.dims[1:]}},
    )


def of_times(block: Block, V: Array) -> Block:
    """Return a block whose coefficients are the time courses that belong to given images."""
    own, other, signal = block.dims[0], f"{block.name}_rank", block.signal
    parts = [signal[k : k + ROWS] @ V for k in range(0, len(signal), ROWS)]
    return replace(
        block,
        rank=0,
        signal=np.concatenate(parts),
        shape=(block.shape[0], V.shape[1]),
        dims=(own, other),
        coords={own: block.coords[own], other: np.arange(1, V.shape[1] + 1)},
    )


def _solution(problem: Problem, state: State, n_iter: int) -> Solution:
    """Return the mode, with the slope that is left: the last step's own, and that in the images."""
    blocks, last = problem.design.predictors.blocks, state.last
    step = with_blocks(problem, {k: of_images(blocks[k], T) for k, T in state.times.items()})
    theta = np.empty(step.natural.size)
    fields = {blocks[k].name: T for k, T in state.times.items()}
    for name, place in step.places.items():
        own = state.theta[problem.places[name]]
        if name in fields:
            own = (fields[name].T @ own.reshape(len(fields[name]), -1)).ravel()
        theta[place] = own
    plain = Density(step.natural, None, np.zeros(step.natural.size), 0)
    slopes = plain.slopes(theta[None])[1][0]
    left = np.concatenate([slopes[step.places[name]] for name in fields])
    assert last is not None
    return last._replace(
        x=state.theta,
        value=state.value,
        gradient_norm=float(np.hypot(last.gradient_norm, np.linalg.norm(left))),
        n_iter=n_iter,
        solver=f"alternating {last.solver}",
    )
