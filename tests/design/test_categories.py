"""Categories: columns and fits as patsy codes them, levels in order, faults told by name."""

import numpy as np
import pandas as pd
import patsy
import pytest
import statsmodels.api as sm
from twins import compare

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve

N = 60
RNG = np.random.default_rng(11)
CODES = RNG.permutation(np.arange(N) % 4)
FRAME = pd.DataFrame(
    {
        "y": RNG.poisson(2.0, N),
        "x": RNG.normal(size=N),
        "region": np.array(["North", "East", "South", "West"])[CODES],
        "grade": pd.Categorical(CODES * 10, categories=[30, 0, 20, 10, 50]),
        "flag": CODES > 1,
    }
)
IN_PATSY = {"treatment": "Treatment", "sum": "Sum"}


def glm(terms, **options):
    return bg.GLM("y", terms, family="poisson", **options)


def fitted(terms, data=FRAME, **options):
    return bg.fit_map(glm(terms, prior=bg.Flat(), **options), data)


@pytest.mark.parametrize("contrasts", IN_PATSY)
def test_flat_fits_are_those_of_patsy_and_statsmodels(contrasts):
    fit = fitted(["x", bg.Category("region", contrasts=contrasts)])
    X = patsy.dmatrix(f"x + C(region, {IN_PATSY[contrasts]})", FRAME)
    theirs = sm.GLM(FRAME["y"], X, family=sm.families.Poisson()).fit(tol=1e-12)
    np.testing.assert_allclose(bg.predict(fit)["y"], theirs.fittedvalues, rtol=1e-6)
    own = theirs.params.to_numpy()[1:-1]
    effects = np.append(own, -own.sum()) if contrasts == "sum" else own
    np.testing.assert_allclose(fit["map"]["region"], effects, atol=1e-6)


def test_each_level_has_its_own_mean_under_full_contrasts():
    fit = fitted(bg.Category("region", contrasts="full"), intercept=None)
    means = FRAME.groupby("region")["y"].mean()
    assert fit["map"]["region_level"].values.tolist() == means.index.tolist()
    np.testing.assert_allclose(np.exp(fit["map"]["region"]), means, rtol=1e-7)


def test_cutpoints_are_an_intercept_to_the_first_category():
    data = FRAME.assign(y=np.array(["low", "middle", "high"])[CODES % 3])
    model = bg.GLM("y", ["region"], "ordinal", levels=["low", "middle", "high"])
    assert bg.fit_map(model, data)["map"].sizes["region_level"] == 3


@pytest.mark.parametrize(
    ("variable", "levels"),
    [("region", ["East", "North", "South", "West"]), ("grade", [30, 0, 20, 10])],
)
def test_labels_in_a_list_of_names_are_categories_in_their_order(variable, levels):
    fit = fitted(["x", variable])
    term = bg.GLM.from_json(fit.attrs["model"]).terms[1]
    assert term == bg.Category(variable, prior=bg.Flat(), levels=levels)
    assert fit["map"][f"{variable}_level"].values.tolist() == levels[1:]
    np.testing.assert_array_equal(fit["map"][variable], fitted(["x", term])["map"][variable])


def test_numbers_and_truth_values_stay_numbers():
    fit = fitted(["x", "flag"], FRAME.assign(x=CODES))
    kinds = {type(term) for term in bg.GLM.from_json(fit.attrs["model"]).terms}
    assert kinds == {bg.Linear}


def test_a_dispersion_has_categories_too():
    terms = [bg.Linear("region", name="noise")]
    fit = bg.fit_map(bg.GLM("x", "region", dispersion={"sigma": terms}), FRAME)
    assert fit["map"]["sigma_noise"].dims == ("sigma_noise_level",)


def test_the_default_prior_is_that_of_a_predictor_of_sd_one():
    plan = resolve(plan_fit(bg.GLM("x", ["region", bg.Category("grade", contrasts="sum")]), FRAME))
    scale = 2.5 * FRAME["x"].std(ddof=0)
    for term in plan.model.terms:
        np.testing.assert_allclose(term.prior.scale, scale, rtol=1e-12)
    wide = FRAME["x"].to_numpy()[:, None] * [1.0, 10.0]
    data = {"z": wide, "region": FRAME["region"].to_numpy()}
    plan = resolve(plan_fit(bg.GLM("z", "region"), data))
    np.testing.assert_allclose(plan.model.terms[0].prior.scale, [[scale], [10 * scale]])
    assert bg.fit_map(bg.GLM("z", "region"), data)["map"]["region"].shape == (2, 3)


PRIORS = [
    bg.Normal(0.7),
    bg.Normal(bg.HalfNormal(0.7)),
    bg.Flat(),
    bg.GroupLasso(0.4),
    bg.GroupLasso(bg.HalfNormal(0.4)),
]


@pytest.mark.slow
@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_deviations_have_their_twin(prior):
    compare(glm(["x", bg.Category("region", contrasts="sum", prior=prior)]), FRAME)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [bg.Laplace(0.4), bg.StudentT(0.5), bg.Horseshoe(0.2)], ids=repr)
def test_differences_from_a_reference_take_any_prior(prior):
    compare(glm(["x", bg.Category("region", prior=prior)]), FRAME)


def test_deviations_of_a_population_and_of_levels_have_their_twins():
    cells = RNG.poisson(1.0, (N, 2))
    data = {"cells": cells, "region": FRAME["region"].to_numpy()}
    term = bg.Category("region", contrasts="sum", prior=bg.Normal([[0.5], [2.0]]))
    compare(bg.GLM("cells", term, family="poisson"), data)
    term = bg.Category("region", contrasts="sum", prior=bg.Normal(0.5))
    model = bg.GLM("grade", ["x", term], family="categorical", prior=bg.Normal(1.0))
    assert bg.fit_map(model, FRAME)["map"]["region"].shape == (3, 4)


def test_deviations_are_exchangeable():
    def effects(levels):
        term = bg.Category("region", contrasts="sum", prior=bg.Normal(0.3), levels=levels)
        return bg.fit_map(glm(term), FRAME)["map"]["region"].to_series()

    first, second = (
        effects(["East", "North", "South", "West"]),
        effects(["West", "South", "North", "East"]),
    )
    np.testing.assert_allclose(second[first.index], first, atol=1e-8)
    np.testing.assert_allclose(first.sum(), 0.0, atol=1e-12)


def test_sds_along_a_path_are_those_of_the_deviations():
    term = bg.Category("region", contrasts="sum", prior=bg.Normal(1.0))
    path = bg.prior_path(bg.GLM("x", term, dispersion=1.0), FRAME, [0.5])
    # Var(y) = 1: the sd of x[level] is the root of the diagonal of C (C'X'MXC + 4)^-1 C'.
    X = pd.get_dummies(FRAME["region"]).to_numpy(float)
    centred = X - X.mean(axis=0)
    project = np.eye(4) - 0.25
    inverse = np.linalg.pinv(project @ (centred.T @ centred + 4.0 * np.eye(4)) @ project)
    np.testing.assert_allclose(path["sd"]["region"][0], np.sqrt(np.diag(inverse)), rtol=1e-9)


def test_unused_categories_have_no_coefficient_unless_they_are_named():
    assert 50 not in fitted("grade")["map"]["grade_level"]
    term = bg.Category("grade", levels=[0, 10, 20, 30, 50], prior=bg.Normal(1.0))
    found = bg.fit_map(glm(term), FRAME)["map"]["grade"].to_series()
    assert found[50] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("contrasts", ["treatment", "sum", "full"])
def test_a_fit_says_all_verbs(contrasts, tmp_path):
    term = bg.Category("region", contrasts=contrasts, prior=bg.Normal(0.5))
    fit = bg.fit_laplace(glm(["x", term], prior=bg.Normal(1.0)), FRAME, draws=200, chains=2)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    np.testing.assert_allclose(
        bg.kernels(again)["region"]["link"], bg.kernels(fit)["region"]["link"]
    )
    assert bg.loo(again).elpd < 0
    part = FRAME[FRAME["region"] == "West"].drop(columns="y")
    predicted = bg.predict(again, part)["y"]
    np.testing.assert_allclose(
        predicted, bg.predict(fit)["y"][..., FRAME["region"] == "West"], rtol=1e-12
    )
    draws = fit["posterior"]["region"]
    if contrasts == "sum":
        np.testing.assert_allclose(draws.sum("region_level"), 0.0, atol=1e-12)


WRONG = {
    "one level": (
        bg.Category("region"),
        FRAME.assign(region="North"),
        "category 'region' has one level, 'North', and so tells nothing apart; remove the term",
    ),
    "one level by a bare name": ("region", FRAME.assign(region="North"), "has one level"),
    "unknown reference": (
        bg.Category("region", reference="north"),
        FRAME,
        "the reference 'north' is none of its levels, 'East', .*Did you mean 'North'",
    ),
    "a level that is not named": (
        bg.Category("region", levels=["North", "East"]),
        FRAME,
        "factor 'region' has 'South' at obs=.* not among the levels of term 'region'",
    ),
    "labels of several dims": (
        bg.Category("w"),
        {"y": FRAME["y"].to_numpy(), "w": np.full((N, 2), "a")},
        "give one label per sample",
    ),
    "halves": (bg.Category("x"), FRAME, "all words or all whole numbers"),
    "a gap": (
        "region",
        FRAME.assign(region=FRAME["region"].where(FRAME["region"] != "West")),
        "factor 'region' lacks 15 labels",
    ),
    "several columns": (
        bg.Linear(("x", "region"), name="both"),
        FRAME,
        r"holds text .*Category\('region'\)",
    ),
    "some numbers among words": (
        "region",
        FRAME.assign(region=["7", *FRAME["region"][1:]]),
        r"holds text \(first: '7' at obs=0\)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_that_say_no_category(case):
    term, data, message = WRONG[case]
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(glm(term), data)


def test_levels_that_a_fit_has_not_seen():
    fit = fitted(["x", "region"])
    with pytest.raises(bg.DataError, match="new data have 'Centre' in 'region', a level that the"):
        bg.predict(fit, FRAME.assign(region="Centre"))


def test_priors_that_tell_deviations_apart():
    wrong = {
        bg.Laplace(1.0): "a Laplace prior holds each by itself; take Normal",
        bg.Normal(1.0, loc=0.5): "a loc that tells apart",
        bg.Normal([1.0, 2.0, 3.0]): "a scale that tells apart",
        bg.GroupLasso(1.0, by="region_level"): "single levels, whose coefficients sum to zero",
    }
    for prior, message in wrong.items():
        with pytest.raises(bg.ModelError, match=message):
            bg.fit_map(glm(bg.Category("region", contrasts="sum", prior=prior)), FRAME)


NOT_SAID = {
    "contrasts must be one of treatment, sum, full, got 'sums'. Did you mean 'sum'": {
        "contrasts": "sums"
    },
    "contrasts='sum' hold no level against a reference": {"contrasts": "sum", "reference": "a"},
    "reference='c' is none of its levels; they are 'a', 'b'": {
        "levels": ["a", "b"],
        "reference": "c",
    },
    "levels name 'a' twice": {"levels": ["a", "a"]},
}


@pytest.mark.parametrize("message", NOT_SAID)
def test_what_is_no_category(message):
    with pytest.raises(bg.ModelError, match=message):
        bg.Category("region", **NOT_SAID[message])


def test_the_shell_takes_words_as_they_are(tmp_path, capsys):
    table = tmp_path / "data.csv"
    FRAME.to_csv(table, index=False)
    asked = ["fit", str(table), "--response", "y", "--family", "poisson", "--ridge", "1", "--map"]
    assert main([*asked, "--linear", "x,region"]) == 0
    by_itself = capsys.readouterr().out
    assert "region[region[i]]" in by_itself
    assert main([*asked, "--linear", "x", "--category", "region:South"]) == 0
    rows = capsys.readouterr().out
    assert "region[East]" in rows
    assert "region[South]" not in rows


def test_labels_that_name_samples_are_told():
    named = FRAME.assign(id=[f"c{k:03d}" for k in range(N)])
    message = rf"category 'id' has a level for each of the {N} samples: .* write Group\('id'\)"
    with pytest.warns(bg.BayesGLMWarning, match=message):
        bg.fit_map(glm("id"), named)
    bg.fit_map(glm("id"), named.assign(id=["c000", *named["id"][:-1]]))
    bg.fit_map(glm("id"), named[:19])
