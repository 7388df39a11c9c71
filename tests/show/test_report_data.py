"""What the data of a report are, and how they are shown: facts, never names."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.report.data import data as glance
from bayesglm.show.report.distributions import distributions, means_of, response_against
from bayesglm.show.report.grouped import group_picture
from bayesglm.show.report.kinds import Data
from bayesglm.show.report.parts import Picture, Table
from bayesglm.show.report.recordings import intervals, over_trials, recording, units
from bayesglm.show.report.story import Story

N = 240
RNG = np.random.default_rng(3)
YEARS = RNG.integers(2001, 2021, N)
REGIONS = RNG.choice(["north", "south"], N)
PRIOR = bg.Normal(1.0)


def of(model, data):
    return Data.of({"a": bg.fit_map(model, data)})


def accidents(**more):
    return pd.DataFrame(
        {"accidents": RNG.poisson(1.0, N), "year": YEARS, "region": REGIONS, "spikes": 1.0 * YEARS}
        | more
    )


def recorded(n=N, trials=0, unit=0, step=0.001):
    shape = (n, unit) if unit else (n,)
    dims = ("time", "cell") if unit else ("time",)
    coords = {"time": np.arange(n) * step}
    if trials:
        coords["trial"] = ("time", np.repeat(np.arange(trials), n // trials))
    if unit:
        coords["cell"] = [f"c{k}" for k in range(unit)]
    values = {"y": (dims, RNG.poisson(0.1, shape)), "x": ("time", RNG.normal(size=n))}
    return xr.Dataset(values, coords)


LAGGED = bg.GLM("y", bg.Lagged("x", lags=3, prior=PRIOR), "poisson")


def test_years_are_rows_and_no_saw_tooth():
    terms = ["year", bg.Category("region")]
    found = of(bg.GLM("accidents", terms, "poisson", prior=PRIOR), accidents())
    assert (found.layout, found.are_events) == ("rows", False)
    dated = accidents().set_index(pd.to_datetime(pd.Series(YEARS).astype(str)).values)
    assert of(bg.GLM("accidents", terms, "poisson", prior=PRIOR), dated).layout == "rows"


@pytest.mark.parametrize(
    ("model", "data", "layout", "are_events"),
    [
        (LAGGED, recorded(), "series", True),
        (LAGGED, recorded().drop_vars("time"), "series", True),
        (LAGGED, recorded(trials=6), "trials", True),
        (bg.GLM("x", [], dispersion=1.0), recorded(), "series", False),
        (bg.GLM("y", "x", "poisson", prior=PRIOR), recorded().drop_vars("time"), "rows", False),
    ],
)
def test_kinds_are_facts(model, data, layout, are_events):
    found = of(model, data)
    assert (found.layout, found.are_events) == (layout, are_events)


def test_variables_are_what_they_are_to_any_model():
    frame = accidents(night=RNG.random(N) < 0.3, h=RNG.uniform(1, 2, N), who=RNG.integers(0, 9, N))
    first = bg.GLM("accidents", "year", "poisson", prior=PRIOR, exposure="h")
    second = bg.GLM("accidents", ["night", bg.Group("who", prior=PRIOR)], "poisson", prior=PRIOR)
    found = Data.of({"a": bg.fit_map(first, frame), "b": bg.fit_map(second, frame)})
    told = {one.name: (one.part, one.holds) for one in found.variables}
    assert told == {
        "accidents": ("response", "counts"),
        "year": ("predictor", "numbers"),
        "h": ("exposure", "numbers"),
        "night": ("predictor", "yes or no"),
        "who": ("group", "levels"),
    }
    assert found.groups == ("who",)


def test_means_are_rates_of_the_exposure_with_the_error_of_a_ratio():
    frame = accidents(h=RNG.uniform(1, 2, N))
    found = of(bg.GLM("accidents", [], "poisson", exposure="h"), frame)
    mean, error = means_of(found).within(np.arange(N))
    y, h = frame["accidents"].to_numpy(), frame["h"].to_numpy()
    np.testing.assert_allclose(mean, y.sum() / h.sum())
    expected = np.sqrt(((y - mean * h) ** 2).sum() * N / (N - 1)) / h.sum()
    np.testing.assert_allclose(error, expected)


def test_shares_of_labels_add_up_to_one():
    frame = pd.DataFrame({"mood": RNG.choice(["bad", "fair", "good"], N), "x": RNG.normal(size=N)})
    found = of(bg.GLM("mood", "x", "categorical", prior=PRIOR), frame)
    mean, _ = means_of(found).within(np.arange(50))
    np.testing.assert_allclose(
        mean, frame["mood"][:50].value_counts(normalize=True)[["bad", "fair", "good"]]
    )
    picture = response_against(found)
    assert len(picture.data.rows) == 30
    assert distributions(found).alt.startswith("2 histograms. mood: 3 levels")


def test_bars_count_every_sample_once():
    frame = accidents(missing=np.where(np.arange(N) < 7, np.nan, 1.5))
    model = bg.GLM("accidents", ["year", "missing"], "poisson", prior=PRIOR, missing="drop")
    frame["missing"] += RNG.normal(size=N)
    found = of(model, frame)
    table = pd.DataFrame(distributions(found).data.rows)
    sums = table[3].map(lambda one: one.value).groupby(table[0]).sum()
    assert sums.to_dict() == {"accidents": N, "year": N, "missing": N - 7}


def test_groups_are_sorted_by_their_means():
    frame = accidents(who=RNG.integers(0, 50, N))
    found = of(bg.GLM("accidents", bg.Group("who", prior=PRIOR), "poisson"), frame)
    picture = group_picture(found, next(one for one in found.variables if one.name == "who"))
    means = [row[2].value for row in picture.data.rows]
    assert means == sorted(means)
    assert sum(row[1].value for row in picture.data.rows) == N
    assert picture.data.rows[0][0] in picture.alt


def test_a_recording_and_its_intervals():
    data = recorded(2000)
    found = of(LAGGED, data)
    picture = recording(found)
    np.testing.assert_allclose(
        np.mean([row[1].value for row in picture.data.rows]), 1000 * data["y"].mean()
    )
    at = np.flatnonzero(data["y"].values)
    rows = [row for row in intervals(found).data.rows if row[0] == "intervals"]
    assert rows[0][1].value == 0.5
    assert rows[0][2].value == (np.diff(at) == 1).sum()
    around = [row for row in intervals(found).data.rows if row[0] == "mean x"]
    here = next(row for row in around if row[1].value == 0.0)
    np.testing.assert_allclose(here[2].value, data["x"].values[at].mean())


def test_trials_lie_on_each_other():
    data = recorded(240, trials=6)
    rows = [row for row in over_trials(of(LAGGED, data)).data.rows if row[0] == "y"]
    expected = 1000 * data["y"].values.reshape(6, 40).mean(axis=0)
    np.testing.assert_allclose([row[2].value for row in rows], expected)


def test_units_have_their_names():
    data = recorded(400, unit=3)
    picture, table = units(of(LAGGED, data))
    assert [row[0] for row in table.rows] == ["c0", "c1", "c2"]
    assert [row[2].value for row in table.rows] == data["y"].sum("time").values.tolist()
    assert "c0" in picture.alt or "c1" in picture.alt


@pytest.mark.parametrize("odd", ["$x^{$", "n" * 200, "\u05d0\u05d1\u05d2", "\N{GRINNING FACE}"])
def test_odd_names_are_drawn(odd, tmp_path):
    frame = accidents().rename(columns={"year": odd, "region": f"{odd}2"})
    terms = [odd, bg.Category(f"{odd}2")]
    fit = bg.fit_map(bg.GLM("accidents", terms, "poisson", prior=PRIOR), frame)
    (section,) = glance(Story({odd: fit}, {}, "accidents", (), "?"))
    pictures = [one for one in section.blocks if isinstance(one, Picture)]
    assert len(pictures) == 2
    assert all(one.alt and one.data for one in pictures)
    (table,) = [one for one in section.blocks if isinstance(one, Table)]
    assert [row[0] for row in table.rows] == ["accidents", odd, f"{odd}2"]
