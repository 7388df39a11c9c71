"""Every kind of term, and every family, is told in a report's words: with numbers, and no gap."""

import dataclasses
import re

import numpy as np
import pytest
from families import KEYS, model_of
from terms import EXAMPLES, IN_POPULATIONS, OF_EVERY_KIND, columns_of, rounding_of, sample_data

import bayesglm as bg
from bayesglm.results.changes import strongest_changes
from bayesglm.show.report.answer import answer
from bayesglm.show.report.changes_told import change_told
from bayesglm.show.report.limits import limits
from bayesglm.show.report.models import models
from bayesglm.show.report.story import Story

DATA = sample_data()
ARRAYS = {name: DATA[name].values for name in DATA.data_vars}
PRIOR = bg.Normal(0.5)
GAPS = re.compile(r"\b(nan|None|inf)\b")


def fitted(model):
    """Return a MAP, or draws where there is none."""
    if all(EXAMPLES[type(term).__name__].has_mode for term in model.terms):
        return bg.fit_map(model, DATA)
    return bg.fit(model, DATA, draws=500)


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_the_strength_of_every_term_is_the_sd_of_its_columns_by_hand(term):
    own = dataclasses.replace(term, prior=PRIOR)
    fit = fitted(bg.GLM("poisson", [own], family="poisson"))
    (one,) = strongest_changes(fit)
    assert one.term == term.label
    told = change_told(one)
    assert not GAPS.search(told)
    assert "the rate of poisson" in told
    if "map" not in fit.children:
        return
    X, seen = columns_of(own, ARRAYS, "poisson")
    added = X[seen] @ fit["map"][term.label].values.ravel()
    np.testing.assert_allclose(one.strength, added.std(), rtol=1e-6 + rounding_of(term))


@pytest.mark.parametrize("term", IN_POPULATIONS, ids=repr)
def test_every_term_of_a_population_is_told_of_each_unit(term):
    rng = np.random.default_rng(0)
    many = DATA.assign(many=(("time", "cell"), rng.poisson(1.0, (DATA.sizes["time"], 3))))
    many = many.assign_coords(cell=list("abc"))
    own = dataclasses.replace(term, prior=PRIOR)
    fit = bg.fit_map(bg.GLM("many", [own], family="poisson"), many)
    changes = strongest_changes(fit)
    assert [one.unit for one in changes] == list("abc")
    assert all(np.isfinite(one.median) and one.strength > 0.0 for one in changes)
    assert not any(GAPS.search(change_told(one)) for one in changes)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_every_family_is_told(key):
    model = model_of(key, [bg.Linear("x", prior=PRIOR)], intercept=bg.Normal(1.0))
    fit = bg.fit_map(model, DATA)
    story = Story.open({"m": fit})
    (one,) = strongest_changes(fit)
    w = float(fit["map"]["x"])
    np.testing.assert_allclose(one.median, w * ARRAYS["x"].std(), rtol=1e-9)
    sayings = dict(answer(story)[0].blocks[1].sayings)
    assert not any(GAPS.search(words) for words in sayings.values())
    assert change_told(one) in sayings["Effects"]
    for write in (models, limits):
        assert write(story)
