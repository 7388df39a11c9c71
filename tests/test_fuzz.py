"""A sample of what `make fuzz` tries, and that it finds what it looks for."""

import os
import time

import numpy as np
import pytest
from families import EXACT_KEYS, drawn

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES
from fuzz import models
from fuzz.models import FINE, RIGHT, Case, draw_case, outcome, verbs_of
from fuzz.oracle import gap
from fuzz.workers import Lost, work_through


@pytest.mark.slow
def test_random_models_end_at_the_optimum_or_at_an_error_of_the_package():
    tried = [outcome((index, "fit_map")) for index in range(80)]
    assert [one for one in tried if one.outcome not in FINE] == []
    assert sum(one.outcome == "right" for one in tried) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 16, 4))
def test_random_models_go_through_verbs_drawn_at_random(start):
    tasks = [(index, verb) for index in range(start, start + 4) for verb in verbs_of(index)[1:]]
    assert [one for one in map(outcome, tasks) if one.outcome not in FINE] == []


# The oracle adds priors to likelihoods: families take turns with them.
PRIORS = (bg.Normal(1.0), bg.Laplace(0.2), bg.StudentT(1.0), bg.Flat())
DEALT = [(*key, PRIORS[place % len(PRIORS)]) for place, key in enumerate(EXACT_KEYS)]


@pytest.mark.parametrize(("family", "link", "prior"), DEALT)
def test_the_oracle_knows_an_optimum_from_a_point_beside_it(family, link, prior):
    rng = np.random.default_rng(0)
    x, tries = rng.normal(size=30), np.full(30, 4.0)
    data = {"x": x, "tries": tries, "y": drawn(family, 0.6 + 0.5 * x, tries, seed=1)}
    options = {"trials": "tries"} if FAMILY_NAMES[family].needs_trials else {}
    model = bg.GLM("y", bg.Linear("x", prior=prior), family=family, link=link, **options)
    fitted = bg.fit_map(model, data)
    model = bg.GLM.from_json(fitted.attrs["model"])
    estimate = {name: float(value) for name, value in fitted["map"].data_vars.items()}
    assert gap(model, data, estimate).residual < RIGHT
    for name, value in estimate.items():
        assert gap(model, data, estimate | {name: value + 1e-3}).residual > RIGHT


def test_faults_are_told(monkeypatch):
    def draw(index):
        return Case(index, bg.GLM("y", [], family="poisson"), {"y": np.array([0.0, 1.0, 3.0])})

    def warn_of_nothing(case):
        np.log(np.zeros(1))

    faults = {
        "wrong": lambda case: "not finite",
        "foreign error": lambda case: 1 / 0,
        "foreign warning": warn_of_nothing,
    }
    monkeypatch.setattr(models, "draw_case", draw)
    for name, verb in faults.items():
        monkeypatch.setitem(models.VERBS, "predict", verb)
        assert outcome((0, "predict")).outcome == name
    assert outcome((0, "fit_map")).outcome == "right"
    assert draw_case(3).model == draw_case(3).model


def hang_or_die(item):
    if item == "hang":
        time.sleep(60)
    if item == "die":
        os._exit(3)
    return item.upper()


def test_workers_outlive_what_they_are_given():
    items = ["a", "hang", "b", "die", "c", "d"]
    answers = dict(work_through(hang_or_die, items, 2.0, 2))
    assert {item: answers[item] for item in "abcd"} == {item: item.upper() for item in "abcd"}
    lost = answers["hang"], answers["die"]
    assert all(isinstance(one, Lost) for one in lost)
    assert [one.why for one in lost] == ["slow", "crash"]
