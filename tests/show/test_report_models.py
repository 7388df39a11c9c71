"""Models in a report: every prior once, in units of the data, with what it decided."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.results.explain import explain_fit
from bayesglm.show.report.models import MOST_TOLD, models
from bayesglm.show.report.parts import Code, Notes, Number, Table
from bayesglm.show.report.story import Story


@pytest.fixture(scope="module")
def fits():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=80), "z": rng.normal(size=80)})
    frame["y"] = rng.poisson(np.exp(0.2 + 0.8 * frame.x))
    wide, narrow = bg.Normal(1.0), bg.Normal(0.05)
    terms = {
        "one": [bg.Linear("x", prior=wide)],
        "two": [bg.Linear("x", prior=wide), bg.Linear("z", prior=wide)],
        "narrow": [bg.Linear("x", prior=narrow)],
    }
    return {
        name: bg.fit(bg.GLM("y", own, "poisson"), frame, draws=100) for name, own in terms.items()
    }


def parts(fits):
    (section,) = models(Story.open(fits))
    (table,) = (one for one in section.blocks if isinstance(one, Table))
    return section, table


def test_what_models_share_is_told_once(fits):
    section, table = parts(fits)
    assert [one.name for one in section.blocks if isinstance(one, Code)] == list(fits)
    told = [(row[0], row[4]) for row in table.rows]
    assert told == [("intercept", "all models"), ("x", "one, two"), ("z", "two"), ("x", "narrow")]
    assert table.head[4] == "in"
    _, alone = parts({"one": fits["one"]})
    assert alone.head == table.head[:4]


def test_shares_are_those_that_explain_tells(fits):
    _, table = parts({"narrow": fits["narrow"]})
    row = next(row for row in table.rows if row[0] == "x")
    decided = bg.explain(fits["narrow"])["x"].decided
    assert isinstance(row[3], Number)
    np.testing.assert_allclose(row[3].value, 1.0 - decided.edf / decided.size)
    assert row[3].text == f"{row[3].value:.0%}"
    assert row[1].startswith("one sd of x (")
    assert "prior probability" not in row[1]


def test_data_that_contradict_a_prior_are_told_of(fits):
    section, _ = parts(fits)
    (notes,) = (one for one in section.blocks if isinstance(one, Notes))
    (sentence,) = notes.sentences
    assert sentence.startswith("narrow, the data on the prior of x: they contradict it")


def test_explanations_without_regions_say_the_rest(fits):
    whole, brief = bg.explain(fits["two"]), explain_fit(fits["two"], regions=False)
    assert any(one.region is not None for one in whole.terms)
    assert all(one.region is None for one in brief.terms)
    assert [one.effects for one in whole.terms] == [one.effects for one in brief.terms]
    assert [str(one.decided) for one in whole.terms] == [str(one.decided) for one in brief.terms]


def test_two_hundred_terms_are_all_in_the_table_and_few_on_the_page():
    rng = np.random.default_rng(1)
    data = {f"x{k}": rng.normal(size=300) for k in range(200)}
    data["y"] = rng.normal(size=300)
    terms = [name for name in data if name != "y"]
    fit = bg.fit_map(bg.GLM("y", terms, dispersion=1.0, prior=bg.Normal(0.1)), data)
    _, table = parts({"many": fit})
    assert [row[0] for row in table.rows] == ["intercept", *terms, "sigma"]
    assert table.most == MOST_TOLD


def test_a_population_is_told_once_for_all_units():
    rng = np.random.default_rng(2)
    data = xr.Dataset(
        {"y": (("obs", "cell"), rng.poisson(1.0, (100, 3))), "x": ("obs", rng.normal(size=100))},
        coords={"cell": list("abc")},
    )
    fit = bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), data, draws=100)
    _, table = parts({"cells": fit})
    assert [row[0] for row in table.rows] == ["intercept", "x"]
    assert table.rows[1][1].startswith("of a, others being scaled by their own data: one sd of x")
