"""Effects are those of R's emmeans, of Python's marginaleffects and of published tables.

Under flat priors the MAP is the maximum of the likelihood, and so are the effects that it tells.
The numbers and the scripts that make them are in tests/references (effects.R, effects.py).
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesglm as bg

REFERENCES = Path(__file__).parents[2] / "references"
R = json.loads((REFERENCES / "effects.json").read_text())
TOLD = {name: pd.DataFrame(table) for name, table in R["told"].items()}
PYTHON = json.loads((REFERENCES / "effects_python.json").read_text())
FRAMES = {name: pd.DataFrame(table) for name, table in R["data"].items()}
FRAMES["levels"] = pd.read_csv(REFERENCES / "levels.csv")
CLOSE = {"rtol": 1e-6, "atol": 1e-8}
DERIVED = {"rtol": 2e-6, "atol": 1e-8}  # where the reference takes differences for a slope
FLAT = {"prior": bg.Flat()}


def crossed(*factors):
    """Return categories of two factors and their product."""
    return [*map(bg.Category, factors), bg.Interaction(*map(bg.Category, factors))]


EDUCATION = bg.Category("education", reference="0-5yrs")
MODELS = {
    "warp": ("warp", bg.GLM("breaks", crossed("wool", "tension"), **FLAT)),
    "breaks": ("warp", bg.GLM("breaks", crossed("wool", "tension"), "poisson", **FLAT)),
    "claims": (
        "claims",
        bg.GLM(
            "Claims",
            [bg.Category(name) for name in ("District", "Group", "Age")],
            "poisson",
            exposure="Holders",
            **FLAT,
        ),
    ),
    "case": (
        "infertility",
        bg.GLM(
            "case",
            [
                EDUCATION,
                "age",
                bg.Interaction(EDUCATION, "age"),
                "spontaneous",
                "induced",
            ],
            "bernoulli",
            **FLAT,
        ),
    ),
    "cancer": (
        "cancer",
        bg.GLM(
            "ncases",
            [bg.Category(name) for name in ("agegp", "alcgp", "tobgp")],
            "binomial",
            trials="n",
            **FLAT,
        ),
    ),
    "probit": (
        "cancer",
        bg.GLM(
            "ncases",
            [bg.Category(name) for name in ("alcgp", "tobgp")],
            "binomial",
            link="probit",
            trials="n",
            **FLAT,
        ),
    ),
    "mileage": (
        "cars",
        bg.GLM(
            "mpg",
            ["hp", bg.Category("cyl"), bg.Interaction("hp", bg.Category("cyl")), "wt"],
            **FLAT,
        ),
    ),
    "gamma": ("cars", bg.GLM("mpg", ["hp", "wt"], "gamma", **FLAT)),
    "ship": (
        "ship",
        bg.GLM(
            "survived",
            [*crossed("Class", "Sex"), bg.Category("Age")],
            "bernoulli",
            weights="Freq",
            **FLAT,
        ),
    ),
    "grade": (
        "levels",
        bg.GLM("grade", ["x", "z"], "ordinal", dispersion=bg.Flat(), **FLAT),
    ),
    "label": ("levels", bg.GLM("label", ["x", "z"], "categorical", **FLAT)),
}


@pytest.fixture(scope="module")
def maps():
    """Return the maximum of each model's likelihood."""
    return {name: bg.fit_map(model, FRAMES[data]) for name, (data, model) in MODELS.items()}


def pair(contrast):
    """Return the levels of a contrast as R writes it, "(b) - (a)" or "cylb / cyla": low, high."""
    high, low = re.split(" [-/] ", re.sub("[()]|^cyl|(?<= )cyl", "", contrast))
    return low, high


def estimates(table):
    """Return the estimates of a table, of which there is one at least."""
    assert len(table)
    return table["estimate"].to_numpy()


# Of each table of means the model, and what the grid holds beside the columns of the table.
MEANS = {
    "warp cells": ("warp", {}),
    "breaks cells": ("breaks", {}),
    "claims rates of cells": ("claims", {"District": "2", "Holders": 1}),
    "claims per 100": ("claims", {"District": "1", "Group": "<1l", "Holders": 100}),
    "case cells": ("case", {"spontaneous": 1, "induced": 0}),
    "cancer cells": ("cancer", {"agegp": "55-64", "tobgp": "0-9g/day", "n": 1}),
    "cancer probit": ("probit", {"n": 1}),
    "mileage at": ("mileage", {"wt": 3.0}),
    "gamma means": ("gamma", {"wt": FRAMES["cars"]["wt"].mean()}),
    "ship cells": ("ship", {"Age": "Adult"}),
}


@pytest.mark.parametrize("name", MEANS)
def test_predictions_of_a_grid_are_those_of_emmeans(maps, name):
    model, held = MEANS[name]
    labels = TOLD[name].drop(columns=["estimate", "SE", "df", "lower", "upper"])
    table = bg.predictions(maps[model], labels.assign(**held))
    np.testing.assert_allclose(estimates(table), TOLD[name]["estimate"], **CLOSE)


@pytest.mark.parametrize(("name", "response"), [("grade", "order"), ("label", "label")])
def test_probabilities_of_levels_are_those_of_emmeans(maps, name, response):
    told = TOLD[f"{name} chances"].set_index([response, "x"])["estimate"]
    table = bg.predictions(maps[name], pd.DataFrame({"x": [-1.0, 1.0], "z": 0.0}))
    assert len(table) == len(told)
    ours = table.set_index([table["group"].astype(str), "x"])["estimate"]
    np.testing.assert_allclose(ours.loc[told.index], told, rtol=2e-5)  # nnet stops there


@pytest.mark.parametrize(
    ("name", "model", "factor", "kind"),
    [
        ("warp wool", "warp", "wool", "mean"),
        ("breaks wool", "breaks", "wool", "mean"),
        ("mileage means", "mileage", "cyl", "mean"),
        ("claims rates", "claims", "Age", "linear"),
    ],
)
def test_marginal_means_are_those_of_emmeans(maps, name, model, factor, kind):
    told = TOLD[name].set_index(factor)["estimate"]
    held = {"Holders": 1} if model == "claims" else {}
    grid = bg.datagrid(maps[model], kind="balanced", **held)
    table = bg.predictions(maps[model], grid, by=factor, kind=kind).set_index(factor)
    assert sorted(table.index) == sorted(told.index)
    told = np.log(told) if kind == "linear" else told
    np.testing.assert_allclose(table["estimate"].loc[told.index], told, **CLOSE)


# Of each table of contrasts the model, the factor, what is compared, and what the grid holds.
CONTRASTS = {
    "warp tension pairs": ("warp", "tension", "difference", {}),
    "warp wool pairs": ("warp", "wool", "difference", {}),
    "breaks ratios": ("breaks", "tension", "ratio", {}),
    "breaks differences": ("breaks", "tension", "difference", {}),
    "claims ratios": ("claims", "Age", "ratio", {"Holders": 1}),
    "claims differences": (
        "claims",
        "Age",
        "difference",
        {"District": "1", "Group": "<1l", "Holders": 100},
    ),
    "case odds": ("case", "education", "lnor", {"age": 30, "spontaneous": 1, "induced": 0}),
    "case differences": (
        "case",
        "education",
        "difference",
        {"age": 30, "spontaneous": 1, "induced": 0},
    ),
    "case ratios": ("case", "education", "ratio", {"age": 30, "spontaneous": 1, "induced": 0}),
    "cancer odds": ("cancer", "alcgp", "lnor", {}),
    "ship odds": ("ship", "Sex", "lnor", {}),
}


@pytest.mark.parametrize("name", CONTRASTS)
def test_comparisons_of_levels_are_those_of_emmeans(maps, name):
    model, factor, comparison, held = CONTRASTS[name]
    for _, row in TOLD[name].iterrows():
        given = row.drop(["contrast", "estimate", "SE", "df", "lower", "upper"]).to_dict()
        grid = bg.datagrid(maps[model], given | held)
        table = bg.comparisons(
            maps[model], {factor: pair(row["contrast"])}, grid=grid, comparison=comparison
        )
        (estimate,) = estimates(table)
        found = np.exp(estimate) if comparison == "lnor" else estimate
        np.testing.assert_allclose(found, row["estimate"], **CLOSE)


def test_pairwise_comparisons_are_all_pairs_of_emmeans(maps):
    grid = bg.datagrid(maps["warp"], {"wool": ["A", "B"]})
    table = bg.comparisons(maps["warp"], {"tension": "pairwise"}, grid=grid, by="wool")
    told = TOLD["warp tension pairs"]
    theirs = {(row["wool"], *pair(row["contrast"])): row["estimate"] for _, row in told.iterrows()}
    assert len(table) == len(theirs) == 6
    for _, row in table.iterrows():
        low, high = pair(row["contrast"])
        sign = 1.0 if (row["wool"], low, high) in theirs else -1.0
        pairs = (row["wool"], low, high) if sign > 0 else (row["wool"], high, low)
        np.testing.assert_allclose(row["estimate"], sign * theirs[pairs], **CLOSE)


def test_a_difference_of_differences_is_the_interaction_contrast_of_emmeans(maps):
    told = TOLD["warp interaction"]
    grid = bg.datagrid(maps["warp"], {"tension": ["L", "M", "H"]})
    wool = {"wool": ("A", "B")}
    order = bg.comparisons(maps["warp"], wool, grid=grid, by="tension")["tension"].tolist()
    for _, row in told.iterrows():
        low, high = (order.index(level) for level in pair(row["tension_revpairwise"]))
        table = bg.comparisons(
            maps["warp"], wool, grid=grid, by="tension", hypothesis=f"b{high} - b{low} = 0"
        )
        np.testing.assert_allclose(estimates(table), row["estimate"], **CLOSE)


@pytest.mark.parametrize(
    ("name", "model", "variable", "grid", "kind"),
    [
        (
            "case trends of eta",
            "case",
            "age",
            {"education": True, "spontaneous": 1, "induced": 0, "age": 30},
            "linear",
        ),
        (
            "case trends",
            "case",
            "age",
            {"education": True, "spontaneous": 1, "induced": 0, "age": 30},
            "mean",
        ),
        ("mileage trends", "mileage", "hp", {"cyl": True}, "mean"),
        ("gamma trends", "gamma", "hp", {"hp": True}, "mean"),
    ],
)
def test_slopes_are_the_trends_of_emmeans(maps, name, model, variable, grid, kind):
    told = TOLD[name]
    grid = {key: told[key].tolist() if value is True else value for key, value in grid.items()}
    table = bg.slopes(maps[model], variable, grid=bg.datagrid(maps[model], grid), kind=kind)
    np.testing.assert_allclose(estimates(table), told["estimate"], **DERIVED)


def test_differences_of_slopes_are_those_of_emmeans(maps):
    grid = bg.datagrid(maps["mileage"], cyl=["4", "6", "8"])
    found = bg.slopes(maps["mileage"], "hp", grid=grid, hypothesis="pairwise")
    told = TOLD["mileage trend pairs"]["estimate"]
    np.testing.assert_allclose(np.sort(np.abs(estimates(found))), np.sort(np.abs(told)), **CLOSE)


def theirs(name, level=None):
    """Return what Python's marginaleffects tells, by a column of levels where there is one."""
    table = pd.DataFrame(PYTHON[name])
    return table["estimate"].to_numpy() if level is None else table.set_index(level)["estimate"]


@pytest.mark.parametrize("comparison", ["difference", "ratio", "lnratio", "lnor"])
def test_averaged_comparisons_are_those_of_marginaleffects(maps, comparison):
    step = {"age": 5.0}
    table = bg.comparisons(maps["case"], step, by=True, comparison=comparison)
    np.testing.assert_allclose(estimates(table), theirs(f"case age {comparison}"), **CLOSE)
    table = bg.comparisons(maps["case"], step, by="education", comparison=comparison)
    told = theirs(f"case age {comparison} by education", "education")
    found = table.set_index("education")["estimate"]
    assert len(found) == len(told)
    np.testing.assert_allclose(found.loc[told.index], told, **CLOSE)


@pytest.mark.parametrize("contrast", ["sd", "2sd", "iqr", "minmax"])
def test_contrasts_of_numbers_are_those_of_marginaleffects(maps, contrast):
    table = bg.comparisons(maps["case"], {"age": contrast}, by=True)
    np.testing.assert_allclose(estimates(table), theirs(f"case age {contrast}"), **CLOSE)


@pytest.mark.parametrize("contrast", ["reference", "pairwise", "sequential"])
def test_contrasts_of_levels_are_those_of_marginaleffects(contrast):
    # The order of levels is theirs: that of the letters.
    table = bg.comparisons(fit_in_order(), {"education": contrast}, by=True)
    told = theirs(f"case education {contrast}", "contrast")
    found = table.set_index("contrast")["estimate"]
    assert sorted(found.index) == sorted(told.index)
    np.testing.assert_allclose(found.loc[told.index], told, **CLOSE)


def fit_in_order():
    """Fit the model of cases with the levels in the order of their letters."""
    data, model = MODELS["case"]
    return bg.fit_map(model, FRAMES[data].sort_values("education"))


@pytest.mark.parametrize("slope", ["dydx", "eyex", "dyex", "eydx"])
def test_averaged_slopes_are_those_of_marginaleffects(maps, slope):
    table = bg.slopes(maps["case"], "age", by="education", slope=slope)
    told = theirs(f"case age {slope}", "education")
    found = table.set_index("education")["estimate"]
    assert len(found) == len(told)
    np.testing.assert_allclose(found.loc[told.index], told, **DERIVED)


def test_effects_of_units_are_those_of_marginaleffects(maps):
    table = bg.comparisons(maps["case"], {"age": (25, 35)})
    assert len(table) == len(FRAMES["infertility"])
    told = theirs("case units")
    np.testing.assert_allclose(estimates(table)[: len(told)], told, **CLOSE)
    table, told = bg.slopes(maps["case"], "age"), theirs("case slopes of units")
    np.testing.assert_allclose(estimates(table)[: len(told)], told, **DERIVED)


@pytest.mark.parametrize("what", ["pairwise", "reference", "sequential"])
def test_hypotheses_on_means_are_those_of_marginaleffects(what):
    fit = fit_in_order()
    order = bg.predictions(fit, by="education")["education"].tolist()
    assert order == sorted(order)
    table = bg.predictions(fit, by="education", hypothesis=what)
    np.testing.assert_allclose(estimates(table), theirs(f"case means ~ {what}"), atol=1e-8)


def test_an_equation_counts_rows_as_marginaleffects_does():
    table = bg.predictions(fit_in_order(), by="education", hypothesis="b0 - 2 * b2 = 0")
    np.testing.assert_allclose(estimates(table), theirs("case means b0 - 2 * b2 = 0"), **CLOSE)


def test_linear_and_log_models_are_those_of_marginaleffects(maps):
    by_cylinders = bg.slopes(maps["mileage"], "hp", by="cyl").set_index("cyl")["estimate"]
    told = theirs("cars slopes", "cyl")
    np.testing.assert_allclose(by_cylinders.loc[told.index], told, **DERIVED)
    means = bg.predictions(maps["mileage"], by="cyl").set_index("cyl")["estimate"]
    told = theirs("cars means", "cyl")
    np.testing.assert_allclose(means.loc[told.index], told, **CLOSE)
    slope = bg.slopes(maps["gamma"], "hp", by=True)
    np.testing.assert_allclose(estimates(slope), theirs("log cars slopes"), **DERIVED)
    ratio = bg.comparisons(maps["gamma"], {"hp": (100, 200)}, by=True, comparison="ratio")
    np.testing.assert_allclose(estimates(ratio), theirs("log cars ratio"), **CLOSE)


@pytest.mark.parametrize("comparison", ["difference", "lnor"])
def test_weights_count_as_rows_do_in_marginaleffects(maps, comparison):
    table = bg.comparisons(
        maps["ship"], {"Sex": ("Female", "Male")}, by="Class", comparison=comparison
    ).set_index("Class")["estimate"]
    told = theirs("ship sex lnor" if comparison == "lnor" else "ship sex", "Class")
    assert len(table) == len(told)
    np.testing.assert_allclose(table.loc[told.index], told, **CLOSE)
    means = bg.predictions(maps["ship"], by="Class").set_index("Class")["estimate"]
    told = theirs("ship means", "Class")
    np.testing.assert_allclose(means.loc[told.index], told, **CLOSE)


def test_comparisons_on_the_titanic_are_those_published():
    """The table of broom.helpers' page of tidy_avg_comparisons, by R's marginaleffects.

    https://larmarange.github.io/broom.helpers/reference/tidy_avg_comparisons.html
    """
    terms = [bg.Category(name) for name in ("Class", "Age", "Sex")]
    model = bg.GLM("survived", terms, "bernoulli", weights="Freq", **FLAT)
    fit = bg.fit_map(model, FRAMES["ship"])
    published = {
        ("Age", "Adult", "Child"): (0.197, 0.232),
        ("Class", "1st", "2nd"): (-0.195, -0.208),
        ("Class", "1st", "3rd"): (-0.307, -0.303),
        ("Class", "1st", "Crew"): (-0.168, -0.182),
        ("Sex", "Female", "Male"): (-0.507, -0.541),
    }
    # At the mean: of the most frequent levels.
    middle = bg.datagrid(fit, Class="Crew", Age="Adult", Sex="Male")
    for (name, low, high), told in published.items():
        each = [
            estimates(bg.comparisons(fit, {name: (low, high)}, grid=grid, by=True))
            for grid in (None, middle)
        ]
        assert [float(one[0].round(3)) for one in each] == list(told)


def test_marginal_means_of_cars_are_those_published():
    """The tables of marginaleffects' page of marginal_means.

    https://marginaleffects.com/man/r/marginal_means.html
    """
    terms = [bg.Category("carb"), bg.Category("cyl"), "am"]
    fit = bg.fit_map(bg.GLM("mpg", terms, **FLAT), FRAMES["cars"])
    grid = bg.datagrid(fit, {"am": [0, 1]}, kind="balanced")
    table = bg.predictions(fit, grid, by="cyl").set_index("cyl")["estimate"]
    assert table.round(1).to_dict() == {"4": 23.1, "6": 20.4, "8": 16.2}
    fit = bg.fit_map(bg.GLM("mpg", [bg.Category("carb"), "hp", "am"], **FLAT), FRAMES["cars"])
    grid = bg.datagrid(fit, {"am": [0, 1]}, kind="balanced")
    table = bg.predictions(fit, grid, by="carb").set_index("carb")["estimate"]
    published = {"1": 22.0, "2": 21.5, "3": 20.6, "4": 18.8, "6": 18.5, "8": 21.6}
    assert table.round(1).to_dict() == published
    table = bg.predictions(fit, grid, by="am").set_index("am")["estimate"]
    assert table.round(1).to_dict() == {0: 17.9, 1: 23.1}
    difference = bg.predictions(fit, grid, by="carb", hypothesis="b1 - b0 = 0")
    assert estimates(difference).round(3).tolist() == [-0.514]


def within(quantile, exact, density, share, draws, errors=5.0):
    """Check a quantile of independent draws by its Monte-Carlo error, Normal in many draws."""
    error = np.sqrt(share * (1.0 - share) / draws) / density
    assert abs(quantile - exact) < errors * error


@pytest.fixture(scope="module")
def posteriors():
    """Return posteriors under flat priors whose effects have closed forms: 4,000 draws each."""
    warp = bg.GLM("breaks", crossed("wool", "tension"), dispersion=bg.Flat(), **FLAT)
    return {
        "warp": bg.fit_laplace(warp, FRAMES["warp"], seed=3),
        "breaks": bg.fit_laplace(MODELS["breaks"][1], FRAMES["warp"], seed=4),
    }


def test_intervals_of_differences_are_those_of_t(posteriors):
    """Under flat coefficients and a flat sigma they are t with n - p - 1 degrees of freedom."""
    told = TOLD["warp tension pairs"]
    for _, row in told.iterrows():
        table = bg.comparisons(
            posteriors["warp"],
            {"tension": pair(row["contrast"])},
            grid=bg.datagrid(posteriors["warp"], wool=row["wool"]),
        ).iloc[0]
        n = row["df"]
        exact = stats.t(n - 1, row["estimate"], row["SE"] * np.sqrt(n / (n - 1)))
        for column, share in (("conf_low", 0.03), ("estimate", 0.5), ("conf_high", 0.97)):
            place = exact.ppf(share)
            within(table[column], place, exact.pdf(place), share, 4_000)


def test_intervals_of_rates_are_those_of_gamma(posteriors):
    """Under flat logarithms the rates of cells are Gamma(sum of counts, number of counts)."""
    cells = FRAMES["warp"].groupby(["wool", "tension"])["breaks"].agg(["sum", "count"])
    grid = cells.reset_index()[["wool", "tension"]]
    table = bg.predictions(posteriors["breaks"], grid)
    for (total, count), (_, row) in zip(cells.to_numpy(), table.iterrows(), strict=True):
        exact = stats.gamma(total, scale=1.0 / count)
        for column, share in (("conf_low", 0.03), ("estimate", 0.5), ("conf_high", 0.97)):
            place = exact.ppf(share)
            within(row[column], place, exact.pdf(place), share, 4_000)


def test_intervals_of_rate_ratios_are_those_of_beta_prime(posteriors):
    """The ratio of two such rates is a beta-prime, scaled by the numbers of counts."""
    data = FRAMES["warp"]
    for wool in ("A", "B"):
        low, high = (
            data[(data["wool"] == wool) & (data["tension"] == level)]["breaks"]
            for level in ("L", "H")
        )
        exact = stats.betaprime(high.sum(), low.sum(), scale=len(low) / len(high))
        row = bg.comparisons(
            posteriors["breaks"],
            {"tension": ("L", "H")},
            grid=bg.datagrid(posteriors["breaks"], wool=wool),
            comparison="ratio",
        ).iloc[0]
        for column, share in (("conf_low", 0.03), ("estimate", 0.5), ("conf_high", 0.97)):
            place = exact.ppf(share)
            within(row[column], place, exact.pdf(place), share, 4_000)


def test_intervals_in_large_samples_are_those_of_emmeans():
    """A ship's 2,201 people tell the odds ratios so well that both are Normal, to 5% of an error.

    In the third class, that is; where almost all women lived the posterior of the odds is skew, as
    its exact form is and the Normal one is not.
    """
    fit = bg.fit_laplace(MODELS["ship"][1], FRAMES["ship"], seed=5)
    for _, row in TOLD["ship odds"].iterrows():
        if row["Class"] != "3rd":
            continue
        table = bg.comparisons(
            fit,
            {"Sex": pair(row["contrast"])},
            grid=bg.datagrid(fit, Class=row["Class"]),
            comparison="lnor",
        ).iloc[0]
        error = row["SE"] / row["estimate"]
        ends = np.log([row["lower"], row["estimate"], row["upper"]])
        found = table[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float)
        assert np.abs((found - ends) / error).max() < 0.05 + 5 * np.sqrt(0.25 / 4_000) / 0.13
