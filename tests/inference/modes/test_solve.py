"""Every way to a mode leads to the same one, and what the tree says of it is so."""

import functools

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
import bayesglm.design.design as design_module
import bayesglm.design.past as past_module
from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes import matrix_free, router, solve
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.problem import open_problems

N = 3000
FAMILIES = ("bernoulli", "binomial", "poisson", "gaussian")


@functools.cache
def simulated():
    """Three thousand samples with a movie, trials of a binomial, and a small population."""
    rng = np.random.default_rng(0)
    X, movie = rng.normal(size=(N, 6)), rng.normal(size=(N, 3, 4))
    eta = X @ np.array([0.5, -0.3, 0.2, 0.0, 0.1, 0.4]) - 0.3 + 0.2 * movie[:, 1, 2]
    p, trials = 1 / (1 + np.exp(-eta)), rng.integers(1, 6, N)
    rows = {
        "offset": 0.2 * rng.normal(size=N),
        "weights": rng.choice([0.5, 1.0, 3.0], N),
        "trials": trials,
        "bernoulli": (rng.random(N) < p).astype(float),
        "binomial": rng.binomial(trials, p).astype(float),
        "poisson": rng.poisson(np.exp(eta)).astype(float),
        "gaussian": eta + rng.normal(size=N),
    }
    found = xr.Dataset({name: ("time", values) for name, values in rows.items()})
    found["X"] = (("time", "column"), X)
    found["movie"] = (("time", "row", "across"), movie)
    return found.assign_coords(time=0.01 * np.arange(N))


def model_of(family, terms=None, **options):
    options = {"offset": "offset", "weights": "weights", **options}
    if family == "binomial":
        options["trials"] = "trials"
    if family == "gaussian":
        options.setdefault("dispersion", 0.8)
    terms = bg.Linear("X", prior=bg.Normal(1.0)) if terms is None else terms
    return bg.GLM(family, terms, family=family, **options)


def force(monkeypatch, name):
    """Take one way whatever it costs."""
    monkeypatch.setattr(solve, "_route", lambda problem, objective, together: solve.ROUTES[name])


def thetas(fit, model, data):
    """Every neuron's parameters, in the order of theta."""
    found = []
    for k, problem in enumerate(open_problems(model, data)):
        theta = np.empty(problem.natural.size)
        for name, place in problem.places.items():
            values = fit["map"][name].values
            theta[place] = np.ravel(values[k] if problem.plan.population else values)
        theta[problem.natural.n_coefficients :] = np.log(theta[problem.natural.n_coefficients :])
        found.append((problem, theta))
    return found


def assert_same(one, other, model, data):
    """Equal in the log posterior to 1e-12, and as near to one another as the solvers promise.

    They end where the next step, s posterior sds long, promises s^2 < 1e-14 of 1 + |log posterior|.
    """
    pairs = zip(thetas(one, model, data), thetas(other, model, data), strict=True)
    for (problem, a), (_, b) in pairs:
        bend = -problem.natural.evaluate(b).hessian
        step = a - b
        promised = 1e-7 * np.sqrt(1.0 + abs(problem.natural.log_density(b[None])[0]))
        assert np.sqrt(step @ bend @ step) < 1.5 * promised
    assert one.attrs["log_posterior"] == pytest.approx(other.attrs["log_posterior"], rel=1e-12)


def assert_true_attrs(fit, model, data):
    """Assert that the attributes are what theta itself says."""
    value, norm = 0.0, 0.0
    for problem, theta in thetas(fit, model, data):
        objective = problem.natural
        value += objective.log_density(theta[None])[0]
        slope = objective.evaluate(theta).gradient
        residual = objective.kinks.residual(slope, theta - objective.kinks.at)
        norm = max(norm, np.linalg.norm(residual))
    assert fit.attrs["log_posterior"] == pytest.approx(value, rel=1e-11)
    # Solvers that go by passes tell it of the point one step before.
    assert norm <= 1.001 * fit.attrs["gradient_norm"] + 1e-6
    assert isinstance(fit.attrs["n_iter"], int)
    assert fit.attrs["n_iter"] >= 1


SMOOTH = {
    "newton": "newton",
    "sample": "quasi-newton",
    "matrix-free": "quasi-newton, matrix-free",
}


def ways(*names):
    """Every family by each of those ways, and the gaussian off its moments."""
    pairs = [(family, name) for family in FAMILIES for name in names]
    return pytest.mark.parametrize(("family", "way"), [*pairs, ("gaussian", "moments")])


@ways(*SMOOTH)
def test_every_way_to_a_smooth_mode(family, way, monkeypatch):
    data, model = simulated(), model_of(family)
    force(monkeypatch, "newton")
    known = bg.fit_map(model, data)
    assert known.attrs["solver"] == "newton"
    force(monkeypatch, way)
    found = bg.fit_map(model, data)
    assert_same(found, known, model, data)
    assert_true_attrs(found, model, data)
    assert found.attrs["solver"] == SMOOTH.get(way, "newton on moments")


@ways("newton", "sparse path", "active")
@pytest.mark.parametrize("prior", [bg.lasso(60.0), bg.elastic_net(40.0, 30.0)], ids=repr)
def test_every_way_to_a_mode_with_kinks(family, prior, way, monkeypatch):
    data = simulated()
    model = model_of(family, [bg.Linear("X", prior=prior), bg.Linear("movie", prior=prior)])
    force(monkeypatch, "newton")
    known = bg.fit_map(model, data)
    assert known.attrs["solver"] == "proximal newton"
    force(monkeypatch, way)
    found = bg.fit_map(model, data)
    assert_same(found, known, model, data)
    assert_true_attrs(found, model, data)
    for name in ("X", "movie"):
        np.testing.assert_array_equal(found["map"][name] == 0, known["map"][name] == 0)
    assert (found["map"]["movie"] == 0).any()
    solvers = {"sparse path": "proximal quasi-newton", "active": "active-set newton"}
    solvers["moments"] = "proximal newton on moments"
    assert found.attrs["solver"] == solvers.get(way, "proximal newton")


@pytest.mark.parametrize("way", ["sample", "matrix-free", "moments"])
def test_every_way_to_a_random_walk(way, monkeypatch):
    data = simulated()
    terms = [
        bg.Lagged("movie", lags=3, prior=bg.RandomWalk(0.1)),
        bg.Linear("X", prior=bg.RandomWalk(0.3, order=2)),
    ]
    family = "gaussian" if way == "moments" else "poisson"
    model = model_of(family, terms)
    force(monkeypatch, "newton")
    known = bg.fit_map(model, data)
    force(monkeypatch, way)
    found = bg.fit_map(model, data)
    assert_same(found, known, model, data)
    assert_true_attrs(found, model, data)


def test_a_learned_sigma_off_moments(monkeypatch):
    data, model = simulated(), model_of("gaussian", dispersion=bg.HalfNormal(1.0))
    found = bg.fit_map(model, data)
    assert found.attrs["solver"] == "newton on moments"
    force(monkeypatch, "newton")
    assert_same(found, bg.fit_map(model, data), model, data)
    assert_true_attrs(found, model, data)


def test_the_costs_choose(monkeypatch):
    """The figures that stand for the machine lead to each of the ways."""
    data = simulated()
    smooth, kinked = model_of("poisson"), model_of("poisson", prior=bg.lasso(5.0), terms=["X"])

    def solver(model, data=data):
        return bg.fit_map(model, data).attrs["solver"]

    assert solver(smooth) == "newton"
    assert solver(kinked) == "proximal newton"
    assert solver(kinked, data.isel(time=slice(20))) == "active-set newton"
    assert solver(model_of("gaussian")) == "newton on moments"
    monkeypatch.setattr(router, "LEAST_SAMPLE", 200)
    monkeypatch.setattr(router, "GRAM", 1e6)
    assert solver(smooth) == "quasi-newton"
    assert solver(kinked) == "proximal quasi-newton"
    monkeypatch.setattr(router, "MOST_KEPT", 5)
    assert solver(smooth) == "quasi-newton, matrix-free"
    assert solver(model_of("gaussian")) == "quasi-newton, matrix-free"


def population(family, rng, own=()):
    """Five neurons on the movie; what is in ``own`` each neuron has for itself."""
    data = simulated()
    eta = data["X"].values @ (0.3 * rng.normal(size=(6, 5))) - 0.2
    dims, p = ("time", "neuron"), 1 / (1 + np.exp(-eta))
    tries = rng.integers(1, 6, (N, 5)) if "trials" in own else data["trials"].values[:, None]
    cells = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "binomial": lambda: rng.binomial(tries, p),
        "gaussian": lambda: eta + rng.normal(size=eta.shape),
    }[family]()
    found = data.assign(cells=(dims, cells.astype(float)))
    if "trials" in own:
        found["trials"] = (dims, tries)
    if "weights" in own:
        found["weights"] = (dims, rng.choice([0.0, 0.5, 2.0], (N, 5)))
    if "offset" in own:
        found["offset"] = (dims, 0.2 * rng.normal(size=(N, 5)))
    return found


@pytest.mark.parametrize("own", [(), ("weights", "trials", "offset")], ids=["shared", "own"])
@pytest.mark.parametrize("family", ["poisson", "binomial", "gaussian"])
def test_a_population_by_a_sample_is_each_neuron_by_newton(family, own, monkeypatch):
    data = population(family, np.random.default_rng(2), own)
    scales = np.array([0.1, 0.3, 1.0, 3.0, 10.0])

    def model_with(prior):
        options = {"trials": "trials"} if family == "binomial" else {}
        if family == "gaussian":
            options["dispersion"] = 0.9
        terms = bg.Linear("X", prior=prior)
        return bg.GLM("cells", terms, family, offset="offset", weights="weights", **options)

    model = model_with(bg.Normal(scales[:, None], loc=0.1))
    force(monkeypatch, "sample")
    together = bg.fit_map(model, data)
    assert together.attrs["solver"] == "quasi-newton"
    assert_true_attrs(together, model, data)
    force(monkeypatch, "newton")
    assert_same(together, bg.fit_map(model, data), model, data)
    total = 0.0
    for k, scale in enumerate(scales):
        one = data.isel(neuron=k)
        alone = bg.fit_map(model_with(bg.Normal(scale, loc=0.1)), one)
        total += alone.attrs["log_posterior"]
        for name in ("intercept", "X"):
            np.testing.assert_allclose(
                together["map"][name].isel(neuron=k), alone["map"][name], atol=1e-7
            )
    assert together.attrs["log_posterior"] == pytest.approx(total, rel=1e-9)


def test_a_sample_of_few_rows_to_a_coefficient(monkeypatch):
    # Forty rows to a coefficient are more than there are.
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 40))
    data = {"y": rng.poisson(np.exp(X @ rng.normal(size=40) * 0.1)), "X": X}
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(1.0)), "poisson")
    force(monkeypatch, "newton")
    known = bg.fit_map(model, data)
    force(monkeypatch, "sample")
    found = bg.fit_map(model, data)
    assert_same(found, known, model, data)


@pytest.mark.parametrize(
    ("way", "kept"),
    [("sample", 6000), ("matrix-free", 6000), ("matrix-free", 0), ("newton", 6000)],
)
def test_separated_data_end_in_the_error_that_names_the_columns(way, kept, monkeypatch):
    monkeypatch.setattr(matrix_free, "MOST_KEPT", kept)
    data = simulated()
    x = data["X"].values.copy()
    x[:, 2] = data["bernoulli"] * (1.0 + x[:, 2] ** 2)
    model = model_of("bernoulli", bg.Linear("X", prior=bg.Flat()), offset=None, weights=None)
    force(monkeypatch, way)
    with pytest.raises(bg.DataError, match=r"data are separated.*'X\[column=2\]'.* go to infinity"):
        bg.fit_map(model, data.assign(X=(("time", "column"), x)))


def test_one_separated_neuron_of_many_is_named(monkeypatch):
    data = population("poisson", np.random.default_rng(3))
    cells = data["cells"].values.copy()
    x = data["X"].values.copy()
    x[:, 4] = np.arange(N) % 100 == 0
    cells[x[:, 4] == 1, 3] = 0
    data = data.assign(cells=(("time", "neuron"), cells), X=(("time", "column"), x))
    model = bg.GLM("cells", bg.Linear("X", prior=bg.Flat()), "poisson")
    force(monkeypatch, "sample")
    with pytest.raises(bg.DataError, match=r"separated \(neuron=3\).*'X\[column=4\]'"):
        bg.fit_map(model, data)


@pytest.mark.parametrize("small", [2_000_000, 0])
@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_float32_predictors_are_the_same_numbers_in_float64(family, small, monkeypatch):
    monkeypatch.setattr(design_module, "SMALL", small)
    data = simulated()
    terms = [
        bg.Linear("X", prior=bg.Normal(1.0)),
        bg.Lagged("movie", lags=3, prior=bg.RandomWalk(0.3)),
    ]
    model = model_of(family, terms)
    single = data.assign({name: data[name].astype(np.float32) for name in ("X", "movie")})
    double = single.assign({name: single[name].astype(np.float64) for name in ("X", "movie")})
    one, other = bg.fit_map(model, single), bg.fit_map(model, double)
    for name in ("intercept", "X", "movie"):
        np.testing.assert_allclose(one["map"][name], other["map"][name], rtol=1e-12, atol=1e-14)
    for name in ("log_posterior", "n_iter"):
        assert one.attrs[name] == pytest.approx(other.attrs[name], rel=1e-12)


@pytest.mark.parametrize("way", ["sample", "sparse path", "active"])
@pytest.mark.parametrize("scale", [1e20, 1e39, 1e-39])
def test_columns_beyond_single_precision(scale, way, monkeypatch):
    data = simulated()
    prior = bg.Normal if way == "sample" else bg.Laplace
    force(monkeypatch, way)
    found = []
    for s in (scale, 1.0):
        model = model_of("poisson", bg.Linear("X", prior=prior(0.1 / s)))
        fit = bg.fit_map(model, data.assign(X=data["X"] * s))
        found.append(fit["map"]["X"].values * s)
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("edges", ["drop", "zero"])
@pytest.mark.parametrize("way", ["newton", "sample", "matrix-free"])
def test_a_movie_by_shifts_is_the_movie_laid_out(way, edges, monkeypatch):
    data = simulated().assign_coords(
        trial=("time", np.repeat([0, 1, 2], [700, 1300, 1000])),
        time=("time", 0.01 * np.concatenate([np.arange(k) for k in (700, 1300, 1000)])),
    )
    term = bg.Lagged("movie", lags=(-2, 3), prior=bg.RandomWalk(0.2))
    # Rows of no weight leave gaps among the others.
    weights = data["weights"].where(data["X"][:, 0] < 1.0, 0.0)
    model = model_of("poisson", [term, bg.Linear("X", prior=bg.Normal(1.0))], edges=edges)
    data = data.assign(weights=weights)
    force(monkeypatch, "newton")
    laid_out = bg.fit_map(model, data)
    monkeypatch.setattr(design_module, "SMALL", 0)
    assert not open_problems(model, data)[0].design.predictors._keeps_all
    assert past_module.SHIFTED_FEATURES <= 12
    force(monkeypatch, way)
    found = bg.fit_map(model, data)
    assert_same(found, laid_out, model, data)
    assert_true_attrs(found, model, data)


@pytest.mark.parametrize("way", ["newton", "sample", "matrix-free"])
def test_members_with_a_past_of_their_own_are_those_fitted_apart(way, monkeypatch):
    """One pass over the rows serves all, and each climbs as it would alone."""
    rng = np.random.default_rng(2)
    n, k = 9000, 3
    x = rng.normal(size=n)
    spikes = rng.poisson(np.exp(0.3 * x - 1.0)[:, None] * np.ones(k)).astype(float)
    data = xr.Dataset({"spikes": (("time", "neuron"), spikes), "x": ("time", x)})
    terms = [bg.Lagged("x", lags=5, prior=bg.Normal(0.5)), bg.History(6, prior=bg.Normal(0.2))]
    model = bg.GLM("spikes", terms, family="poisson")
    together = []

    def counted(problems, objectives):
        together.append(len(problems))
        return solve.ROUTES[way](problems, objectives)

    monkeypatch.setattr(solve, "_route", lambda *anything: counted)
    fitted = bg.fit_map(model, data)["map"]
    assert together == [k]
    for neuron in range(k):
        alone = bg.fit_map(model, data.isel(neuron=neuron))["map"]
        for name in ("intercept", "x", "history"):
            both = fitted[name][neuron], alone[name]
            np.testing.assert_allclose(*both, rtol=0, atol=1e-8, err_msg=name)


def test_a_member_without_a_mode_leaves_the_others_theirs(monkeypatch):
    rng = np.random.default_rng(2)
    spikes = rng.poisson(0.3, (4000, 3)).astype(float)
    spikes[:, 1] = 0.0
    spikes[10, 1] = 1.0
    data = xr.Dataset({"spikes": (("time", "neuron"), spikes)})
    model = bg.GLM("spikes", bg.History(lags=3, prior=bg.Flat()), family="poisson")
    problems = [one.problem for one in centred_all(open_problems(model, data))]
    force(monkeypatch, "sample")
    found = solve.maximise_all(problems)
    for which in (0, 2):
        alone = solve.maximise_all([problems[which]])[0]
        np.testing.assert_allclose(found[which].x, alone.x, atol=1e-8)
    assert isinstance(found[1], ConvergenceError)


@pytest.mark.parametrize("reference", ["a", None])
def test_a_sample_leads_to_the_mode_of_levels(reference, monkeypatch):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, 4))
    eta = X @ rng.normal(size=(4, 3))
    label = np.array(["a", "b", "c"])[(eta + rng.gumbel(size=eta.shape)).argmax(axis=1)]
    data = {"label": label, "X": X, "w": rng.choice([0.5, 1.0, 3.0], N)}
    terms = bg.Linear("X", prior=bg.Normal(1.0))
    model = bg.GLM("label", terms, family="categorical", reference=reference, weights="w")
    force(monkeypatch, "newton")
    known = bg.fit_map(model, data)
    force(monkeypatch, "sample")
    found = bg.fit_map(model, data)
    assert found.attrs["solver"] == "quasi-newton"
    assert found.attrs["n_iter"] <= 3  # of the last climb, from where the curvature is all but so
    for name in ("intercept", "X"):
        np.testing.assert_allclose(found["map"][name], known["map"][name], atol=1e-6)
    assert found.attrs["log_posterior"] == pytest.approx(known.attrs["log_posterior"], rel=1e-12)


@pytest.mark.parametrize("family", ["negative_binomial", "gamma"])
def test_a_sample_starts_the_search_for_a_dispersion(family, monkeypatch):
    rng, n = np.random.default_rng(8), 30_000
    X = rng.normal(size=(n, 3))
    mean, mixed = np.exp(X @ [0.4, -0.3, 0.2]), rng.gamma(2.0, size=n) / 2.0
    y = rng.poisson(mean * mixed) if family == "negative_binomial" else mean * mixed
    data = {"y": y, "X": X, "w": rng.choice([0.5, 1.0, 3.0], n)}
    model = bg.GLM("y", bg.Linear("X", prior=bg.Flat()), family, weights="w")
    known = bg.fit_map(model, data)
    monkeypatch.setattr(router, "LEAST_SAMPLE", 3000)
    found = bg.fit_map(model, data)
    assert found.attrs["n_iter"] < known.attrs["n_iter"]
    for name in ("intercept", "X", "alpha"):
        np.testing.assert_allclose(found["map"][name], known["map"][name], rtol=1e-8)
    assert found.attrs["log_posterior"] == pytest.approx(known.attrs["log_posterior"], rel=1e-13)
