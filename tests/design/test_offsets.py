"""Exposures: the offset that they are, everywhere; and offsets that look like exposures."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg

N = 60
RNG = np.random.default_rng(8)
X = RNG.normal(size=N)
KM = RNG.uniform(100.0, 50_000.0, N)
OTHER = RNG.normal(0.0, 0.3, N)
Y = RNG.poisson(2e-4 * KM * np.exp(0.4 * X + OTHER))
DATA = {"y": Y, "x": X, "km": KM, "log_km": np.log(KM), "o": OTHER, "both": OTHER + np.log(KM)}
PRIOR = {"prior": bg.Normal(1.0)}


def poisson(terms="x", **options):
    return bg.GLM("y", terms, family="poisson", **PRIOR, **options)


def values_of(tree):
    """Return every number of a fit that its model and data lead to."""
    group = tree["posterior"] if "posterior" in tree.children else tree["map"]
    return np.concatenate([np.ravel(one) for one in group.data_vars.values()])


PAIRS = {
    "alone": ({"exposure": "km"}, {"offset": "log_km"}),
    "beside an offset": ({"exposure": "km", "offset": "o"}, {"offset": "both"}),
}


@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS.keys())
def test_an_exposure_is_the_offset_of_its_logarithm_to_the_last_bit(one, other):
    for verb in (bg.fit_map, bg.fit_laplace, bg.fit):
        fits = [verb(poisson(**options), DATA) for options in (one, other)]
        np.testing.assert_array_equal(*map(values_of, fits))
        kinds = ("mean", "linear", "response")
        for kind in kinds:
            np.testing.assert_array_equal(*(bg.predict(fit, kind=kind)["y"] for fit in fits))
    elpds = [bg.loo(fit) for fit in fits]
    np.testing.assert_array_equal(*(one.elpd_i for one in elpds))
    folds = [bg.kfold(poisson(**options), DATA, folds=3, draws=100) for options in (one, other)]
    np.testing.assert_array_equal(*(one.elpd_i for one in folds))
    paths = [bg.prior_path(poisson(**options), DATA, [0.1, 1.0]) for options in (one, other)]
    np.testing.assert_array_equal(*(path["path"]["x"] for path in paths))
    tuned = [bg.tune_prior(poisson(**o), DATA, scales=[0.1, 0.4, 2.0]) for o in (one, other)]
    np.testing.assert_array_equal(*(one.curve["x"]["log_evidence"] for one in tuned))


def test_an_exposure_on_a_gaussian_log_link():
    data = DATA | {"y": np.exp(0.2 * X) * KM + RNG.normal(size=N)}
    fits = [
        bg.fit_map(bg.GLM("y", "x", link="log", **PRIOR, **options), data)
        for options in ({"exposure": "km"}, {"offset": "log_km"})
    ]
    np.testing.assert_array_equal(*map(values_of, fits))
    assert abs(float(fits[0]["map"]["x"]) - 0.2) < 0.01


def test_predictions_need_the_exposure_of_new_data():
    found = bg.fit_map(poisson(exposure="km"), DATA)
    with pytest.raises(bg.DataError, match="exposure 'km' is not in the data"):
        bg.predict(found, {"x": [0.0]})
    with pytest.raises(bg.DataError, match=r"exposure 'km' must be positive.*obs=1 \(0\)"):
        bg.predict(found, {"x": [0.0, 0.0], "km": [1.0, 0.0]})
    twice = bg.predict(found, {"x": [0.3, 0.3], "km": [10.0, 20.0]})["y"].values
    np.testing.assert_allclose(twice[1], 2 * twice[0])


def test_every_neuron_of_a_population_has_its_own_exposure():
    both = np.stack([KM, KM[::-1]], axis=-1)
    y = np.stack([Y, RNG.poisson(1e-3 * KM[::-1])], axis=-1)
    dims = ("obs", "cell")
    data = xr.Dataset({"y": (dims, y), "x": ("obs", X), "km": (dims, both)})
    found = bg.fit_map(poisson(exposure="km"), data)
    for k in range(2):
        alone = bg.fit_map(poisson(exposure="km"), {"y": y[:, k], "x": X, "km": both[:, k]})
        np.testing.assert_allclose(found["map"]["x"][k], alone["map"]["x"], rtol=1e-9)
    twin = bg.to_pymc(poisson(exposure="km"), data)
    assert twin["km_data"].type.ndim == 2


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"exposure": "km"}, {"km_data"}),
        ({"exposure": "km", "offset": "o"}, {"km_data", "o_data"}),
        ({"exposure": "km", "weights": "km"}, {"km_exposure_data", "km_weights_data"}),
        ({"terms": ["x", "km"], "exposure": "km"}, {"km_data", "km_exposure_data"}),
    ],
)
def test_the_twin_in_pymc_has_the_same_density(options, names):
    data = DATA | {"km": KM / 1e4}
    model = poisson(**options)
    twin = bg.to_pymc(model, data)
    assert names <= set(twin.named_vars)
    found = bg.fit_map(model, data)
    point = {name: found["map"][name].values for name in found["map"].data_vars}
    logp = float(twin.compile_logp()(point))
    np.testing.assert_allclose(logp, found.attrs["log_posterior"], rtol=1e-12)


def test_the_order_of_magnitude_of_an_exposure_moves_the_intercept_only():
    first = bg.fit_map(poisson(exposure="km"), DATA)["map"]
    for factor in (1e-35, 1e-9, 1e9, 1e35):
        found = bg.fit_map(poisson(exposure="km"), DATA | {"km": factor * KM})["map"]
        np.testing.assert_allclose(found["x"], first["x"], rtol=1e-7)
        np.testing.assert_allclose(found["intercept"] + np.log(factor), first["intercept"])


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, np.inf])
def test_exposures_that_have_no_logarithm(value):
    km = KM.copy()
    km[[4, 9]] = value
    wrong = "missing or infinite values" if not np.isfinite(value) else "values are not"
    for verb in (bg.fit_map, bg.fit, bg.to_pymc):
        with pytest.raises(bg.DataError, match=rf"exposure 'km' .*2 {wrong}, the first at obs=4"):
            verb(poisson(exposure="km"), DATA | {"km": km})


WHOLE = np.arange(1, N + 1) % 24
UNLOGGED = {
    "kilometres": KM,
    "from 90 to 100": np.linspace(90, 100, N),
    "hours": WHOLE + 1.0,
    "days": np.linspace(1, 30, N),
    "from 0 to 10": WHOLE % 11,
    "centred kilometres": KM - KM.mean(),
    "all of them 100": np.full(N, 100.0),
}
LOGGED = {
    "kilometres": np.log(KM),
    "from one to a million": np.log(np.geomspace(1, 1e6, N)),
    "a person and mankind": np.log(np.geomspace(1, 8e9, N)),
    "of counts": np.log(WHOLE + 1.0),
    "shares": np.log(np.geomspace(1e-9, 1, N)),
    "centred": np.log(KM) - np.log(KM).mean(),
    "kilometres standardised": (KM - KM.mean()) / KM.std(),
    "all of them 1": np.ones(N),
    "an effect of days of the week": np.arange(N) % 2,
    "molecules": np.log(6e23 * np.linspace(0.1, 3, N)),
}
WARNING = r"offset 'o' goes from .* looks like an exposure without its logarithm.*exposure='o'"


@pytest.mark.parametrize("offset", UNLOGGED.values(), ids=UNLOGGED.keys())
def test_offsets_without_a_logarithm_are_told_once(offset):
    for verb in (bg.fit_map, bg.to_pymc):
        with pytest.warns(bg.BayesGLMWarning, match=WARNING) as caught:
            found = verb(poisson(offset="o"), DATA | {"o": offset})
        assert len(caught) == 1
        assert caught[0].filename == __file__
    assert found is not None


def test_verbs_of_a_fit_do_not_tell_it_again():
    with pytest.warns(bg.BayesGLMWarning, match=WARNING):
        found = bg.fit(poisson(offset="o"), DATA | {"o": WHOLE + 1.0})
    assert np.isfinite(bg.predict(found, kind="linear")["y"]).all()
    assert bg.add_log_likelihood(found)["log_likelihood"].sizes["obs"] == N


@pytest.mark.parametrize("offset", LOGGED.values(), ids=LOGGED.keys())
def test_logged_offsets_are_no_news(offset):
    found = bg.fit_map(poisson(offset="o"), DATA | {"o": offset})
    assert np.isfinite(float(found["map"]["x"]))


def test_an_offset_on_another_link_is_no_news():
    for options in ({"link": "softplus", "family": "poisson"}, {"family": "gaussian"}):
        found = bg.fit_map(bg.GLM("y", "x", offset="o", **PRIOR, **options), DATA | {"o": WHOLE})
        assert np.isfinite(float(found["map"]["x"]))


def test_an_offset_whose_exponential_overflows_is_named():
    for verb in (bg.fit_map, bg.fit):
        with pytest.raises(bg.DataError, match=r"offset 'km' goes .*no number.*exposure='km'"):
            verb(poisson(offset="km", intercept=None), DATA)


@given(shift=st.floats(-1e3, 1e3))
@settings(max_examples=10, derandomize=True, deadline=None)
def test_a_constant_in_the_offset_moves_the_intercept_only(shift):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        found = bg.fit_map(poisson(offset="o"), DATA | {"o": OTHER + shift})["map"]
    plain = bg.fit_map(poisson(offset="o"), DATA)["map"]
    np.testing.assert_allclose(found["x"], plain["x"], rtol=1e-6)
    np.testing.assert_allclose(found["intercept"] + shift, plain["intercept"], rtol=1e-6)
