"""predict and kernels at their edges: nothing to learn, numbers next to the largest, memory."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.numerics.summaries import mean_of, quantiles_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=60)
COUNTS = RNG.poisson(np.exp(0.4 * X))


@pytest.fixture(scope="module")
def posterior():
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    return bg.fit(model, {"y": COUNTS, "x": X}, draws=250)


NOTHING_TO_LEARN = {
    "gaussian": ({"dispersion": 2.0}, 0.0),
    "bernoulli": ({}, 0.5),
    "binomial": ({"trials": "n"}, 2.5),
    "poisson": ({}, 1.0),
}


@pytest.mark.parametrize("family", NOTHING_TO_LEARN)
def test_a_model_without_parameters_predicts_and_reports(family, tmp_path):
    options, mean = NOTHING_TO_LEARN[family]
    data = {"y": np.arange(12) % 2, "n": np.full(12, 5)}
    fit = bg.fit_map(bg.GLM("y", [], family=family, intercept=None, **options), data)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    for one in (fit, again):
        np.testing.assert_array_equal(bg.predict(one)["y"], np.full(12, mean))
        np.testing.assert_array_equal(bg.predict(one, kind="linear")["y"], np.zeros(12))
        assert np.isfinite(bg.predict(one, kind="response")["y"]).all()
        assert not bg.kernels(one).children
    assert bg.report({"nothing": again}, tmp_path / "r.html").stat().st_size > 1000


def test_a_response_beyond_the_largest_float_is_infinite_and_never_nan():
    # In units of 1e-12 a rise by one is a rise by 1e12 sds.
    x = 1e-12 * X
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1e12))
    node = bg.kernels(bg.fit(model, {"y": RNG.poisson(1.0, 60), "x": x}, draws=250))["x"]
    assert float(node["response_lower"]) < 0.0
    assert np.isposinf([node["response"], node["response_upper"]]).all()
    assert np.isfinite(node["link"])


def test_the_change_from_an_average_beyond_the_largest_float_has_its_sign(posterior):
    # As if the average linear predictor were 800, of which the exponential is no float.
    far = posterior.copy(deep=True)
    far["posterior"] = (
        far["posterior"].to_dataset().assign(intercept=posterior["posterior"]["intercept"] + 800)
    )
    draws = posterior["posterior"]["x"].values
    node = bg.kernels(far)["x"]
    assert node["response"] == np.copysign(np.inf, np.sign(draws).sum())
    assert node["response_lower"] == np.copysign(np.inf, np.quantile(draws, 0.03))
    with pytest.raises(
        bg.DataError, match=r"mean of 'y' is beyond .* in 1000 of 1000 draws.*'line"
    ):
        bg.predict(far)


def test_predictions_far_outside_are_refused_but_for_the_linear_predictor(posterior):
    new = {"x": [0.0, 1e4]}
    for kind in ("mean", "response"):
        with pytest.raises(bg.DataError, match=r"beyond the largest float.*first at obs=1"):
            bg.predict(posterior, new, kind=kind)
    assert np.isfinite(bg.predict(posterior, new, kind="linear")["y"]).all()


@pytest.mark.parametrize("kind", ["mean", "response", "linear"])
def test_quantiles_are_those_of_the_draws(posterior, kind):
    wanted = [0.97, 0.03, 0.5]
    found = bg.predict(posterior, kind=kind, seed=3, quantiles=wanted)["y"]
    draws = bg.predict(posterior, kind=kind, seed=3)["y"]
    assert found.dims == ("quantile", "obs")
    np.testing.assert_allclose(found, draws.quantile(wanted, ("chain", "draw")), rtol=1e-12)
    assert found["quantile"].values.tolist() == wanted


@pytest.mark.parametrize("quantiles", ["0.5", 0.5, [], [1.5], [np.nan], [[0.5]], [True], {"a": 1}])
def test_quantiles_are_probabilities(posterior, quantiles):
    with pytest.raises(bg.DataError, match="quantiles must"):
        bg.predict(posterior, quantiles=quantiles)


def test_a_map_has_no_quantiles():
    fit = bg.fit_map(bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0), {"y": X, "x": X})
    with pytest.raises(bg.DataError, match="a MAP predicts one number"):
        bg.predict(fit, quantiles=[0.5])


def test_draws_that_an_interruption_left_out_stay_missing_alone():
    cells = np.stack([COUNTS, COUNTS[::-1]], axis=1)
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    fit = bg.fit(model, {"y": cells, "x": X}, draws=250)
    whole = bg.predict(fit)["y"]
    short = fit.copy(deep=True)
    # The draws that are not there, of the second neuron.
    gone = (fit["posterior"]["draw"] >= 100) & (fit["posterior"]["y_dim_0"] == 1)
    short["posterior"] = fit["posterior"].to_dataset().where(~gone)
    found = bg.predict(short)["y"]
    np.testing.assert_array_equal(found, whole.where(~gone))
    drawn = bg.predict(short, kind="response")["y"]
    assert bool((drawn.isnull() == found.isnull()).all())
    quantile = bg.predict(short, quantiles=[0.5])["y"].isel(y_dim_0=1, quantile=0)
    first = whole.isel(y_dim_0=1, draw=slice(0, 100))
    np.testing.assert_allclose(quantile, first.median(("chain", "draw")), rtol=1e-12)
    link = fit["posterior"]["x"].isel(y_dim_0=1, draw=slice(0, 100)).mean()
    assert float(bg.kernels(short)["x"]["link"][1]) == pytest.approx(float(link))


def test_summaries_of_infinite_draws():
    draws = np.array([[-np.inf, 1e308], [np.inf, 1.5e308], [np.inf, 1.7e308], [0.0, -1.0]])
    assert mean_of(draws)[0] == np.inf
    assert mean_of(draws)[1] == pytest.approx(1.05e308)
    found = quantiles_of(draws, np.array([0.1, 0.6, 0.9]))
    assert not np.isnan(found).any()
    assert found[:, 0].tolist() == [-np.inf, np.inf, np.inf]
    np.testing.assert_array_equal(quantiles_of(draws[3:], np.array([0.5]))[0], draws[3])


LITTLE_MEMORY = """
import resource
import numpy as np
import bayesglm as bg

x = np.random.default_rng(0).normal(size=100)
model = bg.GLM("y", "x", dispersion=1.0, prior=bg.Normal(1.0))
fit = bg.fit(model, {"y": x, "x": x})
new = {"x": np.linspace(-1.0, 1.0, 20_000)}
few = bg.predict(fit, {"x": new["x"][:10]}, quantiles=[0.03, 0.5])["y"]

def taken(name):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(name))

before, size = taken("VmRSS"), 8 * 4000 * 10_000
assert bg.predict(fit, {"x": new["x"][::2]})["y"].nbytes == size
assert taken("VmHWM") < before + 1.4 * size, (before, taken("VmHWM"))
resource.setrlimit(resource.RLIMIT_AS, (taken("VmSize") + 500_000_000,) * 2)
try:
    bg.predict(fit, new)
except bg.DataError as error:
    print(error)
found = bg.predict(fit, new, quantiles=[0.03, 0.5])["y"]
assert np.allclose(found[:, :10], few)
"""


@pytest.mark.slow
def test_predictions_that_no_memory_holds_are_refused_first():
    script = [sys.executable, "-c", LITTLE_MEMORY]
    ran = subprocess.run(script, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "are 4 x 1,000 x 20,000 numbers, 0.64 GB, more than the memory" in ran.stdout
    assert "quantiles=" in ran.stdout


ODD_LABELS = {
    "time zone": pd.date_range("2020-03-29", periods=3, freq="h", tz="Europe/Berlin"),
    "periods": pd.period_range("2020-01", periods=3, freq="M"),
    "intervals": pd.interval_range(0, 3),
    "missing number": pd.Index([1.0, np.nan, 2.0]),
    "missing word": pd.Index(["a", None, "b"], dtype=object),
    "missing whole number": pd.Index(pd.array([1, None, 2], dtype="Int64")),
    "categories": pd.CategoricalIndex(["b", "a", "c"]),
}


@pytest.mark.parametrize("labels", ODD_LABELS.values(), ids=ODD_LABELS.keys())
@pytest.mark.parametrize("where", ["neuron", "pixel"])
def test_neurons_and_features_are_the_same_whatever_labels_them(labels, where, tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (20, 3) if where == "neuron" else 20)
    frames = rng.normal(size=(20, 3) if where == "pixel" else 20)
    data = xr.Dataset(
        {
            "y": (("obs", "neuron")[: counts.ndim], counts),
            "x": (("obs", "pixel")[: frames.ndim], frames),
        },
        coords={where: labels},
    )
    best = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    expected = bg.predict(best)
    read = bg.load(bg.save(best, tmp_path / "fit.nc"))
    for again in (bg.predict(read), bg.predict(best, data), bg.predict(read, data)):
        assert again.identical(expected)
    with pytest.raises(bg.DataError, match=f"labels of dim '{where}'"):
        bg.predict(best, data.isel({where: [1, 0, 2]}))


def test_features_of_another_dim_are_refused():
    rng = np.random.default_rng(0)
    data = xr.Dataset({"y": ("obs", rng.poisson(1.0, 20)), "x": (("obs", "pixel"), np.eye(20, 3))})
    best = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    with pytest.raises(bg.DataError, match=r"over \('pixel',\); name the dims"):
        bg.predict(best, {"x": np.eye(20, 3)})


def test_simultaneous_bands_hold_whole_kernels_and_fields():
    rng = np.random.default_rng(3)
    movie = xr.DataArray(rng.normal(size=(200, 2, 2)), dims=("time", "y", "x"))
    data = {"spikes": ("time", rng.poisson(1.0, 200)), "movie": movie, "z": movie[:, 0, 0] ** 3}
    terms = [bg.Lagged("movie", lags=3), bg.Spline("z", df=5, prior=bg.smooth(4.0, 2))]
    model = bg.GLM("spikes", terms, "poisson", prior=bg.Normal(0.5))
    fit = bg.fit_laplace(model, xr.Dataset(data), draws=500)
    nodes = bg.kernels(fit, prob=0.9)
    field = fit["posterior"]["movie"].rename(movie_lag="lag")
    node = nodes["movie"]
    assert node["link_simultaneous_lower"].dims == ("lag", "y", "x")
    inside = (node["link_simultaneous_lower"] <= field) & (field <= node["link_simultaneous_upper"])
    assert float(inside.all(("lag", "y", "x")).mean()) == pytest.approx(0.9, abs=1e-3)
    # It is as many sds wide at every place, and wider than what holds each by itself.
    sds = field.std(("chain", "draw"))
    widths = (node["link_simultaneous_upper"] - node["link"]) / sds
    np.testing.assert_allclose(widths, float(widths[0, 0, 0]), rtol=1e-9)
    assert (nodes["z"]["link_simultaneous_upper"] > nodes["z"]["link_upper"]).all()
    assert "link_simultaneous_upper" not in bg.kernels(bg.fit_map(model, xr.Dataset(data)))["z"]
