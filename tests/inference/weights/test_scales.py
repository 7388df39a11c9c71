"""Scales first: posteriors of gaussian models with groups, against chains, peers and quadrature."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights import scales
from bayesglm.inference.weights.scales import has_scales_first, scales_first

N = 200
RNG = np.random.default_rng(11)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N) + 40.0,
        "g": RNG.integers(0, 14, N),
        "h": RNG.integers(0, 9, N),
    }
)
FRAME["y"] = (
    0.5 * FRAME["x"]
    + RNG.normal(size=14)[FRAME["g"]]
    + 0.5 * RNG.normal(size=9)[FRAME["h"]]
    + RNG.normal(size=N)
)
CROSSED = bg.GLM("y", ["x", "z", bg.Group("g"), bg.Group("h")])


def opened(model):
    (problem,) = open_problems(model, FRAME)
    return problem


def means_and_sds(fit, names):
    posterior = fit["posterior"]
    every = [posterior[name].values.reshape(*posterior[name].shape[:2], -1) for name in names]
    draws = np.concatenate(every, axis=-1)
    return draws.mean(axis=(0, 1)), draws.std(axis=(0, 1))


NAMES = ("x", "z", "g", "h", "sigma", "g_scale", "h_scale")


@pytest.mark.slow
def test_crossed_effects_are_those_of_long_chains():
    fit = bg.fit(CROSSED, FRAME)
    assert fit.attrs["method"] == "nested laplace"
    assert "coefficients are drawn given them" in fit.attrs["why"]
    assert fit.attrs["khat"] < 0.5
    chains = bg.fit_mcmc(CROSSED, FRAME, draws=4000, engine="native")
    mean, sd = means_and_sds(fit, NAMES)
    expected, width = means_and_sds(chains, NAMES)
    assert np.abs((mean - expected) / width).max() < 0.1
    np.testing.assert_allclose(sd, width, rtol=0.08)


def test_one_psi_at_a_time_says_what_many_say(monkeypatch):
    """The same posterior with the density interpolated, and the coefficients from noise."""
    model = bg.GLM("y", ["x", "z", bg.Group("g", slopes="x"), bg.Group("h")])
    exact = bg.fit(model, FRAME)
    monkeypatch.setattr(scales, "can_batch", lambda layout: False)
    other = bg.fit(model, FRAME, seed=1)
    assert "interpolated between" in other.attrs["why"]
    mean, sd = means_and_sds(other, NAMES)
    expected, width = means_and_sds(exact, NAMES)
    assert np.abs((mean - expected) / width).max() < 0.1
    np.testing.assert_allclose(sd, width, rtol=0.1)


@pytest.mark.parametrize("batched", [True, False])
def test_log_densities_are_the_posterior_s(batched, monkeypatch):
    if not batched:
        monkeypatch.setattr(scales, "can_batch", lambda layout: False)
    problem = opened(CROSSED)
    draws = scales_first(problem, 100, 4, np.random.default_rng(0))
    thetas = draws.theta.reshape(400, -1)
    np.testing.assert_allclose(
        draws.lp.reshape(-1)[:20], problem.unconstrained.log_density(thetas[:20]), atol=1e-6
    )
    mode = draws.gaussian.mode
    value = problem.unconstrained.log_density(mode[None])[0]
    np.testing.assert_allclose(draws.log_posterior, value, atol=1e-6)


def test_scales_are_those_of_statsmodels():
    """Under wide priors the mode of log p(y, psi) is near restricted maximum likelihood."""
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 8)
    data = pd.DataFrame({"x": rng.normal(size=800), "g": groups})
    data["y"] = data["x"] + 0.7 * rng.normal(size=100)[groups] + rng.normal(size=800)
    fit = bg.fit(bg.GLM("y", ["x", bg.Group("g")]), data)
    peer = smf.mixedlm("y ~ x", data, groups="g").fit()
    posterior = fit["posterior"]
    scale = float(np.sqrt(peer.cov_re.iloc[0, 0]))
    assert abs(float(posterior["g_scale"].mean()) - scale) < 0.3 * float(posterior["g_scale"].std())
    sigma = float(np.sqrt(peer.scale))
    assert abs(float(posterior["sigma"].mean()) - sigma) < 0.3 * float(posterior["sigma"].std())
    effects = np.array([one.iloc[0] for one in peer.random_effects.values()])
    np.testing.assert_allclose(posterior["g"].mean(("chain", "draw")), effects, atol=0.05)


def test_many_coefficients_have_a_covariance_of_the_top_alone(monkeypatch):
    monkeypatch.setattr(scales, "WHOLE", 10)
    laplace = bg.fit(CROSSED, FRAME, draws=100)["laplace"]
    names = laplace["parameter"].values.tolist()
    assert {"intercept", "x", "z", "log sigma", "log g_scale"} <= set(names)
    assert not any(name.startswith("g[") for name in names)
    whole = bg.fit(CROSSED, FRAME, draws=100)["posterior"]
    sd = float(laplace["sd"].sel(parameter="intercept"))
    np.testing.assert_allclose(sd, float(whole["intercept"].std()), rtol=0.1)


def test_which_models_go_this_way():
    group, fixed = bg.Group("g"), bg.Group("g", prior=bg.Normal(0.5))
    assert has_scales_first(opened(bg.GLM("y", [group, bg.Group("h", slopes="x")])))
    assert has_scales_first(opened(bg.GLM("y", [bg.Spline("x"), group], dispersion=1.0)))
    assert not has_scales_first(opened(bg.GLM("y", [fixed])))
    for model in (
        bg.GLM("y", [group], family="student_t"),
        bg.GLM("y", [group, bg.Linear("x", prior=bg.Laplace(1.0))]),
        bg.GLM("y", [group, bg.Linear("x", prior=bg.StudentT(1.0))]),
        bg.GLM("y", [group], dispersion={"sigma": [bg.Linear("x", prior=bg.Normal(1.0))]}),
    ):
        assert not has_scales_first(opened(model))
