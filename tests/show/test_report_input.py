"""What a report is given: odd names, fits and options; each is told of, or refused in words."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.report.answer import answer
from bayesglm.show.report.diagnostics import diagnostics
from bayesglm.show.report.limits import limits
from bayesglm.show.report.made import lines_again, made
from bayesglm.show.report.models import models
from bayesglm.show.report.parts import Code, Entry, Lights, Notes, Part, Table
from bayesglm.show.report.story import Story

NAMES = {
    "two hundred letters": "n" * 200,
    "right to left": "\u05e9\u05dc\u05d5\u05dd",
    "emoji": "\U0001f98b speed",
    "mathtext": "$x^{$",
    "quotes": 'it\'s "so"',
    "a formula": "=HYPERLINK(1)",
    "markup": "<b>&amp;<script>",
}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"y": rng.poisson(1.5, 60), "x": rng.normal(size=60)})


@pytest.fixture(scope="module")
def drawn(frame):
    return bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), frame, draws=100)


@pytest.fixture(scope="module")
def mode(frame):
    return bg.fit_map(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), frame)


def words_of(story):
    """All that the sections of words say, as one text."""
    told = []
    for write in (answer, models, diagnostics, limits, made):
        for section in write(story):
            for block in section.blocks:
                told += _words(block)
    return "\n".join(told)


def _words(block):
    if isinstance(block, str):
        return [block]
    if isinstance(block, Part):
        return [block.title]
    if isinstance(block, Code):
        return [block.name, block.text]
    if isinstance(block, Notes):
        return list(block.sentences)
    if isinstance(block, Entry):
        return [block.name, *(text for saying in block.sayings for text in saying)]
    if isinstance(block, Lights):
        return [block.name, *(f"{one.name} {one.said} {one.remedy}" for one in block.lights)]
    assert isinstance(block, Table)
    return [cell if isinstance(cell, str) else cell.text for row in block.rows for cell in row]


@pytest.mark.parametrize("kind", NAMES)
def test_any_name_is_told_whole(kind, frame):
    name = NAMES[kind]
    data = {name: frame.x.to_numpy(), "y": frame.y.to_numpy()}
    data[f"g {name}"] = np.resize([name, "b"], 60).astype(object)
    terms = [bg.Linear(name), bg.Category(f"g {name}", prior=bg.Normal(1.0))]
    model = bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0))
    fit = bg.fit(model, data, draws=100)
    story = Story.open({name: fit, "two\nlines": fit}, question=name)
    told = words_of(story)
    assert f"“{name}”" in told
    assert f"one sd of {name} (" in told
    compile(lines_again(story), "lines", "exec")


def test_a_map_beside_posteriors_is_told_apart(drawn, mode):
    story = Story.open({"drawn": drawn, "mode": mode, "again": drawn})
    told = words_of(story)
    assert "mode (MAP)" in told
    assert "“mode”: MAP estimates without uncertainty, and not compared." in told
    assert story.best in ("drawn", "again")
    assert set(story.elpd) == {"drawn", "again"}


def test_equal_models_are_not_told_apart(drawn):
    story = Story.open({"one": drawn, "two": drawn})
    assert "cannot be told apart" in words_of(story)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"title": 3}, "title is what stands on top, a string; got 3"),
        ({"question": ["Why?"]}, "question is what stands on top"),
        ({"elpd": {"other": None}}, "other"),
        ({"elpd": 3}, "elpd is a mapping"),
    ],
)
def test_options_that_are_none(options, words, drawn, tmp_path):
    with pytest.raises(bg.DataError, match=words):
        bg.report({"m": drawn}, tmp_path / "r.html", **options)
    assert not list(tmp_path.iterdir())


def test_fits_that_are_none_or_not_of_one_response(frame, drawn, tmp_path):
    other = bg.fit_map(bg.GLM("x", []), frame)
    for fits, words in [
        (drawn, "mapping of names to fits"),
        ({"m": 3}, "a fit is needed"),
        ({"m": bg.GLM("y", "x")}, "a fit is needed"),
        ({"m": drawn, "o": other}, "different responses"),
        ({"m": drawn.drop_nodes("observed_data")}, "lacks its observed_data"),
        ({"m": drawn.drop_nodes("posterior")}, "neither a posterior nor a MAP"),
    ]:
        with pytest.raises(bg.DataError, match=words):
            bg.report(fits, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_a_report_that_fails_leaves_the_file_that_was_there(drawn, frame, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("before", encoding="utf-8")
    other = bg.fit_map(bg.GLM("x", []), frame)
    with pytest.raises(bg.DataError, match="different responses"):
        bg.report({"m": drawn, "o": other}, path)
    assert path.read_text(encoding="utf-8") == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]


def test_a_fit_of_an_interrupted_run_is_told(drawn):
    """Draws that an interruption left out are NaN, and what is told is told by the others."""
    cut = drawn.copy()
    posterior = cut["posterior"].to_dataset()
    whole = posterior["draw"] < 60
    cut["posterior"] = posterior.where(whole)
    words = [told for _, told in answer(Story.open({"cut": cut}))[0].blocks[1].sayings]
    assert not any(re.search(r"\bnan\b", one) for one in words)


def test_a_population_of_one_and_a_response_of_one_value():
    rng = np.random.default_rng(1)
    data = xr.Dataset(
        {"y": (("obs", "cell"), rng.poisson(1.0, (50, 1))), "x": ("obs", rng.normal(size=50))},
        coords={"cell": ["only"]},
    )
    fit = bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), data, draws=100)
    assert "the median unit" not in words_of(Story.open({"cells": fit}))
    silent = {"y": np.zeros(50, dtype=int), "x": data["x"].values}
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), intercept=bg.Normal(1.0))
    told = words_of(Story.open({"silent": bg.fit(model, silent, draws=100)}))
    assert not re.search(r"\bnan\b", told)
