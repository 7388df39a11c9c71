"""Responses with levels are those of statsmodels, scikit-learn and R, under the same priors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from statsmodels.api import MNLogit, add_constant
from statsmodels.miscmodels.ordinal_model import OrderedModel

import bayesglm as bg

REFERENCES = Path(__file__).parent.parent / "references"
FRAME = pd.read_csv(REFERENCES / "levels.csv")
TOLD = json.loads((REFERENCES / "levels.json").read_text())
X = FRAME[["x", "z"]].to_numpy()
COUNTS = ["left", "right", "none"]
DATA = {name: FRAME[name].to_numpy() for name in FRAME} | {"y": FRAME[COUNTS]}


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_an_order_is_rs_polr(link):
    model = bg.GLM(
        "grade",
        ["x", "z"],
        family="ordinal",
        link=link,
        prior=bg.Flat(),
        dispersion=bg.Flat(),
        offset="offset",
    )
    fit, told = bg.fit_map(model, DATA), TOLD[{"logit": "logistic"}.get(link, link)]
    slopes = [float(fit["map"][name]) for name in ("x", "z")]
    np.testing.assert_allclose(slopes, told["slopes"], atol=2e-6)
    np.testing.assert_allclose(fit["map"]["cutpoint"], told["cutpoints"], atol=2e-6)
    assert fit.attrs["log_posterior"] == pytest.approx(told["log_likelihood"], rel=1e-10)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("labels", bg.GLM("label", ["x", "z"], family="categorical", prior=bg.Flat())),
        ("counts", bg.GLM("y", ["x", "z"], family="multinomial", prior=bg.Flat())),
    ],
)
def test_labels_and_counts_are_rs_multinom(name, model):
    fit, told = bg.fit_map(model, DATA)["map"], TOLD[name]
    found = np.stack([fit[one].values for one in ("intercept", "x", "z")], axis=-1)
    np.testing.assert_allclose(found, [told["b"], told["c"]], atol=2e-6)


def test_labels_are_the_multinomial_logit_of_statsmodels():
    model = bg.GLM("label", ["x", "z"], family="categorical", prior=bg.Flat())
    fit = bg.fit_map(model, FRAME)
    theirs = MNLogit(pd.Categorical(FRAME["label"]).codes, add_constant(X)).fit(disp=0, tol=1e-12)
    found = np.stack([fit["map"][one].values for one in ("intercept", "x", "z")])
    np.testing.assert_allclose(found, theirs.params, atol=1e-7)
    assert fit.attrs["log_posterior"] == pytest.approx(theirs.llf, rel=1e-12)


@pytest.mark.parametrize("lam", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("of_counts", [False, True])
def test_without_a_reference_they_are_scikit_learns(of_counts, lam):
    term = bg.Linear(("x", "z"), name="w", prior=bg.ridge(lam))
    if of_counts:
        model, levels = bg.GLM("y", term, family="multinomial", reference=None), COUNTS
        rows, columns = np.repeat(np.arange(len(X)), 3), np.tile(np.arange(3), len(X))
        weights = FRAME[COUNTS].to_numpy().reshape(-1)
    else:
        model, levels = bg.GLM("label", term, family="categorical", reference=None), list("abc")
        rows, weights = np.arange(len(X)), None
        columns = pd.Categorical(FRAME["label"]).codes
    fit = bg.fit_map(model, DATA)["map"]
    solver = LogisticRegression(C=1.0 / lam, tol=1e-13, max_iter=10_000)
    theirs = solver.fit(X[rows], columns, sample_weight=weights)
    np.testing.assert_allclose(fit["w"], theirs.coef_, atol=1e-6)
    centred = theirs.intercept_ - theirs.intercept_.mean()
    np.testing.assert_allclose(fit["intercept"], centred, atol=1e-6)
    dim = f"{model.response}_level"
    assert fit[dim].values.tolist() == levels


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_an_order_is_the_ordered_model_of_statsmodels(link):
    model = bg.GLM(
        "grade", ["x", "z"], family="ordinal", link=link, prior=bg.Flat(), dispersion=bg.Flat()
    )
    fit = bg.fit_map(model, FRAME)
    theirs = OrderedModel(FRAME["grade"], X, distr=link).fit(method="bfgs", disp=False, gtol=1e-7)
    cutpoints = theirs.model.transform_threshold_params(theirs.params)[1:-1]
    slopes = [float(fit["map"][name]) for name in ("x", "z")]
    np.testing.assert_allclose(slopes, theirs.params[:2], atol=1e-6)
    np.testing.assert_allclose(fit["map"]["cutpoint"], cutpoints, atol=1e-6)
    assert fit["map"]["grade_cutpoint"].values.tolist() == ["0|1", "1|2", "2|3"]
    assert fit.attrs["log_posterior"] == pytest.approx(theirs.llf, rel=1e-10)
