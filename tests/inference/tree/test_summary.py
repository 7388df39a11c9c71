"""The table of a fit: rows in the words of the data, numbers against ArviZ and the draws."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.tree.words import entries_alone, prior_words

RNG = np.random.default_rng(3)
N = 300
FRAME = pd.DataFrame({"x": RNG.normal(size=N), "g": RNG.choice(list("abcd"), N)})
EFFECTS = FRAME.g.map(dict(zip("abcd", (-1.0, 0.2, 0.5, 1.0), strict=True)))
FRAME["counts"] = RNG.poisson(np.exp(0.3 * FRAME.x + 0.2))
FRAME["value"] = FRAME.x + EFFECTS + RNG.normal(size=N)
FRAME["hit"] = (FRAME.value > 0).astype(int)
GROUPED = bg.Group("g", slopes="x")


@pytest.fixture(scope="module")
def grouped():
    return bg.fit(bg.GLM("counts", ["x", GROUPED], family="poisson"), FRAME, draws=250)


def test_rows_stand_in_the_order_in_which_they_are_read(grouped):
    table = bg.summary(grouped)
    scales = ["sd of g", "sd of x by g"]
    levels = [*(f"g[{level}]" for level in "abcd"), *(f"g.x[{level}]" for level in "abcd")]
    assert list(table.index) == ["intercept", "x", *scales, *levels]
    assert list(table.columns) == ["mean", "sd", "3%", "97%", "ess", "khat", "prior"]
    assert table.prior["sd of g"] == "HalfNormal(2.5)"
    assert table.prior["sd of x by g"].startswith("HalfNormal(2.")
    assert table.prior["sd of x by g"] != table.prior["sd of g"]
    assert set(table.prior[levels[:4]]) == {"Normal(0, (sd of g)²)"}
    assert set(table.prior[levels[4:]]) == {"Normal(0, (sd of x by g)²)"}
    assert table.attrs["method"] == "laplace by levels"
    assert table.attrs["why"] == grouped.attrs["why"]


def test_numbers_are_those_of_the_draws_and_of_arviz(grouped):
    table = bg.summary(grouped, level=0.8)
    draws = grouped["posterior"]["g"].sel(g_effect="x", g_level="c")
    row = table.loc["g.x[c]"]
    assert row["mean"] == pytest.approx(float(draws.mean()))
    assert row["sd"] == pytest.approx(float(draws.std(ddof=1)))
    assert row["10%"] == pytest.approx(float(draws.quantile(0.1)))
    assert row["90%"] == pytest.approx(float(draws.quantile(0.9)))
    assert (table.khat == grouped.attrs["khat"]).all()
    bulk = float(az.ess(draws.values, method="bulk"))
    assert row["ess"] == pytest.approx(min(bulk, grouped.attrs["importance_ess"]))


def test_a_sampler_tells_r_hat():
    fitted = bg.fit_mcmc(bg.GLM("counts", "x", family="poisson"), FRAME, draws=300, seed=1)
    table = bg.summary(fitted)
    assert list(table.columns) == ["mean", "sd", "3%", "97%", "ess", "r_hat", "prior"]
    told = az.summary(fitted, round_to="none").loc["x"]
    assert table.ess["x"] == pytest.approx(told["ess_bulk"])
    assert table.r_hat["x"] == pytest.approx(told["r_hat"])


def test_a_map_has_its_numbers_alone():
    fitted = bg.fit_map(bg.GLM("value", "x"), FRAME)
    table = bg.summary(fitted)
    assert list(table.columns) == ["map", "prior"]
    assert table["map"]["x"] == float(fitted["map"]["x"])
    assert list(table.index) == ["intercept", "x", "sigma"]


@pytest.mark.parametrize(
    ("response", "options", "name"),
    [
        ("counts", {"family": "poisson"}, "rate ratio"),
        ("hit", {"family": "bernoulli"}, "odds ratio"),
        ("hit", {"family": "bernoulli", "link": "cloglog"}, "hazard ratio"),
    ],
)
def test_ratios_are_exponentials_of_coefficients(response, options, name):
    fitted = bg.fit(bg.GLM(response, "x", prior=bg.Normal(1.0), **options), FRAME)
    table, plain = bg.summary(fitted, exponentiate=True), bg.summary(fitted)
    draws = fitted["posterior"]["x"]
    assert table.index.name == name
    assert table["median"]["x"] == pytest.approx(np.exp(float(draws.median())))
    np.testing.assert_allclose(table["97%"], np.exp(plain["97%"]), rtol=1e-3)
    best = bg.fit_map(bg.GLM(response, "x", prior=bg.Normal(1.0), **options), FRAME)
    assert bg.summary(best, exponentiate=True)["map"]["x"] == np.exp(float(best["map"]["x"]))


def test_what_is_no_ratio_is_no_row_of_ratios(grouped):
    rows = bg.summary(grouped, exponentiate=True).index
    assert "g[a]" in rows
    assert not [row for row in rows if row.startswith("sd of")]
    linear = bg.fit_map(bg.GLM("value", "x"), FRAME)
    with pytest.raises(bg.ModelError, match=r"on the link 'identity' exp of a coefficient is no"):
        bg.summary(linear, exponentiate=True)


def test_predictors_of_sigma_stand_behind_their_intercept():
    fitted = bg.fit_map(bg.GLM("value", "x", dispersion={"sigma": ["x"]}), FRAME)
    assert list(bg.summary(fitted).index) == ["intercept", "x", "sigma_intercept", "sigma_x"]


@pytest.mark.parametrize("link", [None, "probit", "cloglog"])
def test_shares_of_variance_are_those_of_the_latent_response(link):
    residual = {None: np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6}[link]
    model = bg.GLM("hit", ["x", bg.Group("g")], "bernoulli", link=link)
    fitted = bg.fit(model, FRAME, draws=250)
    square = fitted["posterior"]["g_scale"] ** 2
    share = float((square / (square + residual)).mean())
    assert bg.summary(fitted)["mean"]["variance share of g"] == pytest.approx(share)


def test_shares_of_variance_of_a_gaussian_response():
    fitted = bg.fit(bg.GLM("value", ["x", bg.Group("g")]), FRAME)
    square, residual = fitted["posterior"]["g_scale"] ** 2, fitted["posterior"]["sigma"] ** 2
    share = float((square / (square + residual)).mean())
    assert bg.summary(fitted)["mean"]["variance share of g"] == pytest.approx(share)
    fixed = bg.fit(bg.GLM("value", ["x", bg.Group("g")], dispersion=2.0), FRAME)
    square = fixed["posterior"]["g_scale"] ** 2
    share = float((square / (square + 4.0)).mean())
    assert bg.summary(fixed)["mean"]["variance share of g"] == pytest.approx(share)


def test_neurons_have_rows_of_their_own():
    data = bg.as_dataset(
        {"s": RNG.normal(size=200), "spikes": RNG.poisson(1.0, size=(200, 2))}, bin_size=0.01
    )
    fitted = bg.fit(bg.GLM("spikes", bg.Lagged("s", lags=2), family="poisson"), data)
    table = bg.summary(fitted)
    assert list(table.index) == [
        "intercept[0]",
        "intercept[1]",
        *(f"s[{neuron}, lag {lag}]" for neuron in (0, 1) for lag in (0, 1)),
    ]
    khat = fitted["laplace"]["khat"].values
    np.testing.assert_array_equal(table.khat["intercept[0]":"intercept[1]"], khat)


@pytest.mark.parametrize("level", [0.0, 1.0, 94, "wide"])
def test_a_level_is_a_probability(grouped, level):
    with pytest.raises(bg.DataError, match="level"):
        bg.summary(grouped, level=level)


def test_shares_of_variance_name_what_they_learn_whatever_the_columns():
    entries = entries_alone(
        "X", xr.DataArray(np.zeros(2), dims="column", coords={"column": [0, 1]})
    )
    for sds, told in ((1.0, ("1", "1")), ((1.0, 2.0), ("1", "2"))):
        prior = bg.R2D2(0.5, sigma=3.0, predictor_sd=sds)
        expected = [f"R2D2((r2 of X), shares 0.5, 3/{sd})" for sd in told]
        assert prior_words(prior, entries) == expected


def test_curves_are_told_by_their_scale_and_have_no_ratios():
    """Weights of the functions of a curve are no effects: they stand last, and have no ratios."""
    terms = ["x", bg.Spline("x", df=4, name="curve"), bg.Group("g")]
    fitted = bg.fit(bg.GLM("hit", terms, "bernoulli"), FRAME)
    rows = list(bg.summary(fitted).index)
    shared = ["scale of curve", "sd of g", "variance share of g"]
    assert rows[:5] == ["intercept", "x", *shared]
    assert rows[5:7] == ["curve[line]", "curve[bend 1]"]
    ratios = bg.summary(fitted, exponentiate=True).index
    assert list(ratios) == ["intercept", "x", *(f"g[{level}]" for level in "abcd")]
    square = bg.fit(bg.formula("value ~ poly(x, 2)"), FRAME)
    assert list(bg.summary(square).index) == ["intercept", "x[1]", "x[2]", "sigma"]


def test_a_table_is_shown_to_the_digits_that_it_has():
    """A small coefficient, or a ratio near 1, changes nothing of how the others are shown."""
    frame = FRAME.assign(income=30_000 + 1e4 * RNG.normal(size=N))
    fitted = bg.fit(bg.GLM("hit", ["x", "income"], "bernoulli"), frame)
    table, ratios = bg.summary(fitted), bg.summary(fitted, exponentiate=True)
    for text in (repr(table), table.head(2)._repr_html_()):
        assert f"{table['mean']['x']:.4g}" in text
        assert f"{table['ess']['x']:.4g}" in text
    assert "e-0" not in repr(table.loc[["x"]])
    assert table.prior["income"] in repr(table)
    told = float(ratios.written()["median"]["income"])
    assert told == pytest.approx(ratios["median"]["income"], abs=0.1 * ratios["sd"]["income"])
    assert isinstance(table["mean"]["x"], float)
    assert table.equals(pd.DataFrame(table))


def test_products_of_levels_have_ratios_and_stand_where_they_were_written():
    frame = FRAME.assign(h=RNG.choice(["p", "q"], N))
    fitted = bg.fit(bg.formula("hit ~ g*h + x", family="bernoulli"), frame)
    products = [f"g:h[{level}, q]" for level in "bcd"]
    for table in (bg.summary(fitted), bg.summary(fitted, exponentiate=True)):
        assert list(table.index)[-4:] == [*products, "x"]


def test_a_model_without_parameters_has_a_table_without_rows():
    fitted = bg.fit_map(bg.GLM("counts", [], "poisson", intercept=None), FRAME)
    table = bg.summary(fitted)
    assert table.empty
    assert list(table.columns) == ["map", "prior"]
