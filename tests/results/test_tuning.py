"""tune_prior: what it chooses, against peers and closed forms; its curves, its warnings."""

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from conftest import simulate
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import multivariate_normal, norm
from sklearn.linear_model import BayesianRidge

import bayesglm as bg

METHODS = ("evidence", "kfold", "loo")
STATISTICS = {
    "evidence": {"log_evidence", "log_evidence_se", "log_evidence_laplace", "khat"},
    "kfold": {"elpd", "elpd_se", "elpd_diff_se"},
    "loo": {"elpd", "elpd_se", "elpd_diff_se", "khat", "n_high_khat"},
}


def sparse(n=120, p=8, seed=0, noise=1.0):
    """A regression with coefficients of sd 0.5, as arrays and as data."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = X @ rng.normal(0.0, 0.5, p) + noise * rng.normal(size=n)
    return X, y, {"y": y, "X": X}


def counts(n=150, p=5, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    eta = X @ rng.normal(0.0, 0.4, p)
    return {"X": X, "y": rng.poisson(np.exp(eta - 0.3)), "b": (rng.random(n) < expit(eta)) * 1}


def ridge(family="gaussian", response="y", prior=None, **options):
    prior = bg.ridge(1.0) if prior is None else prior
    return bg.GLM(response, bg.Linear("X", prior=prior), family=family, **options)


def scale_of(tuned, place=0):
    return tuned.model.terms[place].prior.scale


@pytest.mark.parametrize("seed", range(3))
def test_evidence_agrees_with_bayesian_ridge(seed):
    X, y, data = sparse(seed=seed)
    zero = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    peer = BayesianRidge(
        **zero, fit_intercept=False, tol=1e-12, max_iter=10_000, compute_score=True
    ).fit(X, y)
    model = ridge(dispersion=float(peer.alpha_**-0.5), intercept=None)
    tuned = bg.tune_prior(model, data)
    assert scale_of(tuned) == pytest.approx(peer.lambda_**-0.5, rel=1e-3)
    best = tuned.curve["X"]["log_evidence"].max()
    assert float(best) == pytest.approx(peer.scores_[-1], abs=1e-5)


def test_a_learned_sigma_is_near_bayesian_ridges():
    """Which maximises over sigma too, in place of integrating: the scales are alike, not equal."""
    X, y, data = sparse(n=2000)
    peer = BayesianRidge(fit_intercept=False, tol=1e-10).fit(X, y)
    tuned = bg.tune_prior(ridge(intercept=None), data)
    assert scale_of(tuned) == pytest.approx(peer.lambda_**-0.5, rel=0.01)


def closed_form(y, columns, scales, sigma):
    covariance = sigma**2 * np.eye(len(y))
    for X, scale in zip(columns, scales, strict=True):
        covariance = covariance + scale**2 * X @ X.T
    return multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)


def test_several_terms_are_chosen_together():
    rng = np.random.default_rng(4)
    A, B = rng.normal(size=(90, 6)), rng.normal(size=(90, 4))
    B += 0.8 * A[:, :4]
    y = A @ rng.normal(0, 0.2, 6) + B @ rng.normal(0, 1.0, 4) + 0.7 * rng.normal(size=90)
    terms = [bg.Linear("A", prior=bg.ridge(1.0)), bg.Linear("B", prior=bg.ridge(1.0))]
    model = bg.GLM("y", terms, intercept=None, dispersion=0.7)
    tuned = bg.tune_prior(model, {"y": y, "A": A, "B": B})
    best = minimize(
        lambda logs: -closed_form(y, (A, B), np.exp(logs), 0.7),
        np.log([0.2, 1.0]),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    )
    np.testing.assert_allclose([scale_of(tuned, 0), scale_of(tuned, 1)], np.exp(best.x), rtol=2e-3)
    assert list(tuned.curve.children) == ["A", "B"]
    for place, name in enumerate("AB"):
        curve = tuned.curve[name].to_dataset()
        for scale, value in zip(curve["scale"].values, curve["log_evidence"].values, strict=True):
            at = [scale_of(tuned, 0), scale_of(tuned, 1)]
            at[place] = scale
            assert value == pytest.approx(closed_form(y, (A, B), at, 0.7), abs=1e-6)
        assert curve["log_evidence"].max() == pytest.approx(-best.fun, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [bg.Normal, bg.Laplace])
def test_evidence_agrees_with_sequential_monte_carlo(prior):
    data = counts(n=60, p=3)
    model = ridge("bernoulli", "b", prior(0.7), intercept=bg.Normal(1.0))
    curve = bg.tune_prior(model, data, scales=[0.7], draws=4000).curve["X"]
    with bg.to_pymc(model, data), warnings.catch_warnings():
        # What PyMC says of its own chains and compilers is no news about the evidence.
        warnings.simplefilter("ignore")
        sampled = pm.sample_smc(4000, chains=4, cores=1, random_seed=1, progressbar=False)
    values = sampled["sample_stats"]["log_marginal_likelihood"].values
    last = [np.ravel(np.asarray(one, dtype=float))[-1] for one in values.reshape(4, -1)]
    assert np.std(last) < 0.2
    assert curve["log_evidence"].item() == pytest.approx(np.mean(last), abs=0.1)


def folds_of(n, folds, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(n) % folds)


def predictive(X, y, rows, sigma, scale):
    """log p(y_i | the other rows) of a gaussian ridge, for each of some rows, in closed form."""
    train = np.setdiff1d(np.arange(len(y)), rows)
    covariance = np.linalg.inv(X[train].T @ X[train] / sigma**2 + np.eye(X.shape[1]) / scale**2)
    mean = X[rows] @ covariance @ X[train].T @ y[train] / sigma**2
    sd = np.sqrt(sigma**2 + np.einsum("ij,jk,ik->i", X[rows], covariance, X[rows]))
    return norm(mean, sd).logpdf(y[rows])


@pytest.mark.parametrize("by", [None, "obs"])
def test_kfold_curves_are_those_of_the_closed_form(by):
    X, y, data = sparse(n=60, p=4)
    data["time"] = np.arange(60.0)
    model = ridge(intercept=None, dispersion=1.0)
    scales = [0.03, 0.5, 10.0]
    tuned = bg.tune_prior(model, data, method="kfold", scales=scales, by=by, folds=5, draws=8000)
    curve = tuned.curve["X"].to_dataset()
    fold = folds_of(60, 5) if by is None else np.arange(60) * 5 // 60
    exact = np.array(
        [
            np.concatenate([predictive(X, y, np.flatnonzero(fold == k), 1.0, s) for k in range(5)])
            for s in scales
        ]
    )
    np.testing.assert_allclose(curve["elpd"], exact.sum(1), atol=0.05)
    np.testing.assert_allclose(curve["elpd_se"], np.sqrt(60 * exact.var(1)), rtol=0.01)
    apart = exact - exact[np.argmax(exact.sum(1))]
    np.testing.assert_allclose(
        curve["elpd_diff_se"], np.sqrt(60 * apart.var(1)), rtol=0.02, atol=1e-9
    )
    assert scale_of(tuned) == scales[np.argmax(exact.sum(1))]


def test_loo_curves_are_those_of_the_closed_form():
    X, y, data = sparse(n=60, p=4)
    model = ridge(intercept=None, dispersion=1.0)
    scales = [0.03, 0.5, 10.0]
    tuned = bg.tune_prior(model, data, method="loo", scales=scales, draws=8000)
    curve = tuned.curve["X"].to_dataset()
    exact = [sum(predictive(X, y, np.array([i]), 1.0, s)[0] for i in range(60)) for s in scales]
    np.testing.assert_allclose(curve["elpd"], exact, atol=0.1)
    assert curve["khat"].values.max() < 0.7
    assert curve["n_high_khat"].values.tolist() == [0, 0, 0]


@pytest.mark.parametrize("response", ["y", "b"])
def test_elpds_are_those_of_kfold_and_loo(response):
    data = counts(n=90, p=3)
    family = {"y": "poisson", "b": "bernoulli"}[response]
    for scale in (0.1, 1.0):
        model = ridge(family, response, bg.Normal(scale))
        at = {"scales": [scale], "draws": 4000}
        kfold = bg.tune_prior(model, data, method="kfold", folds=4, **at).curve["X"]["elpd"]
        assert kfold.item() == pytest.approx(bg.kfold(model, data, folds=4).elpd, abs=0.1)
        loo = bg.tune_prior(model, data, method="loo", **at).curve["X"]["elpd"]
        assert loo.item() == pytest.approx(bg.loo(bg.fit(model, data)).elpd, abs=0.1)


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0), bg.ElasticNet(1.0)])
@pytest.mark.parametrize("family", ["gaussian", "bernoulli"])
def test_leaving_one_out_is_as_many_folds_as_rows(family, prior):
    data = counts(n=50, p=3)
    model = ridge(family, "b", prior)
    at = {"scales": [0.3], "draws": 16_000}
    loo = bg.tune_prior(model, data, method="loo", **at).curve["X"].to_dataset()
    every = bg.tune_prior(model, data, method="kfold", folds=50, **at).curve["X"].to_dataset()
    assert loo["elpd"].item() == pytest.approx(every["elpd"].item(), abs=0.1)
    assert loo["elpd_se"].item() == pytest.approx(every["elpd_se"].item(), rel=0.03)


@pytest.mark.slow
def test_a_lasso_by_weighed_draws_is_that_by_nuts():
    data = counts(n=90, p=3)
    model = ridge("poisson", prior=bg.Laplace(0.3))
    curve = bg.tune_prior(model, data, method="loo", scales=[0.3], draws=8000).curve["X"]
    reference = bg.loo(bg.fit_mcmc(model, data, draws=2000))
    assert curve["elpd"].item() == pytest.approx(reference.elpd, abs=0.1)
    assert curve["elpd_se"].item() == pytest.approx(reference.se, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0), bg.ElasticNet(1.0)])
def test_all_methods_see_the_same_scale(prior, method):
    data = counts(n=300, p=8)
    model = ridge("bernoulli", "b", prior)
    tuned = bg.tune_prior(model, data, method=method, folds=4, draws=400)
    assert 0.08 < scale_of(tuned) < 1.6
    assert type(tuned.model.terms[0].prior) is type(prior)
    curve = tuned.curve["X"].to_dataset()
    assert set(curve.data_vars) == STATISTICS[method]
    assert all(values.dims == ("scale",) for values in curve.data_vars.values())
    assert curve.attrs["chosen"] == scale_of(tuned)
    assert np.all(np.diff(curve["scale"]) > 0)
    assert scale_of(tuned) in curve["scale"].values
    main = curve["log_evidence" if method == "evidence" else "elpd"]
    best = float(main.sel(scale=scale_of(tuned)))
    assert best >= float(main.max()) - (0.0 if method == "evidence" else 0.1)
    if method != "evidence":
        assert float(curve["elpd_diff_se"].sel(scale=scale_of(tuned))) == 0.0
    if isinstance(prior, bg.ElasticNet):
        assert "penalty" not in curve.coords
    else:
        power = -1.0 if isinstance(prior, bg.Laplace) else -2.0
        np.testing.assert_allclose(curve["penalty"], curve["scale"] ** power)


def test_scales_of_ones_own_are_chosen_from():
    _, _, data = sparse()
    model = ridge(dispersion=1.0)
    given = [3.0, 0.5, 0.05, 0.5]
    for method in METHODS:
        for scales in (given, tuple(given), np.array(given), iter(given)):
            tuned = bg.tune_prior(model, data, scales=scales, method=method, draws=400)
            assert scale_of(tuned) == 0.5
            assert tuned.curve["X"]["scale"].values.tolist() == [0.05, 0.5, 3.0]
    alone = bg.tune_prior(model, data, scales=[0.05])
    assert scale_of(alone) == 0.05
    curve = bg.tune_prior(model, data).curve["X"]
    refined = float(curve.attrs["chosen"])
    assert refined not in 10.0 ** np.arange(-4, 2, 0.25)
    assert curve.sizes["scale"] == 17 + 5


def test_of_elpds_that_are_alike_the_smallest_scale_is_taken():
    _, _, data = sparse(n=400, p=2)
    flat = np.logspace(1, 3, 5)
    tuned = bg.tune_prior(ridge(dispersion=1.0), data, method="kfold", scales=[0.1, *flat])
    assert scale_of(tuned) == flat[0]


def test_only_the_named_term_is_tuned_and_defaults_are_written():
    data = simulate(200, seed=3)
    terms = [bg.Linear("movie", prior=bg.ridge(1.0)), "x", bg.Linear("z", prior=bg.Flat())]
    model = bg.GLM("poisson", terms, "poisson")
    tuned = bg.tune_prior(model, data, term="movie", scales=[0.01, 0.1])
    resolved = bg.GLM.from_json(bg.fit_map(model, data).attrs["model"])
    chosen = replace(resolved.terms[0], prior=bg.Normal(scale_of(tuned)))
    assert tuned.model == replace(resolved, terms=[chosen, *resolved.terms[1:]])
    assert isinstance(tuned.model.terms[1].prior, bg.Normal)
    assert list(tuned.curve.children) == ["movie"]
    assert tuned.curve.attrs["improper"] == "intercept, z"
    both = bg.tune_prior(model, data, scales=iter([0.1, 0.01]))
    assert list(both.curve.children) == ["movie", "x"]
    assert both.model.terms[2] == model.terms[2]
    assert bg.GLM.from_json(both.curve.attrs["model"]) == both.model


@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_a_predictor_is_the_unit_of_its_scale(method):
    _, _, data = sparse()
    model = ridge(dispersion=1.0)
    tuned = bg.tune_prior(model, data, method=method, folds=4, draws=400)
    shrunk = bg.tune_prior(model, data | {"X": 1000 * data["X"]}, method=method, folds=4, draws=400)
    assert scale_of(shrunk) == pytest.approx(scale_of(tuned) / 1000, rel=1e-3)


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0)])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_row_of_weight_two_is_the_row_twice(family, prior):
    data = counts(n=60, p=3) | {"weights": np.random.default_rng(0).integers(0, 4, 60) * 1.0}
    every = np.repeat(np.arange(60), data["weights"].astype(int))
    twice = {"X": data["X"][every], "y": data["y"][every]}
    scales = [0.1, 1.0]
    one = bg.tune_prior(ridge(family, prior=prior, weights="weights"), data, scales=scales)
    other = bg.tune_prior(ridge(family, prior=prior), twice, scales=scales)
    np.testing.assert_allclose(
        one.curve["X"]["log_evidence"], other.curve["X"]["log_evidence"], atol=1e-6
    )


def test_a_population_has_one_scale_and_the_sum_of_evidences():
    rng = np.random.default_rng(6)
    cells = xr.DataArray(rng.poisson(1.0, (150, 3)), dims=("time", "neuron"))
    data = simulate(150, seed=1).assign(cells=cells)
    model = bg.GLM("cells", bg.Linear("movie", prior=bg.ridge(1.0)), "poisson")
    scales = [0.03, 0.3]
    for method in ("evidence", "kfold"):
        at = {"scales": scales, "method": method, "draws": 4000}
        whole = bg.tune_prior(model, data, **at)
        parts = [bg.tune_prior(model, data.isel(neuron=k), **at) for k in range(3)]
        name = "log_evidence" if method == "evidence" else "elpd"
        total = sum(part.curve["movie"][name] for part in parts)
        np.testing.assert_allclose(whole.curve["movie"][name], total, atol=0.2)
        assert isinstance(scale_of(whole), float)
    assert set(whole.curve["movie"].dims) == {"scale"}
    mixed = data.assign(input=(("time", "neuron"), rng.normal(size=(150, 3)) * [1.0, 2.0, 4.0]))
    default = bg.tune_prior(bg.GLM("cells", "input", "poisson"), mixed, scales=[0.01, 0.1])
    assert isinstance(scale_of(default), float)


def test_histories_and_walks_are_tuned_too():
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    drive = np.convolve(x, np.exp(-np.arange(8) / 3) * 0.5)[:400]
    data = bg.as_dataset({"x": x, "y": rng.poisson(np.exp(drive - 0.7))}, bin_size=0.01)
    terms = [bg.Lagged("x", lags=8, prior=bg.smooth(1.0)), bg.History(lags=3, prior=bg.ridge(1.0))]
    model = bg.GLM("y", terms, "poisson")
    with pytest.warns(bg.BayesGLMWarning, match="'history' is best at the smallest scale"):
        tuned = bg.tune_prior(model, data)
    assert 0.02 < scale_of(tuned, 0) < 0.6
    assert tuned.curve.attrs["improper"] == "intercept, x"


def test_learned_scales_get_a_number():
    data = counts(n=200, p=6)
    learned = ridge("poisson", prior=bg.Normal(bg.HalfNormal(1.0)))
    with pytest.raises(bg.ModelError, match="tune_prior"):
        bg.fit_map(learned, data)
    tuned = bg.tune_prior(learned, data)
    assert scale_of(tuned) == scale_of(bg.tune_prior(ridge("poisson"), data))
    assert bg.fit_map(tuned.model, data).attrs["mode"] == "global"
    # Beside the tuned term others may go on learning theirs.
    terms = [bg.Linear("X", prior=bg.ridge(1.0)), bg.Linear("b", prior=bg.Normal(bg.HalfNormal(1)))]
    model = bg.GLM("y", terms, "poisson")
    beside = bg.tune_prior(model, data, term="X", scales=[0.1, 0.5, 2.0])
    assert beside.model.terms[1] == model.terms[1]
    assert np.isfinite(beside.curve["X"]["log_evidence"]).all()
    kinked = replace(model, terms=[bg.Linear("X", prior=bg.lasso(1.0)), terms[1]])
    with pytest.raises(bg.ModelError, match=r"learned scales \(b_scale\) beside .*'X' \(Laplace"):
        bg.tune_prior(kinked, data, term="X")


def noise(n=80, p=6, seed=3):
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(size=(n, p)), "y": rng.normal(size=n)}


@pytest.mark.parametrize("method", ["evidence", "kfold"])
@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0)])
def test_the_ends_of_the_range_are_told(prior, method):
    at = {"method": method, "folds": 4, "draws": 400}
    model = ridge(dispersion=1.0, prior=prior)
    words = "of term 'X' is best at the smallest scale, .*a scale of 0, that is no such term. Leave"
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        nothing = bg.tune_prior(model, noise(), **at)
    assert len(told) == 1
    assert nothing.curve["X"].sizes["scale"] >= 25  # the range has grown before it was given up
    assert scale_of(nothing) == nothing.curve["X"]["scale"].min()
    with pytest.warns(bg.BayesGLMWarning, match="is best at the smallest scale, 0.01"):
        bg.tune_prior(model, noise(), scales=[0.01, 0.1, 1.0], **at)
    strong = sparse()[2]
    words = r"best at the largest scale, 0.01: the data may want no penalty at all. Use prior=Flat"
    with pytest.warns(bg.BayesGLMWarning, match=words):
        bg.tune_prior(model, strong, scales=[0.0001, 0.001, 0.01], **at)


def test_evidences_that_cannot_be_trusted_are_told():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(30, 25))
    data = {"X": wide, "y": rng.choice(["a", "b", "c"], 30)}  # no row has a site
    words = "evidence cannot be trusted at [12] of [12] scales.*method='kfold'"
    with pytest.warns(bg.BayesGLMWarning, match=words):
        bg.tune_prior(ridge("categorical"), data, scales=[30.0])


def test_what_loo_warns_of_is_said_once():
    rng = np.random.default_rng(5)
    y = np.zeros(200)
    for k in range(1, 200):
        y[k] = 0.8 * y[k - 1] + rng.normal()
    x = rng.normal(size=200)
    data = bg.as_dataset({"x": x, "y": y + 0.5 * x}, bin_size=0.01)
    model = bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)))
    words = "leave-one-out is optimistic here: residuals .*Use method='kfold' with by='time'"
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        bg.tune_prior(model, data, method="loo", draws=400)
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_numbers(method):
    data = counts(n=80, p=3)
    at = {"method": method, "scales": [0.2, 0.5], "draws": 200, "folds": 3}
    model = ridge("poisson", prior=bg.lasso(1.0))
    one, again, other = (bg.tune_prior(model, data, seed=seed, **at) for seed in (1, 1, 2))
    xr.testing.assert_identical(one.curve["X"].to_dataset(), again.curve["X"].to_dataset())
    main = "log_evidence" if method == "evidence" else "elpd"
    assert not np.array_equal(one.curve["X"][main], other.curve["X"][main])


def test_the_curve_is_a_tree_that_can_be_kept(tmp_path):
    _, _, data = sparse()
    tuned = bg.tune_prior(ridge(), data, scales=[0.1, 0.5])
    model, curve = tuned
    assert (model, curve) == (tuned.model, tuned.curve)
    attrs = curve.attrs
    assert all(isinstance(value, (str, int, float)) for value in attrs.values())
    assert (attrs["method"], attrs["criterion"], attrs["terms"]) == ("tuning", "evidence", "X")
    assert attrs["wall_time_s"] > 0
    loaded = bg.load(bg.save(curve, tmp_path / "curve.nc"))
    xr.testing.assert_identical(loaded["X"].to_dataset(), curve["X"].to_dataset())
    assert dict(loaded.attrs) == dict(attrs)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"method": "evidences"}, bg.ModelError, "unknown method 'evidences'.*Did you mean 'evid"),
        ({"method": "accuracy"}, bg.ModelError, "Write method='kfold', scoring='accuracy'"),
        ({"method": None}, bg.ModelError, "unknown method None; the methods are evidence, kfold"),
        ({"term": "x"}, bg.ModelError, "no term 'x'; its terms are X, z"),
        ({"term": "z"}, bg.ModelError, r"prior of term 'z' has no scale; give it one, for example"),
        ({"scales": []}, bg.DataError, "at least one positive number"),
        ({"scales": [0.0, 1.0]}, bg.DataError, r"1 are not, the first at position 0 \(0\)"),
        ({"scales": "1"}, bg.DataError, "sequence of positive numbers, got '1'"),
        ({"scales": 1.0}, bg.DataError, "sequence of positive numbers, got 1.0"),
        ({"by": "time"}, bg.ModelError, "by='time' deals samples to folds; use it with method="),
        ({"method": "kfold", "by": "nothing"}, bg.DataError, "nothing"),
        ({"method": "kfold", "folds": 1}, bg.DataError, "folds must be a whole number of at least"),
        ({"method": "kfold", "folds": 1000}, bg.DataError, "cannot make 1000 folds"),
        ({"draws": 0}, bg.DataError, "draws must be a whole number of at least 1"),
        ({"draws": 1.5}, bg.DataError, "draws must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_tuned(options, kind, words):
    _, _, data = sparse()
    terms = [bg.Linear("X", prior=bg.ridge(1.0)), bg.Linear("z", prior=bg.Flat())]
    with pytest.raises(kind, match=words):
        bg.tune_prior(bg.GLM("y", terms), data | {"z": np.arange(120.0)}, **options)


def test_models_without_anything_to_tune():
    _, _, data = sparse()
    for terms in ([], bg.Linear("X", prior=bg.Flat()), bg.Linear("X", prior=bg.Horseshoe(0.1))):
        with pytest.raises(bg.ModelError, match="no term of the model has a prior with a scale"):
            bg.tune_prior(bg.GLM("y", terms), data)


@pytest.mark.parametrize("method", METHODS)
def test_bad_data_are_named(method):
    X, y, data = sparse()
    broken = X.copy()
    broken[7, 2] = np.nan
    with pytest.raises(bg.DataError, match="predictor 'X' holds 1 missing or infinite value"):
        bg.tune_prior(ridge(), data | {"X": broken}, method=method)
    with pytest.raises(bg.DataError, match="'z' is not in the data"):
        bg.tune_prior(bg.GLM("y", bg.Linear("z", prior=bg.ridge(1.0))), data, method=method)
    model = bg.GLM("y", [bg.Linear("X", prior=bg.ridge(1.0)), bg.Linear("z", prior=bg.Flat())])
    for z in (np.ones(120), y):
        with pytest.raises(bg.BayesGLMError, match=r"constant beside|bound as sigma|up at sigma"):
            bg.tune_prior(model, data | {"z": z}, method=method, scales=[1.0], folds=3)


def test_separated_data_have_an_evidence_under_proper_priors_only():
    data = {"x": np.linspace(-1, 1, 30), "y": (np.linspace(-1, 1, 30) > 0) * 1.0}
    proper = bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), "bernoulli", intercept=bg.Normal(1.0))
    # Half of the widest prior foretells the data without a fault.
    with pytest.warns(bg.BayesGLMWarning, match="best at the largest scale"):
        tuned = bg.tune_prior(proper, data, draws=4000)
    assert -1.0 < tuned.curve["x"]["log_evidence"].max() < np.log(0.5) + 0.01
    terms = [bg.Linear("x", prior=bg.Flat()), bg.Linear("z", prior=bg.ridge(1.0))]
    flat = bg.GLM("y", terms, "bernoulli")
    with pytest.raises(bg.DataError, match=r"separated.*'x'"):
        bg.tune_prior(flat, data | {"z": np.cos(np.arange(30.0))})


@pytest.mark.parametrize(("n", "p"), [(1, 1), (2, 1), (5, 12), (40, 40)])
def test_any_shape_gives_numbers(n, p):
    rng = np.random.default_rng(n)
    data = {"X": rng.normal(size=(n, p)), "y": rng.poisson(2.0, n) + 1.0}
    for prior, family in itertools.product((bg.ridge(1.0), bg.lasso(1.0)), ("gaussian", "poisson")):
        options = {"dispersion": 1.0} if family == "gaussian" else {}
        model = ridge(family, prior=prior, intercept=bg.Normal(1.0), **options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", bg.BayesGLMWarning)
            tuned = bg.tune_prior(model, data, draws=200)
        curve = tuned.curve["X"]
        assert np.isfinite(curve["log_evidence"]).all()
        assert np.isfinite(scale_of(tuned))


@pytest.mark.parametrize("prior", [bg.Normal(2.0), bg.Normal(bg.HalfNormal(2.0))])
def test_a_constant_predictor_is_tuned_around_its_own_scale(prior):
    data = {"x": np.ones(30), "y": np.random.default_rng(0).normal(3.0, 1.0, 30)}
    model = bg.GLM("y", bg.Linear("x", prior=prior), intercept=None, dispersion=1.0)
    tuned = bg.tune_prior(model, data)
    # The evidence of one mean m with standard error s is best at scale^2 = m^2 - s^2.
    best = np.sqrt(data["y"].mean() ** 2 - 1 / 30)
    assert scale_of(tuned) == pytest.approx(best, rel=1e-3)
