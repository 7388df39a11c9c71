"""Links whose domain has an end: the native engine and PyMC agree inside, and outside on zero."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from families import FAMILIES, TRIALS, WALLED, OneChannel, inside, model_of, phi_of, responses_of
from twins import compare

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.twin.likelihoods import LIKELIHOODS, MEANS
from bayesglm.spec.families import FAMILY_NAMES

ENDS = [("bernoulli", "log"), ("binomial", "identity"), ("gamma", "inverse")]


@pytest.mark.parametrize("key", WALLED, ids="-".join)
def test_the_likelihood_and_its_slopes(key):
    y = np.array(responses_of(key))
    eta = np.resize(inside(key, [-0.9, -0.3, 0.2, 0.55, 0.8, 1.4]), len(y))
    words, phi = FAMILY_NAMES[key[0]], [np.float64(one) for one in phi_of(key)]
    trials = np.full(len(y), TRIALS) if words.needs_trials else None
    at, beside = pt.dvector(), [pt.dscalar() for _ in phi]
    named = dict(zip(words.dispersions, beside, strict=True))
    stated = LIKELIHOODS[key[0]](MEANS[key[1]], at, named, trials)
    kind = stated.pop("distribution", None)
    stands = getattr(pm, kind).dist(**stated) if kind else stated["made"]
    counted = y.astype(int) if words.discrete else y
    value = pm.logp(stands, counted).sum()
    both = [value, *pt.grad(value, [at, *beside])]
    found = pytensor.function([at, *beside], both, mode="FAST_COMPILE")(eta, *phi)
    d = OneChannel(key).derivatives(y, eta, phi, trials)
    np.testing.assert_allclose(d.value.sum(), found[0], rtol=1e-9)
    np.testing.assert_allclose(d.eta, found[1], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose([one.sum() for one in d.phi], found[2:], rtol=1e-8)


@pytest.mark.parametrize("key", WALLED, ids="-".join)
def test_outside_the_density_is_zero_and_flat(key):
    family, domain = OneChannel(key), FAMILIES[key].domain
    ends = [domain.low, domain.high]
    eta = np.array([-2.5, -0.5, 0.0, 0.7, 1.0, 2.5, *(end for end in ends if np.isfinite(end))])
    outside = eta[~domain.holds(eta)]
    assert len(outside) > 1
    trials = TRIALS if FAMILY_NAMES[key[0]].needs_trials else None
    for y in responses_of(key):
        d = family.derivatives(np.array([y]), outside, phi_of(key), trials)
        np.testing.assert_array_equal(d.value, -np.inf)
        for part in (d.eta, d.eta_eta, *d.phi, *d.eta_phi, *(p for row in d.phi_phi for p in row)):
            np.testing.assert_array_equal(part, 0.0)


@pytest.mark.parametrize("key", ENDS, ids="-".join)
def test_models_in_both_engines(key, data):
    model = model_of(key, [bg.Linear("x", prior=bg.Normal(1.0))], weights="weights")
    compare(model, data, spread=0.02)
    (problem,) = open_problems(model, data)
    compiled, theta = bg.to_pymc(model, data), problem.start(problem.natural)
    free = problem.natural.free
    point, logp = compiled.initial_point(0), compiled.compile_logp(jacobian=False)
    for slope, is_inside in ((1e-3, True), (30.0, False)):
        theta[problem.places["x"]] = slope
        point |= {"intercept": theta[0], "x": np.float64(slope)}
        point |= {f"{one.name}_log__": np.log(one.natural(theta)[0]) for one in free}
        native = problem.natural.log_density(theta[None])[0]
        np.testing.assert_allclose(logp(point), native, rtol=1e-9)
        assert np.isfinite(native) == is_inside
