"""What is no fit, or no whole one, is refused by every verb that takes a fit."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg

RNG = np.random.default_rng(0)
X = RNG.normal(size=40)
DATA = {"y": RNG.poisson(np.exp(0.3 * X)), "x": X}
MODEL = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
TUNED = bg.tune_prior(MODEL, DATA, scales=[0.1, 1.0], draws=200)
PATH = bg.prior_path(MODEL, DATA, [0.1, 1.0])
POSTERIOR = bg.fit(MODEL, DATA, draws=50)


def without(group):
    cut = POSTERIOR.copy()
    del cut[group]
    return cut


def with_attrs(tree, **attrs):
    changed = tree.copy()
    changed.attrs = attrs
    return changed


DRAWS = POSTERIOR["posterior"].to_dataset()
BARE = xr.DataTree.from_dict({"/posterior": DRAWS})
PART = POSTERIOR.copy()
PART["posterior"] = DRAWS.drop_vars("x")

NO_FITS = {
    "none": (None, "a fit is needed"),
    "mapping": ({}, "a fit is needed"),
    "words": ("fit", "a fit is needed"),
    "frame": (pd.DataFrame({"x": [1.0]}), "a fit is needed"),
    "model": (MODEL, "a fit is needed"),
    "several": ([POSTERIOR], "a fit is needed"),
    "tuning": (TUNED, "a fit is needed"),
    "dataset": (DRAWS, "a fit is needed"),
    "group": (POSTERIOR["posterior"], "a fit is needed"),
    "of another package": (BARE, "a fit is needed"),
    "curve": (TUNED.curve, "lacks sample_dim"),
    "attributes": (with_attrs(POSTERIOR, model=MODEL.to_json()), "lacks sample_dim, population"),
    "model alone": (with_attrs(BARE, model=MODEL.to_json()), "lacks .*constant_data"),
    "no data": (without("constant_data"), "lacks constant_data"),
    "path": (PATH, "neither a posterior nor a MAP"),
    "no posterior": (without("posterior"), "neither a posterior nor a MAP"),
    "no term": (PART, "lacks the term 'x'"),
    "one draw": (POSTERIOR.isel(draw=0), r"fit\.isel\(draw=\[0\]\)"),
    "one chain": (POSTERIOR.isel(chain=0), r"fit\.isel\(chain=\[0\]\)"),
    "no draws": (POSTERIOR.isel(draw=slice(0)), "no draws along a dim 'draw'"),
}
VERBS = {
    "predict": bg.predict,
    "kernels": bg.kernels,
    "loo": bg.loo,
    "compare": lambda fit: bg.compare({"a": fit, "b": POSTERIOR}),
    "report": lambda fit: bg.report({"a": fit}, "never-written.html"),
    "plot_posterior": bg.plot_posterior,
    "plot_posterior of a map": lambda fit: bg.plot_posterior(
        POSTERIOR, map=1 if fit is None else fit
    ),
}


@pytest.mark.parametrize("name", NO_FITS)
def test_what_is_no_whole_fit_is_refused_by_every_verb(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit, words = NO_FITS[name]
    for verb in VERBS.values():
        with pytest.raises(bg.DataError):
            verb(fit)
    with pytest.raises(bg.DataError, match=words):
        bg.predict(fit)
    assert not list(tmp_path.iterdir())


def test_draws_and_chains_that_keep_their_dims_stay_a_fit():
    few = POSTERIOR.isel(draw=slice(10), chain=[0])
    assert bg.predict(few)["y"].shape == (1, 10, 40)
    assert bg.kernels(few)["x"]["link"] == pytest.approx(float(few["posterior"]["x"].mean()))


def test_a_report_of_a_fit_without_its_observations_is_refused(tmp_path):
    with pytest.raises(bg.DataError, match="fit 'a' lacks its observed_data"):
        bg.report({"a": without("observed_data")}, tmp_path / "r.html")
    assert bg.report({"a": without("sample_stats")}, tmp_path / "r.html").exists()
