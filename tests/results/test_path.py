"""prior_path: every point is a fit, its statistics are the textbook's, and its tree a fit's."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from conftest import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, lasso_path

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

FAMILIES = {
    "gaussian, sigma known": ("gaussian", {"dispersion": 0.7}),
    "gaussian, sigma learned": ("gaussian", {}),
    "bernoulli": ("bernoulli", {}),
    "binomial": ("binomial", {"trials": "trials"}),
    "poisson": ("poisson", {}),
    "poisson softplus": ("poisson", {"link": "softplus"}),
}
PRIORS = {
    "ridge": bg.ridge(1.0),
    "lasso": bg.lasso(1.0),
    "elastic net": bg.ElasticNet(1.0),
    "smooth": bg.smooth(1.0),
}
SCALES = np.array([0.3, 10.0, 0.003, 1.0, 0.02, 0.08])


def made(kind, terms, **options):
    family, more = FAMILIES[kind]
    return bg.GLM(family, terms, family=family, **more, **options)


def at_scale(model, scale, chosen):
    """The model with one scale in the priors of the chosen terms."""
    terms = [
        replace(term, prior=replace(term.prior, scale=float(scale)))
        if term.label in chosen
        else term
        for term in model.terms
    ]
    return replace(model, terms=terms)


def theta_of(group, problem):
    """The parameters of one point as the solvers have them, dispersions as logarithms."""
    parts = [np.ravel(group[name].values) for name in problem.places]
    theta = np.concatenate(parts)
    n = problem.natural.n_coefficients
    return np.r_[theta[:n], np.log(theta[n:])]


def assert_same_point(found, expected, problem):
    """Within 1e-5 posterior standard deviations, or 1e-6 relative; zeros the same."""
    objective, n = problem.natural, problem.natural.n_coefficients
    one, other = theta_of(found, problem), theta_of(expected, problem)
    every = np.arange(n)
    curvature = objective.likelihood_curvature(other, every)
    curvature += objective.priors.curvature(other, every)
    sd = np.sqrt(np.diagonal(np.linalg.inv(curvature)))
    gap = np.abs(one - other)
    assert np.all((gap[:n] <= 1e-5 * sd) | (gap[:n] <= 1e-6 * np.abs(other[:n])))
    assert np.all(gap[n:] <= 1e-6)
    kinked = objective.kinks.weight[:n] > 0
    np.testing.assert_array_equal(one[:n][kinked] == 0, other[:n][kinked] == 0)


def assert_path_is_its_fits(path, model, data, scales, chosen):
    np.testing.assert_array_equal(path["path"]["scale"], scales)
    for k, scale in enumerate(scales):
        one = at_scale(model, scale, chosen)
        fit = bg.fit_map(one, data)
        point = path["path"].to_dataset().isel(scale=k)
        assert set(point.data_vars) == set(fit["map"].data_vars)
        assert_same_point(point, fit["map"], open_problems(one, data)[0])
        value = float(path["statistics"]["log_posterior"][k])
        assert value == pytest.approx(fit.attrs["log_posterior"], rel=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("kind", FAMILIES)
def test_every_point_is_the_fit_at_its_scale(kind, prior):
    data = simulate(150, seed=3)
    model = made(kind, bg.Linear("movie", prior=PRIORS[prior]), offset="offset", weights="weights")
    path = bg.prior_path(model, data, SCALES)
    assert_path_is_its_fits(path, model, data, SCALES, ["movie"])


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("kind", ["gaussian, sigma known", "bernoulli", "poisson"])
@pytest.mark.parametrize("term", [None, "x"])
def test_some_terms_may_take_the_scales_and_others_keep_theirs(term, kind, prior):
    data = simulate(150, seed=4)
    terms = [
        bg.Lagged("x", lags=5, prior=PRIORS[prior]),
        bg.History(lags=3, prior=bg.lasso(6.0)),
        bg.Linear("movie", prior=PRIORS[prior]),
        bg.Linear("z", prior=bg.Flat()),
    ]
    model = made(kind, terms)
    chosen = ["x"] if term else ["x", "history", "movie"]
    path = bg.prior_path(model, data, SCALES[:4], term=term)
    assert path.attrs["terms"] == ", ".join(chosen)
    assert_path_is_its_fits(path, model, data, SCALES[:4], chosen)
    assert ("penalty" in path["path"].coords) == (
        prior != "elastic net" and (term == "x" or prior == "lasso")
    )
    if term and prior == "ridge":
        assert "sd" not in path.children  # the history's kink has none, whatever takes the scales


def test_orders_duplicates_and_single_scales(many):
    for prior in (bg.ridge(1.0), bg.lasso(1.0)):
        model = bg.GLM("poisson", bg.Linear("movie", prior=prior), "poisson")
        sorted_path = bg.prior_path(model, many, [0.01, 0.1, 1.0])["path"].to_dataset()
        mixed = bg.prior_path(model, many, [1.0, 0.01, 0.1, 1.0])["path"].to_dataset()
        assert mixed["scale"].values.tolist() == [1.0, 0.01, 0.1, 1.0]
        for k, same in enumerate([2, 0, 1, 2]):
            np.testing.assert_allclose(
                mixed["movie"][k], sorted_path["movie"][same], rtol=1e-4, atol=1e-6
            )
        for scales in ([0.1], (0.1,), np.array([0.1]), iter([0.1]), xr.DataArray([0.1], dims="s")):
            alone = bg.prior_path(model, many, scales)["path"]["movie"]
            assert alone.shape == (1, 2, 3)
            np.testing.assert_allclose(alone[0], sorted_path["movie"][1], rtol=1e-4, atol=1e-6)


def test_a_population_is_its_neurons(many):
    rng = np.random.default_rng(6)
    cells = xr.DataArray(
        rng.poisson(1.0, (400, 3)), dims=("time", "neuron"), coords={"neuron": ["a", "b", "c"]}
    )
    data = many.assign(cells=cells, input=(("time", "neuron"), rng.normal(size=(400, 3))))
    scales = [0.05, 1.0, 0.2]
    for prior in PRIORS.values():
        terms = [bg.Lagged("x", lags=4, prior=prior), bg.Linear("input", prior=bg.ridge(1.0))]
        model = bg.GLM("cells", terms, "poisson")
        path = bg.prior_path(model, data, scales, term="x")
        assert path["path"]["x"].dims == ("scale", "neuron", "x_lag")
        assert path["path"]["intercept"].dims == ("scale", "neuron")
        assert path["statistics"]["edf"].dims == ("scale", "neuron")
        assert path.attrs["population"] == "neuron"
        for k, name in enumerate("abc"):
            alone = bg.prior_path(model, data.isel(neuron=k, drop=True), scales, term="x")
            one = path.sel(neuron=name)
            for group in {"path", "statistics", "sd"} & set(path.children):
                for key, values in alone[group].data_vars.items():
                    if key not in ("n_iter", "gradient_norm"):
                        np.testing.assert_allclose(one[group][key], values, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["gaussian, sigma known", "bernoulli", "binomial", "poisson"])
def test_zeros_begin_where_the_gradient_says(kind, many):
    constant = made(kind, [])
    eta = bg.fit_map(constant, many)
    mean = bg.predict(eta)[constant.response].values
    sigma = constant.dispersion or 1.0
    residual = many[constant.response].values - mean
    slopes = np.abs(np.einsum("t,thw->hw", residual, many["movie"].values)) / sigma**2
    largest = slopes.max()
    lams = largest * np.array([1.5, 1.001, 0.999, 0.9])
    lasso = bg.prior_path(made(kind, bg.Linear("movie", prior=bg.lasso(1.0))), many, 1.0 / lams)
    np.testing.assert_allclose(lasso["path"]["penalty"], lams)
    zeros = (lasso["path"]["movie"] == 0).sum(("height", "width")).values
    assert zeros.tolist()[:3] == [6, 6, 5]
    first = np.argmax(np.abs(lasso["path"]["movie"][2].values))
    assert first == np.argmax(slopes)
    np.testing.assert_array_equal(lasso["statistics"]["n_nonzero"], 6 - zeros)
    np.testing.assert_allclose(lasso["path"]["intercept"][0], eta["map"]["intercept"], rtol=1e-6)
    ridge = bg.prior_path(made(kind, bg.Linear("movie", prior=bg.ridge(1.0))), many, lams**-0.5)
    assert (ridge["path"]["movie"] != 0).all()
    assert (ridge["statistics"]["n_nonzero"] == 6).all()


def columns(data):
    return np.column_stack([data["movie"].values.reshape(len(data["x"]), -1), data["x"], data["z"]])


def test_lasso_paths_are_scikit_learns(many):
    X, sigma, n = columns(many), 0.6, 400
    y = many["gaussian"].values
    alphas, coefs, _ = lasso_path(X - X.mean(0), y - y.mean(), alphas=12, tol=1e-14)
    model = bg.GLM("y", bg.Linear("X", prior=bg.lasso(1.0)), dispersion=sigma)
    path = bg.prior_path(model, {"y": y, "X": X}, sigma**2 / (n * alphas))["path"]
    np.testing.assert_allclose(path["X"], coefs.T, atol=1e-8)
    np.testing.assert_allclose(path["intercept"], y.mean() - X.mean(0) @ coefs, atol=1e-8)

    y = many["bernoulli"].values
    model = bg.GLM("y", bg.Linear("X", prior=bg.lasso(1.0)), family="bernoulli")
    scales = [0.03, 0.1, 1.0]
    path = bg.prior_path(model, {"y": y, "X": X}, scales)["path"]
    for k, scale in enumerate(scales):
        peer = LogisticRegression(
            C=scale, l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=100_000, random_state=0
        ).fit(X, y)
        np.testing.assert_allclose(path["X"][k], peer.coef_[0], atol=1e-5)
        np.testing.assert_allclose(path["intercept"][k], peer.intercept_[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian, sigma known", "bernoulli", "binomial", "poisson"])
@pytest.mark.parametrize("prior", ["ridge", "lasso"])
def test_deviances_are_statsmodels(kind, prior, many):
    model = made(kind, bg.Linear("movie", prior=PRIORS[prior]), weights="weights")
    y, weights = many[model.response].values, many["weights"].values
    path = bg.prior_path(model, many, [0.05, 0.5])
    trials = many["trials"].values if model.trials else np.ones(len(y))
    eta = path["path"]["intercept"] + (path["path"]["movie"] * many["movie"]).sum(
        ("height", "width")
    )
    for k in range(2):
        if model.family == "gaussian":
            expected = float(weights @ (y - eta[k].values) ** 2) / 0.7**2
        elif model.family == "poisson":
            peer = sm.families.Poisson()
            expected = peer.deviance(y, np.exp(eta[k].values), freq_weights=weights)
        else:
            peer = sm.families.Binomial()
            mean = expit(eta[k].values)
            expected = peer.deviance(y / trials, mean, freq_weights=weights * trials)
        assert float(path["statistics"]["deviance"][k]) == pytest.approx(expected, rel=1e-9)
    gap = path["statistics"]["log_posterior"] - path["statistics"]["log_likelihood"]
    w = path["path"]["movie"]
    prior_at = {
        "ridge": lambda s: -0.5 * (w / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi),
        "lasso": lambda s: -abs(w) / s - np.log(2 * s),
    }[prior]
    expected = prior_at(w["scale"]).sum(("height", "width"))
    np.testing.assert_allclose(gap, expected, rtol=1e-9)


def test_effective_parameters_of_a_ridge_are_the_closed_form(many):
    X, sigma = columns(many), 0.6
    y = many["gaussian"].values
    scales = np.array([0.01, 0.1, 1.0, 100.0])
    centred = X - X.mean(0)
    gram = centred.T @ centred
    for dispersion in (sigma, None):
        model = bg.GLM("y", bg.Linear("X", prior=bg.ridge(1.0)), dispersion=dispersion)
        path = bg.prior_path(model, {"y": y, "X": X}, scales)
        sigmas = path["path"]["sigma"].values if dispersion is None else np.full(4, sigma)
        for k, (scale, s) in enumerate(zip(scales, sigmas, strict=True)):
            inverse = np.linalg.inv(gram + s**2 / scale**2 * np.eye(8))
            edf = float(path["statistics"]["edf"][k])
            assert edf == pytest.approx(1 + np.trace(inverse @ gram), rel=1e-8)
            np.testing.assert_allclose(
                path["sd"]["X"][k], s * np.sqrt(np.diagonal(inverse)), rtol=1e-8
            )
        assert "sigma" not in path["sd"]


@pytest.mark.parametrize("kind", FAMILIES)
def test_effective_parameters_of_a_lasso_are_its_non_zeros(kind, many):
    path = bg.prior_path(made(kind, bg.Linear("movie", prior=bg.lasso(1.0))), many, SCALES)
    statistics = path["statistics"]
    np.testing.assert_allclose(statistics["edf"], 1 + statistics["n_nonzero"])
    assert "sd" not in path.children
    net = bg.prior_path(made(kind, bg.Linear("movie", prior=bg.ElasticNet(1.0))), many, SCALES)
    assert (net["statistics"]["edf"] <= 1 + net["statistics"]["n_nonzero"] + 1e-12).all()
    assert (net["statistics"]["edf"] >= 1 - 1e-12).all()
    assert "penalty" not in net["path"].coords
    assert "sd" not in net.children


def test_a_prior_that_says_nothing_costs_every_parameter(many):
    terms = [bg.Linear("movie", prior=bg.ridge(1.0)), bg.Linear("z", prior=bg.Flat())]
    path = bg.prior_path(bg.GLM("poisson", terms, "poisson"), many, [1e-8, 1e8])
    np.testing.assert_allclose(path["statistics"]["edf"], [2.0, 8.0], rtol=1e-6)
    np.testing.assert_allclose(path["path"]["movie"][0], 0.0, atol=1e-12)
    walk = bg.Lagged("x", lags=5, prior=bg.smooth(1.0))
    path = bg.prior_path(bg.GLM("poisson", walk, "poisson"), many, [1e-5, 1e8])
    np.testing.assert_allclose(path["statistics"]["edf"], [2.0, 6.0], rtol=1e-4)
    assert float(np.ptp(path["path"]["x"][0].values)) < 1e-6


@pytest.mark.parametrize("kind", ["gaussian, sigma known", "bernoulli", "binomial", "poisson"])
@pytest.mark.parametrize("prior", ["ridge", "smooth"])
def test_standard_deviations_are_those_of_fit_laplace(kind, prior, many):
    terms = [bg.Lagged("x", lags=4, prior=PRIORS[prior]), bg.Linear("z", prior=bg.ridge(2.0))]
    model = made(kind, terms)
    path = bg.prior_path(model, many, [0.05, 2.0], term="x")
    for k, scale in enumerate([0.05, 2.0]):
        laplace = bg.fit_laplace(at_scale(model, scale, ["x"]), many, draws=100)["laplace"]
        sd = path["sd"].to_dataset().isel(scale=k)
        both = np.r_[sd["intercept"], sd["x"], sd["z"]]
        np.testing.assert_allclose(both, np.sqrt(np.diagonal(laplace["covariance"])), rtol=1e-4)


def test_penalties_are_those_of_the_language_of_penalties(many):
    scales = np.array([2.0, 0.25])
    for term, expected in [
        (bg.Linear("movie", prior=bg.ridge(1.0)), scales**-2),
        (bg.Linear("movie", prior=bg.smooth(1.0)), scales**-2),
        (bg.Linear("movie", prior=bg.lasso(1.0)), 1 / scales),
    ]:
        path = bg.prior_path(bg.GLM("poisson", term, "poisson"), many, scales)
        for group in ("path", "statistics"):
            np.testing.assert_allclose(path[group]["penalty"], expected)
            assert path[group]["penalty"].dims == ("scale",)
    mixed = [bg.Linear("movie", prior=bg.ridge(1.0)), bg.Linear("x", prior=bg.lasso(1.0))]
    model = bg.GLM("poisson", mixed, "poisson")
    assert "penalty" not in bg.prior_path(model, many, scales)["path"].coords
    assert "penalty" in bg.prior_path(model, many, scales, term="x")["path"].coords


def test_the_tree_is_that_of_a_fit(many, tmp_path):
    for prior in (bg.ridge(1.0), bg.lasso(1.0), None):
        model = bg.GLM("poisson", bg.Lagged("movie", lags=2, prior=prior), "poisson")
        path = bg.prior_path(model, many, [1.0, 0.1])
        stored = bg.GLM.from_json(path.attrs["model"])
        assert stored == bg.GLM.from_json(bg.fit_map(model, many).attrs["model"])
        assert stored == model or prior is None
        assert path.attrs["method"] == "path"
        assert path.attrs["n_dropped"] == 1
        assert path.attrs["wall_time_s"] > 0
        assert all(isinstance(value, (str, int, float)) for value in path.attrs.values())
        again = bg.prior_path(stored, many, [1.0, 0.1])
        xr.testing.assert_identical(path["path"].to_dataset(), again["path"].to_dataset())
        loaded = bg.load(bg.save(path, tmp_path / "path.nc"))
        assert set(loaded.children) == set(path.children)
        for group in path.children:
            xr.testing.assert_identical(loaded[group].to_dataset(), path[group].to_dataset())
        assert dict(loaded.attrs) == dict(path.attrs)
        np.testing.assert_array_equal(path["observed_data"]["poisson"], many["poisson"][1:])


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ([], r"one-dimensional sequence of at least one positive number.*shape \(0,\)"),
        ([[1.0, 2.0]], r"one-dimensional.*shape \(1, 2\)"),
        ([1.0, -2.0, 0.0], r"2 are not, the first at position 1 \(-2\)"),
        ([np.nan, 1.0], r"1 are not, the first at position 0 \(nan\)"),
        ([1.0, np.inf], r"1 are not, the first at position 1 \(inf\)"),
        (1.0, "sequence of positive numbers, got 1.0"),
        (None, "sequence of positive numbers, got None"),
        ("1.0", "sequence of positive numbers, got '1.0'"),
        (["1.0"], r"sequence of positive numbers, got \['1.0'\]"),
        ([1.0, None], "sequence of positive numbers"),
        ([True], "sequence of positive numbers"),
        ([1.0 + 2.0j], "sequence of positive numbers"),
        ([[1.0], [1.0, 2.0]], "sequence of positive numbers"),
        ({"a": 1.0}, "sequence of positive numbers"),
    ],
)
def test_scales_that_are_none(scales, words, data):
    model = bg.GLM("poisson", "x", "poisson", prior=bg.ridge(1.0))
    with pytest.raises(bg.DataError, match=words):
        bg.prior_path(model, data, scales)


def test_terms_that_have_no_scale(data):
    terms = [bg.Linear("movie", prior=bg.ridge(1.0)), bg.Linear("x", prior=bg.Flat())]
    model = bg.GLM("poisson", terms, "poisson")
    for term, words in [
        ("movy", "no term 'movy'; its terms are movie, x. Did you mean 'movie'?"),
        ("intercept", "no term 'intercept'"),
        ("x", r"prior of term 'x' has no scale; give it one, for example prior=ridge\(1.0\)"),
    ]:
        with pytest.raises(bg.ModelError, match=words):
            bg.prior_path(model, data, [1.0], term=term)
    for empty in ([], bg.Linear("x", prior=bg.Flat())):
        with pytest.raises(bg.ModelError, match="no term of the model has a prior with a scale"):
            bg.prior_path(bg.GLM("poisson", empty, "poisson"), data, [1.0])


@pytest.mark.parametrize("name", ["scale", "penalty"])
def test_names_that_the_path_needs(name, data):
    renamed = data.rename(x=name)
    with pytest.raises(bg.ModelError, match=f"term '{name}' has a name that a path needs"):
        bg.prior_path(bg.GLM("poisson", name, "poisson"), renamed, [1.0])
    given = bg.GLM("poisson", bg.Linear(name, name="effect"), "poisson")
    assert bg.prior_path(given, renamed, [1.0])["path"]["effect"].shape == (1,)
    with pytest.raises(bg.ModelError, match=f"the dim '{name}' of the data has a name"):
        bg.prior_path(bg.GLM("poisson", "movie", "poisson"), data.rename(width=name), [1.0])


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0), bg.elastic_net(1.0, 1.0)])
def test_separated_data_have_no_path(prior, many):
    separated = many.assign(y=("time", (many["x"].values > 0).astype(int)))
    terms = [bg.Linear("movie", prior=prior), bg.Linear("x", prior=bg.Flat())]
    model = bg.GLM("y", terms, "bernoulli")
    with pytest.raises(bg.DataError, match=r"separated.*'x'"):
        bg.prior_path(model, separated, [1e-2, 1.0, 1e6])
    # With a proper prior there is one at any scale, however wide.
    wide = bg.GLM("y", bg.Linear("x", prior=prior), "bernoulli")
    assert_path_is_its_fits(
        bg.prior_path(wide, separated, [1e-2, 1e4]), wide, separated, [1e-2, 1e4], ["x"]
    )


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0)])
def test_a_sigma_that_goes_to_nothing_along_the_path(prior, many):
    exact = many.assign(y=2.0 * many["x"] + 1.0)
    model = bg.GLM("y", bg.Linear("x", prior=prior))
    assert bg.prior_path(model, exact, [1e-3])["path"]["sigma"].shape == (1,)
    with pytest.raises(bg.ModelError, match="as sigma -> 0"):
        bg.prior_path(model, exact, [1e-3, 1e8])


@settings(max_examples=40)
@given(
    kind=st.sampled_from(["gaussian, sigma known", "bernoulli", "binomial", "poisson"]),
    prior=st.sampled_from(["lasso", "elastic net", "ridge"]),
    seed=st.integers(0, 10_000),
    n=st.integers(20, 60),
    p=st.integers(1, 25),
    correlation=st.sampled_from([0.0, 0.9, 0.999]),
)
def test_every_point_stands_where_the_slopes_balance(kind, prior, seed, n, p, correlation):
    """The KKT conditions: slope = lam1 sign(w) + lam2 w off zero, at most lam1 at zero."""
    rng = np.random.default_rng(seed)
    data = simulate(n, seed=seed)
    X = correlation * rng.normal(size=(n, 1)) + np.sqrt(1 - correlation**2) * rng.normal(
        size=(n, p)
    )
    model = made(kind, bg.Linear("X", prior=PRIORS[prior]))
    if len(np.unique(data[model.response])) < 2:
        return
    data = data.assign(X=(("time", "column"), X))
    scales = rng.permutation(np.logspace(-2, 0.5, 7))
    path = bg.prior_path(model, data, scales)["path"].to_dataset()
    for k, scale in enumerate(scales):
        bare = open_problems(made(kind, bg.Linear("X", prior=bg.Flat())), data)[0]
        theta = theta_of(path.isel(scale=k), bare)
        slope = bare.natural.evaluate(theta).gradient
        lam1 = {"lasso": 1 / scale, "ridge": 0.0, "elastic net": 0.5 / scale}[prior]
        lam2 = {"lasso": 0.0, "ridge": scale**-2, "elastic net": 0.5 / scale**2}[prior]
        w = theta[1:]
        residual = np.where(
            (w == 0) & (lam1 > 0),
            np.maximum(np.abs(slope[1:]) - lam1, 0.0),
            np.abs(slope[1:] - lam1 * np.sign(w) - lam2 * w),
        )
        unit = max(lam1, np.sqrt(lam2))
        assert residual.max() <= 1e-4 * unit
        assert abs(slope[0]) <= 1e-4 * unit
