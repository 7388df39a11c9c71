"""The density of scales as it is asked for: at very many psi, or at few and between them.

Around its mode it is looked at by its slopes. Where one psi costs too much to be asked thousands of
times, the density is interpolated between psi that go where its mass is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from bayesglm.errors import ConvergenceError
from bayesglm.inference.weights.mixture import Mixture, fitted
from bayesglm.inference.weights.pool import drawn
from bayesglm.inference.weights.proposals import SplitNormal, gaussian
from bayesglm.inference.weights.psis import pareto_smoothed, resample
from bayesglm.numerics.density.integrated import Integrated
from bayesglm.numerics.density.integrated_many import IntegratedMany
from bayesglm.numerics.density.interpolated import Interpolated
from bayesglm.numerics.density.perturbed import Perturbed
from bayesglm.numerics.solvers.summit import Summit, summit

Array = np.ndarray
FITS, PER_SCALE = 4, 1000  # of a mixture, and draws for each scale that one is made from: chosen
LOOK = 0.7  # sds, over which slopes are differenced: chosen
LONGEST_LOOK = 0.5  # the same, however flat the density is
FLATTEST = 1e-2  # second derivative, below which a direction is taken to bend so much
BATCH = 8  # psi at which the interpolant is looked at before it goes through them as well: chosen
FROM = 50  # times as many proposals, of which these are taken by their weights: chosen
ROUNDS = 16  # of these at most
ALLOWED = 0.03  # share by which the interpolant may be off, the mean of two batches: chosen
BEYOND = 1e-4  # of a normal's draws, that lie beyond the first points of the interpolant: chosen


class Around(NamedTuple):
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


def highest(of: Integrated, psi: Array) -> Summit:
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


def around_mode(of: Integrated, top: Summit) -> Around:
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
    return Around(of, top, first, np.array(psis), np.array(values), np.array(slopes))


class Batched:
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
class OneByOne:
    """log p(y, psi) interpolated.

    ``error`` is the mean share by which the density was off where it was looked at last.
    """

    around: Around
    through: Interpolated
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

    def off(self, psis: Array) -> float:
        """Return the mean share by which the density is off at some psi."""
        exact = np.array([_log_marginal(self.around.of, psi) for psi in psis])
        return _off(self.log_density(psis), exact)

    def with_points(self, psis: Array) -> OneByOne:
        """Return the same through more psi."""
        through, _ = _through_more(self.around, self.through, psis)
        return replace(self, through=through)


def _density(around: Around, through: Interpolated) -> Callable[[Array], Array]:
    return lambda psis: through(_standardised(around, psis)) + around.top.value


def _log_marginal(of: Integrated, psi: Array) -> float:
    given = None if of.objective.registry.far_out(of.theta(psi)) else of.given(psi)
    return -np.inf if given is None else given.log_marginal


def _standardised(around: Around, psis: Array) -> Array:
    return np.linalg.solve(around.first.factor, (psis - around.top.x).T).T


def one_by_one(around: Around, rng: np.random.Generator) -> OneByOne:
    """Interpolate log p(y, psi): through more psi until new ones are where it says they are.

    The first are on a sphere beyond which next to nothing of a normal lies; then come draws of what
    the interpolant says, so that they go where its mass is.
    """
    factor, d = around.first.factor, len(around.top.x)
    z = _standardised(around, around.psis)
    values = around.values - around.top.value
    through = Interpolated(z, values, around.slopes @ factor)
    turned = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sphere = np.sqrt(chdtri(d, BEYOND)) * np.vstack([turned, -turned])
    through, error = _through_more(around, through, around.top.x + sphere @ factor.T)
    for k in range(ROUNDS):
        density = _density(around, through)
        proposal = learned_mixture(around.first.heavier(), density, rng)
        psis, log_q = proposal.draw(rng, FROM * BATCH)
        new = resample(rng, pareto_smoothed(density(psis) - log_q).log_weights, BATCH)
        last = error
        through, error = _through_more(around, through, psis[np.unique(new)])
        if k and 0.5 * (last + error) < ALLOWED:
            return OneByOne(around, through, error)
    raise ConvergenceError(
        f"an interpolant of the density of {d} scales is off by {100.0 * error:.2g}% at new draws, "
        f"after {len(through.values)}"
    )


def _through_more(around: Around, through: Interpolated, psis: Array) -> tuple[Interpolated, float]:
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


def learned_mixture(
    first: SplitNormal, density: Callable[[Array], Array], rng: np.random.Generator
) -> Mixture:
    """Return a mixture fitted to a density in rounds of weighted draws, each from the last."""
    n = PER_SCALE * len(first.mode)
    proposal = fitted(drawn(density, first, n, rng), rng)
    for _ in range(FITS - 1):
        proposal = fitted(drawn(density, proposal, n, rng), rng)
    return proposal
