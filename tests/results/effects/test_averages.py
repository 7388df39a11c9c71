"""Averages of many rows for many draws, by polynomials, against sums over rows in NumPy."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import bayesglm as bg
from bayesglm.results.effects.averages import WORTH
from bayesglm.results.effects.expanded import Draws, Piece, degree_for, expanded

N, DRAWS = 1_600, 4_000


def simulate(n=N, seed=6):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=n) for name in ("x", "z", "v")})
    frame["g"] = rng.choice(["a", "b", "c"], n)
    eta = 0.5 * frame["x"] - 0.3 * frame["z"] + 0.2 * frame["x"] * frame["z"]
    frame["y"] = (rng.random(n) < expit(eta + 0.4 * (frame["g"] == "b"))).astype(int)
    frame["counts"] = rng.poisson(np.exp(0.2 * frame["x"] - 0.1))
    frame["days"] = rng.uniform(0.5, 2.0, n)
    return frame


FRAME = simulate()
TERMS = ["x", "z", "g", bg.Interaction("x", "z")]


def spread(model, frame=FRAME):
    """Return a posterior as draws about a MAP, of dispersions by factors below one."""
    fit, rng = bg.fit_map(model, frame), np.random.default_rng(9)
    group = fit["map"].to_dataset().expand_dims(chain=np.arange(4), draw=np.arange(1_000)).copy()
    for name in group.data_vars:
        noise = 0.04 * rng.normal(size=group[name].shape)
        beside = name in ("alpha", "psi", "sigma")
        values = group[name] * np.exp(-np.abs(noise)) if beside else group[name] + noise
        group[name] = (group[name].dims, values.values)
    tree = xr.DataTree.from_dict(
        {"posterior": group, "constant_data": fit["constant_data"].to_dataset()}
    )
    tree.attrs = fit.attrs
    return tree


@pytest.fixture(scope="module")
def logistic():
    return spread(bg.GLM("y", TERMS, family="bernoulli", prior=bg.Normal(1.0)))


def draws_of(fit, *names):
    """Return the draws ``(draws, coefficients)`` of parameters, chain by chain."""
    every = [fit["posterior"][name].transpose("chain", "draw", ...).values for name in names]
    return np.column_stack([one.reshape(one.shape[0] * one.shape[1], -1) for one in every])


def columns(frame):
    x, z = frame["x"], frame["z"]
    return np.column_stack([np.ones(len(x)), x, z, frame["g"] == "b", frame["g"] == "c", x * z])


def drawn(table, n):
    return table["estimate"].to_numpy().reshape(n, -1).T


def assert_right(found, expected):
    """Say that no draw is wrong by more than a thousandth of the posterior sd.

    Sums row by row would differ by rounding alone.
    """
    away = np.abs(found - expected).max(axis=0) / expected.std(axis=0)
    assert (away < 1e-3).all()
    assert away.max() > 1e-10


def test_average_predictions_and_comparisons(logistic):
    assert N * DRAWS >= WORTH
    w = draws_of(logistic, "intercept", "x", "z", "g", "x:z")
    p = expit(w @ columns(FRAME).T)
    assert_right(drawn(bg.predictions(logistic, by=True, draws=True), 1), p.mean(1, keepdims=True))
    q = expit(w @ columns(FRAME.assign(x=FRAME["x"] + 1)).T)
    for comparison, of in {
        "difference": lambda high, low: high - low,
        "ratio": lambda high, low: high / low,
        "lnor": lambda high, low: np.log(high / (1 - high)) - np.log(low / (1 - low)),
    }.items():
        table = bg.comparisons(logistic, "x", by="g", comparison=comparison, draws=True)
        expected = []
        for level in "abc":
            inside = (FRAME["g"] == level).to_numpy()
            expected.append(of(q[:, inside].mean(1), p[:, inside].mean(1)))
        assert_right(drawn(table, 3), np.column_stack(expected))


def test_average_slopes(logistic):
    w = draws_of(logistic, "intercept", "x", "z", "g", "x:z")
    p = expit(w @ columns(FRAME).T)
    x, z = FRAME["x"].to_numpy(), FRAME["z"].to_numpy()
    rise = w[:, 1, None] + w[:, 5, None] * z
    every = {
        "dydx": p * (1 - p) * rise,
        "eyex": (1 - p) * rise * x,
        "eydx": (1 - p) * rise,
        "dyex": p * (1 - p) * rise * x,
    }
    for slope, expected in every.items():
        table = bg.slopes(logistic, "x", by=True, slope=slope, draws=True)
        assert_right(drawn(table, 1), expected.mean(1, keepdims=True))


def test_linear_predictors_average_to_those_of_the_mean_row(logistic):
    w = draws_of(logistic, "intercept", "x", "z", "g", "x:z")
    table = bg.predictions(logistic, by=True, kind="linear", draws=True)
    np.testing.assert_allclose(table["estimate"], w @ columns(FRAME).mean(axis=0), rtol=1e-10)


def test_rates_with_exposure_and_weights():
    terms = ["x", bg.Spline("z", df=5, prior=bg.smooth(1.0, order=2))]
    model = bg.GLM("counts", terms, family="poisson", exposure="days", weights="often")
    often = np.arange(N) % 3
    fit = spread(model, FRAME.assign(often=often))
    mean = bg.predict(fit)["counts"].transpose("chain", "draw", ...).values.reshape(DRAWS, -1)
    weighted = mean @ often / often.sum()
    table = bg.predictions(fit, by=True, draws=True)
    assert_right(drawn(table, 1), weighted[:, None])
    slope = bg.slopes(fit, "x", by=True, draws=True)
    assert_right(drawn(slope, 1), (draws_of(fit, "x")[:, 0] * weighted)[:, None])


def test_dispersions_do_not_matter_to_a_mean_that_knows_none():
    fit = spread(bg.GLM("counts", "x", family="negative_binomial"))
    assert float(fit["posterior"]["alpha"].std()) > 0.0
    w = draws_of(fit, "intercept", "x")
    expected = np.exp(w @ np.column_stack([np.ones(N), FRAME["x"]]).T).mean(axis=1)
    assert_right(drawn(bg.predictions(fit, by=True, draws=True), 1), expected[:, None])


def test_a_mean_that_knows_its_dispersion_is_averaged_row_by_row():
    """A zero-inflated mean is psi times a rate, and psi has draws of its own."""
    counts = FRAME["counts"] * (np.arange(N) % 4 > 0)
    model = bg.GLM("counts", "x", family="zero_inflated_poisson")
    fit = spread(model, FRAME.assign(counts=counts))
    w, psi = draws_of(fit, "intercept", "x"), draws_of(fit, "psi")[:, 0]
    expected = psi * np.exp(w @ np.column_stack([np.ones(N), FRAME["x"]]).T).mean(axis=1)
    table = bg.predictions(fit, by=True, draws=True)
    np.testing.assert_allclose(table["estimate"], expected, rtol=1e-10)


def test_an_effect_that_is_nothing_is_exactly_nothing():
    fit = spread(bg.GLM("y", "x", family="bernoulli"))
    grid = FRAME.assign(x=1.0)
    table = bg.comparisons(fit, {"x": (0.0, 1e-14)}, grid=grid, by=True)
    np.testing.assert_allclose(table[["estimate", "conf_low", "conf_high"]], 0.0, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 6),
    st.floats(1e-3, 2.0),
    st.integers(0, 2**32 - 1),
    st.sampled_from([expit, np.exp, np.tanh, np.sin]),
)
def test_an_expansion_is_hardly_more_wrong_than_it_says(p, degree, spread, seed, function):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(40, p)), rng.normal(size=p) + spread * rng.normal(size=(30, p))
    weights = rng.normal(size=(40, 2))
    half = [Piece(X[at], 0.3, weights[at]) for at in (slice(0, 15), slice(15, 40))]
    found = expanded(lambda eta, _: function(eta), iter(half), Draws.of(w), degree, 2)
    expected = function(w @ X.T + 0.3) @ weights
    scale = np.abs(expected).max() + np.abs(found.sums).max()
    assert (np.abs(found.sums - expected) <= 1.5 * found.error + 1e-9 * scale).all()


def test_the_degree_is_the_least_that_is_right_enough():
    rng = np.random.default_rng(1)
    X, w = rng.normal(size=(50, 3)), 0.03 * rng.normal(size=(200, 3))
    piece, draws = Piece(X, 0.0, np.full((50, 1), 0.02)), Draws.of(w)

    def f(eta, reach):
        return expit(eta)

    errors = (1e-1, 1e-3, 1e-5, 1e-6)
    degrees = [degree_for(f, piece, draws, most) for most in errors]
    assert degrees == sorted(degrees)
    assert degrees[0] < degrees[-1]
    for degree, most in zip(degrees, errors, strict=True):
        assert expanded(f, iter([piece]), draws, degree, 1).error[0] <= most
    assert degree_for(f, piece, draws, 1e-30) is None
    assert degree_for(lambda eta, reach: eta, piece, draws, 1e-12) == 1


def test_draws_of_one_direction_need_one_power():
    w = np.outer(np.linspace(-1, 1, 9), [1.0, 2.0])
    assert Draws.of(w).z.shape == (9, 1)
