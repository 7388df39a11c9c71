"""The native engine and PyMC say the same of every family, link, prior and term."""

import mpmath
import numpy as np
import pytest
from conftest import simulate

import bayesglm as bg
from bayesglm.inference.problem import open_problems
from bayesglm.numerics.families import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

KEYS = sorted(FAMILIES)
PRIORS = {
    "normal": bg.Normal(0.7, loc=0.2),
    "laplace": bg.Laplace(0.4, loc=-0.1),
    "flat": bg.Flat(),
    "ridge": bg.ridge(2.0),
}
TERMS = {
    "scalar": lambda prior: bg.Linear("x", prior=prior),
    "columns": lambda prior: bg.Linear(("x", "z"), name="both", prior=prior),
    "movie": lambda prior: bg.Linear("movie", prior=prior),
    "lagged": lambda prior: bg.Lagged("x", lags=(-1, 3), prior=prior),
    "lagged movie": lambda prior: bg.Lagged("movie", lags=2, prior=prior),
    "history": lambda prior: bg.History(lags=3, prior=prior),
}


def compare(model, data, seed=0, rtol=1e-9, gradient_rtol=1e-8):
    """Assert equal value and gradient, with and without the Jacobian, at a random theta."""
    compiled = bg.to_pymc(model, data)
    problems = open_problems(model, data)
    rng = np.random.default_rng(seed)
    thetas = [p.start() + 0.3 * rng.normal(size=p.natural.size) for p in problems]
    for jacobian in (False, True):
        objectives = [p.unconstrained if jacobian else p.natural for p in problems]
        point, order = compiled.initial_point(0), []
        for variable in compiled.value_vars:
            name = variable.name.removesuffix("_log__")
            parts = [t[p.places[name]] for t, p in zip(thetas, problems, strict=True)]
            point[variable.name] = np.concatenate(parts).reshape(np.shape(point[variable.name]))
            order.append(name)
        value = compiled.compile_logp(jacobian=jacobian, mode="FAST_COMPILE")(point)
        slope = compiled.compile_dlogp(jacobian=jacobian, mode="FAST_COMPILE")(point)
        native, gradients = 0.0, []
        for objective, theta in zip(objectives, thetas, strict=True):
            native += objective.log_density(theta[None])[0]
            away = np.sign(theta - objective.kink_at)
            gradients.append(objective.evaluate(theta).gradient - objective.kink * away)
        expected = np.concatenate(
            [g[p.places[name]] for name in order for g, p in zip(gradients, problems, strict=True)]
        )
        np.testing.assert_allclose(native, value, rtol=rtol)
        np.testing.assert_allclose(
            expected, slope, rtol=gradient_rtol, atol=1e-8 * abs(slope).max()
        )


def model_of(key, terms, **options):
    family, link = key
    if FAMILY_NAMES[family].needs_trials:
        options["trials"] = "trials"
    return bg.GLM(family, terms, family=family, link=link, **options)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_every_family_link_and_prior(key, prior, data):
    terms = [bg.Linear("x", prior=PRIORS[prior])]
    compare(model_of(key, terms, offset="offset", weights="weights"), data)


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("key", [("poisson", "log"), ("gaussian", "identity")], ids="-".join)
def test_every_term(key, term, data):
    compare(
        model_of(key, [TERMS[term](bg.Normal(0.5)), bg.Linear("z", prior=bg.Normal(1.0))]), data
    )


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_every_family_with_lags_and_kinks(key, data):
    compare(model_of(key, [bg.Lagged("movie", lags=2, prior=bg.lasso(3.0))]), data)


@pytest.mark.parametrize(
    "dispersion",
    [bg.HalfNormal(1.0), bg.HalfStudentT(2.0, df=3), bg.Exponential(0.7), bg.Flat(), 0.8, None],
    ids=repr,
)
@pytest.mark.parametrize("link", FAMILY_NAMES["gaussian"].links)
def test_every_dispersion(link, dispersion, data):
    model = bg.GLM("gaussian", "x", link=link, prior=bg.Normal(1.0), dispersion=dispersion)
    compare(model, data)


@pytest.mark.parametrize("intercept", [None, bg.Normal(1.0, loc=0.5), bg.Laplace(2.0)], ids=repr)
def test_every_intercept(intercept, data):
    compare(bg.GLM("poisson", "x", family="poisson", intercept=intercept), data)


def test_array_scales(data):
    scales = np.linspace(0.2, 2.0, 6).reshape(2, 3)
    term = bg.Linear("movie", prior=bg.Normal(scales, loc=0.1 * scales))
    compare(bg.GLM("poisson", term, family="poisson"), data)


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


def test_names_and_dims_of_the_pymc_model(data):
    model = bg.GLM("gaussian", ["x", bg.Lagged("movie", lags=2)], weights="weights")
    made = bg.to_pymc(model, data)
    assert {v.name for v in made.free_RVs} == {"intercept", "x", "movie", "sigma"}
    assert {v.name for v in made.observed_RVs} == {"gaussian"}
    assert {"x_data", "movie_data", "gaussian_data", "weights_data"} <= set(made.named_vars)
    assert made.named_vars_to_dims["movie"] == ("movie_lag", "height", "width")
    assert list(made.coords["movie_lag"]) == [0, 1]


@pytest.mark.parametrize("eta", [-300.0, -40.0, 40.0])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("link", FAMILY_NAMES["bernoulli"].links)
def test_saturated_probabilities_against_mpmath(link, y, eta):
    with mpmath.workdps(400):
        e = mpmath.mpf(eta)
        p, q = {
            "logit": lambda: (1 / (1 + mpmath.exp(-e)), 1 / (1 + mpmath.exp(e))),
            "probit": lambda: (mpmath.ncdf(e), mpmath.ncdf(-e)),
            "cloglog": lambda: (-mpmath.expm1(-mpmath.exp(e)), mpmath.exp(-mpmath.exp(e))),
        }[link]()
        exact = -mpmath.exp(e) if link == "cloglog" and not y else mpmath.log(p if y else q)
    found = FAMILIES["bernoulli", link].log_likelihood(np.array([y]), np.array([eta]), (), None)
    np.testing.assert_allclose(found[0], float(exact), rtol=1e-12)


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
