"""Ordered predictors: their levels, what is stored of them, and what is refused in words."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve

WORDS = np.array(["low", "high", "mid", "low", "high", "mid"])
ORDER = ["low", "mid", "high"]
Y = np.array([0.1, 2.0, 1.0, -0.2, 2.2, 1.3])


def laid(term, x):
    plan = resolve(plan_fit(bg.GLM("y", term, dispersion=1.0), {"y": Y, "x": x}))
    return plan.model.terms[0], plan.designs[0].predictors.blocks[0]


LAID = {
    "words": (bg.Monotonic("x", levels=ORDER), WORDS),
    "ordered categories": (
        bg.Monotonic("x"),
        pd.Categorical(WORDS, categories=["none", *ORDER], ordered=True),
    ),
}


@pytest.mark.parametrize("case", LAID)
def test_words_in_their_order(case):
    term, x = LAID[case]
    data = pd.DataFrame({"y": Y, "x": x})
    plan = resolve(plan_fit(bg.GLM("y", term, dispersion=1.0), data))
    (stored,), block = plan.model.terms, plan.designs[0].predictors.blocks[0]
    assert stored.levels == tuple(ORDER)
    assert block.coords["x_step"].tolist() == ORDER[1:]
    expected = [[0, 0], [1, 1], [1, 0], [0, 0], [1, 1], [1, 0]]
    np.testing.assert_array_equal(block.columns(np.arange(6)), expected)


def test_whole_numbers_are_levels_in_their_order_and_gaps_are_one_step():
    stored, block = laid(bg.Monotonic("x"), np.array([7.0, 2, 3, 7, 2, 3]))
    assert stored.levels == (2, 3, 7)
    assert block.signal.ravel().tolist() == [2, 0, 1, 2, 0, 1]


def test_the_default_prior_is_that_of_the_numbers_of_levels():
    stored, _ = laid(bg.Monotonic("x", levels=ORDER), WORDS)
    assert stored.prior.scale == pytest.approx(2.5 * Y.std() / np.std([0, 2, 1, 0, 2, 1]))


REFUSED = {
    "words without an order": (bg.Monotonic("x"), WORDS, r"words \('high', .*levels=\[...\]"),
    "unordered categories": (bg.Monotonic("x"), pd.Categorical(WORDS), "have no order"),
    "an unknown level": (bg.Monotonic("x", levels=ORDER[:2]), WORDS, "not among the levels"),
    "one level": (bg.Monotonic("x"), np.ones(6), "has one level, 1, and so no step"),
    "fractions": (bg.Monotonic("x"), Y, "words or all whole numbers"),
    "a scale for each step": (
        bg.Monotonic("x", levels=ORDER, prior=bg.Normal([1.0, 2.0])),
        WORDS,
        "scale for each step",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_of_data(case):
    term, x, words = REFUSED[case]
    model = bg.GLM("y", term, dispersion=1.0)
    with pytest.raises(bg.BayesGLMError, match=words):
        bg.fit_mcmc(model, pd.DataFrame({"y": Y, "x": x}))


@pytest.mark.parametrize(
    "prior", [bg.Laplace(1.0), bg.Normal(1.0, loc=0.5), bg.Normal(bg.HalfNormal(1.0)), bg.Flat()]
)
def test_priors_that_it_cannot_have(prior):
    with pytest.raises(bg.ModelError, match="a Normal around zero whose scale is a number"):
        bg.Monotonic("x", prior=prior)


def test_other_refusals():
    with pytest.raises(bg.ModelError, match="one level makes no step"):
        bg.Monotonic("x", levels=["a"])
    with pytest.raises(bg.ModelError, match="'x_mean' collides"):
        bg.GLM("y", [bg.Monotonic("x"), "x_mean"])
    bg.GLM("y", ["x", "x_mean"])
    levels = bg.GLM("z", bg.Monotonic("x"), family="categorical")
    data = {"z": np.array(list("abcabc")), "x": np.array([0, 1, 2, 2, 1, 0])}
    with pytest.raises(bg.ModelError, match="one of each of several levels of the response"):
        bg.fit(levels, data)


def test_new_data_may_not_have_other_levels():
    data = {"y": Y, "x": np.array([0, 1, 2, 0, 1, 2])}
    fit = bg.fit(bg.GLM("y", bg.Monotonic("x"), dispersion=1.0), data)
    assert bg.predict(fit, {"x": np.array([2, 2, 0])})["y"].sizes["obs"] == 3
    with pytest.raises(bg.DataError, match="a level that the fit has not seen"):
        bg.predict(fit, {"x": np.array([0, 3])})
