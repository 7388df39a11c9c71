"""Which solver finds a mode: the one that by a count of its operations is done first.

- Newton's method, where n p^2 is small, where there may be several modes, and wherever another
  has failed: it is the judge.
- Newton on moments, for gaussian responses with the identity link: one pass over the rows.
- Quasi-Newton with the curvature of a sample of rows, where rows are many.
- Quasi-Newton without a matrix, with the diagonal of the curvature and the priors' own structure,
  where coefficients are many.
- Proximal Newton, or proximal quasi-Newton with a shared Hessian, under kinks; Newton on the active
  coordinates where rows are fewer than columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from bayesglm.design.design import Design, joint_source
from bayesglm.errors import ConvergenceError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.inverse import ApproximateInverse, approximate_inverse
from bayesglm.numerics.density.joint import rough_curvatures, smooth_slopes
from bayesglm.numerics.density.likelihood import Rowwise, block_rows
from bayesglm.numerics.density.moments import moments
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.wide import row_function
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.solvers.active import maximise_active
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived, newton, proximal_newton
from bayesglm.numerics.solvers.quadratic import ScaledModel, approximate_model, scaled_model
from bayesglm.numerics.solvers.quasi import least_curvature, newton_step, quasi_newton
from bayesglm.numerics.solvers.sparse import Functions, sparse_path

Array = np.ndarray
GRAM = 3e10  # multiplications a second in matrix products ...
PASS = 1e9  # ... and in products with a vector, which wait for memory
LEAST_SAMPLE = 4000  # rows ...
FEW_TOGETHER = 4  # ... in runs of so many: scattered ones wait for memory
MANY = 1_000_000  # numbers that a pass reads, of which ...
ENOUGH = 1e-6  # ... this is the gain of the last step: a thousandth of an sd, before it is taken
MOST_STEPS = 10  # Newton steps after a solver that does without the true curvature
MOST_KEPT = 6000  # coefficients of which a matrix is formed
SURE = 0.5  # what the standard deviations of coordinates, of a few rows, may be short of
WIDE = 3  # rows for each column, beyond which a quasi-Newton step under kinks is the faster
MOST_AT_ONCE = 5e7  # numbers of a design that are held at once
STILL = 1e-3  # largest change of a linear predictor in a step that may be the last


def maximise(problem: Problem, objective: Objective) -> Solution:
    """Return the mode of one objective; raises ConvergenceError.

    Solvers try points where numbers overflow, and step back from what is not finite.
    """
    with unthreaded_products(objective.size), np.errstate(over="ignore", invalid="ignore"):
        return _route(problem, objective, 1)([problem], [objective])[0]


def maximise_all(problems: Sequence[Problem]) -> list[Solution | ConvergenceError]:
    """Return every neuron's mode, or why it has none; neurons that share a design go together."""
    groups: dict[tuple, list[int]] = {}
    for k, problem in enumerate(problems):
        alone = problem.natural.free or problem.natural.kinks.any
        key = (id(problem.design.predictors), k if alone else -1)
        groups.setdefault(key, []).append(k)
    found: dict[int, Solution | ConvergenceError] = {}
    for members in groups.values():
        some = [problems[k] for k in members]
        objectives = [problem.natural for problem in some]
        route = _route(some[0], objectives[0], len(some))
        size = objectives[0].size
        with unthreaded_products(size), np.errstate(over="ignore", invalid="ignore"):
            try:
                found.update(zip(members, route(some, objectives), strict=True))
            except ConvergenceError:
                for k, problem, objective in zip(members, some, objectives, strict=True):
                    found[k] = _attempt(problem, objective)
    return [found[k] for k in range(len(problems))]


def _attempt(problem: Problem, objective: Objective) -> Solution | ConvergenceError:
    try:
        return judge(objective, problem.start(objective))
    except ConvergenceError as error:
        return error


type Panel = tuple[Sequence[Design], Sequence[Objective]]
type Inverse = Callable[[Array], Array]
type Route = Callable[[Sequence[Problem], Sequence[Objective]], list[Solution]]


def _route(problem: Problem, objective: Objective, together: int) -> Route:
    """Choose by the time that each way takes, counted in operations."""
    n, p = problem.design.n_rows, objective.n_coefficients
    newton_time = together * 8 * (n * p * p + p**3 / 3) / GRAM
    if wide(objective, n):
        return _by_active
    if objective.family.quadratic and p <= MOST_KEPT and together == 1:
        return _by_moments
    if objective.free or not objective.log_concave:
        return _by_newton
    if objective.kinks.any:
        return _by_newton if newton_time < 0.01 and p <= 200 else _by_sparse_path
    if p > MOST_KEPT:
        return _matrix_free
    if n < 10 * p:
        return _by_newton
    one_pass = 2 * n * p * (1 / PASS if together == 1 else together / GRAM)
    sample_time = together * 5 * _sample_size(n, p) * p * p / GRAM
    return _by_sample if 10 * one_pass + sample_time < newton_time else _by_newton


def wide(objective: Objective, n: int) -> bool:
    """Say whether a mode under kinks is for Newton on the active coordinates to find."""
    p = objective.n_coefficients
    kinked = objective.kinks.any and objective.log_concave and not objective.free
    return kinked and n <= WIDE * p and n * p <= MOST_AT_ONCE


def judge(objective: Objective, x0: Array) -> Solution:
    """Newton's method, which says why where there is no maximum."""
    if objective.kinks.any:
        return proximal_newton(
            objective.evaluate,
            objective.value,
            x0,
            objective.change,
            objective.kinks,
        )
    return newton(objective.evaluate, objective.value, x0, objective.change)


def judge_from(problem: Problem, objective: Objective, x: Array) -> Solution:
    """Newton's method from where another solver stopped, if that is better than its own start."""
    start = problem.start(objective)
    with np.errstate(over="ignore", invalid="ignore"):
        better = objective.value(x) > objective.value(start)
    if better:
        try:
            return judge(objective, x)
        except ConvergenceError:
            pass
    return judge(objective, start)


def _by_newton(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    return [
        judge(objective, problem.start(objective))
        for problem, objective in zip(problems, objectives, strict=True)
    ]


def _by_moments(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Newton on the moments; around its answer they are taken again, to lose no digits."""
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        around = with_moments(objective, problem.start(objective))
        first = judge(around, problem.start(objective))
        assert around.moments is not None
        better = moments(objective.rowwise, objective.w(first.x), around.moments.gram)
        last = judge(replace(objective, moments=better), first.x)
        n_iter = first.n_iter + last.n_iter
        found.append(last._replace(n_iter=n_iter, solver=f"{last.solver} on moments"))
    return found


def with_moments(objective: Objective, theta: Array) -> Objective:
    """Return a gaussian objective that reads its likelihood off its moments around theta."""
    taken = moments(objective.rowwise, objective.w(theta))
    return replace(objective, moments=taken)


def _by_sample(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Quasi-Newton, from the mode and with the curvature of samples of the rows.

    A small sample's mode starts a larger one's, and that starts the whole: each pass over all rows
    is worth more than all that comes before it.
    """
    n, p, k = problems[0].design.n_rows, objectives[0].n_coefficients, len(problems)
    every, inverses, sds = np.arange(p), np.empty((k, p, p)), np.empty((k, p))

    def take_curvature(panel: Panel, x: Array) -> bool:
        resolved = True
        roughs = rough_curvatures(panel[1], x, joint_source(panel[0]))
        for j, sample in enumerate(panel[1]):
            model = approximate_model(roughs[j], partial(sample.curvature, x[j], every))
            inverses[j], sds[j] = inverse(model), model.scale
            resolved &= model.resolved
        return resolved

    def climb(
        panel: Panel, x: Array, enough: float, sd: Array | None = None
    ) -> tuple[list[Solution], Array]:
        return quasi_newton(
            partial(_joint_slopes, *panel),
            lambda v, who: np.matmul(v[:, None, :], inverses[who])[:, 0, :],
            x,
            solver="quasi-newton",
            enough=enough,
            sd=sd,
        )

    # Each sample to a third of an sd of what it can tell.
    x, least = _starts(problems, objectives), _sample_size(n, p)
    small = _samples(problems, objectives, least, FEW_TOGETHER)
    take_curvature(small, x)
    x = np.stack([one.x for one in climb(small, x, 0.1 * p)[0]])
    take_curvature(small, x)
    run = block_rows(p, k)
    larger = _samples(problems, objectives, max(n // 5, least), run)
    x = np.stack([one.x for one in climb(larger, x, 0.1 * p)[0]])
    # As much of the curvature as takes about as long as two passes over all rows; more where few
    # rows make up most of it, or it would lead the steps that far astray.
    told = small[1][0].rowwise.evenness(x[0], small[1][0].phi(x[0])) if k == 1 else 1.0
    share = min(1.0, (45.0 if k == 1 else 10.0) / (p * max(told, 0.1)))
    panel = _samples(problems, objectives, max(int(share * n), least), run)
    if not take_curvature(panel, x):
        # Rounding may have made up some of it, and it would say too soon that one has arrived.
        return _by_newton(problems, objectives)
    enough = ENOUGH if n * p > MANY else 0.0
    found, converged = climb((_designs(problems), objectives), x, enough, sds)
    for k, (problem, objective) in enumerate(zip(problems, objectives, strict=True)):
        sample, end = panel[1][k], found[k].x

        def curved(of: Objective = sample, at: Array = end) -> Inverse | None:
            model = scaled_model(-of.evaluate(at).hessian, 0.0)
            return partial(np.matmul, inverse(model)) if model.resolved else None

        if not converged[k] or _still_moves(problem, objective, end, curved):
            found[k] = judge_from(problem, objective, end)
    return found


def _sample_size(n: int, p: int) -> int:
    return min(n // 4, max(LEAST_SAMPLE, 40 * p))


def _starts(problems: Sequence[Problem], objectives: Sequence[Objective]) -> Array:
    pairs = zip(problems, objectives, strict=True)
    return np.stack([problem.start(objective) for problem, objective in pairs])


def _designs(problems: Sequence[Problem]) -> list[Design]:
    return [problem.design for problem in problems]


def _samples(
    problems: Sequence[Problem], objectives: Sequence[Objective], size: int, run: int
) -> Panel:
    """Return the objectives over the same rows, drawn once, that stand for all.

    Rows are drawn in runs of some length: one by one they say most, in blocks they need no copy.
    """
    first = problems[0].design
    n_runs = first.n_rows // run
    wanted = max(1, min(n_runs, round(size / run)))
    if wanted >= n_runs:
        return _designs(problems), objectives
    drawn = np.sort(np.random.default_rng(0).choice(n_runs, wanted, replace=False))
    taken = first.take((run * drawn[:, None] + np.arange(run)).reshape(-1)).predictors
    alike = np.full(len(first.y), first.n_rows / (wanted * run))
    designs = [
        replace(
            problem.design,
            predictors=taken,
            weights=alike if problem.design.weights is None else alike * problem.design.weights,
        )
        for problem in problems
    ]
    sampled = [
        replace(objective, source=design.source)
        for design, objective in zip(designs, objectives, strict=True)
    ]
    return designs, sampled


def _joint_slopes(
    designs: Sequence[Design], objectives: Sequence[Objective], x: Array, who: Array
) -> tuple[Array, Array]:
    """Return values and gradients of some objectives that share their predictors."""
    source = joint_source([designs[k] for k in who])
    return smooth_slopes([objectives[k] for k in who], x, source)


def inverse_curvature(curvature: Array) -> Array:
    """Return the inverse, of what is near singular with its scaled diagonal raised a little."""
    return inverse(scaled_model(curvature, 0.0))


def inverse(model: ScaledModel) -> Array:
    """Return the inverse of a curvature from its scaled model."""
    from scipy.linalg import cho_solve

    return model.scale[:, None] * cho_solve(model.factor, np.diag(model.scale), check_finite=False)


def _still_moves(
    problem: Problem, objective: Objective, x: Array, inverse: Callable[[], Inverse | None]
) -> bool:
    """Say whether the next step, by the curvature at x, would still go far, or nobody can tell.

    On the plateau of separated data nothing is left to gain, and every step goes on all the same,
    until no curvature is left either: then there is no ``inverse``.
    """
    if objective.family.separable is None or problem.only_intercept_is_free():
        return False
    times = inverse()
    if times is None:
        return True
    now = smooth_slopes([objective], x[None])[1][0]
    return objective.change(times(now)) > STILL


def _matrix_free(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Quasi-Newton with the diagonal of the curvature and the structure of the priors."""
    n, p = problems[0].design.n_rows, objectives[0].n_coefficients
    _, samples = _samples(problems, objectives, min(n, 1000), 1)
    designs = _designs(problems)
    starts = _starts(problems, objectives)
    inverses = [
        approximate_inverse(objective, start, sample.rowwise)
        for objective, start, sample in zip(objectives, starts, samples, strict=True)
    ]
    found, converged = quasi_newton(
        partial(_joint_slopes, designs, objectives),
        lambda v, who: np.stack([inverses[k].times(row) for k, row in zip(who, v, strict=True)]),
        starts,
        solver="quasi-newton, matrix-free",
        memory=20,
        max_iter=1000,
    )
    for k, (problem, objective) in enumerate(zip(problems, objectives, strict=True)):

        def curved(
            of: Objective = objective, at: Array = found[k].x, rows: Rowwise = samples[k].rowwise
        ) -> Inverse:
            return approximate_inverse(of, at, rows).times

        if converged[k] and not _still_moves(problem, objective, found[k].x, curved):
            end = _arrive(objective, inverses[k], found[k])
            if end is not None:
                found[k] = end
                continue
        if p <= MOST_KEPT:
            found[k] = judge_from(problem, objective, found[k].x)
        else:
            raise ConvergenceError(
                f"no convergence in {found[k].n_iter} iterations of the {found[k].solver} solver "
                f"(gradient norm {found[k].gradient_norm:.2g}): nearly dependent columns.",
                found[k],
            )
    return found


def _arrive(
    objective: Objective, inverse: ApproximateInverse, solution: Solution
) -> Solution | None:
    """Go on by Newton steps to where the next is short by the true curvature; None if none is.

    The approximate curvature that led there misjudges directions that hardly change any linear
    predictor: what is left of them looks like nothing, and may be whole standard deviations.
    """
    x, floor = solution.x, None
    for n_iter in range(MOST_STEPS):
        value, gradient = (part[0] for part in smooth_slopes([objective], x[None]))
        if not np.isfinite(gradient).all():
            return None
        times = objective.curvature_product(x)
        if floor is None and inverse.free is not None:
            floor = least_curvature(times, inverse.times, inverse.free, inverse.held)
        step = newton_step(times, inverse.times, gradient, floor)
        if step is None:
            return None
        gain = max(float(gradient @ step), 0.0)
        # No slope per sd is larger than the whole step in sds.
        residual = min(float(np.abs(gradient * inverse.sd).max()) / SURE, gain**0.5)
        if gain <= arrived(value) and residual < OPTIMAL:
            return Solution(
                x,
                float(value),
                float(np.linalg.norm(gradient)),
                solution.n_iter + n_iter,
                solution.solver,
                gain**0.5,
                residual,
                True,
            )
        x = x + step
    return None


def _by_active(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        start = objective.kinks.start(problem.start(objective))
        try:
            found.append(maximise_active(row_function(objective), start))
        except ConvergenceError:
            if objective.n_coefficients > MOST_KEPT:
                raise
            found.append(judge(objective, problem.start(objective)))
    return found


def _by_sparse_path(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        try:
            found += sparse_path(path_functions([objective]), problem.start(objective))
        except ConvergenceError:
            if objective.n_coefficients > MOST_KEPT:
                raise
            found.append(judge(objective, problem.start(objective)))
    return found


def path_functions(objectives: Sequence[Objective]) -> Functions:
    """Return what the sparse solver needs of objectives that differ in their priors."""
    first = objectives[0]

    def own(k: int, members: Array) -> Array:
        return objectives[k].priors.curvature(np.zeros(first.size), members)

    alike = all(
        part.bends_like(other)
        for objective in objectives[1:]
        for part, other in zip(first.coefficients, objective.coefficients, strict=True)
    )

    def curvature(x: Array, k: int, members: Array, single: bool) -> Array:
        found = first.likelihood_curvature(x, members, single)
        return found + own(k, members) if alike else found

    return Functions(
        lambda x, who: smooth_slopes([objectives[k] for k in who], x),
        curvature,
        replace(first.kinks, weight=np.stack([one.kinks.weight for one in objectives])),
        None if alike else own,
        exact=first.moments is not None,
    )
