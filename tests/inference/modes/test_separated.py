"""Separated and collinear data under flat priors: refused by every verb; rare events still fit."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.modes import router, solve
from bayesglm.inference.modes.identified import separated
from bayesglm.inference.problem.problem import open_problems

LINKS = [
    ("bernoulli", "logit"),
    ("bernoulli", "probit"),
    ("bernoulli", "cloglog"),
    ("binomial", "logit"),
    ("poisson", "log"),
    ("poisson", "softplus"),
    ("gaussian", "log"),
    ("gaussian", "softplus"),
]
BESIDE = {"flat": bg.Flat(), "ridge": bg.ridge(1.0), "lasso": bg.lasso(1.0)}


def events(n, family, separated, seed=0):
    """Return data whose responses are at their lower end wherever x is zero, but for a few rows."""
    rng = np.random.default_rng(seed)
    x = (rng.random(n) < 0.3) * 1.0
    x[:4] = [1.0, 1.0, 0.0, 0.0]
    data = {"x": x, "z": rng.normal(size=n)}
    if family == "gaussian":
        y = np.where(x > 0, np.exp(0.3 * data["z"]) + 0.1 * rng.random(n), -0.1 * rng.random(n))
        y = y if separated else np.where(x > 0, y, 0.5 + rng.random(n))
        return {**data, "y": y}
    y = np.zeros(n)
    y[np.flatnonzero(x)[: max(1, min(12, int(x.sum()) // 2))]] = 1.0
    if not separated:
        y[np.flatnonzero(x == 0)[:2]] = 1.0
    return {**data, "y": y, "trials": np.full(n, 1.0 if family != "binomial" else 3.0)}


def model_of(family, link, beside):
    terms = [bg.Linear("x", prior=bg.Flat()), bg.Linear("z", prior=BESIDE[beside])]
    trials = "trials" if family == "binomial" else None
    return bg.GLM("y", terms, family=family, link=link, trials=trials)


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize(("family", "link"), LINKS)
@pytest.mark.parametrize("n", [40, 2000])
def test_both_sides_of_separation(n, family, link, beside):
    model = model_of(family, link, beside)
    with pytest.raises(bg.DataError, match=r"separated.*'intercept', 'x'"):
        bg.fit_map(model, events(n, family, True))
    fitted = bg.fit_map(model, events(n, family, False))
    assert abs(fitted["map"]["x"]) < 10.0


@pytest.mark.parametrize(
    ("family", "dispersion"), [("negative_binomial", "alpha"), ("beta_binomial", "kappa")]
)
def test_separation_is_of_the_mean_where_a_dispersion_is_predicted(family, dispersion):
    trials = "trials" if family == "beta_binomial" else None
    term = bg.Linear("x", prior=bg.Flat())
    model = bg.GLM("y", term, family=family, trials=trials, dispersion={dispersion: ["z"]})
    for ends in (True, False):
        data = {**events(40, "binomial", ends), "trials": np.full(40, 3.0)}
        (problem,) = open_problems(model, data)
        assert separated(problem) == (["intercept", "x"] if ends else [])


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
@pytest.mark.parametrize("beside", BESIDE)
def test_a_column_of_its_own_in_many_rows(family, beside):
    """A predictor that is there only where nothing happens; one event where it is, and it fits."""
    rng = np.random.default_rng(1)
    n = 100_000
    y = (rng.random(n) < 0.2) * 1.0
    x = np.zeros(n)
    x[np.flatnonzero(y == 0)[:50]] = 1.0
    data = {"y": y, "x": x, "z": rng.normal(size=(n, 20))}
    model = model_of(family, None, beside)
    with pytest.raises(bg.DataError, match=r"separated.*'x'"):
        bg.fit_map(model, data)
    x[np.flatnonzero(y > 0)[0]] = 1.0
    assert float(bg.fit_map(model, data)["map"]["x"]) < -1.0


@pytest.mark.parametrize("way", ["sample", "matrix-free", "newton", "sparse path"])
def test_whatever_solver_ends(monkeypatch, way):
    beside = "lasso" if way == "sparse path" else "ridge"
    monkeypatch.setattr(solve, "_route", lambda *_: solve.ROUTES[way])
    monkeypatch.setattr(router, "LEAST_SAMPLE", 400)
    model = model_of("bernoulli", "logit", beside)
    with pytest.raises(bg.DataError, match="separated"):
        bg.fit_map(model, events(5000, "bernoulli", True))
    assert bg.fit_map(model, events(5000, "bernoulli", False)).attrs["method"] == "map"


VERBS = {
    "fit": lambda model, data: bg.fit(model, data, draws=50, chains=2),
    "fit_laplace": lambda model, data: bg.fit_laplace(model, data, draws=50, chains=2),
    "fit_mcmc": lambda model, data: bg.fit_mcmc(model, data, draws=10, chains=1, tune=10),
    "prior_path": lambda model, data: bg.prior_path(model, data, [0.1, 1.0]),
    "tune_prior": lambda model, data: bg.tune_prior(model, data, draws=100),
    "loo": lambda model, data: bg.tune_prior(model, data, method="loo", draws=100),
}


@pytest.mark.parametrize("kind", ["separated", "collinear"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses(verb, kind):
    data = events(300, "bernoulli", kind == "separated")
    if kind == "collinear":
        data["x"] = np.column_stack([data["x"], 2.0 * data["x"] + 1.0])
    with pytest.raises(bg.DataError, match="separated" if kind == "separated" else "linear combin"):
        VERBS[verb](model_of("bernoulli", "logit", "ridge"), data)


@pytest.mark.parametrize("kind", ["separated", "collinear"])
def test_learned_scales_hide_neither(kind):
    data = events(300, "bernoulli", kind == "separated") | {"g": np.arange(300) % 7}
    if kind == "collinear":
        data["x"] = np.column_stack([data["x"], 2.0 * data["x"] + 1.0])
    terms = [bg.Linear("x", prior=bg.Flat()), bg.Group("g")]
    with pytest.raises(bg.DataError, match="separated" if kind == "separated" else "linear combin"):
        bg.fit_laplace(bg.GLM("y", terms, family="bernoulli"), data)


@pytest.mark.parametrize("beside", BESIDE)
def test_one_neuron_of_a_population(beside):
    one, other = events(400, "bernoulli", True), events(400, "bernoulli", False)
    data = xr.Dataset({name: ("obs", one[name]) for name in ("x", "z")})
    data["y"] = (("obs", "neuron"), np.column_stack([other["y"], one["y"]]))
    model = model_of("bernoulli", "logit", beside)
    with pytest.raises(bg.DataError, match=r"separated \(neuron=1\)"):
        bg.fit_map(model, data)
    data["y"][:, 1] = other["y"]
    assert bg.fit_map(model, data)["map"].sizes["neuron"] == 2


def test_rows_that_count_nothing_do_not_hold():
    data = events(60, "bernoulli", False)
    data["w"] = np.where((data["x"] == 0) & (data["y"] > 0), 0.0, 1.0)
    terms = [bg.Linear("x", prior=bg.Flat()), bg.Linear("z", prior=bg.ridge(1.0))]
    with pytest.raises(bg.DataError, match="separated"):
        bg.fit_map(bg.GLM("y", terms, family="bernoulli", weights="w"), data)
    # In a population, where the other neuron's weights keep the rows.
    both = xr.Dataset({name: ("obs", data[name]) for name in ("x", "z")})
    both["y"] = (("obs", "neuron"), np.column_stack([data["y"], data["y"]]))
    both["w"] = (("obs", "neuron"), np.column_stack([np.ones(60), data["w"]]))
    with pytest.raises(bg.DataError, match=r"separated \(neuron=1\)"):
        bg.fit_map(bg.GLM("y", terms, family="bernoulli", weights="w"), both)


def test_rows_without_a_trial_hold_neither_intercept_nor_slope():
    data = {"y": [0.0, 3.0, 3.0, 3.0], "n": [0.0, 3.0, 3.0, 3.0], "x": [1.0, 2.0, 4.0, 3.0]}
    model = bg.GLM("y", "x", family="binomial", trials="n", prior=bg.ridge(1.0))
    with pytest.raises(bg.DataError, match=r"'y' does not vary: all 3"):
        bg.fit_map(model, data)
    nothing = data | {"y": np.zeros(4), "n": np.zeros(4)}
    flat = bg.GLM("y", "x", family="binomial", trials="n", prior=bg.Flat(), intercept=None)
    with pytest.raises(bg.DataError, match="no sample counts"):
        bg.fit_map(flat, nothing)


def test_a_fold_that_leaves_one_side_is_refused():
    data = {"y": np.r_[np.zeros(30), np.ones(10)], "x": np.arange(40.0), "by": np.arange(40) // 30}
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.ridge(1.0))
    with pytest.raises(bg.DataError, match="cannot be fitted: the data are separated"):
        bg.kfold(model, data, by="by", folds=2, draws=20)
