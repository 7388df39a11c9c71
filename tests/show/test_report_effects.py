"""The section of effects: its numbers are those of `comparisons` and `predictions`."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.predictive import thin
from bayesglm.show.report.effects import DRAWS, effects
from bayesglm.show.report.parts import Notes, Number, Part, Picture, Table
from bayesglm.show.report.story import Story

RNG = np.random.default_rng(1)
N = 300
TABLE = pd.DataFrame(
    {
        "age": RNG.uniform(20.0, 70.0, N),
        "plan": RNG.choice(["basic", "plus", "pro"], N),
        "loyal": RNG.integers(0, 2, N),
    }
)
ETA = 0.03 * (TABLE["age"] - 45.0) + 0.9 * (TABLE["plan"] == "pro")
TABLE["claims"] = RNG.poisson(np.exp(ETA))
BY_PLAN = bg.Interaction("age", bg.Category("plan"))
MODEL = bg.GLM("claims", ["age", bg.Category("plan"), "loyal"], "poisson", prior=bg.Normal(1.0))


def section(fits, **scores):
    (one,) = effects(Story.open(fits, elpd=scores.get("elpd", {})))
    return one


def blocks(one, kind):
    return [block for block in one.blocks if type(block) is kind]


@pytest.fixture(scope="module")
def fits():
    other = bg.GLM("claims", ["age", bg.Category("plan"), BY_PLAN], "poisson", prior=bg.Normal(1.0))
    return {
        "additive": bg.fit_laplace(MODEL, TABLE, draws=200, chains=4),
        "by plan": bg.fit_laplace(other, TABLE, draws=200, chains=4),
    }


@pytest.fixture(scope="module")
def alone(fits):
    return section({"additive": fits["additive"]})


def values(row):
    return [cell.value for cell in row if isinstance(cell, Number)]


def test_the_table_holds_averaged_comparisons_and_their_ratios(fits, alone):
    (table,) = blocks(alone, Table)
    few = thin(fits["additive"], DRAWS)
    quartiles = tuple(TABLE["age"].quantile([0.25, 0.75]))
    changes = {"age": quartiles, "plan": "reference", "loyal": (0, 1)}
    ends = ["estimate", "conf_low", "conf_high"]
    told = [
        bg.comparisons(few, changes, by=True, comparison=way)[ends].to_numpy(dtype=float)
        for way in ("difference", "ratio")
    ]
    rows = sorted(values(row) for row in table.rows)
    np.testing.assert_allclose(rows, sorted(np.hstack(told).tolist()), rtol=1e-12)
    assert table.head == (
        "predictor",
        "change",
        "difference",
        "3%",
        "97%",
        "ratio",
        "ratio, 3%",
        "ratio, 97%",
    )
    words = {(row[0], row[1]) for row in table.rows}
    low, high = (f"{one:.4g}" for one in quartiles)
    assert words == {
        ("age", f"{low} → {high}"),
        ("plan", "basic → plus"),
        ("plan", "basic → pro"),
        ("loyal", "0 → 1"),
    }


def test_the_largest_change_is_said_first_with_its_interval(alone):
    (table,) = blocks(alone, Table)
    largest = max(table.rows, key=lambda row: abs(values(row)[0]))
    _, said = (one for one in alone.blocks[:2])
    middle, low, high = values(largest)[:3]
    assert f"{largest[0]} {largest[1]} by {middle:+.3g} [{low:+.3g}, {high:+.3g}]" in said
    assert "the average over 300 samples, from 400 posterior draws" in alone.blocks[0]


def test_every_variable_is_drawn_with_what_is_seen_and_its_numbers(fits, alone):
    pictures = blocks(alone, Picture)
    titles = [part.title for part in blocks(alone, Part)]
    assert sorted(titles) == ["Along age", "Along loyal", "Along plan"]
    age = pictures[titles.index("Along age")]
    first, last = age.data.rows[0], age.data.rows[-1]
    assert len(age.data.rows) == 101
    for row in (first, last):
        at, middle, low, high = values(row)
        assert f"{middle:.3g} [{low:.3g}, {high:.3g}] at {at:.4g}" in age.alt
    few = thin(fits["additive"], DRAWS)
    grid = bg.datagrid(few, age=[values(row)[0] for row in age.data.rows])
    told = bg.predictions(few, grid)["estimate"]
    np.testing.assert_allclose([values(row)[1] for row in age.data.rows], told, rtol=1e-12)


def test_models_stand_side_by_side_and_interactions_split_lines(fits):
    one = section(fits, elpd={name: bg.loo(fit) for name, fit in fits.items()})
    (table,) = blocks(one, Table)
    assert {row[2] for row in table.rows} == set(fits)
    titles = [part.title for part in blocks(one, Part)]
    assert "Along age, split by plan" in titles
    assert titles.count("Along age, split by plan") == 1
    split = blocks(one, Picture)[titles.index("Along age, split by plan")]
    assert split.data.head == ("model", "age", "plan", "estimate", "3%", "97%")
    assert {row[2] for row in split.data.rows} == {"basic", "plus", "pro"}
    assert "by plan, plan pro: " in split.alt


def test_a_map_has_no_intervals():
    one = section({"m": bg.fit_map(MODEL, TABLE)})
    (table,) = blocks(one, Table)
    assert table.head == ("predictor", "change", "difference", "ratio")
    assert all("MAP estimates" in picture.caption for picture in blocks(one, Picture))
    assert "nan" not in " ".join(picture.alt for picture in blocks(one, Picture))


def test_kernels_are_left_to_their_own_section():
    data = xr.Dataset(
        {
            "spikes": ("time", RNG.poisson(0.5, 200)),
            "light": ("time", RNG.normal(size=200)),
            "speed": ("time", RNG.normal(size=200)),
        },
        coords={"time": np.arange(200) * 0.1},
    )
    lagged = bg.GLM("spikes", bg.Lagged("light", lags=4), "poisson", prior=bg.Normal(0.3))
    assert effects(Story.open({"m": bg.fit_laplace(lagged, data, draws=100)}, elpd={})) == ()
    both = bg.GLM("spikes", [bg.Lagged("light", lags=4), "speed"], "poisson", prior=bg.Normal(0.3))
    one = section({"m": bg.fit_laplace(both, data, draws=100)})
    (table,) = blocks(one, Table)
    assert [row[0] for row in table.rows] == ["speed"]
    assert not blocks(one, Picture)


def test_labels_and_members_of_a_population_have_a_column():
    moods = TABLE.assign(mood=np.array(["bad", "fair", "good"])[RNG.integers(0, 3, N)])
    fit = bg.fit_map(bg.GLM("mood", ["age"], "categorical", prior=bg.ridge(1.0)), moods)
    (table,) = blocks(section({"m": fit}), Table)
    assert table.head[:3] == ("predictor", "change", "mood")
    assert [row[2] for row in table.rows] == ["bad", "fair", "good"]
    assert sum(values(row)[0] for row in table.rows) == pytest.approx(0.0, abs=1e-12)
    light = RNG.normal(size=100)
    counts = xr.Dataset(
        {"spikes": (("obs", "cell"), RNG.poisson(1.0, (100, 2))), "light": ("obs", light)},
        coords={"cell": ["a", "b"]},
    )
    model = bg.GLM("spikes", "light", "poisson", prior=bg.Normal(1.0))
    one = section({"m": bg.fit_laplace(model, counts, draws=100)})
    (table,) = blocks(one, Table)
    assert [row[2] for row in table.rows] == ["a", "b"]
    assert "cell a: " in blocks(one, Picture)[0].alt


def test_what_is_not_compared_or_drawn_is_named():
    many = pd.DataFrame({f"x{k}": RNG.normal(size=60) for k in range(6)})
    many["town"] = [f"t{k % 15}" for k in range(60)]
    many["y"] = many["x0"] + RNG.normal(size=60)
    terms = [*(f"x{k}" for k in range(6)), "town"]
    one = section({"m": bg.fit_map(bg.GLM("y", terms, prior=bg.ridge(1.0)), many)})
    (notes,) = blocks(one, Notes)
    assert "m (MAP): town is not compared (15 levels)." in notes.sentences
    assert any(said.startswith("Not drawn, with smaller effects: ") for said in notes.sentences)
    assert len(blocks(one, Picture)) == 4


def test_of_many_samples_some_are_averaged_and_it_says_so():
    n = 9_000
    x = RNG.normal(size=n)
    data = {"y": x + RNG.normal(size=n), "x": x}
    fit = bg.fit_map(bg.GLM("y", "x", prior=bg.Flat()), data)
    one = section({"m": fit})
    assert "3,000 samples (every third of them)" in one.blocks[0]
    (table,) = blocks(one, Table)
    (row,) = table.rows
    slope, (q1, q3) = float(fit["map"]["x"]), np.quantile(x, [0.25, 0.75])
    assert values(row)[0] == pytest.approx(slope * (q3 - q1), rel=1e-9)
