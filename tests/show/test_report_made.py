"""What a report cannot tell, and how it was made: ranges, lines that run, versions, citations."""

import ast
import json
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.report.limits import limits
from bayesglm.show.report.made import MOST_JSON, lines_again, made, versions
from bayesglm.show.report.parts import Code, Notes, Number, Table
from bayesglm.show.report.references import references
from bayesglm.show.report.story import Story


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "g": rng.choice(list("ab"), 60)})
    frame["y"] = rng.poisson(2.0, 60)
    return frame


@pytest.fixture(scope="module")
def story(frame):
    model = bg.GLM("y", ["x", bg.Category("g")], "poisson", prior=bg.Normal(1.0))
    fits = {"drawn": bg.fit(model, frame, draws=100, seed=3), "mode": bg.fit_map(model, frame)}
    return Story.open(fits)


def blocks(sections, kind):
    return [one for section in sections for one in section.blocks if isinstance(one, kind)]


def test_ranges_are_those_of_the_data(story, frame):
    (table,) = blocks(limits(story), Table)
    rows = {row[0]: row for row in table.rows}
    assert list(rows) == ["y", "x", "g"]
    assert (rows["x"][1].value, rows["x"][2].value) == (frame.x.min(), frame.x.max())
    assert rows["g"][1:5] == ("", "", "", "a, b")


def test_ranges_have_units_and_count_what_is_missing():
    x = xr.DataArray([1.0, np.nan, 3.0, 2.0], dims="obs", attrs={"units": "m"})
    data = xr.Dataset({"x": x, "y": ("obs", [0.0, 1.0, 2.0, 1.0])})
    fit = bg.fit_map(bg.GLM("y", "x", missing="drop", prior=bg.Normal(1.0), dispersion=1.0), data)
    (table,) = blocks(limits(Story.open({"m": fit})), Table)
    row = next(row for row in table.rows if row[0] == "x")
    assert (row[1].value, row[2].value, row[3]) == (1.0, 3.0, "m")
    assert row[5] == Number(1.0, "1")


def test_limits_are_of_the_kind_of_model(story):
    told = " ".join(blocks(limits(story), Notes)[0].sentences)
    for words in ("Causes.", "mode: MAP estimates, single points", "The fits are of 60 samples"):
        assert words in told
    assert "History." not in told
    assert "Coupling." not in told
    rng = np.random.default_rng(1)
    data = xr.Dataset(
        {"y": (("time", "cell"), rng.poisson(1.0, (80, 2)))},
        coords={"time": np.arange(80) * 0.1, "cell": list("ab")},
    )
    terms = [bg.History(lags=2), bg.Coupling(lags=2)]
    fit = bg.fit_map(bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0)), data)
    told = " ".join(blocks(limits(Story.open({"cells": fit})), Notes)[0].sentences)
    for words in ("History.", "Coupling.", "2 without a full past left out"):
        assert words in told


def test_the_lines_run_and_make_the_same_fits(story, frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = lines_again(story)
    ast.parse(lines)
    for code in blocks(made(story), Code):
        name = code.name.partition(" ")[0]
        if name.endswith(".json"):
            (tmp_path / name).write_text(code.text)
    run = {"frame": frame}
    *fitting, report = lines.replace("data = ...", "data = frame").splitlines()
    exec("\n".join(fitting), run)  # without the report, which other tests write
    assert report.startswith("bg.report(fits, 'report.html'")
    for name, fit in story.fits.items():
        group = "posterior" if name == "drawn" else "map"
        xr.testing.assert_equal(run["fits"][name][group].to_dataset(), fit[group].to_dataset())


def test_models_are_json_of_one_line(story):
    (code,) = (one for one in blocks(made(story), Code) if one.name.startswith("model_1"))
    assert "\n" not in code.text
    assert bg.GLM.from_json(code.text).to_json() == story.fits["drawn"].attrs["model"]
    assert json.loads(code.text)["response"] == "y"


def test_a_long_model_is_named_in_place(frame):
    levels = [f"level number {k:05d}" for k in range(MOST_JSON // 20)] * 2
    data = {"y": np.arange(len(levels)) % 3, "g": levels}
    model = bg.GLM("y", bg.Category("g", prior=bg.Normal(0.1)), "poisson")
    sections = made(Story.open({"long": bg.fit_map(model, data)}))
    assert not [one for one in blocks(sections, Code) if one.name.startswith("model_")]
    (sentence,) = (one for one in sections[0].blocks if "too long" in str(one))
    assert "attrs['model']" in sentence


def test_the_fits_stand_in_a_table_and_versions_in_a_sentence(story):
    (table,) = blocks(made(story), Table)
    rows = {row[0]: row for row in table.rows}
    assert [one if one == "" else one.value for one in rows["drawn"][2:5]] == [4.0, 100.0, 3.0]
    assert rows["mode"][1:5] == ("map", "", "", "")
    assert rows["mode"][-1].value == 3.0
    assert versions()["numpy"] == np.__version__
    assert versions()["bayesglm"] == version("bayesglm")
    assert any(f"numpy {np.__version__}" in str(one) for one in made(story)[0].blocks)


def test_what_is_cited_is_what_was_used(story, frame):
    told = " ".join(references(story))
    for words in ("Tierney", "Pareto-smoothed", "Leave-one-out", "Dunn & Smyth", "bayesglm"):
        assert words in told
    for words in ("NUTS", "Brown", "Stacking"):
        assert words not in told
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0))
    chains = bg.fit_mcmc(model, frame, draws=300, engine="native")
    told = " ".join(references(Story.open({"chains": chains, "drawn": story.fits["drawn"]})))
    for words in ("NUTS", "R-hat", "Stacking"):
        assert words in told
    (entries,) = (one for one in blocks(made(story), Code) if one.name.startswith("BibTeX"))
    assert entries.text.startswith("@article{Martin")
    assert "leave-one-out" in entries.text


def test_a_projection_is_made_again_from_its_reference(story):
    small = bg.project(story.fits["drawn"], terms=["x"])
    own = Story.open({"small": small})
    lines = lines_again(own)
    assert "reference = ..." in lines
    assert "'small': bg.project(reference, terms=['x'])," in lines
    assert "Projection predictive selection" in " ".join(references(own))
