"""Every verb on fits with varying effects and learned scales."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayesglm as bg
from bayesglm.cli import main

N = 160
WORDS = np.array(["lena", "ivan", "Zoé", "a b"])


def simulate():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, N)
    x, v = rng.normal(size=(2, N))
    eta = 0.3 + 0.5 * x + np.array([0.8, -0.6, 0.1, -0.2])[codes] + 0.3 * (codes == 1) * x
    return {
        "y": rng.poisson(np.exp(eta)),
        "real": eta + 0.4 * rng.normal(size=N),
        "x": x,
        "v": v,
        "who": WORDS[codes],
        "code": 10 * codes,
        "exposed": 0.1 * rng.normal(size=N),
    }


DATA = simulate()
FIXED = [
    bg.Linear("x", prior=bg.Normal(1.0)),
    bg.Group("who", slopes="x", prior=bg.Normal([[0.8], [0.4]])),
    bg.Group("code", prior=bg.Normal(0.3)),
]
MODELS = {
    "map": bg.GLM("y", FIXED, family="poisson", offset="exposed"),
    "laplace": bg.GLM("y", FIXED, family="poisson", offset="exposed"),
    "learned": bg.GLM("y", ["x", bg.Group("who", slopes="x")], family="poisson"),
    "horseshoe": bg.GLM(
        "real",
        [bg.Linear(("x", "v"), name="k", prior=bg.Horseshoe(0.5)), bg.Group("who")],
    ),
}


@pytest.fixture(scope="module")
def fits():
    """One fit of every kind; the horseshoe by NUTS, which is all that can do it."""
    made = {
        "map": bg.fit_map(MODELS["map"], DATA),
        "laplace": bg.fit_laplace(MODELS["laplace"], DATA, draws=200, chains=2),
        "learned": bg.fit(MODELS["learned"], DATA, draws=300, chains=2),
    }
    with warnings.catch_warnings():
        # So few draws have not converged, which is no matter here.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        made["horseshoe"] = bg.fit_mcmc(MODELS["horseshoe"], DATA, draws=40, tune=60, chains=2)
    return made


def parameters(fit):
    group = fit["posterior"] if "posterior" in fit.children else fit["map"]
    return group.to_dataset()


def linear_predictor(fit, data):
    """What the named coefficients say of eta, looked up by label."""
    group, who = parameters(fit), xr.DataArray(np.asarray(data["who"]), dims="obs")
    x = xr.DataArray(np.asarray(data["x"]), dims="obs")
    effects = group["who"].sel(who_level=who)
    eta = group["intercept"] + 0 * x
    if "who_effect" in effects.dims:
        eta = eta + effects.sel(who_effect="intercept") + effects.sel(who_effect="x") * x
    else:
        eta = eta + effects
    if "code" in group:
        code = xr.DataArray(np.asarray(data["code"]), dims="obs")
        eta = eta + group["code"].sel(code_level=code)
        eta = eta + xr.DataArray(np.asarray(data["exposed"]), dims="obs")
    if "x" in group:
        return eta + group["x"] * x
    v = xr.DataArray(np.asarray(data["v"]), dims="obs")
    columns = group["k"]
    return eta + columns.sel(k_column="x") * x + columns.sel(k_column="v") * v


@pytest.mark.parametrize("kind", MODELS)
def test_predictions_on_own_and_on_new_data(fits, kind):
    fit = fits[kind]
    response = MODELS[kind].response
    lead = [dim for dim in ("chain", "draw") if dim in parameters(fit).dims]
    some = {name: values[[5, 3, 77]] for name, values in DATA.items()}
    some = {name: some[name] for name in ("x", "v", "who", "code", "exposed")}
    frame = pd.DataFrame({**some, "who": pd.Categorical(some["who"])})
    for data, given in ((DATA, None), (some, some), (some, frame)):
        found = bg.predict(fit, given, kind="linear")[response]
        expected = linear_predictor(fit, data).transpose(*lead, "obs")
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    drawn = bg.predict(fit, some, kind="response", seed=1)[response]
    assert drawn.shape == found.shape
    mean = bg.predict(fit, some)[response]
    expected = np.exp(found) if response == "y" else found
    np.testing.assert_allclose(mean, expected, rtol=1e-10)


def test_new_data_of_labels_that_the_fit_has_not_seen(fits):
    new = {"x": [0.0, 1.0], "who": ["lena", "max"], "code": [0, 10], "exposed": [0.0, 0.0]}
    with pytest.raises(
        bg.DataError, match="the new data have 'max' in 'who', a level that the fit"
    ):
        bg.predict(fits["laplace"], new)
    with pytest.raises(bg.DataError, match="the new data have 5 in 'code'"):
        bg.predict(fits["laplace"], {**new, "who": ["lena", "ivan"], "code": [0, 5]})
    with pytest.raises(bg.DataError, match="factor 'who' lacks 1 labels, the first at obs=1"):
        bg.predict(fits["laplace"], {**new, "who": ["lena", None]})
    with pytest.raises(bg.DataError, match="factor 'who' is not in the data"):
        bg.predict(fits["laplace"], {"x": [0.0], "code": [0], "exposed": [0.0]})


@pytest.mark.parametrize("kind", MODELS)
def test_the_stored_model_has_the_levels_of_the_fit(fits, kind):
    stored = bg.GLM.from_json(fits[kind].attrs["model"])
    levels = {term.label: term.levels for term in stored.terms if isinstance(term, bg.Group)}
    expected = {"who": tuple(sorted(WORDS)), "code": (0, 10, 20, 30)}
    assert levels == {name: expected[name] for name in levels}
    assert "Zoé" not in str(stored)
    assert eval(repr(stored), {name: getattr(bg, name) for name in bg.__all__}) == stored


def test_said_levels_are_those_of_every_verb(tmp_path):
    """Levels in an order of their own, one of which the data lack: its effect is the prior's."""
    levels = ["ivan", "nobody", "Zoé", "lena", "a b"]
    term = bg.Group("who", slopes="x", prior=bg.Normal([[0.8], [0.4]]))
    plain = bg.fit_map(bg.GLM("y", term, family="poisson"), DATA)
    said = bg.fit_map(bg.GLM("y", dataclasses.replace(term, levels=levels), family="poisson"), DATA)
    assert said["map"]["who_level"].values.tolist() == levels
    effects = said["map"]["who"]
    np.testing.assert_allclose(effects.sel(who_level="nobody"), 0.0, atol=1e-12)
    np.testing.assert_allclose(effects.sel(who_level=sorted(WORDS)), plain["map"]["who"], atol=1e-8)
    assert said.attrs["log_posterior"] == pytest.approx(
        plain.attrs["log_posterior"] + stats.norm.logpdf(0.0, scale=[0.8, 0.4]).sum()
    )
    new = {"x": [0.5, -1.0], "who": ["nobody", "lena"]}
    for suffix in ("nc", "zarr"):
        again = bg.load(bg.save(said, tmp_path / f"fit.{suffix}"))
        assert again.attrs == said.attrs
        eta = bg.predict(again, new, kind="linear")["y"] - again["map"]["intercept"]
        lena = effects.sel(who_level="lena")
        expected = [0.0, lena.sel(who_effect="intercept") - lena.sel(who_effect="x")]
        np.testing.assert_allclose(eta, expected, atol=1e-12)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_more_levels_than_an_attribute_of_64_kilobytes_holds(suffix, tmp_path):
    rng = np.random.default_rng(5)
    words = np.array([f"{'wörd ' * 60}{k}" for k in range(250)])
    data = {"y": rng.poisson(1.0, 250), "who": words}
    fit = bg.fit_map(bg.GLM("y", bg.Group("who", prior=bg.Normal(0.5)), family="poisson"), data)
    assert len(fit.attrs["model"]) > 2**16
    again = bg.load(bg.save(fit, tmp_path / f"fit.{suffix}"))
    assert again.attrs["model"] == fit.attrs["model"]
    xr.testing.assert_identical(bg.predict(again), bg.predict(fit))


def test_a_stored_model_lays_other_data_by_its_own_levels(fits):
    stored = bg.GLM.from_json(fits["map"].attrs["model"])
    few = np.isin(DATA["who"], ["lena", "ivan"])
    some = {name: np.asarray(values)[few] for name, values in DATA.items()}
    again = bg.fit_map(stored, some)
    assert again.attrs["model"] == fits["map"].attrs["model"]
    assert again["map"]["who_level"].values.tolist() == sorted(WORDS)
    np.testing.assert_allclose(again["map"]["who"].sel(who_level=["Zoé", "a b"]), 0.0, atol=1e-12)
    other = {**some, "who": np.where(some["who"] == "lena", "max", some["who"])}
    with pytest.raises(bg.DataError, match=r"factor 'who' has 'max' at obs=.*; add it to levels="):
        bg.fit_map(stored, other)


def test_a_fit_of_the_version_before_whose_terms_had_no_levels():
    """Saved by the version that stored no levels; what it predicted then is written here."""
    old = bg.load(Path(__file__).parent / "fits" / "schema_1.nc")
    assert "levels" not in old.attrs["model"]
    new = {"x": [0.0, 1.0, -1.0], "who": ["Zoé", "lena", "Zoé"], "code": [10, 30, 10]}
    expected = [0.8826112047396028, 2.7676333303498115, 0.39227118911861825]
    np.testing.assert_allclose(bg.predict(old, new)["y"], expected, rtol=1e-12)
    assert bg.kernels(old)["who"]["who_level"].values.tolist() == ["Zoé", "ivan", "lena"]
    with pytest.raises(bg.DataError, match="the new data have 'max' in 'who', a level that the"):
        bg.predict(old, {**new, "who": ["Zoé", "lena", "max"]})


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("kind", MODELS)
def test_fits_on_disk(fits, kind, suffix, tmp_path):
    fit = fits[kind]
    again = bg.load(bg.save(fit, tmp_path / f"fit.{suffix}"))
    assert again.attrs["model"] == fit.attrs["model"]
    assert set(again.children) == set(fit.children)
    for name in fit.children:
        xr.testing.assert_equal(again[name].to_dataset(), fit[name].to_dataset())
    levels = parameters(again)["who_level"].values
    assert levels.tolist() == sorted(WORDS)
    xr.testing.assert_identical(bg.predict(again), bg.predict(fit))
    own = bg.kernels(again)["who"]["link"]
    assert own.sel(who_level="Zoé").size == own.size / 4


@pytest.mark.parametrize("kind", MODELS)
def test_kernels_are_the_effects_of_the_levels(fits, kind):
    group, node = parameters(fits[kind]), bg.kernels(fits[kind])["who"].to_dataset()
    lead = [dim for dim in ("chain", "draw") if dim in group.dims]
    xr.testing.assert_allclose(node["link"], group["who"].mean(lead), atol=1e-12)
    assert node["who_level"].values.tolist() == sorted(WORDS)
    assert ("link_lower" in node) == bool(lead)
    if "who_effect" in node.dims:
        assert node["who_effect"].values.tolist() == ["intercept", "x"]
        assert not node["response"].isnull().any()


@pytest.mark.parametrize("kind", ["laplace", "learned", "horseshoe"])
def test_arviz_reads_the_posterior(fits, kind):
    import arviz_stats as azs

    table = azs.summary(fits[kind])
    if kind == "horseshoe":
        assert {"k_scale", "k_local[x]", "k_slab", "who_scale", "sigma"} <= set(table.index)
    else:
        assert "who[x, Zoé]" in table.index
    assert ("who_scale[x]" in table.index) == (kind == "learned")


def test_scores_of_samples_and_of_whole_levels():
    """Leaving out a level leaves its effect to the prior, so the elpd must fall."""
    models = {
        "varying": MODELS["laplace"],
        "pooled": bg.GLM("y", "x", family="poisson", offset="exposed"),
    }
    few = {"folds": 4, "draws": 100, "chains": 2}
    by_sample = {name: bg.kfold(model, DATA, **few) for name, model in models.items()}
    by_level = bg.kfold(models["varying"], DATA, by="who", **few)
    assert by_level.elpd < by_sample["varying"].elpd
    assert by_level.n_folds == 4
    table = bg.compare(by_sample)
    assert table.index[0] == "varying"
    pooled = bg.kfold(models["pooled"], DATA, by="who", **few)
    assert bg.compare({"varying": by_level, "pooled": pooled}).index[0] == "varying"
    with pytest.raises(bg.DataError, match="are of whole levels of 'who' and those of 'b' are of"):
        bg.compare({"a": by_level, "b": by_sample["pooled"]})


def test_leave_one_out_of_a_gaussian_group_in_closed_form():
    """y is normal with covariance V: y_i given the rest has mean y_i - [V^-1 y]_i / [V^-1]_ii."""
    tau, sigma = 0.7, 0.5
    model = bg.GLM("real", bg.Group("who", prior=bg.Normal(tau)), intercept=None, dispersion=sigma)
    fit = bg.fit_laplace(model, DATA, draws=4000)
    alike = np.equal.outer(DATA["who"], DATA["who"])
    precision = np.linalg.inv(sigma**2 * np.eye(N) + tau**2 * alike)
    sd = np.diag(precision) ** -0.5
    expected = stats.norm.logpdf(precision @ DATA["real"] * sd**2, scale=sd)
    np.testing.assert_allclose(bg.loo(fit).elpd_i, expected, atol=0.01)


def test_a_level_held_out_is_scored_by_its_prior():
    """All its rows jointly, its effect integrated out: here in closed form."""
    tau, sigma = 0.7, 0.5
    data = {"real": DATA["real"][:40], "who": np.repeat(["a", "b"], 20)}
    model = bg.GLM("real", bg.Group("who", prior=bg.Normal(tau)), intercept=None, dispersion=sigma)
    found = bg.kfold(model, data, by="who", folds=2, draws=4000, chains=4)
    covariance = sigma**2 * np.eye(20) + tau**2
    rows = data["real"].reshape(2, 20)
    expected = stats.multivariate_normal(np.zeros(20), covariance).logpdf(rows)
    np.testing.assert_allclose(found.elpd_i.sel(who=["a", "b"]), expected, rtol=1e-9)
    assert found.n_data_points == 2


def test_a_path_gives_learned_scales_numbers():
    model = bg.GLM("y", [bg.Linear("x", prior=bg.Normal(1.0)), bg.Group("who")], family="poisson")
    path = bg.prior_path(model, DATA, [0.05, 0.5, 5.0])
    for k, scale in enumerate([0.05, 0.5, 5.0]):
        terms = [bg.Linear("x", prior=bg.Normal(scale)), bg.Group("who", prior=bg.Normal(scale))]
        alone = bg.fit_map(bg.GLM("y", terms, family="poisson"), DATA)
        for name in ("x", "who"):
            np.testing.assert_allclose(path["path"][name][k], alone["map"][name], atol=1e-6)
    assert bg.GLM.from_json(path.attrs["model"]).terms[1].prior == bg.Normal(bg.HalfNormal(2.5))
    with pytest.raises(bg.ModelError, match=r"learned scale 'who_scale': .* no joint mode"):
        bg.prior_path(model, DATA, [0.1, 1.0], term="x")


def test_the_shell_lists_levels_by_name(tmp_path, capsys):
    table = tmp_path / "data.csv"
    pd.DataFrame(DATA).to_csv(table, index=False)
    (tmp_path / "model.json").write_text(MODELS["map"].to_json())
    out = tmp_path / "fit.nc"
    files = [str(table), "--model", str(tmp_path / "model.json"), "--out", str(out)]
    assert main(["fit", *files, "--map"]) == 0
    printed = capsys.readouterr().out
    assert "who.x[who[i]]·x[i] + code[code[i]]" in printed
    for name in ("who[Zoé]", "who.x[a b]", "code[30]"):
        assert name in printed
    assert bg.load(out)["map"]["who_level"].values.tolist() == sorted(WORDS)
    asked = ["--response", "y", "--linear", "x", "--group", "who:x,v", "--group", "code"]
    assert main(["fit", str(table), *asked, "--family", "poisson", "--map"]) == 2
    assert "learned scale 'who_scale', 'code_scale'" in capsys.readouterr().err
    assert main(["fit", str(table), "--response", "y", "--group", ":x", "--map"]) == 2
    assert "Group factor must be a non-empty string" in capsys.readouterr().err
