"""The explorer's numbers, run as a browser runs them, against fit_map and sums on a fine grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_weights import DF, PRIORS, RATIO, data_of, model_of, on_a_grid

import bayesglm as bg


def problem_of(call, kind="linear", family="laplace", scale=0.5, n=12, correlation=0.6, **named):
    settings_of = {"kind": kind, "seed": 3, "noise": 1.0, "truth": [1.2, 0.3]} | named
    data = call("draw", settings_of | {"n": n, "correlation": correlation})
    prior = {"family": family, "scale": scale, "df": DF, "ratio": RATIO}
    return data | {"kind": kind, "noise": settings_of["noise"], "prior": prior}


@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("family", PRIORS)
def test_the_map_is_that_of_fit_map(call, kind, family):
    for scale in (0.05, 0.3, 2.0):
        for correlation in (0.0, 0.9):
            problem = problem_of(call, kind, family, scale, correlation=correlation)
            ours = bg.fit_map(model_of(problem), data_of(problem))["map"]["x"].values
            theirs = np.array(call("map", problem)["w"])
            assert np.abs(ours - theirs).max() < 1e-6
            assert np.array_equal(ours == 0, theirs == 0)


@pytest.mark.parametrize("kind", ["linear", "logistic"])
@pytest.mark.parametrize("family", [*PRIORS, "horseshoe"])
@pytest.mark.parametrize("scale", [0.1, 1.5])
def test_the_posterior_is_that_of_a_fine_grid(call, kind, family, scale):
    problem = problem_of(call, kind, family, scale, correlation=0.8)
    found = call("posterior", problem)
    exact = on_a_grid(problem)
    tolerance = 1e-3 * (1.0 if family != "horseshoe" else 2.0)  # the grid's own, at the pole
    for name in ("mean", "sd", "low", "high"):
        room = tolerance * max(1.0, exact["sd"].max())
        assert np.abs(np.array(found[name]) - exact[name]).max() < room
    for name in ("positive", "small"):
        assert np.abs(np.array(found[name]) - exact[name]).max() < tolerance


def test_a_normal_prior_has_its_closed_form(call):
    problem = problem_of(call, "linear", "normal", 0.7, n=9, noise=1.3)
    x, y = np.array(problem["x"]), np.array(problem["y"])
    precision = x.T @ x / 1.3**2 + np.eye(2) / 0.7**2
    mean = np.linalg.solve(precision, x.T @ y / 1.3**2)
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    found = call("posterior", problem)
    assert np.abs(np.array(found["mean"]) - mean).max() < 2e-5
    assert np.abs(np.array(found["sd"]) - sd).max() < 2e-5
    assert np.abs(np.array(found["low"]) - (mean - 1.8807936 * sd)).max() < 2e-5
    assert np.abs(np.array(call("map", problem)["w"]) - mean).max() < 1e-9
    inside = log_height(problem, mean) - np.array(found["levels"])
    assert np.abs(inside - [-np.log(0.5), -np.log(0.06)]).max() < 0.05


def log_height(problem, w):
    """Return the log posterior at its mode as the script counts it: without constants."""
    x, y = np.array(problem["x"]), np.array(problem["y"])
    shown = (x @ w) @ (2 * y - x @ w) / (2 * problem["noise"] ** 2)
    return shown - (w @ w) / (2 * problem["prior"]["scale"] ** 2)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["linear", "logistic"]),
    st.sampled_from([*PRIORS, "horseshoe"]),
    st.floats(-2.0, 1.3),
    st.integers(0, 25),
    st.floats(-0.95, 0.95),
    st.integers(0, 1000),
    st.floats(0.1, 3.0),
)
def test_every_state_has_finite_numbers_in_their_order(
    call, kind, family, scale, n, rho, seed, noise
):
    problem = problem_of(call, kind, family, 10.0**scale, n, rho, seed=seed, noise=noise)
    found = call("posterior", problem)
    for j in (0, 1):
        assert found["low"][j] < found["high"][j]
        assert found["sd"][j] > 0.0
        assert 0.0 <= found["positive"][j] <= 1.0
        assert 0.0 <= found["small"][j] <= 1.0
        assert np.isfinite([found["mean"][j], found["low"][j], found["high"][j]]).all()
    fast = call("posterior", problem, {"fast": True})
    spread = np.array(found["sd"])
    assert (np.abs(np.array(fast["mean"]) - found["mean"]) < 0.05 * spread).all()
    if kind == "logistic" and family in PRIORS:
        assert call("separated", problem) == (call("mle", problem) is None and n > 1) or n < 2


def test_separation_is_that_of_the_package(call):
    for seed in range(12):
        problem = problem_of(call, "logistic", n=5, seed=seed, truth=[2.0, 0.0])
        model = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), family="bernoulli", intercept=None)
        y = data_of(problem)["y"]
        is_refused = False
        try:
            bg.fit_map(model, data_of(problem))
        except bg.DataError as refusal:
            is_refused = "separated" in str(refusal)
            assert is_refused or len(set(y)) == 1
        assert call("separated", problem) == (is_refused or len(set(y)) == 1) or len(set(y)) == 1
    assert not call("separated", problem_of(call, "logistic", n=60))


def test_without_a_prior_separated_weights_run_away_and_others_do_not(call):
    apart = {
        "kind": "logistic",
        "x": [[-1, 0.2], [-2, -0.1], [1, 0.1], [2, 0.3]],
        "y": [0, 0, 1, 1],
    }
    problem = apart | {"noise": 1.0, "prior": {"family": "flat", "scale": 1.0}}
    far = [np.hypot(*w) for w in call("steps", problem, 4000)]
    assert far[4000] > far[400] + 1.0 > far[40] + 1.5
    assert call("mle", problem) is None
    assert call("posterior", problem) is None
    settled = problem_of(call, "logistic", n=60)
    likely = np.array(call("mle", settled))
    assert np.abs(np.array(call("steps", settled, 25, "newton")[-1]) - likely).max() < 1e-8


def test_shrinkage_curves_are_those_of_plot_prior(call):
    z = np.array([-4.0, -0.7, 0.4, 1.0, 3.0, 6.0])
    grid = np.linspace(-30, 30, 600_001)
    for family, make in PRIORS.items():
        prior = {"family": family, "scale": 0.8, "df": DF, "ratio": RATIO}
        for one in z:
            found = call("shrinkage", prior, 1.0, one)
            mass = np.exp(make(0.8).logpdf(grid) - (grid - one) ** 2 / 2)
            assert found["mean"] == pytest.approx((mass @ grid) / mass.sum(), abs=1e-3)
            assert found["mode"] == pytest.approx(grid[np.argmax(mass)], abs=2e-4)


def test_more_samples_keep_the_first_ones(call):
    asked = {"kind": "linear", "seed": 7, "correlation": 0.4, "noise": 1.0, "truth": [1.0, 0.0]}
    few, many = (call("draw", asked | {"n": n}) for n in (10, 40))
    assert many["x"][:10] == few["x"]
    assert many["y"][:10] == few["y"]
    x = np.array(call("draw", asked | {"n": 4000})["x"])
    assert np.corrcoef(x.T)[0, 1] == pytest.approx(0.4, abs=0.05)


def test_densities_are_the_packages_own(call):
    for family, make in PRIORS.items():
        prior = {"family": family, "scale": 0.6, "df": DF, "ratio": RATIO}
        for w in ([0.0, 0.3], [-2.0, 1.0]):
            expected = make(0.6).logpdf(np.array(w)).sum()
            assert call("logPrior", prior, w) == pytest.approx(expected, abs=1e-10)
    x = np.array([[0.1, 0.2], [1.0, -1.0]])
    problem = {"kind": "linear", "x": x.tolist(), "y": [0.5, 1.0], "noise": 2.0}
    w = np.array([0.3, -0.4])
    residual = (np.array([0.5, 1.0]) - x @ w) / 2.0
    expected = -(residual**2).sum() / 2 - 2 * np.log(2.0 * np.sqrt(2 * np.pi))
    assert call("logLikelihood", problem, w.tolist()) == pytest.approx(expected, abs=1e-12)
