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


def assert_slopes(objective, made, theta):
    """Assert that the value is the objective's own, and the gradient its slope."""
    value, gradient = made.slope(theta)
    assert value == pytest.approx(objective.log_density(theta[None])[0], rel=1e-12)
    step = 1e-5
    ends = theta + step * np.concatenate([np.eye(len(theta)), -np.eye(len(theta))])
    up, down = np.split(objective.log_density(ends), 2)
    np.testing.assert_allclose(gradient, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("prior", COEFFICIENTS)
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_value_and_slopes_of_every_family_and_prior(key, prior):
    objective = make(key, prior)
    rng = np.random.default_rng(1)
    for scale in (0.1, 1.0):
        theta = scale * rng.normal(size=objective.size)
        assert_slopes(objective, density(objective, np.zeros(objective.size)), theta)


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("dispersion", DISPERSIONS)
def test_every_prior_of_sigma(dispersion, jacobian):
    for key in (("gaussian", "identity"), ("gaussian", "log")):
        objective = make(key, dispersion=dispersion, jacobian=jacobian)
        theta = 0.4 * np.random.default_rng(2).normal(size=objective.size)
        assert_slopes(objective, density(objective, np.zeros(objective.size)), theta)


def test_a_fixed_dispersion_is_no_parameter():
    objective = replace(make(("gaussian", "softplus")), registry=theta_of(P, (1.3,), jacobian=True))
    theta = 0.4 * np.random.default_rng(2).normal(size=P)
    assert_slopes(objective, density(objective, np.zeros(P)), theta)


@pytest.mark.parametrize("key", [k for k in KEYS if k != ("gaussian", "identity")], ids="-".join)
def test_rows_in_columns_and_rows_as_they_come_say_the_same(key, monkeypatch):
    objective = make(key)
    theta = 0.4 * np.random.default_rng(3).normal(size=objective.size)
    held = density(objective, theta)
    assert held.rows is not None
    assert held.rows[0].X.flags.f_contiguous
    monkeypatch.setattr(density_module, "HELD", 0)
    free = density(objective, theta)
    assert free.rows is None
    monkeypatch.setattr(density_module, "block_rows", lambda p: 10)
    np.testing.assert_allclose(free.slope(theta)[0], held.slope(theta)[0], rtol=1e-12)
    np.testing.assert_allclose(free.slope(theta)[1], held.slope(theta)[1], rtol=1e-10)


def test_moments_and_rows_say_the_same(monkeypatch):
    objective = make(("gaussian", "identity"))
    theta = 0.4 * np.random.default_rng(3).normal(size=objective.size)
    by_moments = density(objective, np.zeros(objective.size))
    assert by_moments.objective.moments is not None
    monkeypatch.setattr(density_module, "MOST_MOMENTS", 0)
    by_rows = density(objective, np.zeros(objective.size))
    assert by_rows.objective.moments is None
    np.testing.assert_allclose(by_moments.slope(theta)[0], by_rows.slope(theta)[0], rtol=1e-12)
    np.testing.assert_allclose(by_moments.slope(theta)[1], by_rows.slope(theta)[1], rtol=1e-10)


@pytest.mark.parametrize("prior", ["Laplace", "ElasticNet"])
def test_a_softened_kink_turns_within_its_width_and_leaves_the_value(prior):
    objective, width = make(("poisson", "log"), prior), 0.05
    exact = density(objective, np.zeros(P))
    soft = density(objective, np.zeros(P), width * np.array([1.0, 1.0, 0.0, 1.0]))
    at, weight = objective.kinks.at[1], objective.kinks.weight[1]

    def lacks(away):
        theta = np.array([0.1, at + away, 0.2, at + 3 * width])
        assert soft.slope(theta)[0] == exact.slope(theta)[0]
        difference = soft.slope(theta)[1] - exact.slope(theta)[1]
        assert not difference[[0, 2, 3]].any()
        return difference[1] / weight

    found = [lacks(width * share) for share in (-1.01, -0.5, 0.25, 1.01)]
    np.testing.assert_allclose(found, [0.0, -0.5, 0.75, 0.0], atol=1e-12)


def test_there_is_no_probability_where_sigma_leaves_the_floats():
    objective = make(("gaussian", "identity"))
    for log_sigma in (-200.0, 200.0):
        value, gradient = density(objective, np.zeros(P + 1)).slope(np.append(X[0], log_sigma))
        assert value == -np.inf
        assert not gradient.any()
