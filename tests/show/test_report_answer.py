"""The answer of a report: its numbers are those of the draws, its words those of the models."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from kept import both_ways

import bayesglm as bg
from bayesglm.results.changes import DRIVE, LEVEL, RANGE, SPREAD, STEP, strongest_changes
from bayesglm.show.report.answer import answer, caution_told, effects_told, foretelling_told
from bayesglm.show.report.changes_told import change_told, factor
from bayesglm.show.report.parts import Entry
from bayesglm.show.report.story import Story

N = 300
ENDS = [0.5, 0.03, 0.97]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50.0, 12.0, N),
            "noise": rng.normal(size=N),
            "region": rng.choice(["north", "south", "west"], N),
            "school": rng.choice(list("abcdef"), N),
        }
    )
    eta = 0.4 + 0.04 * (frame.age - 50) + 1.0 * (frame.region == "south")
    frame["claims"] = rng.poisson(np.exp(eta))
    frame["score"] = 3.0 * np.sin(frame.age / 8) + rng.normal(size=N)
    frame["mood"] = np.where(rng.random(N) < 0.4, "bad", np.where(frame.age > 55, "good", "fair"))
    return frame


@pytest.fixture(scope="module")
def fits(frame):
    """A good model, the same with a predictor of no effect, one that lacks what matters, a MAP."""
    written = {
        "age, region": "claims ~ age + region",
        "and noise": "claims ~ age + region + noise",
        "noise": "claims ~ noise",
    }
    fits = {
        name: bg.fit(bg.formula(one, family="poisson"), frame, draws=250)
        for name, one in written.items()
    }
    fits["map"] = bg.fit_map(bg.formula("claims ~ age", family="poisson"), frame)
    return fits


def of_term(changes, term):
    (one,) = [change for change in changes if change.term == term]
    return one


def test_a_step_is_one_sd_and_a_level_is_against_the_reference(frame, fits):
    fit = fits["age, region"]
    changes = strongest_changes(fit)
    draws = fit["posterior"].to_dataset().stack(sample=("chain", "draw"))
    age, region = of_term(changes, "age"), of_term(changes, "region")
    own = np.quantile(draws["age"].values * frame.age.std(ddof=0), ENDS)
    np.testing.assert_allclose([age.median, age.lower, age.upper], own)
    south = draws["region"].sel(region_level="south").values
    np.testing.assert_allclose(
        [region.median, region.lower, region.upper], np.quantile(south, ENDS)
    )
    assert (age.kind, region.kind, region.at) == (STEP, LEVEL, "south against north")
    np.testing.assert_allclose(age.value, age.reading.base * np.exp(own))
    words = [factor(one) for one in own]
    told = f"multiplies the rate of claims by {words[0]} [{words[1]}, {words[2]}]"
    assert change_told(age) == f"one sd of age ({frame.age.std(ddof=0):.3g}) {told}"


def test_strengths_are_the_sds_that_check_tells(fits):
    fit = fits["age, region"]
    told = bg.check(fit)["terms"]["sd"]
    for one in strongest_changes(fit):
        np.testing.assert_allclose(one.strength, float(told.sel(term=one.term)), rtol=0.05)


def test_a_curve_is_told_between_the_places_that_lie_furthest_apart(frame):
    fit = bg.fit(bg.GLM("score", bg.Spline("age", df=8), dispersion=1.0), frame, draws=250)
    (one,) = strongest_changes(fit)
    node = bg.kernels(fit)["age"].to_dataset()
    curve = node["link"]
    ends = sorted([int(np.argmin(curve.values)), int(np.argmax(curve.values))])
    assert one.kind == RANGE
    assert one.at == "from {:.3g} to {:.3g}".format(*node["value"].values[ends])
    np.testing.assert_allclose(one.median, np.diff(curve.values[ends])[0], rtol=0.02)
    assert one.leaves_out_zero


def test_levels_of_a_group_are_told_by_their_spread(frame):
    fit = bg.fit(bg.formula("score ~ 1 + (1|school)"), frame, draws=250)
    (one,) = strongest_changes(fit)
    effects = fit["posterior"]["school"].stack(sample=("chain", "draw")).transpose("sample", ...)
    np.testing.assert_allclose(one.median, np.median(effects.std("school_level")))
    assert (one.kind, one.is_sd, one.leaves_out_zero) == (SPREAD, True, False)
    assert change_told(one).startswith("the levels of school differ by ")


def test_responses_with_levels_are_told_by_name(frame):
    fit = bg.fit(bg.formula("mood ~ age", family="categorical"), frame, draws=250)
    (one,) = strongest_changes(fit)
    assert one.outcome == "mood = good against bad"
    assert "multiplies the odds of mood = good against bad by" in change_told(one)


def test_a_map_has_no_interval(fits):
    (one,) = strongest_changes(fits["map"])
    assert np.isnan([one.lower, one.upper]).all()
    assert "[" not in change_told(one)
    story = Story.open({"map": fits["map"]})
    changes = strongest_changes(fits["map"])
    assert "MAP estimate is not scored" in foretelling_told(story)
    assert "Brackets" not in effects_told(story, changes)
    assert "A MAP estimate has no uncertainty" in caution_told(story, changes)


def test_models_are_told_apart_as_compare_tells_them(fits):
    drawn = {name: fit for name, fit in fits.items() if name != "map"}
    table = bg.compare(drawn)
    assert table.attrs["told_apart"] == {table.index[1]: False, "noise": True}
    told = foretelling_told(Story.open(drawn))
    row = table.iloc[1]
    bits = -row["elpd_diff"] / np.log(2) / drawn["noise"]["observed_data"]["claims"].sum().item()
    assert f"{bits:.3f} ± " in told
    error = table.attrs["errors"][table.index[1]]
    assert f"{-row['elpd_diff']:.1f} ± {error:.1f} nats over 300 samples" in told
    assert error >= row["dse"]
    assert f"cannot be told apart from “{table.index[1]}”" in told
    assert "Told to be worse: “noise”" in told
    two = Story.open({name: drawn[name] for name in ("age, region", "noise")})
    assert foretelling_told(two).startswith(
        "“age, region” foretells samples that were left out better than “noise”: by "
    )
    alike = Story.open({name: drawn[name] for name in ("age, region", "and noise")})
    assert "the models cannot be told apart" in foretelling_told(alike)


def test_one_model_is_told_against_a_constant_rate(fits):
    story = Story.open({"one": fits["age, region"]})
    told = foretelling_told(story)
    assert "better than one constant rate, by" in told
    explained = float(bg.check(fits["age, region"])["scores"]["deviance_explained"])
    assert f"explains {explained:.0%} of the deviance" in told


def test_what_has_no_direction_is_said_to_have_none(fits):
    story = Story.open({"one": fits["noise"]})
    changes = strongest_changes(fits["noise"])
    assert "Of “noise” the data do not tell the direction" in caution_told(story, changes)
    sure = strongest_changes(fits["age, region"])
    assert "do not tell the direction" not in caution_told(story, sure)


def test_the_question_stands_above_three_sayings(fits):
    section, *others = answer(Story.open(fits, question="Who claims?"))
    question, entry = section.blocks
    assert not others
    assert question == "Who claims?"
    assert isinstance(entry, Entry)
    assert [heading for heading, _ in entry.sayings] == ["Forecasts", "Effects", "Caution"]
    assert "“map”: MAP estimates without uncertainty" in entry.sayings[2][1]


def test_a_population_is_told_by_its_median_unit():
    rng = np.random.default_rng(2)
    gain = np.array([0.0, 0.3, 0.9])
    x = rng.normal(size=400)
    y = rng.poisson(np.exp(-0.5 + x[:, None] * gain))
    data = xr.Dataset(
        {"y": (("obs", "cell"), y), "x": ("obs", x)}, coords={"cell": ["none", "some", "most"]}
    )
    fit = bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), data, draws=250)
    story = Story.open({"cells": fit})
    changes = strongest_changes(fit)
    assert [one.unit for one in changes] == ["none", "some", "most"]
    told = effects_told(story, changes)
    assert "in the unit of median strength, “some”, and most in “most”" in told
    assert "its direction is told in 2 of 3 units" in told


def test_a_kernel_is_told_by_its_drive_and_a_past_by_its_strongest_lag():
    rng = np.random.default_rng(3)
    x = rng.normal(size=600)
    spikes = rng.poisson(np.exp(-1.0 + 0.8 * np.r_[0.0, 0.0, x[:-2]]))
    spikes[1:][spikes[:-1] > 0] = 0
    data = xr.Dataset(
        {"spikes": ("time", spikes), "x": ("time", x)}, coords={"time": np.arange(600) * 0.01}
    )
    terms = [bg.Lagged("x", lags=8), bg.History(lags=3)]
    fit = bg.fit(bg.GLM("spikes", terms, "poisson", prior=bg.Normal(1.0)), data, draws=250)
    drive, past = strongest_changes(fit)
    assert (drive.kind, drive.at) == (DRIVE, "lag 20 ms")
    assert (past.kind, past.of, past.at) == (STEP, "one more event in spikes", "lag 10 ms")
    assert past.upper < 0.0
    assert "A term of history" in caution_told(Story.open({"a": fit}), [drive, past])


def test_a_model_without_terms_has_no_effects(frame):
    fit = bg.fit(bg.GLM("claims", [], "poisson"), frame, draws=100)
    assert "no predictors" in effects_told(Story.open({"constant": fit}), strongest_changes(fit))


def test_effects_that_are_redrawn_are_told_by_the_sd_that_is_learned():
    rng = np.random.default_rng(8)
    g, x = rng.integers(0, 12, N), rng.normal(size=N)
    y = rng.poisson(np.exp(0.2 + 0.4 * x + rng.normal(size=12)[g]))
    data = {"y": y, "x": x, "g": np.array([f"s{k}" for k in range(12)])[g]}
    model = bg.GLM("y", ["x", bg.Group("g")], family="poisson")
    checks = {"top_size": 4, "levels_of": "g", "level_acceptance": 0.9, "worst_level": 3}
    whole, kept = both_ways(model, data, "g", draws=250, checks=checks)
    (step, _), (other, spread) = strongest_changes(whole), strongest_changes(kept)
    np.testing.assert_allclose([other.median, *other.value], [step.median, *step.value])
    assert (other.of, other.lower, other.upper) == (step.of, step.lower, step.upper)
    scale = np.quantile(kept["posterior"]["g_scale"].values.ravel(), ENDS)
    np.testing.assert_allclose([spread.median, spread.lower, spread.upper], scale)
    assert spread.kind == SPREAD


def test_scores_of_the_future_are_told_as_such():
    rng = np.random.default_rng(9)
    x = rng.normal(size=80)
    data = xr.Dataset(
        {"y": ("time", rng.poisson(np.exp(0.5 + 0.8 * x))), "x": ("time", x)},
        coords={"time": np.arange(80.0)},
    )
    written = {
        name: bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0))
        for name, terms in {"x": ["x"], "nothing": []}.items()
    }
    fits = {name: bg.fit(model, data, draws=100) for name, model in written.items()}
    scores = {name: bg.lfo(model, data, draws=100) for name, model in written.items()}
    told = foretelling_told(Story.open(fits, scores))
    assert "foretell what was yet to come" in told
    assert "left out" not in told
