"""NUTS beside exact posteriors, its statistics, and what it refuses and warns of."""

import warnings
from dataclasses import replace

import arviz_stats
import numpy as np
import pytest
from conftest import simulate
from scipy.integrate import quad
from scipy.linalg import hadamard

import bayesglm as bg
from bayesglm.inference.draws import Draws
from bayesglm.inference.nuts.diagnostics import diagnose, warn
from bayesglm.inference.problem.problem import open_problems

SIGMA, RATE, SCALE = 1.5, 8.0, 0.3
# Columns at right angles to one another and to the intercept: the posterior is a product.
COLUMNS = hadamard(64)[:, 1:3].astype(float)
TRUE = COLUMNS @ [0.4, 0.1] + 0.7
Y = TRUE + SIGMA * np.random.default_rng(3).normal(size=64)
ORTHOGONAL = {"y": Y, "x": COLUMNS[:, 0], "z": COLUMNS[:, 1]}
MODEL = bg.GLM(
    "y",
    [bg.Linear("x", prior=bg.Normal(SCALE, loc=0.2)), bg.Linear("z", prior=bg.lasso(RATE))],
    dispersion=SIGMA,
)


@pytest.fixture(scope="module", params=["native", pytest.param("pymc", marks=pytest.mark.slow)])
def nuts(request):
    """One NUTS fit by each engine."""
    options = {"tune": 500} if request.param == "pymc" else {}
    return bg.fit_mcmc(MODEL, ORTHOGONAL, draws=2000, seed=5, engine=request.param, **options)


def exact_moments():
    """Return mean and sd of intercept, x and z; the last under its Laplace prior by quadrature."""
    n, precision = len(Y), len(Y) / SIGMA**2
    x_precision = precision + SCALE**-2
    x_mean = (COLUMNS[:, 0] @ Y / SIGMA**2 + 0.2 / SCALE**2) / x_precision

    def density(w):
        return np.exp(-0.5 * precision * (w - COLUMNS[:, 1] @ Y / n) ** 2 - RATE * abs(w))

    moments = [quad(lambda w, k=k: w**k * density(w), -3, 3, points=[0])[0] for k in range(3)]
    z_mean = moments[1] / moments[0]
    z_sd = np.sqrt(moments[2] / moments[0] - z_mean**2)
    return {
        "intercept": (Y.mean(), precision**-0.5),
        "x": (x_mean, x_precision**-0.5),
        "z": (z_mean, z_sd),
    }


@pytest.mark.parametrize("name", ["intercept", "x", "z"])
def test_moments_are_exact(name, nuts):
    mean, sd = exact_moments()[name]
    draws = nuts["posterior"][name]
    ess = float(arviz_stats.ess(draws.to_dataset(name="v"))["v"])
    assert float(draws.mean()) == pytest.approx(mean, abs=4.5 * sd / np.sqrt(ess))
    # The relative error of an sd is about sqrt(kurtosis - 1) / 2 / sqrt(n), kurtosis at most 6.
    squares = float(arviz_stats.ess((draws**2).to_dataset(name="v"))["v"])
    assert float(draws.std()) == pytest.approx(sd, rel=4.5 * 1.2 / np.sqrt(min(ess, squares)))


def test_under_a_laplace_prior_the_mode_is_zero_and_no_draw_is(nuts):
    assert float(bg.fit_map(MODEL, ORTHOGONAL)["map"]["z"]) == 0.0
    assert not (nuts["posterior"]["z"] == 0).any()


def test_statistics_and_records(nuts):
    assert nuts.attrs["method"] == "nuts"
    assert nuts.attrs["why"] == "NUTS was asked for"
    assert nuts.attrs["seed"] == 5
    assert not {"khat", "importance_ess", "log_posterior"} & set(nuts.attrs)
    assert not {"laplace", "proposal"} & set(nuts.children)
    stats = nuts["sample_stats"].to_dataset()
    assert set(stats.data_vars) == {
        *("lp", "diverging", "n_steps", "step_size", "energy", "tree_depth", "acceptance_rate")
    }
    assert stats.sizes == {"chain": 4, "draw": 2000}
    assert not stats["diverging"].any()
    assert nuts.attrs["n_divergent"] == 0
    found = nuts["posterior"].to_dataset()
    ess = arviz_stats.ess(found).to_array().values.min()
    assert nuts.attrs["min_ess"] == pytest.approx(ess, rel=1e-9)
    assert 1.0 < nuts.attrs["max_rhat"] < 1.01
    point = nuts["posterior"].to_dataset().isel(chain=3, draw=7)
    density = bg.to_pymc(MODEL, ORTHOGONAL).compile_logp(mode="FAST_COMPILE")
    value = density({name: point[name].values for name in point.data_vars})
    assert float(stats["lp"].isel(chain=3, draw=7)) == pytest.approx(float(value), rel=1e-9)
    assert abs(float(bg.loo(nuts).elpd) - float(arviz_stats.loo(nuts).elpd)) < 1e-8


def test_seeds(nuts):
    short = {"draws": 60, "tune": 100, "chains": 2}
    with warnings.catch_warnings():
        # Sixty draws need more care than is asked here.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        one, again, other = (
            bg.fit_mcmc(MODEL, ORTHOGONAL, seed=seed, **short)["posterior"] for seed in (1, 1, 2)
        )
    assert one.to_dataset().sizes == {"chain": 2, "draw": 60}
    np.testing.assert_array_equal(one["z"], again["z"])
    assert not np.array_equal(one["z"], other["z"])


FLAT = bg.Flat()
X = np.linspace(-1, 1, 30)
IMPROPER = {
    "separated": (
        bg.GLM("y", bg.Linear("x", prior=FLAT), family="bernoulli"),
        {"y": (X > 0).astype(int), "x": X},
        "separated.*'x'",
    ),
    "collinear": (
        bg.GLM("y", [bg.Linear("x", prior=FLAT), bg.Linear("z", prior=FLAT)]),
        {"y": X**2, "x": X, "z": 3 * X},
        "'z' are constant beside the intercept, or linear combinations",
    ),
    "silent": (
        bg.GLM("y", bg.Linear("x", prior=FLAT), family="poisson"),
        {"y": np.r_[0, 0, np.ones(28)], "x": np.r_[1, 1, np.zeros(28)]},
        "separated.*'x'",
    ),
}


@pytest.mark.parametrize(("model", "data", "words"), IMPROPER.values(), ids=IMPROPER)
def test_improper_posteriors_are_refused(model, data, words):
    with pytest.raises(bg.DataError, match=words):
        bg.fit_mcmc(model, data)


@pytest.mark.parametrize("engine", ["Native", "stan", ""])
def test_unknown_engines(engine):
    with pytest.raises(bg.ModelError, match=f"unknown engine '{engine}'; the engines are auto, n"):
        bg.fit_mcmc(MODEL, ORTHOGONAL, engine=engine)


FAULTS = {
    "diverging": (lambda theta, bad: (theta, bad), "3 of 800 draws diverged"),
    "unmixed": (
        lambda theta, bad: (theta + 3.0 * np.arange(4)[:, None, None], 0 * bad),
        "r-hat is .*above 1.01",
    ),
    "sticky": (
        lambda theta, bad: (np.repeat(theta[:, ::20], 20, axis=1), 0 * bad),
        "the smallest bulk effective size is",
    ),
}


@pytest.mark.parametrize(("spoil", "words"), FAULTS.values(), ids=FAULTS)
def test_draws_that_need_care_are_told(spoil, words):
    cells = np.random.default_rng(0).poisson(1.0, (40, 2))
    data = simulate().assign(cells=(("time", "neuron"), cells))
    problem = open_problems(bg.GLM("cells", "x", family="poisson"), data)[1]
    theta = np.random.default_rng(0).normal(size=(4, 200, 2))
    diverging = np.zeros((4, 200), bool)
    diverging[0, :3] = True
    draws = judged(*spoil(theta, diverging))
    with pytest.warns(bg.BayesGLMWarning, match=rf"\(neuron=1\) need care: .*{words}") as told:
        warn(problem, draws)
    assert told[0].filename == __file__


def judged(theta, diverging):
    draws = Draws(theta, "nuts", "", None, np.zeros(theta.shape[:2]), {"diverging": diverging})
    return replace(draws, checks=diagnose(draws))


def test_good_draws_are_not_commented(recwarn):
    problem = open_problems(bg.GLM("poisson", "x", family="poisson"), simulate())[0]
    theta = np.random.default_rng(0).normal(size=(4, 200, 2))
    warn(problem, judged(theta, np.zeros((4, 200), bool)))
    assert not recwarn.list


def test_draws_of_sigma_next_to_zero_are_told():
    problem = open_problems(bg.GLM("gaussian", "x"), simulate())[0]
    theta = np.random.default_rng(0).normal(size=(4, 200, 3))
    theta[2, 7, 2] = -20.0
    with pytest.warns(bg.BayesGLMWarning, match="sigma comes so near its boundary 0"):
        warn(problem, judged(theta, np.zeros((4, 200), bool)))


def test_what_cannot_be_told_is_left_out():
    theta = np.random.default_rng(0).normal(size=(4, 200, 2))
    assert set(judged(theta[:1], np.zeros((1, 200), bool)).checks) == {"n_divergent", "min_ess"}
    few = judged(theta[:, :3], np.ones((4, 3), bool))
    assert few.checks == {"n_divergent": 12}
