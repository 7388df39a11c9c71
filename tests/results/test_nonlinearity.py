"""The static nonlinearity: sums by hand, the right link and a wrong one, new data, populations."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

MODEL = bg.GLM("y", bg.Lagged("x", lags=3, prior=bg.ridge(1.0)), family="poisson")


def recording(n=4000, seed=0, rate=np.exp, units=1):
    """Return units whose rates are a function of the same filtered stimulus."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    eta = np.convolve(x, [0.6, 0.4, -0.3])[:n] - 0.5
    y = rng.poisson(rate(eta)[:, None], (n, units))
    coords = {"time": np.arange(n) * 0.01, "unit": np.arange(units) * 10}
    return xr.Dataset({"x": ("time", x), "y": (("time", "unit"), y)}, coords=coords)


def test_bins_hold_what_is_summed_by_hand():
    ds = recording(300).isel(unit=0)
    found = bg.fit_map(MODEL, ds)
    curve = bg.nonlinearity(found, bins=7)
    rows = np.arange(2, 300)
    eta = bg.predict(found, kind="linear")["y"].values[rows]
    mean, y = bg.predict(found)["y"].values[rows], ds["y"].values[rows]
    parts = np.split(np.argsort(eta), np.cumsum(curve["n"].values[:-1]).astype(int))
    for name, values in (("drive", eta), ("observed", y), ("expected", mean)):
        by_hand = [values[part].mean() for part in parts]
        np.testing.assert_allclose(curve[name], by_hand, rtol=1e-12)
    assert curve["n"].sum() == 298
    assert abs(curve["n"] - 298 / 7).max() <= 1


def test_bins_of_too_few_samples_are_refused_and_few_values_make_few_bins():
    ds = recording(102).isel(unit=0)
    found = bg.fit_map(MODEL, ds)
    assert (bg.nonlinearity(found, bins=20)["n"] == 5).all()
    with pytest.raises(bg.DataError, match=r"bins=21 hold 4\.76 of 100 .* at most bins=20"):
        bg.nonlinearity(found, bins=21)
    two = bg.fit_map(bg.GLM("y", "x", family="poisson"), ds.assign(x=ds["x"] > 0))
    assert bg.nonlinearity(two, bins=100_000).sizes["bin"] == 2


def off_by(curve):
    """Return how far observed lies from expected in each bin, in standard errors."""
    return ((curve["observed"] - curve["expected"]) / curve["observed_se"]).values


def test_the_right_link_is_inside_the_bands_and_a_wrong_one_is_not():
    right = bg.nonlinearity(bg.fit_map(MODEL, recording(20_000)), bins=12)
    assert (off_by(right) ** 2).sum() < 33.0  # chi2 of 12: 1 in 1000
    soft = recording(20_000, rate=lambda eta: np.log1p(np.exp(1.5 * eta)))
    wrong = bg.nonlinearity(bg.fit_map(MODEL, soft), bins=12)
    assert (off_by(wrong) ** 2).sum() > 66.0


def test_new_data_and_a_posterior_have_bands_of_both():
    fitted = bg.fit(MODEL, recording(2000).isel(unit=0), draws=250)
    curve = bg.nonlinearity(fitted, recording(2000, seed=1).isel(unit=0), bins=10)
    assert np.abs(off_by(curve)).max() < 4.0
    assert (curve["expected_lower"] < curve["expected"]).all()
    assert (curve["expected"] < curve["expected_upper"]).all()
    mean = bg.predict(fitted, recording(2000, seed=1).isel(unit=0))["y"].mean(("chain", "draw"))
    total = float((curve["n"] * curve["expected"]).sum())
    assert total == pytest.approx(float(mean.sum()), rel=0.01)  # of 400 draws of 1,000


def test_members_of_a_population_have_a_curve_each():
    ds = recording(1500, units=2)
    both = bg.nonlinearity(bg.fit_map(MODEL, ds), bins=6)
    assert both["observed"].dims == ("unit", "bin")
    for unit in ds["unit"].values:
        one = bg.nonlinearity(bg.fit_map(MODEL, ds.sel(unit=unit)), bins=6)
        own = both.sel(unit=unit, drop=True)
        for name in one:
            np.testing.assert_allclose(own[name], one[name], rtol=1e-6, atol=1e-9)


def test_weights_count_samples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    data = {"x": x, "y": rng.poisson(np.exp(0.5 * x)), "w": rng.integers(1, 4, 60)}
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
    weighted = bg.nonlinearity(
        bg.fit_map(bg.GLM("y", model.terms, family="poisson", weights="w"), data), bins=2
    )
    again = {name: np.repeat(values, data["w"]) for name, values in data.items()}
    assert weighted["n"].sum() == data["w"].sum()
    whole = bg.nonlinearity(bg.fit_map(model, again), bins=2)
    for name in ("observed", "expected"):
        total = [float((one["n"] * one[name]).sum()) for one in (weighted, whole)]
        assert total[0] == pytest.approx(total[1], rel=1e-7)


def test_what_has_no_mean_is_refused():
    data = {"y": ["a", "b", "c", "a", "b", "c"], "x": [0.1, 0.4, -0.3, 0.5, 0.6, 0.0]}
    fitted = bg.fit_map(bg.GLM("y", "x", family="categorical", prior=bg.Normal(1.0)), data)
    with pytest.raises(bg.ModelError, match="has a probability for each of its levels"):
        bg.nonlinearity(fitted)
    fitted = bg.fit_map(MODEL, recording(100).isel(unit=0))
    with pytest.raises(bg.DataError, match="bins must be a whole number of at least 2"):
        bg.nonlinearity(fitted, bins=1)
    with pytest.raises(bg.DataError, match="response 'y' is not in the data"):
        bg.nonlinearity(fitted, recording(100)[["x"]])
