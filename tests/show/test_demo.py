"""The demo: a report with stories of its own, whose words follow its numbers."""

import numpy as np
import pytest
import xarray as xr
from pages import assert_self_contained, assert_well_formed, parsed, text_of, titles

import bayesglm as bg
from bayesglm.demo import (
    PRIORS,
    SCALES,
    SHOWN_LAGS,
    WITH_HISTORY,
    adaptation,
    diverging_history,
    models,
    run,
    three_estimates,
)
from bayesglm.show.report.parts import Picture

SHORT = bg.datasets.grasshopper().isel(time=slice(0, 2000))


def picture_of(section):
    (picture,) = (one for one in section.blocks if isinstance(one, Picture))
    return picture


@pytest.mark.slow
def test_the_demo_on_a_short_recording(tmp_path):
    told = []
    page = text_of(run(tmp_path / "demo.html", data=SHORT, draws=250, say=told.append))
    assert_self_contained(page)
    assert_well_formed(page)
    order = [
        "The question and the answer",
        "The models",
        "Goodness of fit",
        "The comparison",
        "What the prior decides: one kernel, three penalties",
        "What the data cannot say: the first milliseconds of the past",
        "What the models miss: a slow drift",
        "How far to believe it",
        "What this cannot tell",
        "How it was made",
    ]
    found = titles(page)
    assert [one for one in found if one in order] == order
    words = parsed(page).words
    for told_of in ("grasshopper (Locusta migratoria)", "bits per event", "history[history_lag=1]"):
        assert told_of in words
    assert "locust " not in words
    assert told[-1].startswith("done in")
    assert len(told) > 5


def test_the_kernels_of_three_penalties_are_those_of_fit_map():
    heard = models()["stimulus"]
    score = bg.kfold(heard, SHORT, by="time", folds=5, draws=50)
    section = three_estimates(SHORT, 50, score)
    picture = picture_of(section)
    assert picture.data.head == ("lag (ms)", *PRIORS)
    for column, prior in enumerate(PRIORS.values(), 1):
        model = bg.GLM("spikes", bg.Lagged("stimulus", lags=25, prior=prior), "poisson")
        own = [row[column].value for row in picture.data.rows]
        np.testing.assert_allclose(own, bg.fit_map(model, SHORT)["map"]["stimulus"], rtol=1e-5)
    assert "on one scale" in picture.alt


def test_weights_of_lags_without_spikes_fall_and_others_settle():
    section = diverging_history(models()[WITH_HISTORY], SHORT)
    rows = np.array([[one.value for one in row] for row in picture_of(section).data.rows])
    np.testing.assert_allclose(rows[:, 0], SCALES)
    shortest = int(np.diff(np.flatnonzero(SHORT["spikes"].values)).min())
    steps = np.abs(np.diff(rows[-2:, 1:], axis=0)[0])
    for lag, step in zip(SHOWN_LAGS, steps, strict=True):
        assert (step > 0.5) == (lag < shortest)
    assert f"between two spikes of this recording is {shortest} ms" in section.blocks[0]
    assert "the data are separated" in section.blocks[1]


def test_the_cell_that_tires_is_counted():
    fit = bg.fit(models()[WITH_HISTORY], SHORT, draws=100)
    rows = picture_of(adaptation(SHORT, fit)).data.rows
    assert sum(row[1].value for row in rows) == int(SHORT["spikes"].sum())
    np.testing.assert_allclose(
        sum(row[2].value for row in rows), float(SHORT["spikes"].sum()), rtol=0.1
    )


def test_the_demo_needs_its_folder(tmp_path):
    with pytest.raises(bg.DataError, match="make it first"):
        run(tmp_path / "nowhere" / "demo.html", data=xr.Dataset())
