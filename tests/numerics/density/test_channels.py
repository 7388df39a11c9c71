"""Families with several linear predictors: a gaussian whose log sigma is linear as well."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from thetas import theta_of

from bayesglm.numerics.density.channels import gram
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.families.record import Derivatives, Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.dense import Dense, Ones
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.rows.sharing import Sharing
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.newton import newton

N, P, Q = 120, 4, 3  # rows, and columns of the mean and of log sigma
RNG = np.random.default_rng(4)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])
Z = np.column_stack([np.ones(N), RNG.normal(size=(N, Q - 1))])
TRUE = np.array([1.0, 0.5, -0.3, 0.2, -0.4, 0.3, -0.2])
Y = X @ TRUE[:P] + np.exp(Z @ TRUE[P:]) * RNG.normal(size=N)
OFFSET = 0.1 * RNG.normal(size=N)
WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 2.0], N)


def kernel(y, eta, phi, trials, order):
    """log p(y) = -r^2 / 2 - log sigma, with r = (y - eta_0) / sigma and log sigma = eta_1."""
    mean, log_sigma = eta
    r = (y - mean) * np.exp(-log_sigma)
    value = -0.5 * r * r - log_sigma
    if order == 0:
        return Derivatives(value)
    slopes = np.stack([r * np.exp(-log_sigma), r * r - 1.0])
    crossed = -2.0 * slopes[0]
    bends = np.array([[-np.exp(-2.0 * log_sigma) + 0.0 * r, crossed], [crossed, -2.0 * r * r]])
    return Derivatives(value, slopes, bends)


FAMILY = Family(
    name="gaussian",
    link="identity",
    kernel=kernel,
    constant=lambda y, trials: -0.5 * np.log(2.0 * np.pi),
    saturated=lambda y, phi, trials: np.inf,
    mean=lambda eta, phi, trials: eta[0],
    draw=lambda rng, eta, phi, trials: eta[0] + np.exp(eta[1]) * rng.standard_normal(eta[0].shape),
    cdf=None,
    survival=None,
    valid=lambda y, trials: np.isfinite(y),
    support="real numbers",
    channels=("mu", "sigma"),
)


def form(part):
    """Return a range of rows: an intercept and columns of the mean, then those of log sigma."""
    size = len(Y[part])
    columns = (
        (slice(0, 1), Ones(size)),
        (slice(1, P), Dense(X[part, 1:])),
        (slice(P, P + Q), Dense(Z[part])),
    )
    return Rows(
        lambda: columns,
        P + Q,
        Y[part],
        OFFSET[part],
        WEIGHTS[part],
        first=part.start,
        channels=(slice(0, P), slice(P, P + Q)),
    )


SOURCE = Source(N, form)
PRIOR = PriorPart(slice(0, P + Q), PRIORS["Normal"], {"scale": 1.5, "loc": 0.0})
OBJECTIVE = Objective(SOURCE, FAMILY, theta_of(P + Q, jacobian=True), (PRIOR,))


def by_hand(w):
    mean, log_sigma = X @ w[:P] + OFFSET, Z @ w[P:]
    terms = -0.5 * ((Y - mean) / np.exp(log_sigma)) ** 2 - log_sigma - 0.5 * np.log(2.0 * np.pi)
    prior = -0.5 * (w / 1.5) ** 2 - np.log(1.5) - 0.5 * np.log(2.0 * np.pi)
    return WEIGHTS * terms, prior.sum()


def slopes_of(function, w, step=1e-5):
    steps = step * np.eye(len(w))
    return np.array([(function(w + one) - function(w - one)) / (2.0 * step) for one in steps])


@pytest.fixture
def w():
    return TRUE + 0.1 * np.random.default_rng(5).normal(size=P + Q)


def test_the_value_is_the_sum_by_hand(w):
    rows, prior = by_hand(w)
    expected = rows.sum() + prior
    assert OBJECTIVE.value(w) == pytest.approx(expected, rel=1e-12)
    assert OBJECTIVE.evaluate(w).value == pytest.approx(expected, rel=1e-12)
    several = np.stack([w, TRUE, 0.5 * w])
    each = [by_hand(one)[0].sum() + by_hand(one)[1] for one in several]
    np.testing.assert_allclose(OBJECTIVE.log_density(several), each, rtol=1e-12)
    np.testing.assert_allclose(pointwise(OBJECTIVE, several)[0], rows, rtol=1e-12, atol=1e-14)


def test_gradient_and_hessian_by_finite_differences(w):
    now = OBJECTIVE.evaluate(w)
    np.testing.assert_allclose(now.gradient, slopes_of(OBJECTIVE.value, w), rtol=1e-6, atol=1e-6)
    bends = slopes_of(lambda at: OBJECTIVE.evaluate(at).gradient, w)
    np.testing.assert_allclose(now.hessian, bends, rtol=1e-6, atol=1e-5)
    value, slope = density(OBJECTIVE, w).slopes(w)
    assert value == pytest.approx(now.value, rel=1e-12)
    np.testing.assert_allclose(slope, now.gradient, rtol=1e-10, atol=1e-10)


def test_every_form_of_the_curvature_is_the_hessian(w):
    rowwise = Rowwise(SOURCE, FAMILY)
    whole = -rowwise.terms(w, []).w_w
    members = np.array([5, 0, 2])
    some = rowwise.curvature(w, [], members)
    np.testing.assert_allclose(some, whole[np.ix_(members, members)], rtol=1e-10, atol=1e-10)
    v = np.random.default_rng(6).normal(size=P + Q)
    np.testing.assert_allclose(rowwise.curvature_product(w, [])(v), whole @ v, rtol=1e-10)
    np.testing.assert_allclose(rowwise.diagonal(w, []), np.diagonal(whole), rtol=1e-10)
    basis = np.linalg.qr(np.random.default_rng(7).normal(size=(P + Q, P + Q)))[0]
    turned = rowwise.diagonal(w, [], lambda rows: rows @ basis)
    np.testing.assert_allclose(turned, np.diagonal(basis.T @ whole @ basis), rtol=1e-9)
    step = np.r_[np.zeros(P), 1.0, 0.0, 0.0]
    assert rowwise.change(step) == pytest.approx(1.0)


def test_newton_finds_what_scipy_finds():
    found = newton(OBJECTIVE.evaluate, OBJECTIVE.value, np.zeros(P + Q), OBJECTIVE.change)
    theirs = minimize(
        lambda at: -OBJECTIVE.value(at),
        np.zeros(P + Q),
        jac=lambda at: -OBJECTIVE.evaluate(at).gradient,
        options={"gtol": 1e-9},
    )
    assert found.gradient_norm < 1e-6
    np.testing.assert_allclose(found.x, theirs.x, atol=1e-5)
    assert found.value == pytest.approx(-theirs.fun, rel=1e-12)
    assert np.abs(found.x - TRUE).max() < 0.6


def test_a_constant_second_channel_is_the_gaussian_of_one():
    """log sigma = eta_1 with one column of ones is sigma under its logarithm."""
    two = replace(
        OBJECTIVE,
        source=Source(
            N,
            lambda part: replace(
                form(part),
                parts=lambda: (
                    (slice(0, P), Dense(X[part])),
                    (slice(P, P + 1), Ones(len(Y[part]))),
                ),
                n_coefficients=P + 1,
                channels=(slice(0, P), slice(P, P + 1)),
            ),
        ),
    )
    w = np.r_[TRUE[:P], -0.3]
    one = Rowwise(Source.of(X, Y, OFFSET, WEIGHTS), FAMILIES["gaussian", "identity"])
    here, there = two.rowwise.terms(w, []), one.terms(TRUE[:P], [np.exp(-0.3)])
    assert here.value == pytest.approx(there.value, rel=1e-12)
    np.testing.assert_allclose(here.w[:P], there.w, rtol=1e-11)
    np.testing.assert_allclose(here.w[P], there.phi[0] * np.exp(-0.3), rtol=1e-11)
    np.testing.assert_allclose(here.w_w[:P, P], there.w_phi[0] * np.exp(-0.3), rtol=1e-10)


def test_views_of_one_channel_are_no_copies():
    family = FAMILIES["poisson", "log"]
    y, eta = np.array([0.0, 3.0]), np.array([[0.2, 0.4]])
    d = family.kernel(y, eta, (), None, 2)
    assert d.eta.shape == (1, 2)
    assert d.eta_eta.shape == (1, 1, 2)
    assert d.eta.base is not None
    assert d.eta_eta.base is not None


@pytest.mark.parametrize("contrasts", [None, np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])])
def test_channels_that_share_columns_have_one_gram_in_single_precision(contrasts):
    sharing, rng = Sharing(3, (1, P - 1), contrasts), np.random.default_rng(6)
    columns = ((slice(0, 1), Ones(N)), (slice(1, P), Dense(X[:, 1:])))
    rows = Rows(lambda: columns, P, Y, 0.0, None, sharing=sharing)
    weights = rng.normal(size=(3, 3, N))
    weights = weights + weights.swapaxes(0, 1)
    weights[range(3), range(3)] = np.abs(weights[range(3), range(3)])
    moved = np.stack([sharing.columns_of(c, X) for c in range(3)])
    expected = np.einsum("cnp,cdn,dnq->pq", moved, weights, moved)
    members = np.array([1, 4, 6])
    for single, tolerance in ((False, 1e-12), (True, 1e-5)):
        found = gram(rows, weights, None, single)
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())
        some = gram(rows, weights, members, single)
        np.testing.assert_array_equal(some, found[np.ix_(members, members)])
