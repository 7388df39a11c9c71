"""Decoded positions: every path by hand, the Kalman smoother, circles, planes, and the truth."""

from itertools import pairwise, product

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import bayesglm as bg

CURVE = bg.Spline("x", df=9, prior=bg.Normal(1.0))


def walk(n, rng, step, low=0.0, high=10.0):
    """Return a random walk that is reflected at both ends."""
    x = np.empty(n)
    x[0] = rng.uniform(low, high)
    for t in range(1, n):
        x[t] = x[t - 1] + step * rng.normal()
        x[t] = 2 * low - x[t] if x[t] < low else x[t]
        x[t] = 2 * high - x[t] if x[t] > high else x[t]
    return x


def rates(x, units):
    return 2.0 * np.exp(-0.5 * ((x[:, None] - np.linspace(0.0, 10.0, units)) / 1.3) ** 2)


def recording(n, seed=0, units=8, step=0.3, trials=1):
    rng = np.random.default_rng(seed)
    x = np.concatenate([walk(n // trials, rng, step) for _ in range(trials)])
    x[:2] = 0.0, 10.0  # so that the grid goes from end to end
    return xr.Dataset(
        {"x": ("time", x), "y": (("time", "unit"), rng.poisson(rates(x, units)))},
        coords={
            "time": np.arange(n) * 0.05,
            "trial": ("time", np.arange(n) * trials // n),
            "unit": np.arange(units),
        },
    )


@pytest.fixture(scope="module")
def fitted():
    return bg.fit_map(bg.GLM("y", CURVE, family="poisson"), recording(2000))


def moves(centres, width, step):
    """Return the chances of moves between cells, from normal distributions."""
    upper, lower = centres + width / 2, centres - width / 2
    chance = np.array([norm.cdf(upper, c, step) - norm.cdf(lower, c, step) for c in centres])
    return chance / chance.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("smooth", [True, False])
def test_probabilities_are_sums_over_every_path(fitted, smooth):
    new = recording(8, seed=1, trials=2)
    found = bg.decode_position(fitted, new.drop_vars("x"), "x", 1.5, cells=5, smooth=smooth)
    centres = np.arange(5) * 2.0 + 1.0
    eta = bg.predict(fitted, {"x": centres}, kind="linear")["y"].values
    log_p = new["y"].values @ eta.T - np.exp(eta).sum(axis=1)
    A = moves(centres, 2.0, 1.5)
    for trial in (0, 1):
        rows = np.flatnonzero(new["trial"] == trial)
        by_hand = np.zeros((4, 5))
        for t in range(4):
            last = 4 if smooth else t + 1
            for path in product(range(5), repeat=last):
                chance = np.prod([A[a, b] for a, b in pairwise(path)])
                weight = chance * np.exp(sum(log_p[rows[s], g] for s, g in enumerate(path)))
                by_hand[t, path[t]] += weight
        by_hand /= by_hand.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found["probability"][rows], by_hand, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found["x_grid"], centres)


def test_a_gaussian_line_is_that_of_the_kalman_smoother():
    rng = np.random.default_rng(0)
    slopes, n = np.array([0.5, -1.0]), 60
    x = np.concatenate([[-30.0, 30.0], rng.normal(0, 5, 400)])
    train = {"x": x, "y": x[:, None] * slopes + rng.normal(size=(402, 2))}
    fit = bg.fit_map(bg.GLM("y", bg.Linear("x", prior=bg.Flat())), train)
    path = np.cumsum(rng.normal(size=n))
    new = {"y": path[:, None] * slopes + rng.normal(size=(n, 2))}
    found = bg.decode_position(fit, new, "x", step=1.0, cells=300)
    b, a, s = (fit["map"][name].values for name in ("x", "intercept", "sigma"))
    D = np.diff(np.eye(n), axis=0)
    precision = D.T @ D + np.sum(b**2 / s**2) * np.eye(n)
    mean = np.linalg.solve(precision, (new["y"] - a) @ (b / s**2))
    sd = np.sqrt(np.diagonal(np.linalg.inv(precision)))
    np.testing.assert_allclose(found["x_mean"], mean, rtol=0, atol=0.01)
    np.testing.assert_allclose(found["x_sd"], sd, rtol=0.01)
    reach = norm.ppf(0.97) * sd
    np.testing.assert_allclose(found["x_upper"], mean + reach, rtol=0, atol=0.02)
    np.testing.assert_allclose(found["x_lower"], mean - reach, rtol=0, atol=0.02)


def test_two_ways_to_the_likelihood_agree(fitted):
    """Sums of exponentials, and every response in every cell."""
    from bayesglm.inference.tree.opened import reopen
    from bayesglm.results import decode_position as room
    from bayesglm.results.decoding import open_backwards

    new, places = recording(30, seed=2), {"x": np.linspace(0.5, 9.5, 7)}
    back = open_backwards(fitted, reopen(fitted), new, ["x"], room._at_first(places), 1)
    curves = room._tuning(back, ["x"], places)
    known = back.eta(back.thetas)[0] - curves[0, :, 0]
    fast = room._of_exponentials(back.family, back, known, curves[0])
    slow = room._of_every_cell(back.family, back, known, curves[0], ())
    np.testing.assert_allclose(fast, slow, rtol=1e-10)


def test_bands_hold_the_truth_and_smoothing_tells_more(fitted):
    new = recording(1500, seed=3)
    both = {s: bg.decode_position(fitted, new, "x", 0.3, smooth=s) for s in (True, False)}
    for found in both.values():
        inside = (found["x_lower"] < new["x"]) & (new["x"] < found["x_upper"])
        assert 0.89 < float(inside.mean()) < 0.98
    assert float(both[True]["x_sd"].mean()) < 0.9 * float(both[False]["x_sd"].mean())
    off = np.abs(both[True]["x_mean"] - new["x"]).mean()
    assert off < 0.5
    assert np.abs(both[True]["x_mode"] - new["x"]).mean() < 0.6


@pytest.mark.parametrize("smooth", [True, False])
def test_a_leap_that_no_step_makes_is_followed(smooth):
    rng = np.random.default_rng(0)
    x = np.concatenate([[-100.0, 100.0], rng.normal(0, 30, 400)])
    fit = bg.fit_map(
        bg.GLM("y", bg.Linear("x", prior=bg.Flat())), {"x": x, "y": x + rng.normal(size=402)}
    )
    truth = np.repeat([-80.0, 80.0], 3)
    found = bg.decode_position(fit, {"y": truth}, "x", 1.0, cells=200, smooth=smooth)
    np.testing.assert_allclose(found["probability"].sum("x_grid"), 1.0, rtol=1e-9)
    np.testing.assert_allclose(found["x_mean"], truth, rtol=0, atol=2.0)
    assert np.isfinite(found.attrs["log_evidence"])


def test_evidence_prefers_the_step_that_was_made(fitted):
    new = recording(800, seed=4, step=0.3)
    evidence = [
        bg.decode_position(fitted, new, "x", step).attrs["log_evidence"]
        for step in (0.05, 0.3, 2.0)
    ]
    assert np.argmax(evidence) == 1


def test_draws_of_the_encoding_model_are_averaged():
    train, new = recording(150), recording(40, seed=5)
    fit = bg.fit(bg.GLM("y", CURVE, family="poisson"), train, draws=100)
    found = bg.decode_position(fit, new, "x", 0.3, cells=40, draws=3)
    alone = []
    for chain, draw in ((0, 0), (1, 99), (3, 99)):  # the first, that in the middle, and the last
        one = fit.isel(chain=[chain], draw=[draw])
        alone.append(bg.decode_position(one, new, "x", 0.3, cells=40)["probability"])
    np.testing.assert_allclose(found["probability"], sum(alone) / 3, rtol=1e-6, atol=1e-9)
    assert found.attrs["draws"] == 3


def test_angles_go_around():
    rng = np.random.default_rng(0)

    def record(n):
        angle = np.mod(np.cumsum(rng.normal(0.05, 0.15, n)), 2 * np.pi)
        angle[:2] = 0.0, 2 * np.pi - 1e-9
        centres = np.arange(8) * 2 * np.pi / 8
        return {
            "angle": angle,
            "y": rng.poisson(np.exp(1.5 * np.cos(angle[:, None] - centres) - 0.5)),
        }

    curve = bg.Spline("angle", df=6, cyclic=True, bounds=(0.0, 2 * np.pi), prior=bg.Normal(1.0))
    fit = bg.fit_map(bg.GLM("y", curve, family="poisson"), record(2000))
    new = record(600)
    found = bg.decode_position(
        fit, {"y": new["y"]}, "angle", 0.16, cells=60, periods={"angle": 2 * np.pi}
    )
    away = np.mod(found["angle_mean"].values - new["angle"] + np.pi, 2 * np.pi) - np.pi
    assert np.abs(away).mean() < 0.25
    period = 2 * np.pi * np.round((found["angle_mean"].values - new["angle"]) / (2 * np.pi))
    truth = new["angle"] + period
    inside = (found["angle_lower"] < truth) & (truth < found["angle_upper"])
    assert 0.88 < float(inside.mean()) < 0.99


def test_places_in_a_plane_are_decoded_beside_what_is_known():
    """Fields whose logarithm is quadratic, with the neurons' own history."""
    rng = np.random.default_rng(0)
    fields = rng.uniform(0.0, 10.0, (30, 2))

    def record(n):
        place = np.stack([walk(n, rng, 0.4), walk(n, rng, 0.4)], axis=1)
        place[:2] = [[0.0, 0.0], [10.0, 10.0]]
        far = np.sum((place[:, None] - fields) ** 2, axis=2)
        return xr.Dataset(
            {
                "x": ("time", place[:, 0]),
                "z": ("time", place[:, 1]),
                "y": (("time", "unit"), rng.poisson(1.5 * np.exp(-far / 8.0))),
            },
            coords={"time": np.arange(n) * 0.1},
        )

    curves = [bg.Basis(name, "poly", df=2, prior=bg.Normal(50.0)) for name in "xz"]
    terms = [*curves, bg.Interaction("x", "z", prior=bg.Normal(1.0)), bg.History(lags=2)]
    model = bg.GLM("y", terms, family="poisson", prior=bg.Normal(0.5))
    fit = bg.fit_map(model, record(4000))
    new = record(1500)
    found = bg.decode_position(fit, new[["y"]], ("x", "z"), step=0.4, cells=25)
    assert found["probability"].dims == ("time", "x_grid", "z_grid")
    np.testing.assert_allclose(found["probability"].sum(("x_grid", "z_grid")), 1.0, rtol=1e-9)
    for name in "xz":
        assert np.abs(found[f"{name}_mean"] - new[name]).mean() < 0.8
        inside = (found[f"{name}_lower"] < new[name]) & (new[name] < found[f"{name}_upper"])
        assert 0.89 < float(inside.mean()) < 0.98


REFUSED = {
    "a step too small": ({"step": 0.01}, "is lost in cells 0.1 wide; take cells=250 or more"),
    "no position": ({"position": "place"}, "no term of the model reads 'place'"),
    "four variables": ({"position": ["x"] * 4}, "must name one to 3 different variables"),
    "one variable twice": ({"position": ("x", "x")}, "must name one to 3 different variables"),
    "two steps": ({"step": (0.1, 0.2)}, "one number or one for each"),
    "a negative step": ({"step": -0.1}, "step must be positive"),
    "a period of another": ({"periods": {"heading": 6.28}}, "periods names 'heading'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_decoded_is_refused(fitted, case):
    options, words = REFUSED[case]
    asked = {"position": "x", "step": 0.3} | options
    with pytest.raises((bg.DataError, bg.ModelError), match=words):
        bg.decode_position(fitted, recording(20), **asked)


def test_lags_of_a_position_are_refused():
    data = recording(1000)
    lagged = bg.Lagged("x", lags=3, prior=bg.ridge(1.0))
    fit = bg.fit_map(bg.GLM("y", lagged, family="poisson"), data)
    with pytest.raises(bg.ModelError, match="reads the position at lags"):
        bg.decode_position(fit, data, "x", 0.3)
