"""The report and the demo: self-contained pages whose numbers are those of the verbs."""

import re

import numpy as np
import pytest
import xarray as xr
from conftest import simulate

import bayesglm as bg
from bayesglm.demo import run


def text_of(path):
    return path.read_text(encoding="utf-8")


def assert_self_contained(page):
    """No script, and nothing that a browser would fetch."""
    assert "<script" not in page
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", page)
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "binomial", "poisson"])
def test_a_report_of_any_family(family, tmp_path):
    data = simulate(400).drop_vars("time").rename(time="obs")
    options = {"trials": "trials"} if family == "binomial" else {}
    terms = {"one": ["x"], "both": ["x", bg.Linear("movie")]}
    fits = {
        name: bg.fit(bg.GLM(family, some, family=family, **options), data, draws=500)
        for name, some in terms.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html", question="Is x enough?"))
    assert_self_contained(page)
    for title in (
        "The question",
        "The models",
        "The kernels",
        "Prior and posterior",
        "Predictions against observations",
        "The comparison",
        "How far to believe it",
    ):
        assert f"<h2>{title}</h2>" in page
    assert "Is x enough?" in page
    table = bg.compare(fits)
    for name in table.index:
        assert f"{table.loc[name, 'elpd']:.1f} ± {table.loc[name, 'se']:.1f}" in page
    assert ("bits per event" in page) == (family != "gaussian")
    bits = table["elpd_diff"].iloc[1] / np.log(2) / float(data[family].sum())
    assert (f"{bits:.3f} ±" in page) == (family != "gaussian")
    assert page.count("data:image/svg+xml") >= 5


def test_a_report_of_map_fits_and_populations(tmp_path):
    data = simulate(60)
    rng = np.random.default_rng(0)
    data["cells"] = (("time", "neuron"), rng.poisson(1.0, (60, 6)))
    terms = [bg.Lagged("x", lags=3), bg.Lagged("movie", lags=2)]
    model = bg.GLM("cells", terms, family="poisson", prior=bg.Normal(0.3))
    page = text_of(bg.report({"map": bg.fit_map(model, data)}, tmp_path / "r.html"))
    assert_self_contained(page)
    assert "A mode has no uncertainty" in page
    assert "The comparison" not in page
    page = text_of(bg.report({"all": bg.fit(model, data, draws=100)}, tmp_path / "r.html"))
    assert "the first 4 neurons are drawn" in page


def test_history_in_a_report_is_told_to_be_optimistic(tmp_path):
    data = simulate(80)
    fits = {
        name: bg.fit(
            bg.GLM("poisson", some, family="poisson", prior=bg.Normal(1.0)), data, draws=250
        )
        for name, some in {"past": ["x", bg.History(lags=2)], "x": ["x"]}.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html"))
    assert "optimistic for models with spike history" in page
    assert "optimistic here: with a history term" in page
    scores = {
        name: bg.kfold(bg.GLM.from_json(fit.attrs["model"]), data, by="time", folds=3, draws=100)
        for name, fit in fits.items()
    }
    page = text_of(bg.report(fits, tmp_path / "r.html", elpd=scores))
    assert "forecasts of samples it had not seen" in page
    assert f"{bg.compare(scores).loc['x', 'elpd']:.1f} ±" in page


def test_names_are_escaped(tmp_path):
    data = {"y<b>": [0.0, 1.0, 3.0, 2.0, 5.0], "x&": [1.0, 2.0, 3.0, 4.0, 6.0]}
    fit = bg.fit_map(bg.GLM("y<b>", "x&", prior=bg.Normal(1.0)), data)
    page = text_of(bg.report({"<i>": fit}, tmp_path / "r.html", title="<script>"))
    assert_self_contained(page)
    assert "<i>" not in page
    assert "&lt;i&gt;" in page


def test_reports_that_cannot_be_written(tmp_path):
    data = simulate(40)
    fit = bg.fit_map(bg.GLM("poisson", "x", family="poisson"), data)
    other = bg.fit_map(bg.GLM("gaussian", "x"), data)
    for fits, options, words in [
        ({}, {}, "at least one fit"),
        ({"a": fit, "b": other}, {}, "different responses"),
        ({"a": fit}, {"elpd": {"b": None}}, "which is no fit"),
    ]:
        with pytest.raises(bg.DataError, match=words):
            bg.report(fits, tmp_path / "r.html", **options)
    with pytest.raises(bg.DataError, match="make it first"):
        bg.report({"a": fit}, tmp_path / "nowhere" / "r.html")


@pytest.mark.slow
def test_the_demo_on_a_short_recording(tmp_path):
    short = bg.datasets.grasshopper().isel(time=slice(0, 3000))
    told = []
    page = text_of(run(tmp_path / "demo.html", data=short, draws=250, say=told.append))
    assert_self_contained(page)
    for title in (
        "The question",
        "The data",
        "The kernels",
        "MAP against maximum likelihood",
        "The history: what the data cannot say",
        "Prior and posterior",
        "Predictions against observations",
        "The comparison",
        "How far to believe it",
    ):
        assert title in page
    for words in (
        "ridge(25)",
        "bits per spike",
        "optimistic",
        "no maximum likelihood estimate",
        "history[history_lag=1]",
        "k-hat",
    ):
        assert words in page
    assert told[-1].startswith("done in")
    assert len(told) > 5


def test_the_demo_needs_its_folder(tmp_path):
    with pytest.raises(bg.DataError, match="make it first"):
        run(tmp_path / "nowhere" / "demo.html", data=xr.Dataset())


@pytest.mark.parametrize("unit", ["ms", "dates"])
def test_time_in_a_report_is_in_seconds(unit):
    from bayesglm.show.report import predictive

    data = simulate(60)
    steps = 10.0 * np.arange(60)
    time = ("time", steps, {"units": "ms"})
    if unit == "dates":
        time = np.datetime64("2026-01-01") + steps.astype("timedelta64[ms]")
    model = bg.GLM("poisson", "x", family="poisson", prior=bg.Normal(1.0))
    shown = predictive(bg.fit_map(model, data.assign_coords(time=time)))
    np.testing.assert_allclose(shown.time, steps / 1000)
    assert shown.unit == "predicted rate (poisson per s)"
