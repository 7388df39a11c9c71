"""The native engine and PyMC say the same of every family, link, prior and term."""

from dataclasses import replace
from itertools import cycle

import mpmath
import numpy as np
import pymc as pm
import pytest
from conftest import simulate
from families import EXACT_KEYS, KEYS, LINKS, exact_terms, model_of, phi_of, responses_of
from priors import OF_SCALES, known, prior_of, with_learned_scale
from terms import OF_EVERY_KIND, sample_data
from twins import compare

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.priors import COEFFICIENT_PRIORS

PRIORS = (
    bg.Normal(0.7, loc=0.2),
    bg.Laplace(0.4, loc=-0.1),
    bg.Flat(),
    bg.ElasticNet(0.7, ratio=0.3, loc=0.1),
)
TERMS = {
    "scalar": lambda prior: bg.Linear("x", prior=prior),
    "columns": lambda prior: bg.Linear(("x", "z"), name="columns", prior=prior),
    "image": lambda prior: bg.Linear("movie", name="image", prior=prior),
    "lagged": lambda prior: bg.Lagged("x", lags=(-1, 3), name="lagged", prior=prior),
    "lagged movie": lambda prior: bg.Lagged("movie", lags=2, name="lagged_movie", prior=prior),
    "history": lambda prior: bg.History(lags=3, prior=prior),
}


# Priors and columns meet in eta, which is all that a likelihood sees of them: every pair of term
# and prior stands in one of four models that hold all terms (terms add up in eta), and the families
# take turns with them, two terms a model.
@pytest.mark.parametrize("turn", range(len(PRIORS)))
def test_every_term_and_prior(turn, data):
    terms = [
        make(PRIORS[(place + turn) % len(PRIORS)]) for place, make in enumerate(TERMS.values())
    ]
    compare(model_of(("poisson", "log"), terms), data)


@pytest.mark.parametrize(("place", "key"), [*enumerate(KEYS)], ids=str)
def test_every_family_and_link(place, key, data):
    makers = list(TERMS.values())
    terms = [makers[k % len(TERMS)](PRIORS[k % len(PRIORS)]) for k in (place, place + 3)]
    compare(model_of(key, terms, offset="offset", weights="weights"), data)


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_every_term_alone(term):
    term = replace(term, prior=bg.Normal(0.5))
    compare(model_of(("poisson", "log"), [term]), sample_data())


@pytest.mark.parametrize("kind", known(COEFFICIENT_PRIORS))
def test_every_prior_with_numbers_and_with_a_learned_scale(kind, data):
    terms = [bg.Linear("movie", prior=prior_of(kind))]
    learned = with_learned_scale(kind, bg.HalfNormal(0.7))
    if learned is not None:
        terms.append(bg.Lagged("x", lags=3, name="lagged", prior=learned))
    compare(model_of(("poisson", "log"), terms), data, spread=0.1)


@pytest.mark.parametrize("above", OF_SCALES, ids=repr)
def test_every_prior_of_a_learned_scale(above, data):
    compare(model_of(("poisson", "log"), [bg.Linear("movie", prior=bg.Normal(above))]), data)


@pytest.mark.parametrize(
    ("dispersion", "link"),
    [*zip([*OF_SCALES, bg.Flat(), 0.8, None], cycle(FAMILY_NAMES["gaussian"].links), strict=False)],
    ids=repr,
)
def test_every_dispersion(dispersion, link, data):
    model = bg.GLM("gaussian", "x", link=link, prior=bg.Normal(1.0), dispersion=dispersion)
    compare(model, data)


BETWEEN_ENDS = [
    (family, name)
    for family, words in FAMILY_NAMES.items()
    for name in words.dispersions
    if np.isfinite(words.range_of(name)).all()
]


@pytest.mark.parametrize(("family", "name"), BETWEEN_ENDS)
def test_a_flat_prior_between_ends_leaves_neither(family, name, data):
    flat = bg.GLM(family, "x", family=family, prior=bg.Normal(1.0), dispersion={name: bg.Flat()})
    compare(flat, data)
    drawn = bg.to_pymc(flat, data)[name]
    low, high = FAMILY_NAMES[family].range_of(name)
    values = pm.draw(drawn, 200, random_seed=0)
    assert low < values.min() < values.max() < high


@pytest.mark.parametrize("intercept", [None, bg.Normal(1.0, loc=0.5), bg.Laplace(2.0)], ids=repr)
def test_every_intercept(intercept, data):
    compare(bg.GLM("poisson", "x", family="poisson", intercept=intercept), data)


@pytest.mark.parametrize("prior", [bg.Normal, bg.Laplace, bg.ElasticNet])
def test_array_scales_and_locs(prior, data):
    scales = np.linspace(0.2, 2.0, 6).reshape(2, 3)
    term = bg.Linear("movie", prior=prior(scales, loc=0.1 * scales))
    lagged = bg.Lagged("movie", lags=4, name="lagged", prior=prior(scales, loc=[0.1, 0.2, 0.3]))
    compare(bg.GLM("poisson", [term, lagged], family="poisson"), data)


WALKS = {
    "lags": lambda: bg.Lagged("x", lags=(-1, 3), name="k", prior=bg.RandomWalk(0.5)),
    "curved lags": lambda: bg.Lagged("x", lags=5, name="k", prior=bg.RandomWalk(0.5, order=2)),
    "history": lambda: bg.History(lags=4, prior=bg.RandomWalk(0.2, order=3)),
    "columns": lambda: bg.Linear(("x", "z"), name="k", prior=bg.RandomWalk(2.0)),
    "image": lambda: bg.Linear("movie", prior=bg.RandomWalk(0.5)),
    "lags of a movie": lambda: bg.Lagged(
        "movie", lags=4, prior=bg.RandomWalk(0.5, order=2, dims="lag")
    ),
    "space of a movie": lambda: bg.Lagged(
        "movie", lags=2, prior=bg.RandomWalk(0.5, dims=("width", "height"))
    ),
    "all of a movie": lambda: bg.Lagged("movie", lags=3, prior=bg.RandomWalk(0.5)),
    "a scale per pixel": lambda: bg.Lagged(
        "movie", lags=3, prior=bg.RandomWalk(np.linspace(0.2, 2.0, 6).reshape(2, 3), dims="lag")
    ),
    "a scale per row": lambda: bg.Linear(
        "movie", prior=bg.RandomWalk([[0.3], [1.5]], order=2, dims="width")
    ),
}


@pytest.mark.parametrize("walk", WALKS)
def test_random_walks(walk, data):
    term = WALKS[walk]()
    model = bg.GLM("poisson", [term, "z"], family="poisson", prior=bg.Normal(1.0))
    compare(model, data)
    made = bg.to_pymc(model, data)
    assert f"{term.label}_walk" in {potential.name for potential in made.potentials}


@pytest.mark.parametrize("scale", ["one", "per neuron", "per neuron and row"])
def test_random_walks_of_a_population(scale, data):
    rng = np.random.default_rng(6)
    data = data.assign(cells=(("time", "neuron"), rng.poisson(1.0, (40, 3))))
    scales = {
        "one": 0.5,
        "per neuron": np.array([0.2, 1.0, 3.0])[:, None, None],
        "per neuron and row": np.linspace(0.2, 2.0, 6).reshape(3, 2, 1),
    }
    terms = [
        bg.Linear("movie", prior=bg.RandomWalk(scales[scale], dims="width")),
        bg.Lagged("x", lags=3, prior=bg.RandomWalk(0.5, order=2)),
        bg.Linear("z", prior=bg.ElasticNet([0.3, 1.0, 2.0], ratio=[0.1, 0.5, 0.9], loc=0.1)),
    ]
    compare(bg.GLM("cells", terms, family="poisson"), data)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_populations(family, own):
    rng = np.random.default_rng(3)
    data = simulate()
    counts = rng.poisson(1.0, (40, 3)) + (
        0.1 * rng.normal(size=(40, 3)) if family != "poisson" else 0
    )
    data["cells"] = (("time", "neuron"), counts)
    data["input"] = (("neuron", "time"), rng.normal(size=(3, 40)))
    data["gain"] = (("time", "neuron"), 0.1 * rng.normal(size=(40, 3)))
    terms = [bg.Lagged("movie", lags=2), "x"]
    options = {}
    if own:
        terms += ["input", bg.History(lags=2)]
        options["offset"] = "gain"
    model = bg.GLM("cells", terms, family=family, **options)
    compare(model, data)
    made = bg.to_pymc(model, data)
    assert made.named_vars_to_dims["x"] == ("neuron",)
    assert made.named_vars_to_dims["movie"] == ("neuron", "movie_lag", "height", "width")


def test_a_population_of_own_trials_weights_and_priors(data):
    rng = np.random.default_rng(4)
    trials = rng.integers(1, 5, (40, 3))
    own = {
        "cells": rng.binomial(trials, 0.4),
        "tries": trials,
        "counted": rng.choice([0.0, 0.5, 1.0, 2.0], (40, 3)),
    }
    data = data.assign({name: (("time", "neuron"), values) for name, values in own.items()})
    per_neuron = np.array([0.3, 1.0, 3.0])
    terms = [
        bg.Linear("x", prior=bg.Normal(per_neuron, loc=-per_neuron)),
        bg.Linear("movie", prior=bg.Laplace(per_neuron[:, None, None])),
    ]
    compare(
        bg.GLM(
            "cells",
            terms,
            family="binomial",
            intercept=bg.Normal(per_neuron),
            trials="tries",
            weights="counted",
        ),
        data,
    )


def test_a_population_of_own_and_fixed_noise(data):
    cells = np.random.default_rng(5).normal(size=(40, 3))
    data = data.assign(cells=(("neuron", "time"), cells.T))
    compare(bg.GLM("cells", "x", dispersion=[0.5, 1.0, 2.0]), data)
    compare(bg.GLM("cells", "x", dispersion=bg.HalfNormal([0.5, 1.0, 2.0])), data)
    compare(bg.GLM("cells", []), data)


def test_names_and_dims_of_the_pymc_model(data):
    data = data.assign_coords(width=["left", "middle", "right"])
    model = bg.GLM("gaussian", ["x", bg.Lagged("movie", lags=(-1, 1))], weights="weights")
    made = bg.to_pymc(model, data)
    assert {v.name for v in made.free_RVs} == {"intercept", "x", "movie", "sigma"}
    assert {v.name for v in made.observed_RVs} == {"gaussian"}
    assert {"x_data", "movie_data", "gaussian_data", "weights_data"} <= set(made.named_vars)
    assert made.named_vars_to_dims["movie"] == ("movie_lag", "height", "width")
    assert made.named_vars_to_dims["movie_data"] == ("time", "movie_lag", "height", "width")
    assert made.named_vars_to_dims["gaussian"] == ("time",)
    assert list(made.coords["movie_lag"]) == [-1, 0]
    assert list(made.coords["width"]) == ["left", "middle", "right"]
    # The last sample has no future, those of weight zero do not count.
    kept = data["time"][:-1][data["weights"].values[:-1] > 0]
    np.testing.assert_array_equal(made.coords["time"], kept)


def test_the_data_of_the_pymc_model_can_be_exchanged(data):
    model = bg.GLM("poisson", "x", family="poisson", prior=bg.Normal(1.0), offset="offset")
    made = bg.to_pymc(model, data)
    other = data.assign(x=data["x"] ** 2)
    with made:
        pm.set_data({"x_data": other["x"].values})
    point = {"intercept": np.array(0.3), "x": np.array(-0.4)}
    changed = made.compile_logp(mode="FAST_COMPILE")(point)
    objective = open_problems(model, other)[0].natural
    found = objective.log_density(np.array([[0.3, -0.4]]))[0]
    np.testing.assert_allclose(changed, found, rtol=1e-12)


@pytest.mark.parametrize("eta", [-300.0, -40.0, 40.0])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("link", [link for family, link in KEYS if family == "bernoulli"])
def test_saturated_probabilities_against_mpmath(link, y, eta):
    with mpmath.workdps(400):
        mean = LINKS[link](mpmath.mpf(eta))
        exact = mean.log if y else mean.log_rest
    family = FAMILIES["bernoulli", link]
    found = family.log_likelihood(np.array([y]), np.array([[eta]]), (), None)
    np.testing.assert_allclose(found[0], float(exact), rtol=1e-12)


# A flat intercept of a direction is uniform on the circle, and no longer flat.
@pytest.mark.parametrize("key", [key for key in EXACT_KEYS if key[1] != "tan_half"], ids="-".join)
def test_saturated_log_posteriors_against_mpmath(key):
    family, link = key
    n = np.array([3, 4, 2, 1, 3])
    y = np.resize(responses_of(key), 5)
    y = np.minimum(y, n) if FAMILY_NAMES[family].needs_trials else y
    # A complementary log-log at eta = 30 has exp(30) nats to lose, a logit only 30.
    x = np.array([-30.0, -7.0, 0.5, 3.0, 6.0 if link in ("cloglog", "log") else 30.0])
    names = FAMILY_NAMES[family].dispersions
    options = {"dispersion": dict(zip(names, phi_of(key), strict=True))} if names else {}
    model = model_of(key, "x", prior=bg.Flat(), intercept=bg.Flat(), **options)
    objective = open_problems(model, {family: y, "x": x, "trials": n})[0].natural
    theta, phi = np.array([0.25, 1.5]), [mpmath.mpf(value) for value in phi_of(key)]

    def exact(intercept, slope):
        rows = zip(*(map(mpmath.mpf, map(float, values)) for values in (y, x, n)), strict=True)
        return mpmath.fsum(
            term for a, b, m in rows for term in exact_terms(key, a, intercept + slope * b, phi, m)
        )

    with mpmath.workdps(450):
        value = exact(*map(mpmath.mpf, theta))
        slopes = [mpmath.diff(exact, tuple(map(mpmath.mpf, theta)), d) for d in ((1, 0), (0, 1))]
    now = objective.evaluate(theta)
    np.testing.assert_allclose(now.value, float(value), rtol=1e-12)
    np.testing.assert_allclose(now.gradient, [float(d) for d in slopes], rtol=1e-11)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_gradient_and_hessian_are_the_slopes_of_the_value(key, data):
    model = model_of(key, [bg.Lagged("x", lags=2, prior=bg.Normal(1.0)), "z"], weights="weights")
    objective = open_problems(model, data)[0].unconstrained
    theta = 0.3 * np.random.default_rng(1).normal(size=objective.size)
    now, step = objective.evaluate(theta), 1e-5
    for j in range(objective.size):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (objective.value(up) - objective.value(down)) / (2 * step)
        bend = (objective.evaluate(up).gradient - objective.evaluate(down).gradient) / (2 * step)
        np.testing.assert_allclose(now.gradient[j], slope, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(now.hessian[j], bend, rtol=1e-6, atol=1e-5)
    assert objective.value(theta) == pytest.approx(now.value, rel=1e-13)
