"""Missing values: counted, named all at once, left out where the model says so."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.cli import main

N = 80
RNG = np.random.default_rng(5)
WHOLE = pd.DataFrame(
    {
        "y": RNG.poisson(2.0, N).astype(float),
        "x": RNG.normal(size=N),
        "g": np.array(["a", "b", "c"])[np.arange(N) % 3],
        "k": pd.array(np.arange(N) % 4, dtype="Int64"),
        "w": RNG.choice([1.0, 2.0], N),
    }
)
GAPS = {"y": [3, 4], "x": [4, 11, 50], "g": [20, 21], "k": [21, 60], "w": [7]}
FRAME = WHOLE.copy()
for column, rows in GAPS.items():
    FRAME.loc[rows, column] = None
BAD = sorted({row for rows in GAPS.values() for row in rows})
TERMS = ["x", "g", bg.Group("k", prior=bg.Normal(0.5)), bg.Linear("x", transform="scale(x)")]
SPLINE = bg.Spline("x", df=6, name="s", prior=bg.RandomWalk(1.0, order=2))


def glm(terms, **options):
    return bg.GLM("y", terms, family="poisson", prior=bg.Normal(1.0), **options)


@pytest.mark.parametrize("terms", [TERMS, ["g", SPLINE]], ids=["terms", "spline"])
def test_the_fit_is_that_of_the_whole_samples(terms, tmp_path):
    fit = bg.fit_map(glm(terms, missing="drop", weights="w"), FRAME)
    alone = bg.fit_map(glm(terms, weights="w"), FRAME.drop(index=BAD))
    lost = BAD if terms is TERMS else [row for row in BAD if row != 60]
    if terms is not TERMS:
        alone = bg.fit_map(glm(terms, weights="w"), FRAME.drop(index=lost))
    assert fit["map"].equals(alone["map"])
    assert (fit.attrs["n_missing"], fit.attrs["n_samples"]) == (len(lost), N)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    predicted = bg.predict(again)["y"]
    # A sample needs neither its response nor its weight to be predicted.
    expected = np.isin(np.arange(N), [row for row in lost if row not in (3, 7)])
    np.testing.assert_array_equal(np.isnan(predicted), expected)
    kept = np.setdiff1d(np.arange(N), lost)
    # Products with other rows beside them are summed up in another order.
    np.testing.assert_allclose(predicted[kept], bg.predict(alone)["y"], rtol=1e-15, atol=0)
    new = FRAME.drop(columns=["y", "w"])
    np.testing.assert_array_equal(bg.predict(again, new)["y"], predicted)


def test_a_past_with_gaps_is_left_out():
    terms = [bg.Lagged("x", lags=3), bg.History(lags=2), "w"]
    fit = bg.fit_map(glm(terms, missing="drop"), FRAME)
    lost = {row + lag for row in GAPS["x"] for lag in (0, 1, 2)}
    lost |= {row + lag for row in GAPS["y"] for lag in (0, 1, 2)} | set(GAPS["w"])
    assert fit.attrs["n_dropped"] == 2
    assert fit.attrs["n_missing"] == len(lost)
    assert fit["observed_data"].sizes["obs"] == N - 2 - len(lost)
    filled = FRAME.assign(x=FRAME["x"].fillna(99.0), y=FRAME["y"].fillna(7.0))
    masked = filled.assign(w=filled["w"].fillna(1.0), seen=1.0)
    masked.loc[sorted(lost), "seen"] = 0.0
    other = bg.fit_map(glm(terms, weights="seen"), masked)
    for name in ("x", "history", "w"):
        np.testing.assert_allclose(fit["map"][name], other["map"][name], atol=1e-7)


def test_a_level_of_samples_with_gaps_alone_is_none():
    odd = FRAME.assign(g=np.where(np.arange(N) == 11, "z", FRAME["g"]))
    fit = bg.fit_map(glm(["x", "g"], missing="drop"), odd)
    assert fit["map"]["g_level"].values.tolist() == ["b", "c"]


def test_all_gaps_are_named_at_once():
    message = (
        r"predictor 'x' holds 3 missing or infinite values, the first at obs=4 \(others lack "
        r"values too: 'g' 2\); remove those samples \(missing='drop' leaves out"
    )
    data = FRAME.drop(columns="k").assign(y=WHOLE["y"])
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(glm(["x", "g"]), data)
    with pytest.raises(bg.DataError, match=r"factor 'g' lacks 2 labels, .*missing='drop' does"):
        bg.fit_map(glm("g"), data)


def test_what_cannot_be_left_out():
    odd = np.arange(N) % 2 == 1
    none = FRAME.assign(x=np.where(odd, np.nan, 1.0), w=np.where(odd, 1.0, np.nan))
    with pytest.raises(bg.DataError, match=r"no sample has a value of every .*'x' \(40\)"):
        bg.fit_map(glm(["x", "w"], missing="drop"), none)
    with pytest.raises(bg.DataError, match="holds 1 missing or infinite"):
        bg.fit_map(glm("x", missing="drop"), WHOLE.assign(x=np.r_[np.inf, WHOLE["x"][1:]]))
    with pytest.raises(bg.ModelError, match="missing must be 'raise' or 'drop', got 'omit'"):
        glm("x", missing="omit")


def test_gaps_of_new_data_are_refused_where_the_model_refuses_them():
    fit = bg.fit_map(glm(["x", "g"]), WHOLE)
    with pytest.raises(bg.DataError, match="'x' holds 3 missing"):
        bg.predict(fit, FRAME)


def test_the_report_and_the_card_say_how_many(tmp_path):
    fit = bg.fit_laplace(glm("x", missing="drop"), FRAME, draws=100, chains=2)
    page = bg.report({"one": fit}, tmp_path / "page.html").read_text()
    assert "4 with missing values left out" in page
    assert bg.GLM.from_json(fit.attrs["model"]).missing == "drop"


@pytest.mark.parametrize("levels", [["no", "yes"], ["a", "b", "c"]])
def test_a_report_of_labels_some_of_which_are_missing(levels, tmp_path):
    labels = np.array(levels, dtype=object)[np.arange(N) % len(levels)]
    labels[[3, 9]] = None
    family = "bernoulli" if len(levels) == 2 else "categorical"
    model = bg.GLM("label", "w", family=family, missing="drop")
    fit = bg.fit_laplace(model, WHOLE.assign(label=labels), draws=100, chains=2)
    page = bg.report({"one": fit}, tmp_path / "page.html").read_text()
    assert "(2 with missing values left out)" in page


def test_the_shell_leaves_rows_with_gaps_out(tmp_path, capsys):
    table = tmp_path / "data.csv"
    FRAME.to_csv(table, index=False)
    asked = ["fit", str(table), "--response", "y", "--family", "poisson", "--ridge", "1", "--map"]
    assert main([*asked, "--linear", "x,g", "--missing", "drop"]) == 0
    assert "80 samples (6 with missing values left out)" in capsys.readouterr().out
    assert main([*asked, "--linear", "x,g"]) == 2
    assert "lacks a value" in capsys.readouterr().err
