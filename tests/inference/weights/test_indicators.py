"""Posteriors under mixtures of two normals, against enumeration of all indicators."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit

import bayesglm as bg
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.weights.indicators import has_indicators
from bayesglm.show.report.told import in_words

SAMPLE = ("chain", "draw")
SLAB, SPIKE, SHARE = 1.0, 0.05, 0.2
FEW = bg.SpikeSlab(SLAB, spike=SPIKE, probability=SHARE)


def simulated(family, n, p, seed=3, effects=(0.6, -0.4, 0.25), correlation=0.5):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, p)), np.zeros(p)
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1.0 - correlation**2) * X[:, j]
    w[:: p // len(effects)][: len(effects)] = effects
    eta = X @ w
    y = {
        "gaussian": lambda: eta + rng.normal(size=n),
        "bernoulli": lambda: (rng.random(n) < expit(eta)).astype(int),
        "poisson": lambda: rng.poisson(np.exp(0.3 + 0.6 * eta)),
    }[family]()
    return {"x": X, "y": y}


def model(family, prior=FEW, **options):
    return bg.GLM("y", bg.Linear("x", prior=prior), family=family, **options)


def inclusion(fit, name="x"):
    return fit["posterior"][f"{name}_inclusion"].mean(SAMPLE).values


def shares_of(log_evidence, indicators):
    """Return inclusion probabilities from the log evidence of each set of indicators."""
    chosen = indicators.sum(axis=1)
    total = log_evidence + chosen * np.log(SHARE)
    total += (indicators.shape[1] - chosen) * np.log1p(-SHARE)
    weight = np.exp(total - total.max())
    return weight @ indicators / weight.sum()


def enumerated_gaussian(X, y, indicators):
    """Integrate intercept and coefficients in closed form, sigma ~ HalfNormal(2) on a grid."""
    n, p = X.shape
    Z, sds = np.column_stack([np.ones(n), X]), np.where(indicators, SLAB, SPIKE)
    log_sigma = np.linspace(np.log(y.std()) - 1.5, np.log(y.std()) + 1.5, 120)
    each = []
    for at in log_sigma:
        variance = np.exp(2.0 * at)
        precision = np.tile(Z.T @ Z / variance, (len(indicators), 1, 1))
        precision[:, range(1, p + 1), range(1, p + 1)] += sds**-2.0
        pull = Z.T @ y / variance
        fitted = np.linalg.solve(precision, np.tile(pull, (len(precision), 1))[..., None])[..., 0]
        value = 0.5 * (fitted @ pull - y @ y / variance - np.linalg.slogdet(precision)[1])
        each.append(value - (n - 1) * at - variance / 8.0)
    return np.logaddexp.reduce(each, axis=0) - np.log(sds).sum(axis=1)


def enumerated(X, y, indicators, family, n_draws=400):
    """Importance-sample the evidence of each set of indicators from a t around its mode."""
    (n, p), rng = X.shape, np.random.default_rng(0)
    Z, sds = np.column_stack([np.ones(n), X]), np.where(indicators, SLAB, SPIKE)
    mean = expit if family == "bernoulli" else np.exp
    norm = (lambda eta: np.logaddexp(0.0, eta)) if family == "bernoulli" else np.exp
    z = rng.normal(size=(n_draws // 2, p + 1))
    z /= np.sqrt(rng.chisquare(8.0, (len(z), 1)) / 8.0)
    z = np.concatenate([z, -z])
    log_q = -0.5 * (8.0 + p + 1) * np.log1p((z**2).sum(axis=1) / 8.0)
    found, w = [], np.zeros(p + 1)
    for sd in sds:
        prior = np.append(0.0, sd**-2.0)
        for _ in range(12):
            mu = mean(Z @ w)
            spread = mu * (1.0 - mu) if family == "bernoulli" else mu
            precision = (Z.T * spread) @ Z + np.diag(prior)
            w = w + np.linalg.solve(precision, Z.T @ (y - mu) - prior * w)
        root = np.linalg.cholesky(np.linalg.inv(precision))
        W = w + z @ root.T
        eta = W @ Z.T
        log_p = (y * eta - norm(eta)).sum(axis=1) - 0.5 * W**2 @ prior - np.log(sd).sum()
        found.append(np.logaddexp.reduce(log_p - log_q) + np.log(np.diagonal(root)).sum())
    return np.array(found)


@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "poisson"])
def test_inclusion_probabilities_are_those_of_enumeration(family):
    """Of all 1,024 sets of ten coefficients, among which some are in and out in equal parts."""
    data = simulated(family, 60, 10)
    indicators = np.array(list(product([0, 1], repeat=10)))
    options = {"dispersion": bg.HalfNormal(2.0)} if family == "gaussian" else {}
    if family == "gaussian":
        log_evidence = enumerated_gaussian(data["x"], data["y"], indicators)
    else:
        log_evidence = enumerated(data["x"], data["y"], indicators, family)
    expected = shares_of(log_evidence, indicators)
    assert np.any((expected > 0.3) & (expected < 0.7))
    fitted = bg.fit(model(family, **options), data, seed=1)
    assert fitted.attrs["method"] == "collapsed gibbs"
    np.testing.assert_allclose(inclusion(fitted), expected, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "poisson"])
def test_forty_coefficients_mix(family, correlation):
    data = simulated(family, 200, 40, 1, (1.0, -0.7, 0.5, 0.3), correlation)
    fitted = bg.fit(model(family, bg.SpikeSlab(1.0, spike=0.05, probability=0.1)), data)
    attrs = fitted.attrs
    assert attrs["method"] == "collapsed gibbs"
    assert attrs["max_rhat"] < 1.01
    assert attrs["min_ess"] >= 1000.0
    assert attrs["khat"] < 0.7
    assert attrs["accepted"] == 1


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_copies_of_a_column_share_what_either_would_have(family):
    data = simulated(family, 200, 6, effects=(0.9, -0.5), correlation=0.0)
    alone = inclusion(bg.fit(model(family), data))
    data["x"] = np.concatenate([data["x"], data["x"][:, :1]], axis=1)
    for seed in range(2):
        shared = inclusion(bg.fit(model(family), data, seed=seed))
        assert shared[0] == pytest.approx(shared[-1], abs=0.05)
        assert 0.45 < shared[0] < 0.75  # one of both, or both at once
        np.testing.assert_allclose(shared[1:-1], alone[1:], atol=0.03)


@pytest.mark.parametrize("family", ["negative_binomial", "gaussian"])
def test_a_spike_as_wide_as_the_slab_is_a_normal(family):
    """Beside a group whose scale is learned, a fixed prior that has a loc, and a dispersion."""
    rng = np.random.default_rng(3)
    n = 200
    X, g = rng.normal(size=(n, 4)), rng.integers(0, 8, n)
    eta = 0.5 + X @ [0.6, -0.3, 0.1, 0.0] + 0.5 * rng.normal(size=8)[g]
    mu = np.exp(eta)
    y = {
        "negative_binomial": rng.negative_binomial(2, 2 / (2 + mu)),
        "gaussian": eta + 0.7 * rng.normal(size=n),
    }[family]
    data = {"x": X, "z": rng.normal(size=n), "g": g, "y": y}

    def fitted(prior, **options):
        terms = [bg.Linear("x", prior=prior), bg.Linear("z", prior=bg.Normal(0.1, loc=0.3))]
        return bg.fit(bg.GLM("y", [*terms, bg.Group("g")], family=family), data, **options)

    reference = fitted(bg.Normal(0.7))["posterior"]
    found = fitted(bg.SpikeSlab(0.7, spike=0.7 - 1e-9))
    assert found.attrs["method"] == "collapsed gibbs"
    np.testing.assert_allclose(inclusion(found), 0.5, atol=1e-6)
    for name in reference.data_vars:
        one, other = reference[name], found["posterior"][name]
        sd = one.std(SAMPLE)
        # Five errors of two means of 1,500 effective draws, and of two sds.
        assert float(np.abs(one.mean(SAMPLE) - other.mean(SAMPLE)).max() / sd.min()) < 0.18
        np.testing.assert_allclose(other.std(SAMPLE) / sd, 1.0, atol=0.13)


def test_every_neuron_has_its_own_indicators():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    y = rng.poisson(np.exp(np.outer(x[:, 0], [0.0, 0.8]) + np.outer(x[:, 1], [0.8, 0.0])))
    priors = bg.SpikeSlab(1.0, spike=0.05, probability=[[0.2, 0.2, 0.1], [0.2, 0.2, 0.9]])
    fitted = bg.fit(model("poisson", priors), {"x": x, "y": y})
    found = fitted["posterior"]["x_inclusion"]
    assert found.dims == (*SAMPLE, "y_dim_0", "x_dim_0")
    means = found.mean(SAMPLE).values
    assert means[0, 1] > 0.99 > 0.2 > means[0, 0]
    assert means[1, 0] > 0.99 > 0.2 > means[1, 1]
    assert means[1, 2] > 0.4 > 0.1 > means[0, 2]


def test_inclusion_is_told_of_each_draw_and_in_words():
    data = simulated("gaussian", 50, 3, effects=(0.6,))
    prior = bg.SpikeSlab([2.0, 1.0, 0.5], spike=[0.1, 0.2, 0.3], probability=[0.5, 0.4, 0.3])
    fitted = bg.fit_mcmc(model("gaussian", prior), data)
    posterior = fitted["posterior"]
    share, scale, spike = (np.array(v) for v in (prior.probability, prior.scale, prior.spike))
    w = posterior["x"].values
    slab = share * np.exp(-0.5 * (w / scale) ** 2) / scale
    narrow = (1.0 - share) * np.exp(-0.5 * (w / spike) ** 2) / spike
    np.testing.assert_allclose(posterior["x_inclusion"], slab / (slab + narrow), rtol=1e-12)
    table = bg.summary(fitted)
    told = table.loc[[f"inclusion of x[{k}]" for k in range(3)], "mean"]
    np.testing.assert_allclose(told, inclusion(fitted), rtol=1e-12)
    other = bg.fit(model("gaussian", prior), data)
    np.testing.assert_allclose(inclusion(other), inclusion(fitted), atol=0.03)


@pytest.mark.parametrize(("draws", "chains"), [(1, 1), (30, 1), (70, 3)])
def test_few_draws_stand_on_a_pool_of_their_own(draws, chains):
    data = simulated("poisson", 60, 4)
    fitted = bg.fit(model("poisson"), data, draws=draws, chains=chains, seed=2)
    assert fitted.attrs["method"] == "collapsed gibbs"
    assert dict(fitted["posterior"].sizes) == {"chain": chains, "draw": draws, "x_dim_0": 4}
    assert "by collapsed Gibbs sampling of indicators in" in in_words("one", fitted)[0]
    again = bg.fit(model("poisson"), data, draws=draws, chains=chains, seed=2)
    np.testing.assert_array_equal(fitted["posterior"]["x"], again["posterior"]["x"])


def test_gaussian_draws_lose_no_digits_far_from_zero():
    data = simulated("gaussian", 80, 4, effects=(0.8,))
    near = bg.fit(model("gaussian"), data)
    data["y"] = data["y"] + 1e7
    data["x"] = data["x"] + 1e5
    far = bg.fit(model("gaussian"), data)
    np.testing.assert_allclose(inclusion(near), inclusion(far), atol=0.02)
    means = [fit["posterior"]["x"].mean(SAMPLE) for fit in (near, far)]
    np.testing.assert_allclose(*means, atol=0.02)


def test_nuts_takes_over_where_a_prior_is_no_mixture_of_normals():
    data = simulated("poisson", 60, 3) | {"z": np.random.default_rng(1).normal(size=60)}
    wide = bg.Linear("x", prior=bg.SpikeSlab(1.0, spike=0.2))
    terms = [wide, bg.Linear("z", prior=bg.Laplace(0.5))]
    both = bg.GLM("y", terms, family="poisson")
    assert not has_indicators(open_posteriors(both, data)[0])
    fitted = bg.fit(both, data)
    assert fitted.attrs["method"] == "nuts"
    assert "'x' (SpikeSlab prior), term 'z' (Laplace prior)" in fitted.attrs["why"]
    assert inclusion(fitted).shape == (3,)


def test_a_spike_that_nuts_does_not_see_is_told():
    """All chains agree, since all begin beside it and none meets it."""
    data = simulated("poisson", 60, 3)
    needle = model("poisson", bg.SpikeSlab(1.0, spike=1e-7, probability=0.1))
    assert not has_indicators(open_posteriors(needle, data)[0])
    with pytest.warns(bg.BayesGLMWarning, match="no draw changes between spike and slab of x"):
        fitted = bg.fit(needle, data)
    assert fitted.attrs["max_rhat"] < 1.01


def test_weights_that_fail_are_refused():
    """Separated responses whose slab holds next to nothing have tails that no quadratic has."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(14, 3))
    data = {"x": x, "y": (x[:, 0] > 0).astype(int)}
    separated = model("bernoulli", bg.SpikeSlab(20.0, spike=0.5), intercept=bg.Normal(1.0))
    with pytest.warns(bg.BayesGLMWarning) as told:
        fitted = bg.fit(separated, data, draws=300)
    assert "collapsed Gibbs sampling was refused (" in str(told[0].message)
    assert fitted.attrs["why"].startswith("NUTS, because collapsed Gibbs was refused: ")


def test_the_map_is_a_local_mode_and_a_curvature_is_not_believed():
    data = simulated("poisson", 60, 4)
    found = bg.fit_map(model("poisson"), data)
    assert found.attrs["gradient_norm"] < 1e-5
    with pytest.raises(bg.ModelError, match="fit_laplace cannot do term 'x'"):
        bg.fit_laplace(model("poisson"), data)
