"""Scales first: a gaussian response, whose coefficients are integrated out and drawn at the end.

With the identity link and Gaussian priors log p(y, psi) is known exactly, psi being the logarithms
of sigma and of the learned scales, and correlations, as they stand in theta. So importance weights
are asked in the few dimensions of psi alone, whatever the number of coefficients; these are then
drawn from their Gaussian given psi. Where one psi costs too much to be asked thousands of times,
log p(y, psi) is interpolated, and looked at again where draws have come to lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import Draws, Gaussian
from bayesglm.inference.modes.by_levels import groupings_of
from bayesglm.inference.modes.identified import check_columns
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.mixture import Mixture, fitted
from bayesglm.inference.weights.pool import Pool, disagreement, drawn, find_pool, refusal
from bayesglm.inference.weights.proposals import SplitNormal, by_tails, gaussian
from bayesglm.inference.weights.psis import pareto_smoothed, resample, smallest_ess
from bayesglm.numerics.density.integrated import LOG_2_PI, Integrated, anchored, integrated
from bayesglm.numerics.density.integrated_many import IntegratedMany, can_batch
from bayesglm.numerics.density.interpolated import Interpolated
from bayesglm.numerics.density.layout import Layout, laid_out
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.perturbed import Perturbed
from bayesglm.numerics.solvers.summit import Summit, summit

Array = np.ndarray
MOST_SCALES = 12  # dispersions, scales and correlations, of which proposals are made: chosen
FITS, PER_SCALE = 4, 1000  # of a mixture, and draws for each scale that one is made from: chosen
MANY = 1000  # coefficients, from which on fixed scales go this way as well: chosen
MOST_BESIDE = 6000  # coefficients beside the levels that are eliminated: chosen, 288 MB
WHOLE = 1000  # coefficients up to which the covariance of all is told: chosen, 8 MB
LOOK = 0.7  # sds, over which slopes are differenced: chosen
LONGEST_LOOK = 0.5  # the same, however flat the density is
FLATTEST = 1e-2  # second derivative, below which a direction is taken to bend so much
BATCH = 8  # psi at which the interpolant is looked at before it goes through them as well: chosen
FROM = 50  # times as many proposals, of which these are taken by their weights: chosen
ROUNDS = 16  # of these at most
ALLOWED = 0.03  # share by which the interpolant may be off, the mean of two batches: chosen
CHECKED = 12  # draws of psi that are looked at again in the end, and as many that weigh most
BEYOND = 1e-4  # of a normal's draws, that lie beyond the first points of the interpolant: chosen


def has_scales_first(problem: Problem) -> bool:
    """Say whether the coefficients' posterior is a Gaussian given a few scales to learn."""
    objective = problem.unconstrained
    d = objective.size - objective.n_coefficients
    if not 0 < d <= MOST_SCALES or not objective.n_coefficients:
        return False
    gaussian_given = (
        objective.family.quadratic
        and objective.registry.straight
        and not objective.kinks.any
        and all(part.prior.quadratic for part in objective.coefficients)
    )
    return gaussian_given and (bool(problem.learned) or objective.n_coefficients > MANY)


def scales_first(problem: Problem, draws: int, chains: int, rng: np.random.Generator) -> Draws:
    """Return draws of psi by importance weights, and of all coefficients given them.

    Raises
    ------
    ConvergenceError
        The posterior of psi has no mode inside, or what is left when levels are eliminated is too
        large, or an interpolant of log p(y, psi) does not come to stand.
    DataError
        Columns that are linear combinations of others under flat priors.
    """
    check_columns(problem)
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        layout = _layout(problem)
        objective = problem.unconstrained
        start = problem.start(objective)
        of = integrated(objective, layout, start[: objective.n_coefficients])
        top = _highest(of, start[objective.n_coefficients :])
        centre = of.given(top.x)
        assert centre is not None
        of = anchored(of, _anchor(objective, centre.theta))
        around = _around(of, top)
        many: _Batched | _OneByOne
        many = _Batched(of) if can_batch(layout) else _one_by_one(around, rng)
        return _weighted(problem, around, many, (chains, draws), rng)


def _layout(problem: Problem) -> Layout:
    objective = problem.unconstrained
    p, groupings = objective.n_coefficients, groupings_of(problem, objective)
    one = laid_out(groupings[:1], p)
    if can_batch(one):
        return one
    every = laid_out(groupings, p)
    left = p - sum(grouping.size for grouping in every.groupings[: every.n_apart])
    if left > MOST_BESIDE:
        raise ConvergenceError(
            f"{left} coefficients beside the levels that are eliminated are too many for a matrix"
        )
    return every


def _anchor(objective: Objective, theta: Array) -> Array:
    """Return coefficients for an anchor: those whose scales are learned where their priors peak.

    Elsewhere a scale near zero would make of them differences of huge numbers.
    """
    anchor = theta[: objective.n_coefficients].copy()
    for part in objective.priors.learning:
        anchor[part.where] = part.loc
    return anchor


class _Around(NamedTuple):
    """The posterior of psi around its mode: a Gaussian there, and what was asked so far."""

    of: Integrated
    top: Summit
    first: SplitNormal
    psis: Array
    values: Array
    slopes: Array


def _asked(of: Integrated, psi: Array) -> tuple[float, Array]:
    """Return log p(y, psi) and its slope; -inf where there is none."""
    nowhere = -np.inf, np.full(len(psi), np.nan)
    if of.objective.registry.far_out(of.theta(psi)):
        return nowhere
    given = of.given(psi)
    if given is None or not np.isfinite(given.log_marginal):
        return nowhere
    return given.log_marginal, of.slope(given)


def _highest(of: Integrated, psi: Array) -> Summit:
    top = summit(lambda psi: _asked(of, psi), psi, _bends(of, psi))
    if top is None:
        raise ConvergenceError(
            f"no mode of the {len(psi)} scales and dispersions was found; their posterior may be "
            "at a boundary"
        )
    return top


def _bends(of: Integrated, psi: Array) -> Array:
    """Return about how much log p(y, psi) bends: 2 m for a scale of m numbers."""
    theta, objective = of.theta(psi), of.objective
    p, counts = len(of.anchor), np.zeros(len(psi))
    for one in objective.free:
        counts[one.place.start - p : one.place.stop - p] = of.count
    for part in objective.priors.learning:
        assert part.learned is not None
        here = np.broadcast_to(part.learned.log_scale(theta), part.size)
        for k in range(len(psi)):
            moved = theta.copy()
            moved[p + k] += LOOK
            there = np.broadcast_to(part.learned.log_scale(moved), part.size)
            counts[k] += np.count_nonzero(there != here)
    return 2.0 * np.maximum(counts, 1.0)


def _around(of: Integrated, top: Summit) -> _Around:
    """Look at the slopes around the mode, which tell the curvature there."""
    d = len(top.x)
    steps = np.minimum(LOOK * np.sqrt(np.maximum(np.diagonal(top.inverse), 0.0)), LONGEST_LOOK)
    hessian = np.zeros((d, d))
    psis, values, slopes = [top.x], [top.value], [top.slope]
    for k, step in enumerate(np.maximum(steps, 1e-6)):
        for sign in (1.0, -1.0):
            psi = top.x.copy()
            psi[k] += sign * step
            value, slope = _asked(of, psi)
            psis.append(psi)
            values.append(value)
            slopes.append(slope)
            hessian[k] += sign * slope / (2.0 * step)
    if not np.isfinite(hessian).all():
        raise ConvergenceError("the density of the scales ends beside its mode")
    bends, vectors = np.linalg.eigh(-0.5 * (hessian + hessian.T))
    precision = (vectors * np.maximum(bends, FLATTEST)) @ vectors.T
    first = gaussian(top.x, precision)
    return _Around(of, top, first, np.array(psis), np.array(values), np.array(slopes))


class _Batched:
    """log p(y, psi) at very many psi: exact."""

    error = 0.0
    told = "log p(y | scales) is exact"

    def __init__(self, of: Integrated) -> None:
        self._many = IntegratedMany(of)

    def log_density(self, psis: Array) -> Array:
        """Return log p(y, psi)."""
        return self._many.log_marginals(psis)

    def draw(self, rng: np.random.Generator, psis: Array) -> tuple[Array, Array]:
        """Return thetas, and log p of each."""
        thetas, of_w = self._many.draw(rng, psis)
        return thetas, of_w + self.log_density(psis)


@dataclass(frozen=True)
class _OneByOne:
    """log p(y, psi) interpolated, and a ``proposal`` fitted to it.

    ``error`` is the mean share by which the density was off where it was looked at last.
    """

    around: _Around
    through: Interpolated
    proposal: Mixture
    error: float

    @property
    def told(self) -> str:
        """How it is known, in words."""
        return (
            f"log p(y | scales) is interpolated between {len(self.through.values)} exact values, "
            f"and off by {100.0 * self.error:.1g}% on average at draws where it was looked at again"
        )

    def log_density(self, psis: Array) -> Array:
        """Return log p(y, psi)."""
        return _density(self.around, self.through)(psis)

    def draw(self, rng: np.random.Generator, psis: Array) -> tuple[Array, Array]:
        """Return thetas, and log p of each."""
        drawn = Perturbed(self.around.of, self.around.top.x).draw(rng, psis)
        return drawn.thetas, drawn.log_p

    def checked(self, psis: Array, heaviest: Array) -> _OneByOne:
        """Return the same with its error at some draws; ConvergenceError where that is too much.

        At the draws that weigh most the interpolant may be what makes them so heavy.
        """
        for some, allowed in ((heaviest, 10.0 * ALLOWED), (psis, 2.0 * ALLOWED)):
            exact = np.array([_log_marginal(self.around.of, psi) for psi in some])
            error = _off(self.log_density(some), exact)
            if not error < allowed:
                raise ConvergenceError(
                    f"an interpolant of the density of scales is off by {100.0 * error:.2g}% where "
                    "draws of them lie"
                )
        return replace(self, error=error)


def _density(around: _Around, through: Interpolated) -> Callable[[Array], Array]:
    return lambda psis: through(_standardised(around, psis)) + around.top.value


def _log_marginal(of: Integrated, psi: Array) -> float:
    given = None if of.objective.registry.far_out(of.theta(psi)) else of.given(psi)
    return -np.inf if given is None else given.log_marginal


def _standardised(around: _Around, psis: Array) -> Array:
    return np.linalg.solve(around.first.factor, (psis - around.top.x).T).T


def _one_by_one(around: _Around, rng: np.random.Generator) -> _OneByOne:
    """Interpolate log p(y, psi): through more psi until new ones are where it says they are.

    The first are on a sphere beyond which next to nothing of a normal lies; then come draws of what
    the interpolant says, so that they go where its mass is.
    """
    factor, d = around.first.factor, len(around.top.x)
    z = _standardised(around, around.psis)
    values = around.values - around.top.value
    through = Interpolated(z, values, around.slopes @ factor)
    turned = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sphere = np.sqrt(chi2.isf(BEYOND, d)) * np.vstack([turned, -turned])
    through, error = _through_more(around, through, around.top.x + sphere @ factor.T)
    for k in range(ROUNDS):
        density = _density(around, through)
        proposal = _learned(around.first.heavier(), density, rng)
        psis, log_q = proposal.draw(rng, FROM * BATCH)
        new = resample(rng, pareto_smoothed(density(psis) - log_q).log_weights, BATCH)
        last = error
        through, error = _through_more(around, through, psis[np.unique(new)])
        if k and 0.5 * (last + error) < ALLOWED:
            return _OneByOne(around, through, proposal, error)
    raise ConvergenceError(
        f"an interpolant of the density of {d} scales is off by {100.0 * error:.2g}% at new draws, "
        f"after {len(through.values)}"
    )


def _through_more(
    around: _Around, through: Interpolated, psis: Array
) -> tuple[Interpolated, float]:
    """Return an interpolant through more psi, and by how much it was off there before."""
    z, asked = _standardised(around, psis), [_asked(around.of, psi) for psi in psis]
    values = np.array([value for value, _ in asked]) - around.top.value
    slopes = np.array([slope for _, slope in asked]) @ around.first.factor
    kept = np.isfinite(values)
    z, values, slopes = z[kept], values[kept], slopes[kept]
    return through.with_points(z, values, slopes), _off(through(z), values)


def _off(said: Array, exact: Array) -> float:
    """Return the mean share by which densities are off, each by its whole at most."""
    return float(np.minimum(np.abs(np.expm1(said - exact)), 1.0).mean()) if len(exact) else 1.0


def _weighted(
    problem: Problem,
    around: _Around,
    many: _Batched | _OneByOne,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Draws:
    chains, wanted = shape[0], shape[0] * shape[1]
    pool, why = _pool(around, many, wanted, chains, rng)
    index = resample(rng, pool.smoothed.log_weights, wanted)
    psis = pool.thetas[index]
    if isinstance(many, _OneByOne):
        heaviest = np.argsort(pool.log_q - pool.log_p)[:CHECKED]
        many = many.checked(psis[:: -(-wanted // CHECKED)], pool.thetas[heaviest])
    thetas, log_p = many.draw(rng, psis)
    top = _top(around.of, problem.unconstrained)
    ess = min(
        smallest_ess(thetas[:, top].reshape(*shape, -1)),
        pool.smoothed.kish,
        float(len(np.unique(index))),
        pool.worth(wanted),
    )
    d = len(around.top.x)
    stands = (
        f"{many.told}; importance weights of a {pool.proposal.name} proposal in their {d} "
        f"dimensions stand: k-hat {pool.smoothed.khat:.2f}, {ess:.0f} effective of {wanted} draws; "
        "the coefficients are drawn given them"
    )
    centre = around.of.given(around.top.x)
    assert centre is not None
    return Draws(
        thetas.reshape(*shape, -1),
        "nested laplace",
        why or stands,
        centre.log_marginal - 0.5 * (len(around.of.anchor) * LOG_2_PI - centre.factor.log_det),
        log_p.reshape(shape),
        solution={
            "gradient_norm": float(np.linalg.norm(around.top.slope)),
            "n_iter": around.top.n_asked,
            "solver": "bfgs, coefficients integrated out",
        },
        gaussian=_gaussian(pool, centre.theta, thetas, log_p, shape, top, ess, why),
        checks={"top_size": float(d)},
    )


def _pool(
    around: _Around,
    many: _Batched | _OneByOne,
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> tuple[Pool, str]:
    """Return weighted draws of psi, and why they do not stand."""

    def proposals() -> Iterator[SplitNormal | Mixture]:
        last = around.first
        for last in by_tails(around.first, many.log_density):
            yield last
        if isinstance(many, _OneByOne):
            yield many.proposal
        else:
            yield _learned(last, many.log_density, rng)

    pool = find_pool(many.log_density, proposals(), wanted, chains, rng)
    why = refusal(pool, chains)
    if not why and not (isinstance(many, _OneByOne) and pool.steady):
        why = disagreement(many.log_density, pool, pool.proposal.heavier(), rng)
    return pool, why


def _learned(
    first: SplitNormal, density: Callable[[Array], Array], rng: np.random.Generator
) -> Mixture:
    """Return a mixture fitted to a density in rounds of weighted draws, each from the last."""
    n = PER_SCALE * len(first.mode)
    proposal = fitted(drawn(density, first, n, rng), rng)
    for _ in range(FITS - 1):
        proposal = fitted(drawn(density, proposal, n, rng), rng)
    return proposal


def _top(of: Integrated, objective: Objective) -> Array:
    """Return the places of psi, and of the coefficients beside levels where these are many."""
    p = objective.n_coefficients
    beside = np.arange(p) if p <= WHOLE else of.layout.beside[:WHOLE]
    return np.concatenate([beside, np.arange(p, objective.size)])


def _gaussian(
    pool: Pool,
    mode: Array,
    thetas: Array,
    log_p: Array,
    shape: tuple[int, int],
    top: Array,
    ess: float,
    why: str,
) -> Gaussian:
    """Return the draws' own Gaussian, of the top; they are weighted already."""
    return Gaussian(
        mode[top],
        np.atleast_2d(np.cov(thetas[:, top].T)),
        thetas.reshape(*shape, -1),
        log_p.reshape(shape),
        log_p.reshape(shape),
        pool.smoothed.khat,
        pool.smoothed.kish,
        ess,
        accepted=not why,
        why=why,
        top=None if len(top) == len(mode) else top,
    )
