"""The density that samplers ask for: its value is the objective's, its gradient its slope."""

import numpy as np
import pytest
from priors import OF_COEFFICIENTS, OF_SCALES, known, with_learned_scale
from terms import OF_EVERY_KIND, sample_data

import bayesglm as bg
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.density.sampled import density
from bayesglm.spec.priors import COEFFICIENT_PRIORS

RNG = np.random.default_rng(4)
N, P = 60, 4
DATA = {
    "real": RNG.normal(size=N),
    "counts": RNG.poisson(1.5, N),
    "positive": RNG.gamma(2.0, size=N),
    "z": RNG.normal(size=(N, P)),
    "x": RNG.normal(size=N),
    "g": RNG.integers(0, 9, N),
    "weight": RNG.uniform(0.2, 2.0, N),
}
FAMILIES = {
    "gaussian": ("real", "gaussian", None),
    "gaussian-log": ("positive", "gaussian", "log"),
    "poisson": ("counts", "poisson", None),
}
TERMS = {
    "Normal": [bg.Linear("z", prior=bg.Normal(0.7, loc=0.1))],
    "Laplace": [bg.Linear("z", prior=bg.Laplace(0.5, loc=0.1))],
    "ElasticNet": [bg.Linear("z", prior=bg.ElasticNet(0.5, ratio=0.3))],
    "StudentT": [bg.Linear("z", prior=bg.StudentT(0.5, df=3))],
    "SpikeSlab": [bg.Linear("z", prior=bg.SpikeSlab(0.7, spike=0.1))],
    "RandomWalk": [bg.Linear("z", prior=bg.RandomWalk(0.5))],
    "learned": [bg.Linear("z", prior=bg.Normal(bg.HalfNormal(0.7)))],
    "learned walk": [bg.Linear("z", prior=bg.RandomWalk(bg.Exponential(0.7), order=2))],
    "learned Laplace": [bg.Linear("z", prior=bg.Laplace(bg.HalfStudentT(0.7)))],
    "horseshoe": [bg.Linear("z", prior=bg.Horseshoe(0.3))],
    "R2D2": [bg.Linear("z", prior=bg.R2D2(0.4))],
    "groups": [bg.Linear("z", prior=bg.Normal(1.0)), bg.Group("g", slopes="x")],
}


ABOVE = [with_learned_scale(kind, bg.HalfNormal(0.7)) for kind in known(COEFFICIENT_PRIORS)]
EVERY_PRIOR = [
    *OF_COEFFICIENTS,
    *(prior for prior in ABOVE if prior is not None),
    *(bg.Normal(above) for above in OF_SCALES),
]
# Terms on the tables' own data, and what neither table has of its own.
EVERY_MODEL = {
    **{repr(term): bg.GLM("poisson", term, family="poisson") for term in OF_EVERY_KIND},
    "two channels": bg.GLM(
        "gaussian", bg.Group("who", slopes="x", correlated=True), dispersion={"sigma": ["z"]}
    ),
}


def problem_of(family, terms, weights=None):
    response, name, link = FAMILIES[family]
    model = bg.GLM(
        response,
        TERMS[terms],
        family=name,
        link=link,
        intercept=bg.Normal(2.0),
        weights=weights,
    )
    return open_problems(model, DATA)[0]


def differences(value, x, step=1e-6):
    return np.array(
        [(value(x + step * e) - value(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    )


CASES = [("poisson", terms) for terms in TERMS]
CASES += [("gaussian", terms) for terms in ("groups", "horseshoe", "R2D2")]
CASES += [("gaussian-log", "StudentT")]


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize(("family", "terms"), CASES)
def test_value_and_slope(family, terms, weights):
    problem = problem_of(family, terms, weights)
    objective = problem.unconstrained
    thetas = 0.3 * np.random.default_rng(1).normal(size=(2, objective.size))
    made = density(objective, np.zeros(objective.size))
    values, gradients = made.slopes(thetas)
    np.testing.assert_allclose(values, objective.log_density(thetas), rtol=1e-11)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        numeric = differences(lambda at: made.slopes(at)[0], theta)
        np.testing.assert_allclose(gradient, numeric, rtol=2e-5, atol=2e-5)
        alone = made.slopes(theta)
        assert alone[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(alone[1], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("terms", TERMS)
def test_in_its_coordinates_the_density_is_the_same(terms):
    problem = problem_of("poisson", terms)
    size = problem.natural.size
    coordinates = whiten(problem).coordinates
    made = density(problem.unconstrained, coordinates.to_theta(np.zeros(size)))
    in_x = coordinates.in_x(made.slopes)
    x = 0.4 * np.random.default_rng(2).normal(size=size)
    value, gradient = in_x(x)
    many = np.stack([x, 2 * x])
    values, gradients = coordinates.in_x(made.slopes)(many)
    assert values[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradients[0], gradient, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(gradients[1], in_x(many[1])[1], rtol=1e-9, atol=1e-11)
    theta = coordinates.to_theta(x)
    columns = [
        (coordinates.to_theta(x + 1e-6 * e) - coordinates.to_theta(x - 1e-6 * e)) / 2e-6
        for e in np.eye(size)
    ]
    log_det = np.linalg.slogdet(np.array(columns))[1]
    assert value == pytest.approx(made.slopes(theta)[0] + log_det, abs=1e-6)
    numeric = differences(lambda at: in_x(at)[0], x)
    np.testing.assert_allclose(gradient, numeric, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(coordinates.to_theta(many)[0], theta, rtol=1e-12)
    assert coordinates.log_det(many)[0] == pytest.approx(float(coordinates.log_det(x)))


def assert_many_are_as_each(problem):
    """Assert that slopes at many thetas are those of each, along a line and as one alone."""
    objective, rng = problem.unconstrained, np.random.default_rng(3)
    thetas = 0.3 * rng.normal(size=(3, objective.size))
    made = density(objective, np.zeros(objective.size))
    values, gradients = made.slopes(thetas)
    np.testing.assert_allclose(values, objective.log_density(thetas), rtol=1e-10)
    along = rng.normal(size=objective.size)
    along *= 1e-5 / np.linalg.norm(along)
    rise = objective.log_density(thetas + along) - objective.log_density(thetas - along)
    np.testing.assert_allclose(2.0 * gradients @ along, rise, rtol=1e-5, atol=1e-8)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        alone = made.slopes(theta)
        assert alone[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(alone[1], gradient, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_slopes_of_every_term(model):
    assert_many_are_as_each(open_problems(EVERY_MODEL[model], sample_data())[0])


@pytest.mark.parametrize("prior", EVERY_PRIOR, ids=repr)
def test_slopes_of_every_prior(prior):
    model = bg.GLM("counts", bg.Linear("z", prior=prior), family="poisson")
    assert_many_are_as_each(open_problems(model, DATA)[0])
