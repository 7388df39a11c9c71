"""Effects against closed forms, and against predictions on rows that were changed by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from families import KEYS, model_of
from scipy.special import expit
from terms import EXAMPLES, sample_data

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES

DATA = sample_data()
SAMPLES = ("time", "obs")


def simulate(n=80, seed=3):
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    eta = 0.4 * x + 0.5 * (g == "b") - 0.2
    trials = rng.integers(1, 6, n)
    return pd.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=n),
            "g": g,
            "treated": rng.random(n) < 0.4,
            "n": trials,
            "k": rng.binomial(trials, expit(eta)),
            "y": (rng.random(n) < expit(eta)).astype(int),
            "counts": rng.poisson(np.exp(eta)),
            "w": rng.integers(0, 3, n),
            "size": eta + 0.3 * rng.normal(size=n),
        }
    )


FRAME = simulate()


def posterior(response, terms, family, **options):
    return bg.fit(bg.GLM(response, terms, family=family, **options), FRAME, draws=50, chains=2)


@pytest.fixture(scope="module")
def logistic():
    return posterior("y", ["x", "g", "treated"], "bernoulli")


@pytest.fixture(scope="module")
def rates():
    return posterior("counts", ["x", bg.Interaction("x", "z"), "z"], "poisson")


@pytest.fixture(scope="module")
def gaussian():
    return posterior("size", ["x", "g"], "gaussian")


def flat(fit, name):
    """Return draws ``(draws, ...)`` of a parameter, chain by chain."""
    draws = fit["posterior"][name].transpose("chain", "draw", ...).values
    return draws.reshape(-1, *draws.shape[2:])


def means(fit, data=None, **options):
    """Return predictions ``(draws, samples[, levels])``."""
    found = bg.predict(fit, data, **options)
    (name,) = found.data_vars
    lead = [dim for dim in ("chain", "draw") if dim in found.dims]
    (sample,) = [dim for dim in SAMPLES if dim in found.dims]
    values = found[name].transpose(*lead, sample, ...).values
    return values.reshape(-1, *values.shape[len(lead) :])


def drawn(table, n):
    """Return the draws ``(draws, estimates)`` of a table with a row for each draw."""
    return table["estimate"].to_numpy().reshape(-1, n).T


def test_a_row_is_predicted_as_predict_does(logistic):
    expected = means(logistic)
    found = bg.predictions(logistic)
    low, middle, high = np.quantile(expected, [0.03, 0.5, 0.97], axis=0)
    np.testing.assert_allclose(found["estimate"], middle, rtol=1e-12)
    np.testing.assert_allclose(found["conf_low"], low, rtol=1e-12)
    np.testing.assert_allclose(found["conf_high"], high, rtol=1e-12)
    assert list(found) == [
        "rowid",
        "estimate",
        "conf_low",
        "conf_high",
        "x",
        "g",
        "treated",
    ]
    assert found["g"].tolist() == FRAME["g"].tolist()


def test_an_average_is_taken_within_each_draw(logistic):
    expected = means(logistic)
    found = bg.predictions(logistic, by=["g", "treated"], level=0.5)
    assert list(found) == ["g", "treated", "estimate", "conf_low", "conf_high"]
    assert len(found) == 6
    for _, row in found.iterrows():
        inside = (FRAME["g"] == row["g"]) & (FRAME["treated"] == row["treated"])
        of_draws = expected[:, inside].mean(axis=1)
        numbers = [row["conf_low"], row["estimate"], row["conf_high"]]
        np.testing.assert_allclose(numbers, np.quantile(of_draws, [0.25, 0.5, 0.75]), rtol=1e-12)


def test_draws_stand_in_the_order_of_the_fit(logistic):
    table = bg.predictions(logistic, by=True, draws=True)
    assert list(table) == ["chain", "draw", "estimate"]
    assert table["chain"].tolist() == np.repeat([0, 1], 50).tolist()
    assert table["draw"].tolist() == np.tile(np.arange(50), 2).tolist()
    np.testing.assert_allclose(table["estimate"], means(logistic).mean(axis=1), rtol=1e-12)


def test_a_linear_predictor_changes_by_its_coefficient(gaussian):
    for table in (
        bg.comparisons(gaussian, "x", by=True, draws=True),
        bg.slopes(gaussian, "x", by=True, draws=True),
        bg.comparisons(gaussian, {"x": 10}, grid=bg.datagrid(gaussian), draws=True).assign(
            estimate=lambda one: one["estimate"] / 10
        ),
    ):
        np.testing.assert_allclose(table["estimate"], flat(gaussian, "x"), rtol=1e-8)


def test_levels_are_held_against_the_reference(gaussian):
    effects = np.column_stack([np.zeros(100), flat(gaussian, "g")])
    pairs = {
        "reference": [("a", "b"), ("a", "c")],
        "pairwise": [("a", "b"), ("a", "c"), ("b", "c")],
        "sequential": [("a", "b"), ("b", "c")],
        "revsequential": [("b", "a"), ("c", "b")],
        "minmax": [("a", "c")],
        ("c", "b"): [("c", "b")],
    }
    for words, expected in pairs.items():
        table = bg.comparisons(gaussian, {"g": words}, by=True, draws=True)
        labels = table["contrast"].drop_duplicates().tolist()
        assert labels == [f"{high} - {low}" for low, high in expected]
        differences = [
            effects[:, "abc".index(high)] - effects[:, "abc".index(low)] for low, high in expected
        ]
        np.testing.assert_allclose(drawn(table, 100), np.column_stack(differences), atol=1e-12)


def test_another_reference_of_a_category():
    terms = [bg.Category("g", reference="c")]
    fit = bg.fit_map(bg.GLM("size", terms, prior=bg.Normal(1.0)), FRAME)
    table = bg.comparisons(fit, by=True)
    assert table["contrast"].tolist() == ["a - c", "b - c"]
    np.testing.assert_allclose(table["estimate"], fit["map"]["g"].values, rtol=1e-10)


def test_odds_ratios_of_rows_are_those_of_coefficients(logistic):
    grid = bg.datagrid(logistic, x=[-1.0, 2.0], g=["a", "c"])
    table = bg.comparisons(logistic, "x", grid=grid, comparison="lnor", draws=True)
    b = flat(logistic, "x")
    np.testing.assert_allclose(drawn(table, 100), np.repeat(b[:, None], 4, axis=1), rtol=1e-9)
    change = bg.comparisons(logistic, "treated", grid=grid, comparison="lnor", draws=True)
    assert change["contrast"][0] == "ln(odds(True) / odds(False))"
    treated = flat(logistic, "treated").reshape(100)
    np.testing.assert_allclose(
        drawn(change, 100), np.repeat(treated[:, None], 4, axis=1), rtol=1e-9
    )


def test_slopes_of_a_logistic_row(logistic):
    p, b = means(logistic), flat(logistic, "x")[:, None]
    table = bg.slopes(logistic, "x", draws=True)
    np.testing.assert_allclose(drawn(table, 100), b * p * (1 - p), rtol=1e-8, atol=1e-12)
    averages = bg.slopes(logistic, "x", by="g", draws=True)
    for k, level in enumerate("abc"):
        inside = (FRAME["g"] == level).to_numpy()
        expected = (b * p * (1 - p))[:, inside].mean(axis=1)
        np.testing.assert_allclose(drawn(averages, 100)[:, k], expected, rtol=1e-8, atol=1e-12)


def test_rates_change_by_ratios(rates):
    ratios = bg.comparisons(rates, "z", comparison="ratio", draws=True)
    x = FRAME["x"].to_numpy()
    b = flat(rates, "z")[:, None] + flat(rates, "x:z")[:, None] * x
    np.testing.assert_allclose(drawn(ratios, 100), np.exp(b), rtol=1e-10)
    np.testing.assert_allclose(
        drawn(bg.comparisons(rates, "z", comparison="lnratio", draws=True), 100), b, atol=1e-12
    )
    np.testing.assert_allclose(
        drawn(bg.comparisons(rates, "z", comparison="lift", draws=True), 100),
        np.expm1(b),
        rtol=1e-9,
        atol=1e-12,
    )


def test_an_average_ratio_is_that_of_averages(rates):
    low = means(rates, FRAME)
    high = means(rates, FRAME.assign(z=FRAME["z"] + 1))
    table = bg.comparisons(rates, "z", by=True, comparison="ratio", draws=True)
    np.testing.assert_allclose(table["estimate"], high.mean(axis=1) / low.mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("slope", "of"),
    [
        ("dydx", lambda b, y, z: b * y),
        ("eyex", lambda b, y, z: b * z),
        ("eydx", lambda b, y, z: b),
        ("dyex", lambda b, y, z: b * y * z),
    ],
)
def test_elasticities_of_rates(rates, slope, of):
    """Under a log link dy/dx = b y."""
    x, z = FRAME["x"].to_numpy(), FRAME["z"].to_numpy()
    b = flat(rates, "z")[:, None] + flat(rates, "x:z")[:, None] * x
    expected = of(b, means(rates), z) * np.ones_like(b)
    by_row = bg.slopes(rates, "z", slope=slope, draws=True)
    np.testing.assert_allclose(drawn(by_row, 100), expected, rtol=1e-7, atol=1e-10)
    average = bg.slopes(rates, "z", slope=slope, by=True, draws=True)
    np.testing.assert_allclose(average["estimate"], expected.mean(axis=1), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_every_family_changes_as_it_predicts(key):
    fit = bg.fit_map(model_of(key, "x", prior=bg.Normal(0.5), intercept=bg.Normal(1.0)), DATA)
    family = FAMILIES[key].words
    moved = DATA.assign(x=DATA["x"] + 1.0)
    low, high = (means(fit, one)[0] for one in (DATA, moved))
    trials = DATA["trials"].values if family.needs_trials else 1.0
    difference = (high - low) / trials
    if family.circular:
        difference = np.angle(np.exp(1j * difference))
    found = bg.comparisons(fit)
    np.testing.assert_allclose(found["estimate"], difference, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(bg.predictions(fit)["estimate"], low / trials, rtol=1e-12)
    step = 1e-4
    around = (means(fit, DATA.assign(x=DATA["x"] + by))[0] for by in (-step, step))
    slope = np.subtract(*reversed(list(around))) / (2 * step) / trials
    np.testing.assert_allclose(bg.slopes(fit)["estimate"], slope, rtol=1e-5, atol=1e-8)
    for name in family.dispersions:
        if name not in ("cutpoint",):
            expected = means(fit, kind=name)[0]
            np.testing.assert_allclose(bg.predictions(fit, kind=name)["estimate"], expected)


TERMS = [
    term
    for example in EXAMPLES.values()
    if example.has_mode
    for term in example.terms
    if not term.reads_response
]


@pytest.mark.filterwarnings("ignore:.*outside:bayesglm.BayesGLMWarning")
@pytest.mark.parametrize("term", TERMS, ids=repr)
def test_every_term_changes_as_it_predicts(term):
    prior = {} if term.prior is not None or not term.takes_model_prior else {"prior": bg.ridge(1.0)}
    options = {"intercept": bg.Normal(1.0), "dispersion": 0.5, **prior}
    try:
        fit = bg.fit_map(bg.GLM("gaussian", term, **options), DATA)
    except bg.ModelError:  # scales that are learned have no MAP
        fit = bg.fit(bg.GLM("gaussian", term, **options), DATA, draws=20, chains=2)
    factors = [name for name, role in term.roles.items() if role == "factor"]
    for name in term.variables:
        if name in factors:
            low, high = np.unique(DATA[name].values)[:2].tolist()
            change, data = (
                (low, high),
                [
                    DATA.assign({name: ("time", np.full(DATA.sizes["time"], one))})
                    for one in (low, high)
                ],
            )
        else:
            change, data = 0.25, [DATA, DATA.assign({name: DATA[name] + 0.25})]
        before, after = (means(fit, one) for one in data)
        kept = ~np.isnan(before[0])
        found = bg.comparisons(fit, {name: change}, by=True, draws="posterior" in fit.children)
        expected = (after - before)[:, kept].mean(axis=1)
        np.testing.assert_allclose(found["estimate"], expected, rtol=1e-9, atol=1e-11)


def test_labels_have_an_effect_on_each_level():
    data = FRAME.assign(pet=np.array(["cat", "dog", "owl"])[np.arange(80) % 3])
    fit = bg.fit_map(bg.GLM("pet", "x", family="categorical", prior=bg.Normal(1.0)), data)
    low, high = (means(fit, one)[0] for one in (data, data.assign(x=data["x"] + 1)))
    table = bg.comparisons(fit, by="g", grid=data)
    assert list(table)[:4] == ["term", "contrast", "group", "g"]
    assert table["group"].tolist() == ["cat", "dog", "owl"] * 3
    sums = table.groupby("g")["estimate"].sum()
    np.testing.assert_allclose(sums, 0.0, atol=1e-12)
    inside = (data["g"] == "b").to_numpy()
    of_b = table[table["g"] == "b"]["estimate"]
    np.testing.assert_allclose(of_b, (high - low)[inside].mean(axis=0), rtol=1e-10)


def test_a_variable_called_group_keeps_its_name():
    data = FRAME.rename(columns={"g": "group"}).assign(
        pet=np.array(["cat", "dog"])[np.arange(80) % 2]
    )
    fit = bg.fit_map(bg.GLM("pet", "group", family="categorical", prior=bg.Normal(1.0)), data)
    table = bg.predictions(fit, by="group")
    assert list(table)[:2] == ["pet_level", "group"]
    table = bg.predictions(fit, data.assign(term=1.0)[["group", "term"]], by="term")
    assert list(table)[:2] == ["pet_level", "grid_term"]


def test_weights_are_rows_that_stand_as_often():
    model = bg.GLM("y", ["x", "g"], family="bernoulli", weights="w", prior=bg.Normal(1.0))
    plain = bg.GLM("y", ["x", "g"], family="bernoulli", prior=bg.Normal(1.0))
    repeated = FRAME.loc[np.repeat(FRAME.index, FRAME["w"])].reset_index(drop=True)
    one, other = bg.fit_map(model, FRAME), bg.fit_map(plain, repeated)
    for tell in (
        lambda fit: bg.predictions(fit, by="g"),
        lambda fit: bg.comparisons(fit, {"x": "sd", "g": "pairwise"}, by=True),
        lambda fit: bg.comparisons(fit, {"x": "iqr"}, by=True, comparison="lnor"),
        lambda fit: bg.slopes(fit, by=True, slope="eyex"),
        lambda fit: bg.predictions(fit, bg.datagrid(fit)),
        lambda fit: bg.predictions(fit, bg.datagrid(fit, kind="counterfactual", x=[0, 1]), by="x"),
    ):
        np.testing.assert_allclose(tell(one)["estimate"], tell(other)["estimate"], rtol=1e-6)


def test_trials_are_rows_of_their_own():
    counts = bg.GLM("k", ["x", "g"], family="binomial", trials="n", prior=bg.Normal(1.0))
    each = FRAME.loc[np.repeat(FRAME.index, FRAME["n"])].reset_index(drop=True)
    within = np.concatenate([np.arange(n) for n in FRAME["n"]])
    each["y"] = (within < each["k"]).astype(int)
    chances = bg.GLM("y", ["x", "g"], family="bernoulli", prior=bg.Normal(1.0))
    one, other = bg.fit_map(counts, FRAME), bg.fit_map(chances, each)
    for tell in (
        lambda fit: bg.predictions(fit, by="g"),
        lambda fit: bg.comparisons(fit, by=True),
        lambda fit: bg.comparisons(fit, by="g", comparison="lnor"),
        lambda fit: bg.slopes(fit, "x", by=True),
        lambda fit: bg.predictions(fit, bg.datagrid(fit, g=["a", "b"])),
    ):
        np.testing.assert_allclose(tell(one)["estimate"], tell(other)["estimate"], rtol=1e-6)


def test_exposure_multiplies_rates():
    data = FRAME.assign(days=np.linspace(1.0, 9.0, 80))
    model = bg.GLM("counts", "x", family="poisson", exposure="days", prior=bg.Normal(1.0))
    fit = bg.fit_map(model, data)
    table = bg.predictions(fit, bg.datagrid(fit, days=[1.0, 3.0]))
    one, three = table["estimate"]
    assert three == pytest.approx(3 * one)
    assert bg.datagrid(fit)["days"][0] == pytest.approx(5.0)
    step = bg.comparisons(fit, "days", grid=bg.datagrid(fit, days=1.0))["estimate"][0]
    assert step == pytest.approx(one)


@pytest.fixture(scope="module")
def grouped():
    return posterior("counts", ["x", bg.Group("g", slopes="x")], "poisson")


@pytest.mark.parametrize("groups", ["own", "average", "zero"])
def test_effects_of_levels_are_those_that_are_asked_for(grouped, groups):
    low, high = (means(grouped, one, groups=groups) for one in (FRAME, FRAME.assign(x=FRAME.x + 1)))
    table = bg.comparisons(grouped, by=True, groups=groups, draws=True)
    np.testing.assert_allclose(table["estimate"], (high - low).mean(axis=1), rtol=1e-9)
    assert table["term"].unique().tolist() == ["x"]


def test_new_levels_have_effects_of_their_own(grouped):
    grid = bg.datagrid(grouped, x=[0.0, 1.0], g=["a", "new"])
    with pytest.raises(bg.DataError, match="'new' in 'g', a level that the fit has not seen"):
        bg.predictions(grouped, grid)
    expected = means(grouped, grid, new_levels="sample")
    table = bg.predictions(grouped, grid, new_levels="sample", draws=True)
    np.testing.assert_allclose(drawn(table, 100), expected, rtol=1e-12)
    slopes = bg.comparisons(grouped, "x", grid=grid[:2], new_levels="sample", draws=True)
    x0, x1 = (means(grouped, grid[:2].assign(x=x), new_levels="sample") for x in (0.0, 1.0))
    np.testing.assert_allclose(drawn(slopes, 100), x1 - x0, rtol=1e-9)


def test_levels_of_a_group_are_compared_if_named(grouped):
    low, high = (means(grouped, FRAME.assign(g=level)) for level in "ab")
    table = bg.comparisons(grouped, {"g": ("a", "b")}, by=True, draws=True)
    np.testing.assert_allclose(table["estimate"], (high - low).mean(axis=1), rtol=1e-10)


def test_effects_that_are_redrawn_are_paired():
    """Levels times draws beyond what a fit stores: effects are drawn where they are read."""
    n, levels = 4200, 2100
    rng = np.random.default_rng(2)
    data = {"x": rng.normal(size=n), "g": np.arange(n) % levels}
    data["y"] = rng.poisson(np.exp(0.3 * data["x"] + 0.5 * rng.normal(size=levels)[data["g"]]))
    model = bg.GLM("y", ["x", bg.Group("g")], family="poisson")
    fit = bg.fit(model, data, draws=5000, chains=2)
    if "effects" not in fit.children:
        pytest.fail("the fit was to keep its effects as marginals")
    some = fit.isel(draw=slice(0, 20))
    rows = {name: one[:6] for name, one in data.items()}
    before = means(some, rows)
    after = means(some, {**rows, "x": rows["x"] + 1.0})
    table = bg.comparisons(some, "x", grid=rows, draws=True)
    np.testing.assert_allclose(drawn(table, 40), after - before, rtol=1e-9)
    swapped = means(some, {**rows, "g": np.full(6, 7)}) - means(some, {**rows, "g": np.full(6, 3)})
    table = bg.comparisons(some, {"g": (3, 7)}, grid=rows, draws=True)
    np.testing.assert_allclose(drawn(table, 40), swapped, rtol=1e-9, atol=1e-12)


def test_a_population_has_an_effect_on_each_unit():
    rng = np.random.default_rng(5)
    x, n = rng.normal(size=150), 150
    spikes = rng.poisson(np.exp(0.3 * x[:, None] * np.array([1.0, -1.0, 0.0])))
    data = xr.Dataset(
        {"spikes": (("time", "unit"), spikes), "x": ("time", x)},
        coords={"time": np.arange(n) * 0.01, "unit": ["p", "q", "r"]},
    )
    model = bg.GLM(
        "spikes", [bg.Lagged("x", lags=2), bg.History(lags=2)], family="poisson", prior=bg.ridge(1)
    )
    fit = bg.fit_map(model, data)
    low = bg.predict(fit, data)["spikes"]
    high = bg.predict(fit, data.assign(x=data["x"] + 1.0))["spikes"]
    table = bg.comparisons(fit, by=True)
    assert table["unit"].tolist() == ["p", "q", "r"]
    np.testing.assert_allclose(table["estimate"], (high - low).mean("time").values, rtol=1e-9)
    rows = bg.predictions(fit)
    assert rows["time"].tolist()[:2] == [0.02, 0.03]
    assert len(rows) == 3 * (n - 2)


def test_a_map_has_no_interval(tmp_path):
    fit = bg.fit_map(bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(1.0)), FRAME)
    table = bg.slopes(fit, by=True)
    assert list(table) == ["term", "contrast", "estimate", "conf_low", "conf_high"]
    assert np.isfinite(table["estimate"]).all()
    assert table[["conf_low", "conf_high"]].isna().all().all()
    assert table.attrs["is_map"]
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.slopes(bg.load(tmp_path / "fit.nc"), by=True)
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(again))


def test_angles_change_around_the_circle():
    rng = np.random.default_rng(3)
    x = rng.normal(size=60)
    data = {"x": x, "angle": np.angle(np.exp(1j * (3.0 + 0.3 * x + 0.2 * rng.normal(size=60))))}
    model = bg.GLM("angle", "x", family="von_mises", link="identity", prior=bg.Normal(1.0))
    fit = bg.fit_map(model, data)
    b = float(fit["map"]["x"])
    np.testing.assert_allclose(bg.comparisons(fit)["estimate"], b, rtol=1e-10)
    np.testing.assert_allclose(bg.slopes(fit)["estimate"], b, rtol=1e-8)
    mean = np.angle(np.exp(1j * means(fit)[0]).mean())
    assert bg.predictions(fit, by=True)["estimate"][0] == pytest.approx(mean)
    with pytest.raises(bg.ModelError, match="angles, which have no ratios"):
        bg.comparisons(fit, comparison="ratio")


def test_rows_that_the_fit_left_out_are_not_averaged():
    frame = FRAME.assign(size=FRAME["size"].where(FRAME["x"] < 1.0))
    model = bg.GLM("size", ["x", "g"], missing="drop", prior=bg.Normal(1.0))
    whole = frame.dropna()
    one, other = bg.fit_map(model, frame), bg.fit_map(model, whole.reset_index(drop=True))
    assert len(bg.predictions(one)) == len(whole) < len(frame)
    for tell in (bg.predictions, bg.comparisons, bg.slopes):
        found, expected = (tell(fit, by="g")["estimate"] for fit in (one, other))
        np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert bg.datagrid(one)["x"][0] == pytest.approx(whole["x"].mean())
