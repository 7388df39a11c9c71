"""The estimates of a report: one row each, one scale for all, MAPs told apart, nothing cut."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.report.estimates import coefficients, tables
from bayesglm.show.report.forest import forest
from bayesglm.show.report.kinds import Data
from bayesglm.show.report.lines import lines
from bayesglm.show.report.parts import Notes, Picture, Table
from bayesglm.show.report.prior import before_data
from bayesglm.show.report.story import Story

RNG = np.random.default_rng(5)
N = 150
FRAME = pd.DataFrame(
    {
        "y": RNG.poisson(1.0, N),
        "income": RNG.normal(0, 1000, N),
        "g": RNG.choice(list("abc"), N),
        "school": RNG.integers(0, 50, N),
    }
)
TERMS = [bg.Linear("income", prior=bg.Normal(0.001)), bg.Category("g", prior=bg.Normal(1.0))]


def story_of(fits):
    return Story(fits, {}, "y", (), "?")


@pytest.fixture(scope="module")
def fits():
    model = bg.GLM("y", TERMS, "poisson")
    return {
        "all": bg.fit_laplace(model, FRAME, draws=200),
        "few": bg.fit_laplace(bg.GLM("y", TERMS[1], "poisson"), FRAME, draws=200),
        "mode": bg.fit_map(model, FRAME),
    }


@pytest.fixture(scope="module")
def population():
    data = xr.Dataset(
        {"y": (("time", "cell"), RNG.poisson(0.3, (200, 30))), "x": ("time", RNG.normal(size=200))},
        {"time": np.arange(200) * 0.001, "cell": [f"c{k}" for k in range(30)]},
    )
    return bg.fit_map(
        bg.GLM("y", bg.Lagged("x", lags=(1, 4), prior=bg.Normal(0.3)), "poisson"), data
    )


def test_a_forest_has_a_row_for_each_coefficient_times_the_sd_of_its_predictor(fits):
    story = story_of(fits)
    called = {name: story.called(name) for name in fits}
    picture = forest(fits, called, Data.of(fits))
    (ax,) = picture.figure.axes
    assert [one.get_text() for one in ax.get_yticklabels()] == ["income", "g[b]", "g[c]"]
    told = {(row[0], row[1]): row for row in picture.data.rows}
    assert len(told) == 3 + 2 + 3
    mean = float(fits["all"]["posterior"]["income"].mean())
    row = told["income", "all"]
    np.testing.assert_allclose(row[2].value, mean)
    np.testing.assert_allclose(row[-1].value, mean * FRAME["income"].std(ddof=0))
    drawn = next(line for line in ax.lines if line.get_label() == "all")
    np.testing.assert_allclose(drawn.get_xdata()[0], row[-1].value)
    assert told["g[b]", "mode (MAP)"][3] == ""
    assert "a mode has no uncertainty" in picture.caption


def test_models_stand_beside_each_other(fits):
    picture = forest(fits, {name: name for name in fits}, Data.of(fits))
    (ax,) = picture.figure.axes
    heights = [line.get_ydata()[-1] for line in ax.lines if line.get_label() in fits]
    assert heights == sorted(set(heights))
    (legend,) = picture.figure.legends
    assert [one.get_text() for one in legend.get_texts()] == list(fits)
    markers = {line.get_marker() for line in ax.lines if line.get_label() in fits}
    assert len(markers) == 3


def test_units_have_panels_by_name_and_those_left_out_are_named(population):
    (section,) = coefficients(story_of({"m": population}))
    (picture,) = section.blocks
    titles = [ax.get_title("left") for ax in picture.figure.axes if ax.get_visible()]
    assert titles == [f"cell c{k}" for k in range(24)]
    assert "cell c24" in picture.caption
    assert len(picture.data.rows) == 30 * 3
    assert "MAP, a mode without uncertainty" in picture.caption
    assert "posterior" not in picture.caption
    assert picture.figure.axes[20].get_xlabel().startswith("lag (ms")
    np.testing.assert_allclose(picture.data.rows[0][2].value, 1.0)
    ends = {ax.get_ylim() for ax in picture.figure.axes if ax.get_visible()}
    assert len(ends) == 1


def test_kernels_of_models_have_a_panel_each_with_the_others_dashed(population):
    node = bg.kernels(population)["x"].to_dataset().isel(cell=0, drop=True)
    picture = lines("x", {"a": node, "b": 2 * node}, "log rate", "")
    first, second = picture.figure.axes
    assert [first.get_title("left"), second.get_title("left")] == ["a", "b"]
    assert [line.get_linestyle() for line in first.lines[1:]] == ["-", "--"]
    assert first.get_ylim() == second.get_ylim()


def test_all_levels_of_a_group_are_held_sorted():
    models = {
        "groups": bg.GLM("y", bg.Group("school", prior=bg.Normal(0.5)), "poisson"),
        "slopes": bg.GLM("y", bg.Group("school", slopes="income", prior=bg.Normal(0.5)), "poisson"),
    }
    frame = FRAME.assign(income=FRAME["income"] / 1000)
    story = story_of({name: bg.fit_map(model, frame) for name, model in models.items()})
    (section,) = coefficients(story)
    intercepts, slopes = section.blocks
    own = [row[2].value for row in intercepts.data.rows if row[1] == "groups (MAP)"]
    assert own == sorted(own)
    assert len(own) == len(set(FRAME["school"]))
    assert {row[1] for row in slopes.data.rows} == {"slopes (MAP)"}


def test_images_have_labelled_bars_and_lags_in_milliseconds():
    shape = (200, 15)
    data = xr.Dataset(
        {"y": ("time", RNG.poisson(0.5, 200)), "film": (("time", "place"), RNG.normal(size=shape))},
        {"time": np.arange(200) * 0.001},
    )
    model = bg.GLM("y", bg.Lagged("film", lags=(1, 4), prior=bg.Normal(0.3)), "poisson")
    (section,) = coefficients(story_of({"m": bg.fit_map(model, data)}))
    (picture,) = section.blocks
    image, bar = picture.figure.axes
    assert "lag (ms" in image.get_ylabel() + image.get_xlabel()
    assert bar.get_ylabel()
    assert {row[0] for row in picture.data.rows} == {"1", "2", "3"}
    assert "MAP estimates" in picture.caption


def test_tables_hold_every_coefficient_as_numbers(fits, population):
    (section,) = tables(story_of(fits))
    told = [one for one in section.blocks if isinstance(one, Table)]
    assert len(told) == 3
    summary = bg.summary(fits["all"])
    row = dict(zip(told[0].head, told[0].rows[1], strict=True))
    assert row["mean"].value == summary.loc["income", "mean"]
    assert row["ess"].value == int(summary.loc["income", "ess"])
    (section,) = tables(story_of({"m": population}))
    (table,) = [one for one in section.blocks if isinstance(one, Table)]
    assert len(table.rows) == 30 * 4


def test_what_priors_expect_is_drawn_once_for_a_model_and_its_mode(fits):
    (section,) = before_data(story_of(fits))
    pictures = [one for one in section.blocks if isinstance(one, Picture)]
    assert [one.caption.partition(":")[0] for one in pictures] == ["all, mode", "few"]
    assert "In place of the flat intercept stands Normal(" in pictures[0].caption


def test_improper_priors_are_told():
    fit = bg.fit_map(bg.GLM("y", bg.Linear("income", prior=bg.Flat()), "poisson"), FRAME)
    (section,) = before_data(story_of({"flat": fit}))
    (notes,) = [one for one in section.blocks if isinstance(one, Notes)]
    assert "income" in notes.sentences[0]
