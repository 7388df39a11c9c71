"""The registry: names, places and starts, and densities of what stands under transforms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from thetas import theta_of

from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.spectra import LearnedScale
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.newton import newton
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.registry import Theta
from bayesglm.numerics.theta.transforms import IDENTITY, LOG, ORDERED, logit

N, P = 40, 4
RNG = np.random.default_rng(8)
X = RNG.normal(size=(N, P))
SIGMA = Distribution("HalfStudentT", {"scale": 0.7, "df": 3.0})
# The second to the third coefficient are positive.
POSITIVE = slice(1, 3)
PARTS = (
    PriorPart(slice(0, 1), PRIORS["Flat"], {}),
    PriorPart(POSITIVE, PRIORS["HalfNormal"], {"scale": 1.3}),
    PriorPart(slice(3, 4), PRIORS["Normal"], {"scale": 0.6, "loc": 0.1}),
)
EXPONENTIAL = (PARTS[0], replace(PARTS[1], prior=PRIORS["Exponential"]), PARTS[2])
KEYS = [("gaussian", "identity"), ("gaussian", "log"), ("poisson", "log"), ("bernoulli", "logit")]


def objective_of(key, parts=PARTS, jacobian=True, transform=LOG, scales=()):
    family = FAMILIES[key]
    mean = 0.3 + X @ [0.2, 0.5, 0.3, -0.4]
    y = {"gaussian": mean + RNG.normal(size=N), "poisson": np.round(np.exp(mean))}
    source = Source.of(X, y.get(key[0], (mean > 0.3).astype(float)), offset=0.1 * X[:, 0])
    free = (SIGMA,) if family.dispersions else ()
    theta = theta_of(P, free, scales, jacobian, [(POSITIVE, transform)])
    return Objective(source, family, theta, parts)


def slopes_of(function, u, step=1e-5):
    steps = step * np.eye(len(u))
    return np.array([(function(u + one) - function(u - one)) / (2.0 * step) for one in steps])


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("parts", [PARTS, EXPONENTIAL], ids=["half-normal", "exponential"])
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_positive_coefficients_under_a_transform(key, parts, jacobian):
    objective = objective_of(key, parts, jacobian)
    straight = objective_of(key, parts, jacobian, IDENTITY)
    straight = replace(straight, source=objective.source)
    theta = 0.4 * np.random.default_rng(1).normal(size=objective.size)
    natural = theta.copy()
    natural[POSITIVE] = np.exp(theta[POSITIVE])
    expected = straight.log_density(natural[None])[0] + jacobian * theta[POSITIVE].sum()
    assert objective.value(theta) == pytest.approx(expected, rel=1e-12)
    assert objective.log_density(theta[None])[0] == pytest.approx(expected, rel=1e-12)
    now = objective.evaluate(theta)
    assert now.value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(
        now.gradient, slopes_of(objective.value, theta), rtol=1e-6, atol=1e-6
    )
    bend = slopes_of(lambda at: objective.evaluate(at).gradient, theta)
    np.testing.assert_allclose(now.hessian, bend, rtol=1e-6, atol=1e-5)
    value, slope = density(objective, theta).slopes(theta)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(slope, now.gradient, rtol=1e-9, atol=1e-10)
    by_row = pointwise(objective, np.stack([theta, theta]))
    np.testing.assert_allclose(by_row[1], pointwise(straight, natural[None])[0], rtol=1e-12)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_curvatures_of_some_coefficients_are_parts_of_the_whole(key):
    objective = objective_of(key)
    theta = 0.4 * np.random.default_rng(2).normal(size=objective.size)
    given = objective.given(theta)
    w, members = theta[:P], np.array([0, 2, 3])
    whole = -given.evaluate(w).hessian
    np.testing.assert_allclose(
        given.curvature(w, members), whole[np.ix_(members, members)], rtol=1e-9, atol=1e-10
    )
    of_both = given.likelihood_curvature(w, members) + given.prior_curvature(w, members)
    np.testing.assert_allclose(of_both, whole[np.ix_(members, members)], rtol=1e-9, atol=1e-10)
    v = np.random.default_rng(3).normal(size=P)
    np.testing.assert_allclose(given.curvature_product(w)(v), whole @ v, rtol=1e-9, atol=1e-9)


def test_a_mode_under_a_transform_is_the_mode_of_the_density_there():
    objective = objective_of(("poisson", "log"))
    found = newton(objective.evaluate, objective.value, np.zeros(P), objective.change)
    assert found.gradient_norm < 1e-6
    assert np.all(objective.w(found.x)[POSITIVE] > 0.0)
    assert not objective.log_concave  # in w it is; w(theta) bends it


def test_learned_scales_beside_coefficients_under_a_transform():
    learned = LearnedScale(np.array([P + 1]))
    parts = (*PARTS[:2], PriorPart(slice(3, 4), PRIORS["Normal"], {"loc": 0.1}, learned=learned))
    scales = [(0, Distribution("HalfNormal", {"scale": 0.5}))]
    objective = objective_of(("gaussian", "identity"), parts, scales=scales)
    theta = 0.4 * np.random.default_rng(4).normal(size=objective.size)
    value, slope = density(objective, theta).slopes(theta)
    assert value == pytest.approx(objective.log_density(theta[None])[0], rel=1e-12)
    by_differences = slopes_of(lambda at: objective.log_density(at[None])[0], theta)
    np.testing.assert_allclose(slope, by_differences, rtol=1e-6, atol=1e-6)


def test_nothing_is_copied_where_coefficients_stand_as_they_are():
    theta = theta_of(P, (SIGMA,), jacobian=True)
    U = np.random.default_rng(5).normal(size=(3, P + 1))
    assert theta.straight
    assert theta.natural_coefficients(U) is U
    assert theta.inner_coefficients(U) is U


def test_names_labels_places_and_starts():
    coords = {"cell": np.array(["a", "b"])}
    array = {"shape": (2,), "dims": ("cell",), "coords": coords}
    theta = Theta(
        (
            Parameter("w", "coefficients", slice(0, 2), **array),
            Parameter("sigma", "dispersion", slice(2, 3), LOG, prior=SIGMA, start=2.0),
            Parameter("nu", "dispersion", fixed=4.0),
            Parameter("psi", "dispersion", slice(3, 4), logit(0.0, 1.0), start=0.25),
            Parameter("w_scale", "scale", slice(4, 6), LOG, start=np.array([1.0, 3.0]), **array),
        )
    )
    assert theta.names() == ["w[cell=a]", "w[cell=b]", "sigma", "psi", *theta.names()[4:]]
    assert theta.labels()[2:5] == ["log sigma", "logit psi", "log w_scale[cell=a]"]
    assert list(theta.places) == ["w", "sigma", "psi", "w_scale"]
    assert (theta.size, theta.n_coefficients) == (6, 2)
    start = theta.start({"w": np.array([0.5, 0.7])})
    expected = [0.5, 0.7, np.log(2.0), np.log(1 / 3), 0.0, np.log(3.0)]
    np.testing.assert_allclose(start, expected, atol=1e-15)
    assert theta.phi(start) == pytest.approx([2.0, 4.0, 0.25])
    assert [np.shape(phi) for phi in theta.phi(np.stack([start] * 3))] == [(3,), (), (3,)]
    given = theta.given(start)
    assert [one.fixed for one in given.dispersions] == pytest.approx([2.0, 4.0, 0.25])
    assert (given.size, given.scales) == (2, ())


def test_priors_of_natural_values_and_the_jacobian():
    cut = Distribution("Normal", {"scale": 2.0, "loc": 0.0})
    cutpoint = Parameter("cutpoint", "dispersion", slice(2, 5), ORDERED, shape=(3,), prior=cut)
    sigma = Parameter("sigma", "dispersion", slice(5, 6), LOG, prior=SIGMA)
    theta = Theta((Parameter("w", "coefficients", slice(0, 2)), cutpoint, sigma), jacobian=True)
    u = 0.5 * np.random.default_rng(6).normal(size=6)
    x = np.cumsum(np.r_[u[2], np.exp(u[3:5])])
    expected = stats.norm.logpdf(x, scale=2.0).sum() + u[3:5].sum() + u[5]
    expected += np.log(2.0) + stats.t.logpdf(np.exp(u[5]), 3.0, scale=0.7)
    assert theta.log_prior(u[None])[0] == pytest.approx(expected, rel=1e-12)
    values, gradients = np.zeros(2), np.zeros((2, 6))
    theta.add_prior_slopes(np.stack([u, 2.0 * u]), values, gradients)
    assert values[0] == pytest.approx(expected, rel=1e-12)
    gradient = gradients[0]
    slopes = slopes_of(lambda at: theta.log_prior(at[None])[0], u)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
    slope, hessian = np.zeros(6), np.zeros((6, 6))
    theta.add_prior_derivatives(u, slope, hessian)
    theta.pull(u, slope, hessian)
    np.testing.assert_allclose(slope, gradient, rtol=1e-12, atol=1e-14)

    def gradient_at(at):
        slope = np.zeros(6)
        theta.add_prior_slopes(at, np.zeros(()), slope)
        return slope

    np.testing.assert_allclose(hessian, slopes_of(gradient_at, u), rtol=1e-6, atol=1e-7)


def test_far_out_is_told_where_there_are_bounds():
    theta = theta_of(P, (SIGMA,), transforms=[(POSITIVE, LOG)])
    several = np.zeros((4, P + 1))
    several[0, 0] = several[1, 1] = several[2, P] = -200.0
    assert theta.far_out(several).tolist() == [False, True, True, False]
    assert [bool(theta.far_out(one)) for one in several] == [False, True, True, False]
    first = Parameter("cutpoint", "dispersion", slice(0, 1), ORDERED, shape=(1,))
    single = Theta((first,), jacobian=True)
    assert not single.far_out(np.full((2, 1), -200.0)).any()
