"""Varying effects: the same model written otherwise gives the same answers."""

import numpy as np
import pytest
import xarray as xr
from families import OF_NUMBERS, drawn
from scipy import stats

import bayesglm as bg
from bayesglm.inference.modes.router import MOST_KEPT
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of
from bayesglm.spec.families import FAMILY_NAMES

N, LEVELS = 200, 7
FAMILIES = sorted(OF_NUMBERS)


def simulate(seed=0):
    """Return responses of every family with varying intercepts and slopes, and predictors."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, LEVELS, N)
    x, v = rng.normal(size=(2, N))
    eta = (
        0.2 + 0.4 * x + (0.6 * rng.normal(size=LEVELS))[g] + (0.3 * rng.normal(size=LEVELS))[g] * x
    )
    trials = rng.integers(1, 6, N)
    p = 1 / (1 + np.exp(-eta))
    responses = {name: drawn(name, eta, trials) for name in OF_NUMBERS}
    return responses | {
        "x": x,
        "v": v,
        "g": np.array(["g", "B", "aa", "d", "c", "e", "F"])[g],
        "h": rng.integers(0, 3, N) * 10,
        "trials": trials,
        "w": rng.choice([1.0, 2.0, 3.0], N),
        "gaussian": eta + 0.5 * rng.normal(size=N),
        "poisson": rng.poisson(np.exp(eta)),
        "bernoulli": (rng.random(N) < p).astype(int),
        "binomial": rng.binomial(trials, p),
    }


DATA = simulate()


def glm(family, terms, **options):
    if FAMILY_NAMES[family].needs_trials:
        options["trials"] = "trials"
    return bg.GLM(family, terms, family=family, **options)


def with_dummies(data, factor, slopes=()):
    """Add the columns that a factor's effects stand for: effect-major, levels in order."""
    dummies = np.equal.outer(data[factor], np.unique(data[factor])).astype(float)
    columns = [dummies * data[name][:, None] for name in slopes]
    return {**data, "dummies": np.hstack([dummies, *columns])}


# Directions may have several modes; which one is found depends on where the search starts, and that
# on how often each row is there.
OF_ONE_MODE = [family for family in FAMILIES if not FAMILY_NAMES[family].circular]
PRIORS = {
    "Normal": bg.Normal([[0.5], [0.3]], loc=0.1),
    "Laplace": bg.Laplace([[0.2], [0.1]]),
    "ElasticNet": bg.ElasticNet(0.2, ratio=0.4),
}


def flattened(prior):
    """The same prior for coefficients that stand in a row."""
    if not isinstance(prior.scale, tuple):
        return prior
    return type(prior)(np.repeat(np.ravel(prior.scale), LEVELS), loc=prior.loc)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_map_of_a_group_is_that_of_its_dummies(family, prior):
    group = bg.Group("g", slopes="x", prior=PRIORS[prior])
    dummies = bg.Linear("dummies", prior=flattened(PRIORS[prior]))
    other = bg.Group("h", prior=bg.Normal(0.4))
    options = {"weights": "w", "prior": bg.Normal(1.0)}
    one = bg.fit_map(glm(family, ["x", group, other], **options), DATA)
    data = with_dummies(DATA, "g", ["x"])
    two = bg.fit_map(glm(family, ["x", dummies, other], **options), data)
    assert one.attrs["log_posterior"] == pytest.approx(two.attrs["log_posterior"], rel=1e-12)
    np.testing.assert_allclose(one["map"]["g"].values.ravel(), two["map"]["dummies"], atol=1e-8)
    for name in ("intercept", "x", "h"):
        np.testing.assert_allclose(one["map"][name], two["map"][name], atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_posterior_of_a_group_is_that_of_its_dummies(family):
    group, dummies = (
        bg.Group("g", prior=bg.Normal(0.5)),
        bg.Linear("dummies", prior=bg.Normal(0.5)),
    )
    # Directions of little concentration say so little that only priors make a posterior normal.
    tight = {"intercept": bg.Normal(0.3), "prior": bg.Normal(0.3)}
    options = tight if FAMILY_NAMES[family].circular else {}
    settings = {"draws": 200, "chains": 2}
    one = bg.fit_laplace(glm(family, ["x", group], **options), DATA, **settings)
    data = with_dummies(DATA, "g")
    two = bg.fit_laplace(glm(family, ["x", dummies], **options), data, **settings)
    np.testing.assert_allclose(one["laplace"]["sd"], two["laplace"]["sd"], rtol=1e-7)
    np.testing.assert_allclose(one["posterior"]["g"], two["posterior"]["dummies"], atol=1e-6)


def test_flat_effects_are_the_maximum_likelihood_fit_of_statsmodels():
    import statsmodels.api as sm

    flat = bg.Flat()
    model = glm("poisson", [bg.Group("g", slopes="x", prior=flat)], intercept=None)
    found = bg.fit_map(model, DATA)
    columns = with_dummies(DATA, "g", ["x"])["dummies"]
    expected = sm.GLM(DATA["poisson"], columns, family=sm.families.Poisson()).fit(tol=1e-12)
    np.testing.assert_allclose(found["map"]["g"].values.ravel(), expected.params, atol=1e-8)
    assert found.attrs["log_posterior"] == pytest.approx(expected.llf, rel=1e-12)


def test_normal_effects_are_the_best_linear_unbiased_predictions():
    """Henderson's mixed-model equations, solved apart: X b + Z u with known variances."""
    sigma, tau = 0.5, 0.6
    terms = ["x", bg.Group("g", prior=bg.Normal(tau))]
    model = glm("gaussian", terms, prior=bg.Flat(), dispersion=sigma)
    found = bg.fit_map(model, DATA)["map"]
    X = np.column_stack([np.ones(N), DATA["x"]])
    Z = with_dummies(DATA, "g")["dummies"]
    V = sigma**2 * np.eye(N) + tau**2 * Z @ Z.T
    y = DATA["gaussian"]
    b = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, y))
    u = tau**2 * Z.T @ np.linalg.solve(V, y - X @ b)
    np.testing.assert_allclose([found["intercept"], found["x"]], b, atol=1e-9)
    np.testing.assert_allclose(found["g"], u, atol=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_rows_in_any_order_and_levels_by_any_name(family):
    terms = [bg.Group("g", slopes="x", prior=bg.Normal(0.5)), bg.Group("h", prior=bg.Normal(0.4))]
    model = glm(family, terms)
    one = bg.fit_map(model, DATA)["map"].to_dataset()
    order = np.random.default_rng(1).permutation(N)
    two = bg.fit_map(model, {name: values[order] for name, values in DATA.items()})
    xr.testing.assert_allclose(two["map"].to_dataset(), one, atol=1e-9)
    again = {word: f"{9 - k} {word}" for k, word in enumerate(np.unique(DATA["g"]))}
    renamed = {**DATA, "g": np.array([again[word] for word in DATA["g"]])}
    three = bg.fit_map(model, renamed)["map"].to_dataset()
    assert list(three["g_level"].values) == sorted(again.values())
    three = three.sel(g_level=[again[word] for word in one["g_level"].values])
    np.testing.assert_allclose(three["g"], one["g"], atol=1e-9)


@pytest.mark.parametrize("family", OF_ONE_MODE)
def test_a_weight_is_the_row_that_often(family):
    terms = ["x", bg.Group("g", slopes="x", prior=bg.Normal(0.5))]
    counts = DATA["w"].astype(int)
    repeated = {name: np.repeat(values, counts) for name, values in DATA.items()}
    options = {"prior": bg.Normal(1.0)}
    if family == "gaussian":
        options["dispersion"] = bg.HalfNormal(1.0)
    one = bg.fit_map(glm(family, terms, weights="w", **options), DATA)
    two = bg.fit_map(glm(family, terms, **options), repeated)
    assert one.attrs["log_posterior"] == pytest.approx(two.attrs["log_posterior"], rel=1e-12)
    xr.testing.assert_allclose(one["map"].to_dataset(), two["map"].to_dataset(), atol=1e-8)


def test_a_level_of_no_weight_is_its_prior():
    """It has nothing to say: the others' estimates are those without it."""
    data = {**DATA, "w": (DATA["g"] != "aa").astype(float)}
    terms = [bg.Group("g", prior=bg.Normal(0.5, loc=0.2))]
    one = bg.fit_map(glm("poisson", terms, weights="w"), data)
    kept = DATA["g"] != "aa"
    two = bg.fit_map(glm("poisson", terms), {name: v[kept] for name, v in DATA.items()})
    assert float(one["map"]["g"].sel(g_level="aa")) == pytest.approx(0.2, abs=1e-9)
    rest = one["map"]["g"].sel(g_level=two["map"]["g_level"].values)
    np.testing.assert_allclose(rest, two["map"]["g"], atol=1e-9)
    extra = stats.norm.logpdf(0.2, 0.2, 0.5)
    assert one.attrs["log_posterior"] == pytest.approx(two.attrs["log_posterior"] + extra)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_population_is_its_neurons_one_by_one(family):
    rng = np.random.default_rng(2)
    cells = np.column_stack([DATA[family], rng.permutation(DATA[family])])
    own = rng.normal(size=(N, 2))
    options = {"family": family, "prior": bg.Normal(1.0)}
    if family == "gaussian":
        options["dispersion"] = bg.HalfNormal(1.0)
    group = bg.Group("g", slopes=("x", "own"), prior=bg.Normal(0.5))
    other = bg.Group("h", prior=bg.Normal(0.4))
    dataset = xr.Dataset({name: ("obs", values) for name, values in DATA.items()})
    dataset["cells"] = (("obs", "neuron"), cells)
    dataset["own"] = (("obs", "neuron"), own)
    together = bg.fit_map(bg.GLM("cells", ["v", group, other], **options), dataset)["map"]
    assert together["g"].dims == ("neuron", "g_effect", "g_level")
    for k in range(2):
        alone = bg.fit_map(
            bg.GLM("y", ["v", group, other], **options),
            {**DATA, "y": cells[:, k], "own": own[:, k]},
        )["map"]
        for name in ("intercept", "v", "g", "h"):
            np.testing.assert_allclose(together[name][k], alone[name], atol=1e-7)


def test_more_levels_than_a_matrix_is_kept_for():
    """Each level by itself: its mean, drawn to zero by sigma^2/tau^2 samples."""
    rng = np.random.default_rng(6)
    n, sigma, tau = 20_000, 0.8, 0.6
    codes = np.r_[np.arange(MOST_KEPT + 1), rng.integers(0, MOST_KEPT + 1, n - MOST_KEPT - 1)]
    y = rng.normal(size=n)
    group = bg.Group("g", prior=bg.Normal(tau))
    model = bg.GLM("y", group, intercept=None, dispersion=sigma)
    found = bg.fit_map(model, {"y": y, "g": codes})
    assert found.attrs["solver"] == "newton, levels eliminated"
    expected = np.bincount(codes, y) / (np.bincount(codes) + (sigma / tau) ** 2)
    np.testing.assert_allclose(found["map"]["g"], expected, atol=1e-8)


def test_neighbouring_levels_are_not_taken_for_alike():
    """No waves are laid over a factor's levels, whose order means nothing."""
    model = glm("poisson", [bg.Group("g", slopes="x"), bg.Linear("film", prior=bg.Normal(1.0))])
    problem = open_problems(model, {**DATA, "film": np.zeros((N, 5))})[0]
    start = problem.start(problem.natural)
    waves = {part.where: part.given(start).waves() for part in problem.natural.coefficients}
    assert waves[problem.places["g"]] == []
    assert [one.size for one in waves[problem.places["film"]]] == [5]


def test_one_level_and_as_many_levels_as_rows():
    for labels, size in ((np.zeros(N, int), 1), (np.arange(N), N)):
        data = {**DATA, "g": labels}
        for family in ("poisson", "bernoulli"):
            found = bg.fit_map(glm(family, ["x", bg.Group("g", prior=bg.Normal(0.5))]), data)
            assert found["map"]["g"].shape == (size,)
            assert found.attrs["gradient_norm"] < 1e-4
    model = glm("gaussian", ["x", bg.Group("g", prior=bg.Normal(0.5))])
    with pytest.raises(bg.ModelError, match="can pass through every response"):
        bg.fit_map(model, {**DATA, "g": np.arange(N)})


@pytest.mark.parametrize(
    ("factor", "column"), [("g", r"g\[g_level=g\]"), ("same", r"same\[same_level=0\]")]
)
def test_flat_effects_beside_an_intercept_are_collinear(factor, column):
    model = glm("poisson", [bg.Group(factor, prior=bg.Flat())])
    with pytest.raises(bg.DataError, match=rf"under Flat priors the columns '{column}'"):
        bg.fit_map(model, {**DATA, "same": np.zeros(N, int)})


LEARNED = {
    "group": (bg.Group("g"), "'g_scale'"),
    "effects": (bg.Group("g", slopes="x"), "'g_scale'"),
    "linear": (bg.Linear("x", prior=bg.Laplace(bg.HalfNormal(1.0))), "'x_scale'"),
    "horseshoe": (
        bg.Linear("x", prior=bg.Horseshoe(1.0)),
        "'x_scale', 'x_local', 'x_slab'",
    ),
}


@pytest.mark.parametrize("case", LEARNED)
def test_no_map_where_a_scale_is_learned(case):
    term, names = LEARNED[case]
    message = f"learned scale {names}: .* no joint mode. Use fit .*tune_prior .*a number"
    with pytest.raises(bg.ModelError, match=message):
        bg.fit_map(glm("poisson", term), DATA)


def test_names_of_parameters_and_their_places():
    terms = [
        bg.Group("g", slopes=("x", "v"), name="b"),
        bg.Group("h"),
        bg.Linear(("x", "v"), name="k", prior=bg.Horseshoe(0.5)),
    ]
    problem = open_problems(glm("gaussian", terms), DATA)[0]
    labels = problem.labels()
    assert len(labels) == problem.natural.size == 1 + 3 * LEVELS + 3 + 2 + 1 + 3 + 1 + 1 + 2 + 1
    own = {name: labels[where] for name, where in problem.places.items()}
    assert own["intercept"] == ["intercept"]
    assert own["b"][:2] == ["b[b_effect=intercept, b_level=B]", "b[b_effect=intercept, b_level=F]"]
    assert own["sigma"] == ["sigma"]
    assert own["b_scale"] == [f"b_scale[b_effect={name}]" for name in ("intercept", "x", "v")]
    assert own["h"] == [f"h[h_level={level}]" for level in (0, 10, 20)]
    assert (own["h_scale"], own["k_scale"], own["k_slab"]) == (["h_scale"], ["k_scale"], ["k_slab"])
    assert own["k_local"] == ["k_local[k_column=x]", "k_local[k_column=v]"]


@pytest.mark.parametrize("population", [False, True])
def test_thetas_survive_their_names(population):
    """From draws to named variables and back, scales of every shape included."""
    from bayesglm.inference.tree.estimates import map_tree

    data = dict(DATA)
    if population:
        data["poisson"] = np.column_stack([DATA["poisson"]] * 2)
    terms = [
        bg.Group("g", slopes="x"),
        bg.Group("h", prior=bg.Normal(0.4)),
        bg.Linear(("x", "v"), name="k", prior=bg.Horseshoe(0.5)),
    ]
    problems = open_problems(glm("poisson", terms), data)
    rng = np.random.default_rng(5)
    thetas = [rng.normal(size=problem.natural.size) for problem in problems]
    tree = map_tree(problems, thetas, {"method": "map"})
    for found, theta in zip((one.theta for one in kept_of(tree, problems)), thetas, strict=True):
        np.testing.assert_allclose(found[0], theta, rtol=1e-12)
    lead = ("poisson_dim_0",) if population else ()
    dims = {str(name): variable.dims for name, variable in tree["map"].data_vars.items()}
    assert dims == {
        "intercept": lead,
        "g": (*lead, "g_effect", "g_level"),
        "g_scale": (*lead, "g_effect"),
        "h": (*lead, "h_level"),
        "k": (*lead, "k_column"),
        "k_scale": lead,
        "k_local": (*lead, "k_column"),
        "k_slab": lead,
    }
    assert tree["map"]["g_effect"].values.tolist() == ["intercept", "x"]
    assert tree["map"]["g_level"].values.tolist() == np.unique(DATA["g"]).tolist()
    assert np.all(tree["map"]["g_scale"] > 0)
