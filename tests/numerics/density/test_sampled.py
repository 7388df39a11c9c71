"""The sampler's density: the objective's own value, its slopes, softened kinks, every layout."""

from dataclasses import replace

import numpy as np
import pytest
from families import KEYS, OF_NUMBERS, drawn, trials_of
from thetas import theta_of

import bayesglm.numerics.density.sampled as density_module
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.structure import APART
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.source import Source

N, P = 37, 4
RNG = np.random.default_rng(5)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])
TRIALS = RNG.integers(1, 6, N).astype(float)
RESPONSES = {name: drawn(name, np.full(N, 0.3), TRIALS) for name in OF_NUMBERS}
ROWS = {"offset": 0.2 * RNG.normal(size=N), "weights": RNG.choice([0.0, 0.5, 1.0, 3.0], N)}
COEFFICIENTS = {
    "Normal": {"scale": np.array([0.5, 1.0, 2.0]), "loc": 0.3},
    "Laplace": {"scale": 0.4, "loc": -0.1},
    "ElasticNet": {"scale": 0.7, "ratio": 0.3, "loc": 0.1},
    "RandomWalk": {"scale": 0.8},
    "Flat": {},
}
DISPERSIONS = {
    "HalfNormal": {"scale": 1.5},
    "HalfStudentT": {"scale": 0.7, "df": 3.0},
    "Exponential": {"scale": 2.0},
    "Flat": {},
}


def make(key, prior="Normal", dispersion="HalfStudentT", jacobian=True):
    """Return an objective of the rows above: a flat intercept, and three columns of one prior."""
    family = FAMILIES[key]
    trials = trials_of(key[0], TRIALS)

    source = Source.of(X, RESPONSES[key[0]], trials=trials, **ROWS)
    structure = Differences((3,), (0,), 1) if prior == "RandomWalk" else APART
    three = PriorPart(slice(1, P), PRIORS[prior], COEFFICIENTS[prior], (3,), structure=structure)
    parts = (PriorPart(slice(0, 1), PRIORS["Flat"], {}), three)
    free = Distribution(dispersion, DISPERSIONS[dispersion])
    every = (free,) * len(family.dispersions)
    theta = theta_of(P, every, jacobian=jacobian, family=family)
    return Objective(source, family, theta, parts)


def assert_slopes(objective, made, thetas):
    """Assert that values are the objective's own, and gradients their slopes, many or alone."""
    values, gradients = made.slopes(thetas)
    np.testing.assert_allclose(values, objective.log_density(thetas), rtol=1e-12)
    step = 1e-5
    steps = step * np.concatenate([np.eye(objective.size), -np.eye(objective.size)])
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        up, down = np.split(objective.log_density(theta + steps), 2)
        np.testing.assert_allclose(gradient, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)
        alone = made.slopes(theta)
        assert alone[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(alone[1], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("prior", COEFFICIENTS)
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_value_and_slopes_of_every_family_and_prior(key, prior):
    objective = make(key, prior)
    thetas = np.array([[0.1], [1.0]]) * np.random.default_rng(1).normal(size=(2, objective.size))
    assert_slopes(objective, density(objective, np.zeros(objective.size)), thetas)


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("dispersion", DISPERSIONS)
def test_every_prior_of_sigma(dispersion, jacobian):
    for key in (("gaussian", "identity"), ("gaussian", "log")):
        objective = make(key, dispersion=dispersion, jacobian=jacobian)
        thetas = 0.4 * np.random.default_rng(2).normal(size=(2, objective.size))
        assert_slopes(objective, density(objective, np.zeros(objective.size)), thetas)


def test_a_fixed_dispersion_is_no_parameter():
    objective = replace(make(("gaussian", "softplus")), registry=theta_of(P, (1.3,), jacobian=True))
    thetas = 0.4 * np.random.default_rng(2).normal(size=(2, P))
    assert_slopes(objective, density(objective, np.zeros(P)), thetas)


@pytest.mark.parametrize("key", [k for k in KEYS if k != ("gaussian", "identity")], ids="-".join)
def test_rows_in_columns_and_rows_as_they_come_say_the_same(key, monkeypatch):
    objective = make(key)
    thetas = 0.4 * np.random.default_rng(3).normal(size=(3, objective.size))
    held = density(objective, thetas[0])
    assert held.rows is not None
    assert held.rows[0].X.flags.f_contiguous
    monkeypatch.setattr(density_module, "HELD", 0)
    free = density(objective, thetas[0])
    assert free.rows is None
    monkeypatch.setattr(density_module, "block_rows", lambda p, k: 10)
    np.testing.assert_allclose(free.slopes(thetas)[0], held.slopes(thetas)[0], rtol=1e-12)
    np.testing.assert_allclose(free.slopes(thetas)[1], held.slopes(thetas)[1], rtol=1e-10)
    monkeypatch.setattr(density_module, "CELLS", 2 * N)  # two thetas at a time
    np.testing.assert_allclose(free.slopes(thetas)[1], held.slopes(thetas)[1], rtol=1e-10)


def test_moments_and_rows_say_the_same(monkeypatch):
    objective = make(("gaussian", "identity"))
    thetas = 0.4 * np.random.default_rng(3).normal(size=(3, objective.size))
    by_moments = density(objective, np.zeros(objective.size))
    assert by_moments.objective.moments is not None
    monkeypatch.setattr(density_module, "MOST_MOMENTS", 0)
    by_rows = density(objective, np.zeros(objective.size))
    assert by_rows.objective.moments is None
    np.testing.assert_allclose(by_moments.slopes(thetas)[0], by_rows.slopes(thetas)[0], rtol=1e-12)
    np.testing.assert_allclose(by_moments.slopes(thetas)[1], by_rows.slopes(thetas)[1], rtol=1e-10)


@pytest.mark.parametrize("prior", ["Laplace", "ElasticNet"])
def test_a_softened_kink_turns_within_its_width_and_leaves_the_value(prior):
    objective, width = make(("poisson", "log"), prior), 0.05
    exact = density(objective, np.zeros(P))
    soft = density(objective, np.zeros(P), width * np.array([1.0, 1.0, 0.0, 1.0]))
    at, weight = objective.kinks.at[1], objective.kinks.weight[1]

    thetas = np.tile([0.1, at, 0.2, at + 3 * width], (4, 1))
    thetas[:, 1] += width * np.array([-1.01, -0.5, 0.25, 1.01])
    (values, gradients), (exact_values, exact_gradients) = soft.slopes(thetas), exact.slopes(thetas)
    np.testing.assert_array_equal(values, exact_values)
    lacks = (gradients - exact_gradients) / weight
    assert not lacks[:, [0, 2, 3]].any()
    np.testing.assert_allclose(lacks[:, 1], [0.0, -0.5, 0.75, 0.0], atol=1e-12)


def test_there_is_no_probability_where_sigma_leaves_the_floats():
    objective = make(("gaussian", "identity"))
    made = density(objective, np.zeros(P + 1))
    thetas = np.column_stack([X[:4], [-200.0, 0.3, 200.0, -0.1]])
    values, gradients = made.slopes(thetas)
    assert np.all(values[[0, 2]] == -np.inf)
    assert not gradients[[0, 2]].any()
    for k in (1, 3):
        assert values[k] == pytest.approx(made.slopes(thetas[k])[0], rel=1e-13)
        np.testing.assert_allclose(gradients[k], made.slopes(thetas[k])[1], rtol=1e-10)
    np.testing.assert_array_equal(made.slopes(thetas[[0, 2]])[0], -np.inf)
