"""Structures: log densities, slopes and consumers, of every kind that a joint prior may have.

One of them is an instance written here, to hold the noun to what smooth functions will ask of it:
the basis functions of a Gaussian process, whose spectrum falls as its lengthscale says
(Riutort-Mayol et al. 2023, Statistics and Computing 33, 17).
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.coordinates import Coordinates, Shrunk
from bayesglm.numerics.priors.correlated import Correlated, CorrelatedScale
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.shrinkage import in_directions, shrinkage
from bayesglm.numerics.priors.spectra import BesideKnown, HorseshoeScale, KnownScale, LearnedScale
from bayesglm.numerics.priors.structure import APART
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.correlations import n_below

LEVELS = 3
Q, SIZE = 2 * LEVELS, 2 * LEVELS + 4  # hyperparameters stand behind the coefficients
WHERE = slice(0, Q)
OMEGA = np.arange(1, Q + 1) * np.pi / 8.0


@dataclass(frozen=True)
class SquaredExponential:
    """log S(omega) / 2 of a Gaussian process: log scale and log lengthscale stand in theta."""

    scale: int
    lengthscale: int

    def log_scale(self, theta):
        log_length = theta[..., self.lengthscale, None]
        falls = 0.5 * np.square(np.exp(log_length) * OMEGA)
        half = 0.25 * np.log(2.0 * np.pi) + 0.5 * log_length
        return theta[..., self.scale, None] + half - 0.5 * falls

    def add_slope(self, theta, slopes, gradient):
        falls = np.square(np.exp(theta[..., self.lengthscale, None]) * OMEGA)
        gradient[..., self.scale] += slopes.sum(axis=-1)
        gradient[..., self.lengthscale] += np.vecdot(slopes, 0.5 - 0.5 * falls)


def part(prior, learned, structure=APART, **parameters):
    return PriorPart(WHERE, PRIORS[prior], parameters, (2, LEVELS), learned, structure)


def correlating(shape, effects, first, **parameters):
    """Effects (channels, effects, levels) that correlate as theta says from its place first on."""
    m, k, _ = shape
    scales = CorrelatedScale(effects, slice(first, first + m * n_below(k)), shape)
    return PriorPart(
        slice(0, int(np.prod(shape))),
        PRIORS["Normal"],
        parameters,
        learned=scales,
        structure=Correlated(scales),
    )


COMMON = LearnedScale(np.full(Q, Q))
PARTS = {
    "levels under one scale": part("Normal", COMMON, loc=0.3),
    "levels under several": part("Normal", LearnedScale(np.repeat([Q, Q + 1], LEVELS)), loc=-0.1),
    "heavy tails": part("StudentT", COMMON, loc=0.3, df=3.0),
    "horseshoe": PriorPart(
        slice(0, 2),
        PRIORS["Horseshoe"],
        {},
        learned=HorseshoeScale(LearnedScale(np.array([Q, Q])), slice(Q + 1, Q + 3), Q + 3),
    ),
    "random walk": part(
        "RandomWalk", LearnedScale(np.array([Q])), Differences((2, LEVELS), (1,), 1)
    ),
    "bends beside a line": part(
        "Normal",
        BesideKnown(LearnedScale(np.array([Q])), np.r_[np.log(2.5), np.full(Q - 1, np.nan)]),
        loc=np.r_[0.4, np.zeros(Q - 1)],
    ),
    "Gaussian process": part("Normal", SquaredExponential(Q, Q + 1)),
    "correlated effects": correlating((1, 2, LEVELS), LearnedScale(np.array([Q, Q + 1])), Q + 2),
    "correlated, around a centre": correlating(
        (1, 2, LEVELS), LearnedScale(np.array([Q, Q])), Q + 1, loc=np.repeat([0.3, -0.2], LEVELS)
    ),
    "three effects of known scales": correlating((1, 3, 2), KnownScale(np.log([2.0, 0.5, 1.0])), Q),
    "correlated in three channels": correlating((3, 2, 1), LearnedScale(np.full(Q, Q)), Q + 1),
}
COVARIANCES = {
    "Gaussian process": lambda theta: np.diag(
        np.exp(2.0 * theta[Q] + theta[Q + 1])
        * np.sqrt(2.0 * np.pi)
        * np.exp(-0.5 * np.square(np.exp(theta[Q + 1]) * OMEGA))
    ),
    "correlated effects": lambda theta: np.kron(two_by_two(theta), np.eye(LEVELS)),
    "three effects of known scales": lambda theta: np.kron(three_by_three(theta), np.eye(2)),
}


def two_by_two(theta):
    sds, rho = np.diag(np.exp(theta[Q : Q + 2])), np.tanh(theta[Q + 2])
    return sds @ np.array([[1.0, rho], [rho, 1.0]]) @ sds


def three_by_three(theta):
    """The third correlation from the partial one, the first effect given."""
    one, two, partial = np.tanh(theta[Q : Q + 3])
    third = one * two + partial * np.sqrt((1.0 - one**2) * (1.0 - two**2))
    sds = np.diag([2.0, 0.5, 1.0])
    return sds @ np.array([[1.0, one, two], [one, 1.0, third], [two, third, 1.0]]) @ sds


def theta_of(seed):
    return 0.5 * np.random.default_rng(seed).normal(size=SIZE)


def central_differences(function, x, step=1e-5):
    steps = step * np.eye(len(x))
    return np.array([(function(x + one) - function(x - one)) / (2 * step) for one in steps])


@pytest.mark.parametrize("which", COVARIANCES)
def test_the_density_is_that_of_a_normal_of_this_covariance(which):
    for seed in range(3):
        theta = theta_of(seed)
        expected = stats.multivariate_normal(cov=COVARIANCES[which](theta)).logpdf(theta[WHERE])
        assert PARTS[which].given(theta).total(theta[WHERE]) == pytest.approx(expected, rel=1e-10)
        bends = PARTS[which].given(theta).curvature(theta[WHERE], np.arange(Q))
        precision = np.linalg.inv(COVARIANCES[which](theta))
        np.testing.assert_allclose(bends if bends.ndim == 2 else np.diag(bends), precision)


@pytest.mark.parametrize("which", PARTS)
def test_slopes_in_coefficients_and_hyperparameters(which):
    own, thetas = PARTS[which], np.stack([theta_of(seed) for seed in range(3)])
    gradients = np.zeros(thetas.shape)
    values = own.add_slope(thetas, gradients)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        assert value == pytest.approx(float(own.given(theta).total(theta[own.where])), rel=1e-12)
        slopes = central_differences(lambda at: float(own.given(at).total(at[own.where])), theta)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("which", PARTS)
def test_many_thetas_at_once(which):
    own, thetas = PARTS[which], np.stack([theta_of(k) for k in range(4)])
    found = own.given(thetas).total(thetas[:, own.where])
    each = [own.given(theta).total(theta[own.where]) for theta in thetas]
    np.testing.assert_allclose(found, each, rtol=1e-12)


@pytest.mark.parametrize("which", PARTS)
def test_products_and_curvatures_are_those_of_the_second_derivatives(which):
    """Away from zero: what a prior that is no quadratic bends there, and not its slope."""
    theta = theta_of(5)
    own = PARTS[which].given(theta)
    x = theta[own.where]
    hessian = central_differences(own.gradient, x)
    every = CoefficientPriors(own.size, (own,))
    whole = every.curvature(x, np.arange(own.size))
    np.testing.assert_allclose(whole, -hessian, rtol=1e-6, atol=1e-8)
    for v in np.eye(own.size):
        np.testing.assert_allclose(every.product(x, v), whole @ v, rtol=1e-10, atol=1e-12)
    some = np.arange(own.size)[::2]
    np.testing.assert_allclose(every.curvature(x, some), whole[np.ix_(some, some)])
    added = np.zeros((own.size, own.size))
    every.add_curvature(x, added)
    np.testing.assert_allclose(added, -whole)


def test_the_product_of_a_student_t_is_no_slope():
    prior = PriorPart(slice(0, 3), PRIORS["StudentT"], {"scale": 0.5, "df": 2.0, "loc": 0.1})
    priors, w = CoefficientPriors(3, (prior,)), np.array([0.2, -1.5, 3.0])
    v = np.array([1.0, 2.0, -1.0])
    ahead, behind = prior.gradient(w + 1e-6 * v), prior.gradient(w - 1e-6 * v)
    np.testing.assert_allclose(priors.product(w, v), (behind - ahead) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("which", PARTS)
def test_units_of_samplers_follow_every_structure(which):
    """The density in coordinates that shrink with the scales, and its gradient."""
    own = PARTS[which]
    centre = theta_of(6)
    of = shrinkage(own, np.diag(np.linspace(1.0, 3.0, Q)), centre)
    towards = np.linspace(-1.0, 1.0, own.size)
    made = Coordinates(centre, np.linspace(0.5, 1.5, SIZE), (Shrunk(of, towards),))

    def slope(theta):
        gradient = -theta
        return own.add_slope(theta, gradient) - 0.5 * np.vecdot(theta, theta), gradient

    in_x = made.in_x(slope)
    many = np.stack([np.random.default_rng(seed).normal(size=SIZE) for seed in range(3)])
    for x, value, gradient in zip(many, *in_x(many), strict=True):
        np.testing.assert_allclose(value, slope(made.to_theta(x))[0] + made.log_det(x), rtol=1e-12)
        slopes = central_differences(lambda at: in_x(at)[0], x)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
        ends = central_differences(made.to_theta, x)
        assert np.linalg.slogdet(ends)[1] == pytest.approx(float(made.log_det(x)), abs=1e-6)


@pytest.mark.parametrize("which", sorted(set(PARTS) - {"heavy tails", "horseshoe"}))
def test_directions_make_the_prior_diagonal_and_come_back(which):
    own, theta = PARTS[which], theta_of(7)
    given = own.given(theta)
    bends = given.curvature(theta[WHERE], np.arange(Q))
    along = in_directions((own,), bends if bends.ndim == 2 else np.diag(bends), theta)
    precision = given.precision(theta[WHERE])
    np.testing.assert_allclose(along, np.diag(precision), atol=1e-10 * precision.max())
    of = shrinkage(own, np.eye(Q), theta)
    u = of.directions(theta[WHERE], theta)
    np.testing.assert_allclose(of.coefficients(u, theta), theta[WHERE], rtol=1e-12)
