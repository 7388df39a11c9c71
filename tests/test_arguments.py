"""Arguments of verbs that are something else: each is refused in one line that names it."""

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg

RNG = np.random.default_rng(0)
DATA = {"y": RNG.poisson(1.0, 40), "x": RNG.normal(size=40)}
MODEL = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
FRAME = pd.DataFrame({"a": range(50)})
TREE = xr.DataTree.from_dict({"mean": FRAME.to_xarray()})
SCORED = {"predictions": DATA["x"], "observed": DATA["y"], "family": "student_t"}
SCORED |= {"dispersion": {"sigma": 1.0, "nu": 4.0}}
EVEN = {"weights": {"a": 0.5, "b": 0.5}}
NAMED = {"stimulus": "x", "spikes": "y", "lags": 2}
OTHERS = {
    "frame": FRAME,
    "empty frame": pd.DataFrame(),
    "series": FRAME["a"],
    "array": np.zeros((30, 2)),
    "tree": TREE,
    "Dataset": FRAME.to_xarray(),
    "model": MODEL,
    "list of trees": [TREE],
    "class": bg.GLM,
    "function": len,
    "bytes": b"mean",
    "set": {"mean"},
}


@pytest.fixture(scope="module")
def calls():
    fit = bg.fit(MODEL, DATA, draws=50)
    path = bg.prior_path(MODEL, DATA, [0.1, 1.0])
    return {
        "fit": lambda **given: bg.fit(MODEL, DATA, **given),
        "fit_mcmc": lambda **given: bg.fit_mcmc(MODEL, DATA, **given),
        "kfold": lambda **given: bg.kfold(MODEL, DATA, **given),
        "prior_path": lambda **given: bg.prior_path(MODEL, DATA, **{"scales": [1.0]} | given),
        "tune_prior": lambda **given: bg.tune_prior(MODEL, DATA, **given),
        "elicit": lambda **given: bg.elicit(**{"of": "x", "upper": 2.0} | given),
        "add_groups": lambda **given: bg.add_groups(fit, "prior", **given),
        "sensitivity": lambda **given: bg.sensitivity(fit, **given),
        "kernels": lambda **given: bg.kernels(fit, **given),
        "check": lambda **given: bg.check(fit, **given),
        "simulate": lambda **given: bg.simulate(fit, **given),
        "bits_per_spike": lambda **given: bg.bits_per_spike(**{"scored": fit} | given),
        "plot_check": lambda **given: bg.plot_check(**given),
        "predict": lambda **given: bg.predict(fit, **given),
        "plot_posterior": lambda **given: bg.plot_posterior(fit, **given),
        "plot_path": lambda **given: bg.plot_path(path, **given),
        "report": lambda **given: bg.report({"x": fit}, **{"path": "r.html"} | given),
        "as_dataset": lambda **given: bg.as_dataset(DATA, **given),
        "GLM": lambda **given: bg.GLM(**{"response": "y", "terms": ["x"]} | given),
        "Group": lambda **given: bg.Group("g", **given),
        "save": lambda **given: bg.save(fit, **given),
        "load": lambda **given: bg.load(**given),
        "sta": lambda **given: bg.sta(DATA, **NAMED | given),
        "stc": lambda **given: bg.stc(DATA, **NAMED | given),
        "nonlinearity": lambda **given: bg.nonlinearity(fit, **given),
        "decode": lambda **given: bg.decode(fit, DATA, **{"stimulus": "x"} | given),
        "decode_position": lambda **given: bg.decode_position(
            fit, DATA, **{"position": "x", "step": 0.5} | given
        ),
        "cross_validate": lambda **given: bg.cross_validate(MODEL, DATA, **given),
        "decode_choices": lambda **given: bg.decode_choices(MODEL, DATA, **given),
        "compare": lambda **given: bg.compare(**given),
        "external": lambda **given: bg.external(**{"name": "it", **SCORED} | given),
        "stack": lambda **given: bg.stack(**{"fits": {"a": fit, "b": fit}, **EVEN} | given),
    }


ALLOWED = {("path", "bytes")}
ARGUMENTS = {
    "fit": ("draws", "chains", "seed"),
    "fit_mcmc": ("draws", "chains", "seed", "tune", "target_accept", "engine"),
    "kfold": ("by", "folds"),
    "prior_path": ("term",),
    "tune_prior": ("term", "method", "scales", "by", "folds", "together", "scoring", "within"),
    "elicit": ("of", "lower", "upper", "probability", "scale", "prior", "per"),
    "add_groups": ("draws", "seed"),
    "sensitivity": ("threshold",),
    "kernels": ("prob",),
    "check": ("simulations", "draws", "prob", "seed"),
    "simulate": ("draws", "trials", "seed"),
    "bits_per_spike": ("scored", "draws"),
    "plot_check": ("told",),
    "predict": ("kind", "seed"),
    "plot_posterior": ("term",),
    "plot_path": ("term",),
    "report": ("path", "elpd", "title", "question"),
    "as_dataset": ("sample_dim", "bin_size"),
    "GLM": (
        "response",
        "terms",
        "family",
        "link",
        "prior",
        "intercept",
        "dispersion",
        "offset",
        "edges",
    ),
    "Group": ("slopes", "prior"),
    "save": ("path",),
    "load": ("path",),
    "sta": ("stimulus", "spikes", "lags", "window", "prob"),
    "stc": ("shuffles", "prob", "seed"),
    "nonlinearity": ("data", "bins", "prob"),
    "decode": ("stimulus", "prior", "mean", "features", "draws", "prob", "seed"),
    "decode_position": ("position", "step", "cells", "periods", "draws", "prob"),
    "cross_validate": ("by", "folds", "method", "tune", "seed", "draws"),
    "decode_choices": ("by", "folds", "bins", "draws", "seed"),
    "compare": ("models",),
    "external": (
        *("name", "log_density", "predictions", "observed", "family", "levels", "dispersion"),
        *("trials", "by"),
    ),
    "stack": ("fits", "weights", "kind", "seed"),
}


@pytest.mark.parametrize(
    ("verb", "argument"), [(verb, one) for verb, every in ARGUMENTS.items() for one in every]
)
def test_what_is_no_such_argument_is_refused_in_a_line(
    calls, verb, argument, tmp_path, monkeypatch
):
    assert argument in inspect.signature(getattr(bg, verb)).parameters
    monkeypatch.chdir(tmp_path)
    for kind, other in OTHERS.items():
        if (argument, kind) in ALLOWED:
            continue
        with pytest.raises((bg.DataError, bg.ModelError)) as caught:
            calls[verb](**{argument: other})
        assert "\n" not in str(caught.value), kind
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [3, FRAME["a"], [TREE], "0.5"])
def test_quantiles_that_are_none(calls, given):
    with pytest.raises(bg.DataError, match="quantiles must"):
        calls["predict"](quantiles=given)


def test_scores_of_a_report_are_scores(calls, tmp_path):
    with pytest.raises(bg.DataError, match=r"elpd\['x'\] is 3; give what loo or kfold return"):
        calls["report"](path=tmp_path / "r.html", elpd={"x": 3})


def test_a_page_is_written_whole_or_not_at_all(calls, tmp_path):
    target = tmp_path / "page.html"
    target.mkdir()
    with pytest.raises(bg.DataError, match="is no file; take another name"):
        calls["report"](path=target)
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "real.html")
    assert calls["report"](path=link) == link
    assert link.is_symlink()
    assert (tmp_path / "real.html").stat().st_size > 1000
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.html", "page.html", "real.html"]
    with pytest.raises(bg.DataError, match="cannot be written"):
        calls["report"](path=tmp_path / ("x" * 300 + ".html"))
