"""Responses with levels, all the way: MAP against other libraries, posteriors, predictions."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

N = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
SLOPES = np.array([[0.0, 0.0, 0.0], [0.5, -1.0, 0.2], [1.0, 0.3, -0.7]])
ETA = X @ SLOPES.T + [0.0, 0.3, -0.2]
LABELS = np.array(["a", "b", "c"])[(ETA + RNG.gumbel(size=(N, 3))).argmax(axis=1)]
ORDER = np.digitize(X @ SLOPES[1] + RNG.logistic(size=N), [-1.0, 0.5, 2.0])
DATA = pd.DataFrame(X, columns=["u", "v", "w"]).assign(label=LABELS, grade=ORDER)
RIDGE = bg.Linear(("u", "v", "w"), name="x", prior=bg.ridge(1.0))
FLAT = bg.Linear(("u", "v", "w"), name="x", prior=bg.Flat())


@pytest.mark.parametrize("reference", ["a", "c"])
def test_under_flat_priors_the_reference_does_not_matter(reference):
    first = bg.fit_map(bg.GLM("label", [FLAT], family="categorical"), DATA)
    other = bg.fit_map(bg.GLM("label", [FLAT], family="categorical", reference=reference), DATA)
    shares = bg.predict(first)["label"]
    assert shares.dims == ("obs", "label_level")
    np.testing.assert_allclose(shares.sum("label_level"), 1.0)
    np.testing.assert_allclose(shares, bg.predict(other)["label"], atol=1e-6)


MODELS = {
    "categorical": bg.GLM("label", [RIDGE], family="categorical", reference="b"),
    "symmetric": bg.GLM("label", [RIDGE], family="categorical", reference=None),
    "walk": bg.GLM("label", [bg.Lagged("u", 4, prior=bg.smooth(2.0))], family="categorical"),
    **{
        link: bg.GLM("grade", [RIDGE], family="ordinal", link=link)
        for link in ("logit", "probit", "cloglog", "cauchit", "loglog")
    },
}


@pytest.mark.parametrize("link", ["logit", "probit", "cauchit"])
def test_an_order_of_two_levels_is_a_bernoulli_response(link):
    high = DATA.assign(high=DATA["grade"] > 1)
    ordinal = bg.GLM("high", [RIDGE], family="ordinal", link=link, dispersion=bg.Flat())
    bernoulli = bg.GLM("high", [RIDGE], family="bernoulli", link=link)
    one, other = bg.fit_map(ordinal, high), bg.fit_map(bernoulli, high)
    np.testing.assert_allclose(one["map"]["x"], other["map"]["x"], rtol=1e-7)
    np.testing.assert_allclose(one["map"]["cutpoint"], -other["map"]["intercept"], rtol=1e-7)
    assert bg.fit(ordinal, high, draws=100).attrs["method"] == "laplace"


@pytest.mark.parametrize("name", MODELS)
def test_gradient_and_hessian_by_finite_differences(name):
    problem = open_problems(MODELS[name], DATA)[0]
    for objective in (problem.natural, problem.unconstrained):
        theta = 0.2 * np.random.default_rng(1).normal(size=objective.size)
        steps = 1e-5 * np.eye(objective.size)
        now = objective.evaluate(theta)
        rises = [objective.value(theta + h) - objective.value(theta - h) for h in steps]
        np.testing.assert_allclose(now.gradient, np.array(rises) / 2e-5, rtol=1e-5, atol=1e-5)
        bends = [
            objective.evaluate(theta + h).gradient - objective.evaluate(theta - h).gradient
            for h in steps
        ]
        np.testing.assert_allclose(now.hessian, np.array(bends) / 2e-5, rtol=1e-5, atol=1e-4)
        several = objective.log_density(theta + np.zeros((2, 1)))
        np.testing.assert_allclose(several, objective.value(theta), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["categorical", "symmetric", "logit"])
def test_posteriors_by_both_ways_agree_and_predict_labels(name, tmp_path):
    fit = bg.fit(MODELS[name], DATA, draws=500)
    nuts = bg.fit_mcmc(MODELS[name], DATA, draws=500, engine="native")
    over = ("chain", "draw")
    for parameter in fit["posterior"].data_vars:
        one, other = fit["posterior"][parameter], nuts["posterior"][parameter]
        assert np.all(np.abs(one.mean(over) - other.mean(over)) < 0.2 * other.std(over))
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    response = MODELS[name].response
    drawn = bg.predict(again, kind="response")[response].isel(chain=0, draw=0)
    assert set(drawn.values.tolist()) <= set(DATA[response].tolist())


def test_intercepts_without_a_reference_sum_to_zero():
    fit = bg.fit_laplace(MODELS["symmetric"], DATA, draws=200)
    np.testing.assert_allclose(fit["posterior"]["intercept"].sum("label_level"), 0.0, atol=1e-12)


SEPARATED = {"x": np.arange(12.0), "y": ["a"] * 4 + ["b"] * 4 + ["c"] * 4}


@pytest.mark.parametrize(
    "options",
    [
        {"family": "categorical"},
        {"family": "ordinal", "levels": ["a", "b", "c"], "dispersion": bg.Flat()},
    ],
)
def test_separated_levels_are_told(options):
    with pytest.raises(bg.DataError, match="the data are separated"):
        bg.fit_map(bg.GLM("y", "x", prior=bg.Flat(), **options), SEPARATED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "ordinal"}, "levels without an order"),
        ({"family": "categorical", "levels": ["a", "b", "c", "d"]}, "'d' never occurs"),
        ({"family": "bernoulli"}, "Did you mean family='categorical'"),
        ({"family": "gaussian"}, "Did you mean family='categorical'"),
    ],
)
def test_labels_that_no_estimate_comes_of_are_refused(options, message):
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(bg.GLM("y", "x", **options), SEPARATED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": bg.History(lags=2), "family": "categorical"}, "as amounts"),
        ({"terms": "x", "family": "categorical", "offset": "o"}, "linear predictor of its own"),
        ({"terms": "x", "family": "ordinal", "intercept": bg.Normal(1.0)}, "cutpoints are"),
        ({"terms": "x", "family": "ordinal", "dispersion": bg.HalfNormal(1.0)}, "increasing"),
        ({"terms": "x", "family": "ordinal", "dispersion": (1.0, 0.5)}, "must increase"),
        ({"terms": "x", "family": "ordinal", "reference": "a"}, "none is a reference"),
    ],
)
def test_what_responses_with_levels_do_not_have_is_refused(options, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.GLM("y", **options)


@pytest.mark.parametrize("intercept", [bg.Flat(), bg.Normal(1.0), None])
def test_flat_coefficients_of_every_level_are_refused(intercept):
    model = bg.GLM("label", [FLAT], family="categorical", reference=None, intercept=intercept)
    with pytest.raises(bg.ModelError, match="every level of 'label' has coefficients of 'x'"):
        bg.fit_map(model, DATA)


@pytest.mark.parametrize("third", [X[:, 0] - X[:, 1], np.ones(N)])
def test_columns_that_channels_share_are_told_once(third):
    term = bg.Linear(("u", "v", "z"), name="x", prior=bg.Flat())
    with pytest.raises(bg.DataError, match="linear combinations of other columns") as error:
        bg.fit_map(bg.GLM("label", [term], family="categorical"), DATA.assign(z=third))
    assert str(error.value).count("label_level") == 1


@pytest.mark.parametrize("prior", [None, bg.Normal(3.0)])
def test_default_cutpoints_are_said_of_predictors_at_their_means(prior):
    terms = [bg.Linear("u", prior=prior), bg.Lagged("v", lags=2, prior=prior)]
    far = DATA.assign(u=DATA["u"] + 300.0, v=DATA["v"] - 50.0, o=7.0)
    model = bg.GLM("grade", terms, family="ordinal", offset="o")
    fit = bg.fit_map(model, far)
    stored = vars(bg.GLM.from_json(fit.attrs["model"]).dispersion)
    np.testing.assert_allclose(stored["loc"], 7.0 + np.log([1 / 3, 1.0, 3.0]), atol=1e-9)
    u, v = far["u"].to_numpy()[1:], far["v"].to_numpy()
    of_u, of_v = (max(2.5 / x.std(), 0.0 if prior is None else 3.0) for x in (u, v))
    reach = (u.mean() * of_u) ** 2 + 2 * (v[1:].mean() * of_v) ** 2
    assert stored["scale"] == pytest.approx(np.sqrt(2.5**2 + reach), rel=1e-12)
    beside = bg.fit_map(model, DATA.assign(o=0.0))
    assert vars(bg.GLM.from_json(beside.attrs["model"]).dispersion)["loc"][1] == 0.0
    near = beside["map"]
    for name in ("u", "v"):
        np.testing.assert_allclose(fit["map"][name], near[name], atol=0.02)


def test_the_density_of_cutpoints_has_the_probability_of_their_order():
    data = {"grade": np.repeat([0, 1, 2], [3, 4, 2])}
    prior = bg.Normal(1.5, loc=(-0.5, 0.3))
    fit = bg.fit_map(bg.GLM("grade", [], family="ordinal", dispersion=prior), data)
    cuts = fit["map"]["cutpoint"].values
    shares = np.diff(np.r_[0.0, 1 / (1 + np.exp(-cuts)), 1.0])
    known = [3, 4, 2] @ np.log(shares) + norm.logpdf(cuts, [-0.5, 0.3], 1.5).sum()
    known -= norm.logcdf(0.8 / (1.5 * np.sqrt(2.0)))
    assert fit.attrs["log_posterior"] == pytest.approx(known, rel=1e-12)


def test_cutpoints_that_cannot_increase_are_refused():
    prior = bg.Normal(0.1, loc=(5.0, 0.0, -5.0))
    with pytest.raises(bg.ModelError, match="give cutpoints a loc that increases"):
        bg.fit_map(bg.GLM("grade", [RIDGE], family="ordinal", dispersion=prior), DATA)
