"""Modes under links whose domain has an end: equal to statsmodels', or refused at the wall."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from families import WALLED, drawn, model_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

import bayesglm as bg
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.solvers.feasible import Interval, inside
from bayesglm.spec.families import FAMILY_NAMES

RNG = np.random.default_rng(5)
N = 300
X = RNG.uniform(-1.0, 1.0, size=(N, 2))
TRIALS = np.full(N, 4.0)
LINKS = {
    "log": sm.families.links.Log(),
    "identity": sm.families.links.Identity(),
    "sqrt": sm.families.links.Sqrt(),
    "inverse": sm.families.links.InversePower(),
}
PEERS = {
    "bernoulli": sm.families.Binomial,
    "binomial": sm.families.Binomial,
    "poisson": sm.families.Poisson,
    "gamma": sm.families.Gamma,
    "exponential": sm.families.Gamma,
    "inverse_gaussian": sm.families.InverseGaussian,
    "gaussian": sm.families.Gaussian,
}


def truth(key):
    """Return linear predictors well inside the domain of a link."""
    domain = FAMILIES[key].domain
    centre, reach = (0.4, 0.1) if domain.high == 1.0 else (2.0, 0.4)
    return (centre if domain.low == 0.0 else -1.2) + X @ [reach, -0.5 * reach]


def responses(key, seed=0):
    family, n = FAMILIES[key], TRIALS if FAMILY_NAMES[key[0]].needs_trials else None
    phi = tuple(one.transform.natural(np.log(3.0)) for one in family.dispersions)
    if key[0] == "gaussian":
        phi = (0.05,)
    return family.draw(np.random.default_rng(seed), truth(key)[None], phi, n)


def estimate(key, y, x=X, **options):
    data = {key[0]: y, "x": x, "trials": TRIALS}
    found = bg.fit_map(model_of(key, bg.Linear("x", prior=bg.Flat()), **options), data)["map"]
    intercept = [float(found["intercept"])] if "intercept" in found.data_vars else []
    return np.r_[intercept, found["x"].values]


@pytest.mark.parametrize("key", [key for key in WALLED if key[0] in PEERS], ids="-".join)
def test_estimates_are_those_of_statsmodels(key):
    y = responses(key)
    family = PEERS[key[0]](LINKS[key[1]], check_link=False)
    w = estimate(key, y)
    theirs = np.column_stack((y, TRIALS - y)) if key[0] == "binomial" else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that not every eta has a mean
        model = sm.GLM(theirs, sm.add_constant(X), family=family)
        fit = model.fit(start_params=w * 1.001, tol=1e-14, maxiter=200)
    np.testing.assert_allclose(w, fit.params, rtol=2e-7, atol=1e-8)
    np.testing.assert_allclose(w, [np.mean(truth(key)), *w[1:]], atol=0.5)


@pytest.mark.parametrize("key", [key for key in WALLED if key[0] not in PEERS], ids="-".join)
def test_other_families_find_what_was_put_in(key):
    w, eta = estimate(key, responses(key)), truth(key)
    exact = np.linalg.lstsq(sm.add_constant(X), eta, rcond=None)[0]
    np.testing.assert_allclose(w, exact, atol=0.5 * abs(exact[0]))


def closed_maximum(family, y, X):
    """Return the largest log likelihood on the closed domain, by a search that knows no barrier."""
    low, high = family.domain.low + 1e-9, family.domain.high - 1e-9

    def minus(w):
        eta = np.clip(X @ w, low, high)
        d = family.derivatives(y, eta[None], (), None)
        return -d.value.sum(), -(X.T @ d.eta[0])

    ends = optimize.LinearConstraint(X, low, high)
    start = np.r_[family.domain.inside, np.zeros(X.shape[1] - 1)]
    options = {"maxiter": 500, "ftol": 1e-13}
    found = optimize.minimize(
        minus, start, jac=True, constraints=ends, method="SLSQP", options=options
    )
    return -found.fun, X @ found.x


AT_WALLS = {
    ("bernoulli", "log"): lambda x, rng: (rng.random(len(x)) < np.exp(x[:, 0] - 1.0)) * 1.0,
    ("bernoulli", "identity"): lambda x, rng: (rng.random(len(x)) < 0.5 + 0.5 * x[:, 0]) * 1.0,
    ("poisson", "identity"): lambda x, rng: rng.poisson(3.0 * np.maximum(x[:, 0], 0.0)) * 1.0,
}


@pytest.mark.parametrize("key", AT_WALLS, ids="-".join)
def test_a_mode_at_a_wall_is_refused_with_its_rows(key):
    y = AT_WALLS[key](X, np.random.default_rng(1))
    family, columns = FAMILIES[key], sm.add_constant(X)
    with pytest.raises(bg.ConvergenceError, match=f"{key[1]} link of a {key[0]}.* ends") as told:
        estimate(key, y)
    solution = told.value.solution
    best, eta = closed_maximum(family, y, columns)
    np.testing.assert_allclose(solution.value, best, rtol=1e-6)
    nearest = np.minimum(eta - family.domain.low, family.domain.high - eta).argmin()
    assert f"obs={nearest}" in str(told.value) or "more" in str(told.value)
    assert FAMILY_NAMES[key[0]].links[0] in str(told.value)


def test_a_mode_inside_is_found_past_a_wall():
    """From next to a wall at which the likelihood is finite, Newton's steps all end there."""
    key = ("bernoulli", "log")
    y = responses(key)
    data = {"bernoulli": y, "x": X}
    (problem,) = open_problems(model_of(key, bg.Linear("x", prior=bg.Flat())), data)
    objective = problem.natural
    expected = judge(objective, problem.start(objective))
    for corner in ((1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)):
        w = np.r_[0.0, 3.0 * np.array(corner)]
        w[0] = -(X @ w[1:]).max() - 1e-9
        found = judge(objective, w)
        np.testing.assert_allclose(found.x, expected.x, rtol=1e-6, atol=1e-7)


def test_all_zeros_of_a_log_link_are_separated_and_all_ones_at_the_wall():
    g = (X[:, 0] > 0.0) * 1.0
    terms = bg.Linear("g", prior=bg.Flat())
    nothing = {"g": g, "y": np.where((g > 0.0) & (X[:, 1] > 0.0), 1.0, 0.0)}
    with pytest.raises(bg.DataError, match=r"separated.*'intercept', 'g'"):
        bg.fit_map(bg.GLM("y", terms, family="bernoulli", link="log"), nothing)
    everything = {"g": g, "y": np.where((g > 0.0) | (X[:, 1] > 0.0), 1.0, 0.0)}
    with pytest.raises(bg.ConvergenceError, match="link of a bernoulli response ends"):
        bg.fit_map(bg.GLM("y", terms, family="bernoulli", link="log"), everything)


def test_models_without_an_intercept_start_inside():
    x = np.abs(X) + 0.01
    y = np.random.default_rng(2).poisson(x @ [2.0, 3.0]) * 1.0
    w = estimate(("poisson", "identity"), y, x, intercept=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that not every eta has a mean
        fit = sm.GLM(y, x, family=sm.families.Poisson(LINKS["identity"])).fit(tol=1e-13)
    np.testing.assert_allclose(w, fit.params, rtol=1e-7)


def test_no_start_inside_is_refused_with_the_row():
    x = np.abs(X) + 0.01
    x[17] = 0.0
    y = np.ones(N)
    y[::2] = 2.0
    with pytest.raises(bg.ModelError, match=r"above 0, and no coefficients.*obs=17.*log say"):
        estimate(("poisson", "identity"), y, x, intercept=None)


@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans(), st.booleans())
def test_starts_are_inside_wherever_there_are_any(seed, p, bounded, two_sided):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rng.integers(3, 700), p)) * 10.0 ** rng.integers(-2, 3, p)
    w = np.abs(rng.normal(size=p)) if bounded else rng.normal(size=p)
    low, high = 0.0, 1.0 if two_sided else np.inf
    # One place inside for each row: offsets such that it is feasible there, and only just.
    offset = rng.uniform(0.05, 0.95, len(X)) - X @ w
    interval = Interval(low, high, 0.5)
    found = inside(lambda: [(X[:100], offset[:100]), (X[100:], offset[100:])], interval,
                   np.full(p, bounded))  # fmt: skip
    eta = X @ found.w + offset
    assert np.all((eta > low) & (eta < high))
    assert not bounded or np.all(found.w >= 0.0)
    X[0], offset[0] = 0.0, -1.0
    assert inside(lambda: [(X, offset)], interval, np.full(p, bounded)).row == 0


@pytest.mark.parametrize(
    ("family", "link", "power"),
    [("poisson", "identity", 1.0), ("poisson", "sqrt", 0.5), ("gamma", "inverse", -1.0)],
)
def test_default_priors_follow_the_unit_of_eta(family, link, power):
    y = 1.0 + np.round(drawn(family, 3.0 + X[:, 0]), 3)
    y = np.round(y) if family == "poisson" else y
    scales = []
    for factor in (1.0, 4.0):
        data = {"y": factor * y, "x": X[:, 0]}
        (problem,) = open_problems(bg.GLM("y", "x", family=family, link=link), data)
        scales.append(problem.plan.model.terms[0].prior.scale)
    assert scales[1] == pytest.approx(scales[0] * 4.0**power, rel=1e-12)
