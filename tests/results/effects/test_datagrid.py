"""Grids of predictors: typical values, combinations, and rows of the data again."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg

FRAME = pd.DataFrame(
    {
        "y": [0, 1, 1, 0, 1, 0, 1, 0],
        "age": [30, 50, 60, 20, 40, 45, 55, 36],
        "plan": list("bbacbacb"),
        "member": [True, False, True, True, False, True, False, True],
        "smokes": [0, 1, 1, 0, 1, 1, 0, 1],
    }
)
NAMES = ["age", "plan", "member", "smokes"]


def fitted(frame=FRAME, terms=NAMES, **options):
    options = {"family": "bernoulli", "prior": bg.Normal(1.0), **options}
    return bg.fit_map(bg.GLM("y", terms, **options), frame)


@pytest.fixture(scope="module")
def fit():
    return fitted()


def test_typical_rows_have_means_and_the_most_frequent_labels(fit):
    grid = bg.datagrid(fit)
    assert type(grid) is pd.DataFrame
    assert grid.to_dict("records") == [{"age": 42.0, "plan": "b", "member": True, "smokes": 1}]


def test_values_stand_in_all_combinations_the_first_changing_slowest(fit):
    grid = bg.datagrid(fit, plan=["c", "a"], age=[30, 60])
    assert list(grid) == ["plan", "age", "member", "smokes"]
    assert grid["plan"].tolist() == ["c", "c", "a", "a"]
    assert grid["age"].tolist() == [30, 60, 30, 60]


def test_values_may_be_one_or_a_function_or_go_by_a_mapping(fit):
    assert bg.datagrid(fit, age=31)["age"].tolist() == [31]
    assert bg.datagrid(fit, age=np.median)["age"].tolist() == [42.5]
    assert bg.datagrid(fit, age=lambda x: np.quantile(x, [0, 1]))["age"].tolist() == [20.0, 60.0]
    assert bg.datagrid(fit, {"plan": "a"})["plan"].tolist() == ["a"]
    assert bg.datagrid(fit, {"plan": np.array(["a", "c"])}, age=pd.Series([1, 2])).shape == (4, 4)


def test_balanced_rows_have_each_label_in_turn(fit):
    grid = bg.datagrid(fit, kind="balanced")
    assert len(grid) == 3 * 2 * 2
    assert sorted(grid["plan"].unique()) == ["a", "b", "c"]
    assert (grid["age"] == 42.0).all()
    assert len(bg.datagrid(fit, kind="balanced", plan="a")) == 4


def test_counterfactual_rows_are_those_of_the_data(fit):
    grid = bg.datagrid(fit, kind="counterfactual", smokes=[0, 1])
    assert len(grid) == 16
    assert grid["age"].tolist() == [*FRAME["age"], *FRAME["age"]]
    assert grid["smokes"].tolist() == [0] * 8 + [1] * 8
    averages = bg.predictions(fit, grid, by="smokes")["estimate"]
    change = bg.comparisons(fit, "smokes", by=True)["estimate"][0]
    assert averages[1] - averages[0] == pytest.approx(change)


def test_means_count_rows_by_weights_and_trials():
    frame = FRAME.assign(often=[0, 3, 1, 1, 1, 1, 1, 2])
    grid = bg.datagrid(fitted(frame, weights="often"))
    assert grid["age"][0] == pytest.approx(np.average(frame["age"], weights=frame["often"]))
    assert "often" not in grid
    again = bg.datagrid(fitted(frame, weights="often"), kind="counterfactual", age=[1, 2])
    assert again["often"].tolist() == [3, 1, 1, 1, 1, 1, 2] * 2
    frame = frame.assign(n=[1, 5, 1, 1, 1, 1, 1, 1])
    grid = bg.datagrid(fitted(frame, family="binomial", trials="n"))
    assert grid["age"][0] == pytest.approx(np.average(frame["age"], weights=frame["n"]))


def test_offsets_exposure_and_whole_numbered_factors():
    frame = FRAME.assign(days=np.arange(1.0, 9.0), site=[3, 3, 1, 2, 3, 1, 2, 3])
    model = bg.GLM("y", ["age", bg.Category("site")], family="poisson", exposure="days")
    fit = bg.fit_map(model, frame)
    assert bg.datagrid(fit).to_dict("records") == [{"age": 42.0, "site": 3, "days": 4.5}]
    assert bg.datagrid(fit, kind="balanced")["site"].tolist() == [1, 2, 3]


def test_a_grid_of_no_predictors_has_one_row():
    fit = fitted(terms=[])
    assert bg.datagrid(fit).shape == (1, 0)
    assert bg.predictions(fit)["estimate"].nunique() == 1


def test_very_many_predictors_make_a_grid():
    names = [f"x{k}" for k in range(100)]
    values = np.random.default_rng(0).normal(size=(8, 100))
    frame = pd.DataFrame(values, columns=names).assign(y=FRAME["y"])
    grid = bg.datagrid(fitted(frame, names), {"x3": [0.0, 1.0], "x99": [2.0, 3.0]})
    assert grid.shape[0] == 4
    np.testing.assert_array_equal(grid["x3"], [0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(grid["x99"], [2.0, 3.0, 2.0, 3.0])
    np.testing.assert_allclose(grid["x50"], values[:, 50].mean())


def test_names_that_are_no_identifiers_go_by_the_mapping():
    frame = FRAME.rename(columns={"age": "age (years)", "plan": "kind"})
    fit = fitted(frame, [bg.Linear("age (years)", name="age"), "kind"])
    grid = bg.datagrid(fit, {"age (years)": [1, 2], "kind": "a"})
    assert list(grid) == ["age (years)", "kind"]
    assert len(bg.predictions(fit, grid)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agee": 3}, r"'agee' is no predictor of the fit, which reads .* Did you mean 'age'\?"),
        ({"y": 1}, "'y' is no predictor"),
        ({"age": []}, "'age' has no values"),
        ({"age": [1.0, np.nan]}, "'age' has a missing value"),
        ({"age": {1, 2}}, "stand in an order"),
        ({"at": ["age"]}, "at must be a mapping"),
        ({"at": {"age": 1}, "age": 2}, "'age' is named twice"),
        ({"age": range(10_000), "smokes": range(10_000)}, "100,000,000 rows"),
    ],
)
def test_values_that_make_no_grid(fit, options, message):
    with pytest.raises(bg.DataError, match=message):
        bg.datagrid(fit, **options)


@pytest.mark.parametrize(("kind", "said"), [("mean_or_mode", "typical"), ("balance", "balanced")])
def test_unknown_kinds_are_told_what_is_meant(fit, kind, said):
    with pytest.raises(bg.ModelError, match=f"unknown kind .*{said}"):
        bg.datagrid(fit, kind=kind)


def test_lags_have_no_grid():
    data = {"y": np.tile([0, 1, 1], 20), "x": np.arange(60.0), "time": np.arange(60) * 0.1}
    fit = bg.fit_map(
        bg.GLM("y", bg.Lagged("x", lags=3), family="bernoulli", prior=bg.ridge(1.0)), data
    )
    with pytest.raises(bg.DataError, match="'x' reads samples before its own"):
        bg.datagrid(fit, x=1.0)


def test_images_have_no_grid():
    image = np.random.default_rng(0).normal(size=(30, 2, 2))
    data = {"y": np.tile([0, 1, 1], 10), "movie": image, "x": np.arange(30.0)}
    fit = bg.fit_map(bg.GLM("y", ["movie", "x"], family="bernoulli", prior=bg.ridge(1.0)), data)
    with pytest.raises(bg.DataError, match="'movie' has several values for each sample"):
        bg.datagrid(fit)
    low, high = (bg.predict(fit, {**data, "movie": image + by})["y"].values for by in (0.0, 1.0))
    table = bg.comparisons(fit, by=True)
    assert table["term"].tolist() == ["x"]
    table = bg.comparisons(fit, "movie", by=True)
    assert table["estimate"][0] == pytest.approx((high - low).mean())
