"""Units of a population that never vary are named and left out, and the others are fitted."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

N, SILENT = 200, (1, 3)


def recording(labels=("a", "b", "c", "d"), n=N):
    rng = np.random.default_rng(0)
    y = rng.poisson(0.6, (n, 4))
    y[:, SILENT] = 0
    coords = {} if labels is None else {"cell": list(labels)}
    return xr.Dataset(
        {
            "y": (("time", "cell"), y),
            "x": ("time", rng.normal(size=n)),
            "own": (("time", "cell"), rng.normal(size=(n, 4))),
        },
        coords=coords,
    )


def model_of(*terms, **options):
    return bg.GLM("y", ["own", *terms], family="poisson", prior=bg.Normal(0.5), **options)


@pytest.mark.parametrize("labels", [("a", "b", "c", "d"), None])
@pytest.mark.parametrize("terms", [(), (bg.Coupling(lags=2),)], ids=["alone", "coupled"])
def test_silent_units_are_named_and_the_others_fitted(labels, terms, tmp_path):
    data = recording(labels)
    named = "b, d" if labels else "1, 3"
    with pytest.warns(bg.BayesGLMWarning, match=rf"2 of 4 along 'cell' never vary .*\({named}\)"):
        fit = bg.fit_map(model_of(*terms), data)
    kept = [0, 2] if labels is None else ["a", "c"]
    assert fit["map"]["own"]["cell"].values.tolist() == kept
    every = list(labels or range(4))
    others = data.assign_coords(cell=every).sel(cell=kept)
    expected = bg.fit_map(model_of(*terms), others)["map"].to_dataset()
    xr.testing.assert_equal(fit["map"].to_dataset(), expected)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert len(bg.summary(again)) == 4 + len(terms) * 4
    told, part = bg.predict(again)["y"], bg.predict(again, data)["y"]
    np.testing.assert_allclose(part, told)
    assert told["cell"].values.tolist() == kept


VERBS = {
    "predict": lambda fit, data: bg.predict(fit, data)["y"],
    "simulate": lambda fit, data: bg.simulate(fit, data, draws=1)["y"],
    "nonlinearity": lambda fit, data: bg.nonlinearity(fit, data, bins=3)["observed"],
    "decode": lambda fit, data: bg.decode(fit, data)["mode"],
}


@pytest.mark.parametrize("labels", [("a", "b", "c", "d"), None])
@pytest.mark.parametrize("verb", VERBS)
def test_verbs_take_the_data_of_the_fit_and_find_units_by_label(verb, labels):
    data = recording(labels).drop_vars("own")
    model = bg.GLM("y", bg.Lagged("x", lags=2, prior=bg.ridge(1.0)), family="poisson")
    with pytest.warns(bg.BayesGLMWarning, match="silent units"):
        fit = bg.fit_map(model, data)
    told = VERBS[verb](fit, data)
    others = data.assign_coords(cell=data.get("cell", range(4))).isel(cell=[3, 2, 1, 0])
    xr.testing.assert_allclose(VERBS[verb](fit, others), told)
    if verb == "predict":
        xr.testing.assert_allclose(told, bg.predict(fit)["y"])


def test_a_proper_prior_keeps_them():
    model = model_of(bg.Coupling(lags=1), intercept=bg.Normal(2.0))
    with pytest.warns(bg.BayesGLMWarning, match="2 of 4 along 'cell' have fewer events"):
        fit = bg.fit_map(model, recording())
    assert fit["map"].sizes["cell"] == 4
    assert (fit["map"]["intercept"].values[list(SILENT)] < -3.0).all()
    # What no one ever heard is what the prior said.
    assert np.all(fit["map"]["coupling"].values[0, SILENT] == 0.0)


@pytest.mark.parametrize("change", ["all", "arrays"])
def test_where_none_can_be_left_out_it_is_an_error(change):
    data, terms = recording(), [bg.Coupling(lags=1)]
    if change == "all":
        data = data.assign(y=0 * data["y"])
    else:
        terms = [bg.Coupling(lags=1, prior=bg.Normal(np.full((4, 1, 1), 0.3)))]
    with pytest.raises(bg.DataError, match=r"\(cell=[ab]\) does not vary: all \d+ sam"):
        bg.fit_map(model_of(*terms), data)


def test_units_with_fewer_events_than_coefficients_are_told_once():
    data = recording().sel(cell=["a", "c"])
    data["y"][40:, 1] = 0
    n = int(data["y"].values[30:, 1].sum())
    words = rf"1 of 2 along 'cell' have fewer events than coefficients, .* has 32 .*{n}: c\)"
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        bg.fit_map(model_of(bg.Coupling(lags=30)), data)
    assert len(told) == 1
