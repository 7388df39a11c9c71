"""Verbs of fits whose groups' effects correlate: tables, files, pages, predictions."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of

RNG = np.random.default_rng(0)
G = np.repeat(np.arange(9), 6)
X = RNG.normal(size=54)
DATA = {"y": RNG.normal(size=54) + RNG.normal(size=9)[G] * (1.0 + X), "x": X, "g": G}
PRIORS = {"learned": bg.Normal(bg.HalfNormal(1.0)), "known": bg.Normal([[1.0], [0.5]])}


def model_of(scales):
    term = bg.Group("g", slopes="x", correlated=True, prior=PRIORS[scales])
    return bg.GLM("y", term, intercept=bg.Normal(2.0), dispersion=1.0)


@pytest.fixture(scope="module", params=sorted(PRIORS))
def fit(request):
    return bg.fit(model_of(request.param), DATA, draws=250)


def test_files_pages_and_predictions(fit, tmp_path):
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    xr.testing.assert_identical(again["posterior"].to_dataset(), fit["posterior"].to_dataset())
    bg.report({"one": fit}, tmp_path / "page.html")
    assert bg.predict(again, DATA)["y"].sizes["obs"] == 54


def test_the_correlation_is_whole_and_told_once(fit):
    R = fit["posterior"]["g_correlation"]
    assert R.dims == ("chain", "draw", "g_effect", "g_effect_other")
    np.testing.assert_array_equal(R.values, np.swapaxes(R.values, -1, -2))
    rows = bg.summary(fit)
    assert "correlation of intercept and x by g" in rows.index
    assert sum("correlation" in row for row in rows.index) == 1
    assert rows.loc["correlation of intercept and x by g", "prior"] == "LKJ(1)"


def test_fits_are_opened_again_where_they_were(fit):
    problem = open_problems(bg.GLM.from_json(fit.attrs["model"]), DATA)[0]
    thetas = kept_of(fit, [problem])[0].theta
    lp = problem.unconstrained.log_density(thetas)
    np.testing.assert_allclose(lp, fit["sample_stats"]["lp"].values.ravel(), rtol=1e-9)


@pytest.mark.parametrize(("scales", "word"), [("learned", "scale"), ("known", "correlation")])
def test_there_is_no_joint_mode(scales, word):
    with pytest.raises(bg.ModelError, match=rf"learned {word} 'g_{word}'.*fit"):
        bg.fit_map(model_of(scales), DATA)
