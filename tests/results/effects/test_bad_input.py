"""What bad input to effects gets: the name, the fault, the place and a remedy."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.results.effects.tables import room

RNG = np.random.default_rng(1)
FRAME = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, 40),
        "age": RNG.normal(size=40),
        "same": np.r_[np.ones(39), 1.5],
        "plan": np.tile(["a", "b", "c", "c"], 10),
        "member": np.tile([True, False], 20),
    }
)
TERMS = ["age", "plan", "member", "same"]


@pytest.fixture(scope="module")
def fit():
    model = bg.GLM("y", TERMS, family="bernoulli", prior=bg.Normal(1.0))
    return bg.fit_map(model, FRAME)


@pytest.fixture(scope="module")
def posterior():
    model = bg.GLM("y", ["age", "plan"], prior=bg.Normal(1.0))
    return bg.fit(model, FRAME, draws=50, chains=2)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("agee", r"'agee' is no predictor .* Did you mean 'age'\?"),
        ("y", "'y' is no predictor"),
        (3, "variables must be a name"),
        ([], "variables must be a name"),
        ({"age"}, "variables must be a name"),
        ([3], "3 is no predictor"),
        ({"age": 0}, "'age' cannot change by 0"),
        ({"age": np.inf}, "'age' cannot change by inf"),
        ({"age": True}, "'age' changes by a step, a pair of numbers"),
        ({"age": "sdd"}, "Did you mean 'sd'"),
        ({"age": "pairwise"}, "of numbers there are a step, a pair, sd"),
        ({"age": (1, 1)}, "'age' changes from 1 to itself"),
        ({"age": (1, 2, 3)}, "'age' changes by a step, a pair of numbers"),
        ({"age": (1, "b")}, "'age' holds numbers"),
        ({"same": "iqr"}, "'same' has the same lower and upper quartile, 1"),
        ({"plan": 1}, "'plan' changes by a pair of levels"),
        ({"plan": "sd"}, "of labels there are reference, pairwise"),
        ({"plan": ("a", "d")}, "'plan' has no level 'd'; the fit knows 'a', 'b', 'c'"),
        ({"plan": ("a", "a")}, "'plan' changes from 'a' to itself"),
        ({"plan": {"a", "b"}}, "'plan' changes by a pair of levels"),
    ],
)
def test_changes_that_cannot_be(fit, variables, message):
    with pytest.raises(bg.DataError, match=message):
        bg.comparisons(fit, variables)


def test_a_constant_column_has_no_spread():
    frame = FRAME.assign(flat=2.0)
    model = bg.GLM("y", ["age", "flat"], intercept=None, prior=bg.Normal(1.0))
    fit = bg.fit_map(model, frame)
    with pytest.raises(bg.DataError, match="'flat' is 2 throughout"):
        bg.comparisons(fit, {"flat": "sd"})
    slope = bg.slopes(fit, "flat", by=True)["estimate"][0]
    assert slope == pytest.approx(float(fit["map"]["flat"]))


def test_a_slope_has_no_step(fit):
    with pytest.raises(bg.DataError, match="a slope is a derivative, and 'age' has no step"):
        bg.slopes(fit, {"age": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "response"}, "unknown kind 'response'; effects know mean, linear"),
        ({"kind": "sigma"}, "unknown kind"),
        ({"groups": "none"}, "unknown groups='none'"),
        ({"new_levels": "drop"}, "unknown new_levels='drop'"),
        ({"comparison": "lnoravg"}, "unknown comparison .* Did you mean 'lnor'"),
        ({"comparison": None}, "unknown comparison None"),
    ],
)
def test_unknown_words(fit, options, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.comparisons(fit, **options)
    if "comparison" not in options:
        with pytest.raises(bg.ModelError, match=message):
            bg.predictions(fit, **options)


def test_an_unknown_slope(fit):
    with pytest.raises(bg.ModelError, match=r"unknown slope 'dydy'.* Did you mean 'dydx'\?"):
        bg.slopes(fit, slope="dydy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "region"}, "by='region' is no column of the rows.*give the data as grid="),
        ({"by": "plann"}, "Did you mean 'plan'"),
        ({"by": []}, "by must be True"),
        ({"by": 3}, "by must be True"),
        ({"by": {"plan", "age"}}, "by must be True"),
        ({"level": 1.5}, "level must be a number between 0 and 1"),
        ({"draws": 5}, "draws must be True or False"),
        ({"draws": True}, "a MAP is one number for each estimate"),
        ({"hypothesis": "b0 = b99", "by": "plan"}, "names 'b99'"),
    ],
)
def test_what_is_asked_is_checked(fit, options, message):
    for verb in (bg.predictions, bg.comparisons, bg.slopes):
        with pytest.raises(bg.DataError, match=message):
            verb(fit, **options)


def test_a_grid_must_have_what_the_model_reads(fit):
    grid = bg.datagrid(fit, age=[0, 1])
    with pytest.raises(bg.DataError, match="plan"):
        bg.predictions(fit, grid.drop(columns="plan"))
    with pytest.raises(bg.DataError, match="'age' holds 1 missing or infinite values"):
        bg.predictions(fit, grid.assign(age=[0.0, np.nan]))
    with pytest.raises(bg.DataError, match="'d' in 'plan', a level that the fit has not seen"):
        bg.predictions(fit, grid.assign(plan="d"))
    with pytest.raises(bg.DataError, match="empty"):
        bg.predictions(fit, grid[:0])
    with pytest.raises(bg.DataError, match="'list' cannot be read"):
        bg.predictions(fit, [1, 2])


def test_by_within_missing_values(fit):
    grid = bg.datagrid(fit, age=[0, 1]).assign(note=["p", None])
    with pytest.raises(bg.DataError, match="by='note' lacks 1 values, the first in row 1"):
        bg.predictions(fit, grid, by="note")


def test_rows_with_gaps_are_left_out_with_a_word():
    fit = bg.fit_map(bg.GLM("y", "age", missing="drop", prior=bg.Normal(1.0)), FRAME)
    grid = pd.DataFrame({"age": [0.0, np.nan, 1.0]})
    with pytest.warns(bg.BayesGLMWarning, match="1 of 3 rows of the grid lack a value"):
        table = bg.predictions(fit, grid)
    assert table["age"].tolist() == [0.0, 1.0]


def test_a_model_is_no_fit():
    model = bg.GLM("y", "age")
    for verb in (bg.predictions, bg.comparisons, bg.slopes, bg.datagrid):
        with pytest.raises(bg.DataError, match="a fit is needed"):
            verb(model)


def test_no_predictor_has_no_effect():
    fit = bg.fit_map(bg.GLM("y", [], prior=bg.Normal(1.0)), FRAME)
    with pytest.raises(bg.DataError, match="no predictor with a value for each sample"):
        bg.comparisons(fit)


def test_ratios_whose_divisor_changes_sign_are_told(posterior):
    grid = bg.datagrid(posterior, age=[-40.0, 40.0])
    with pytest.warns(bg.BayesGLMWarning, match="positive in some draws and negative in others"):
        bg.comparisons(posterior, "age", grid=grid, comparison="ratio")


def test_odds_and_logarithms_need_chances_and_positive_numbers(posterior):
    grid = bg.datagrid(posterior, age=[-40.0, 40.0])
    with pytest.raises(bg.ModelError, match="must be chances, between 0 and 1"):
        bg.comparisons(posterior, "age", grid=grid, comparison="lnor")
    with pytest.raises(bg.ModelError, match="must be positive"):
        bg.comparisons(posterior, "age", grid=grid, comparison="lnratio")


def test_more_numbers_than_the_memory_holds():
    with pytest.raises(bg.DataError, match=r"10,000,000 estimates .* more than the memory"):
        room(10**7, 10**7)


def test_predictions_outside_the_domain_of_a_link_are_told():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0, 2.5], "x": [0.0, 1.0, 2.0, 3.0]})
    model = bg.GLM("y", "x", family="poisson", link="identity", prior=bg.Normal(1.0))
    fit = bg.fit_map(model, frame.assign(y=frame["y"].round()))
    with pytest.warns(bg.BayesGLMWarning, match="1 of 2 estimates .* are NaN"):
        table = bg.predictions(fit, {"x": [1.0, -100.0]})
    assert table["estimate"].isna().tolist() == [False, True]
