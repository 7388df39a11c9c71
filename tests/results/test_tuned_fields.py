"""Scales and lengthscales of fields, chosen by evidence."""

import numpy as np
import pytest
from scipy import optimize

import bayesglm as bg

RNG = np.random.default_rng(5)
N, LAGS, SIGMA = 600, 15, 0.9
LEARNED = bg.GaussianProcess(bg.HalfNormal(1.0), bg.InverseGamma(3.0, 10.0))


def sample():
    x = RNG.normal(size=N)
    t = np.arange(LAGS)
    kernel = np.exp(-0.5 * ((t - 5) / 2.0) ** 2) * np.cos(t / 3)
    eta = 0.6 * np.convolve(x, kernel)[:N]
    z = RNG.normal(size=(N, 6))
    return {
        "x": x,
        "z": z,
        "real": eta + z @ RNG.normal(0.0, 0.3, 6) + SIGMA * RNG.normal(size=N),
        "count": RNG.poisson(np.exp(0.2 + eta)),
        "event": (RNG.random(N) < 1 / (1 + np.exp(-eta))).astype(int),
    }


DATA = sample()


def log_evidence(model, scale, length):
    """By importance draws, as it is where nothing but the scale is chosen."""
    term = bg.Lagged("x", lags=LAGS, prior=bg.GaussianProcess(scale, length))
    fixed = bg.GLM(model.response, term, model.family)
    return bg.tune_prior(fixed, DATA, scales=[scale]).curve["x"]["log_evidence"].item()


def test_a_gaussian_response_has_its_hyperparameters_where_the_dense_evidence_is_highest():
    model = bg.GLM(
        "real", bg.Lagged("x", lags=LAGS, prior=LEARNED), dispersion=SIGMA, intercept=None
    )
    tuned = bg.tune_prior(model, DATA)
    X = np.stack([np.roll(DATA["x"], k) for k in range(LAGS)], axis=1)[LAGS - 1 :]
    y, apart = DATA["real"][LAGS - 1 :], np.subtract.outer(np.arange(LAGS), np.arange(LAGS))
    U, d, V = np.linalg.svd(X, full_matrices=False)

    def minus(psi):
        s, length = np.exp(psi)
        K = s * s * np.exp(-0.5 * (apart / length) ** 2)
        S = (d[:, None] * (V @ K @ V.T) * d) + SIGMA**2 * np.eye(LAGS)
        u = U.T @ y
        return 0.5 * (u @ np.linalg.solve(S, u) + np.linalg.slogdet(S)[1])

    found = optimize.minimize(
        minus, np.log([0.2, 2.0]), method="Nelder-Mead", options={"fatol": 1e-7}
    )
    prior = tuned.model.terms[0].prior
    np.testing.assert_allclose([prior.scale, prior.lengthscale], np.exp(found.x), rtol=0.03)
    assert minus(np.log([prior.scale, prior.lengthscale])) < found.fun + 0.05
    curve = tuned.curve["x"]
    rest = -0.5 * (y @ y - (U.T @ y) @ (U.T @ y)) / SIGMA**2
    rest -= 0.5 * len(y) * np.log(2 * np.pi) + (len(y) - LAGS) * np.log(SIGMA)
    assert curve["log_evidence"].max().item() == pytest.approx(rest - found.fun, abs=0.05)
    assert curve.attrs["chosen"] == prior.scale
    assert curve.attrs["lengthscale"] == [prior.lengthscale]
    assert curve["log_evidence"].idxmax().item() == prior.scale


@pytest.mark.parametrize(("response", "family"), [("count", "poisson"), ("event", "bernoulli")])
def test_other_responses_have_them_where_the_evidence_of_importance_draws_is_highest(
    response, family
):
    model = bg.GLM(response, bg.Lagged("x", lags=LAGS, prior=LEARNED), family)
    tuned = bg.tune_prior(model, DATA)
    prior = tuned.model.terms[0].prior
    best = log_evidence(model, prior.scale, prior.lengthscale)
    assert best == pytest.approx(tuned.curve["x"]["log_evidence"].max().item(), abs=0.1)
    for by in (1.4, 1 / 1.4):
        assert log_evidence(model, by * prior.scale, prior.lengthscale) < best + 0.02
        assert log_evidence(model, prior.scale, by * prior.lengthscale) < best + 0.02


def test_other_terms_are_tuned_beside_fields():
    terms = [bg.Lagged("x", lags=LAGS, prior=LEARNED), bg.Linear("z", prior=bg.ridge(1.0))]
    tuned = bg.tune_prior(bg.GLM("real", terms, dispersion=SIGMA), DATA)
    field, ridge = (term.prior for term in tuned.model.terms)
    assert isinstance(field.lengthscale, float)
    assert tuned.curve["z"].attrs["chosen"] == ridge.scale
    alone = bg.tune_prior(tuned.model, DATA, term="z").model.terms[1].prior
    assert alone.scale == pytest.approx(ridge.scale, rel=0.05)


def test_a_field_that_the_data_do_without_is_told():
    noise = DATA | {"noise": RNG.poisson(1.0, N)}
    model = bg.GLM("noise", bg.Lagged("x", lags=LAGS, prior=LEARNED), "poisson")
    with pytest.warns(bg.BayesGLMWarning, match="'x' is no higher than without.*Leave it out"):
        bg.tune_prior(model, noise)


def test_what_else_is_to_be_learned_is_named():
    terms = [
        bg.Lagged("x", lags=LAGS, prior=LEARNED),
        bg.Linear("z", prior=bg.Normal(bg.HalfNormal(1.0))),
    ]
    with pytest.raises(bg.ModelError, match="to be learned here is z_scale; give it a number"):
        bg.tune_prior(bg.GLM("real", terms, dispersion=SIGMA), DATA, term="x")


def test_fields_are_found_where_ridge_sees_noise():
    """Of a Gabor that comes and goes half of what ridge misses, whatever its penalty.

    A locality is found in space-time and in frequency, and its evidence is higher than that of a
    process that is alike everywhere.
    """
    rng, n, side, lags = np.random.default_rng(0), 3000, 7, 6
    y, x = np.mgrid[:side, :side]
    frequency = np.array([-0.1, 0.14])
    phase = 2 * np.pi * (frequency[0] * (y - 3.0) + frequency[1] * (x - 3.5))
    gabor = np.exp(-((x - 3.5) ** 2 + (y - 3.0) ** 2) / 6.0) * np.cos(phase)
    t = np.arange(lags)
    course = np.exp(-0.5 * (t - 1.5) ** 2) - 0.6 * np.exp(-0.5 * ((t - 4) / 1.2) ** 2)
    w = 0.9 * course[:, None, None] * gabor / np.linalg.norm(np.outer(course, gabor))
    movie = rng.normal(size=(n, side, side))
    seen = movie.reshape(n, -1) @ w.reshape(lags, -1).T
    eta = sum(np.pad(seen[: n - k, k], (k, 0)) for k in range(lags))
    data = {"spikes": rng.poisson(np.exp(-2.0 + eta)), "movie": movie}

    def found(prior):
        term = bg.Lagged("movie", lags=lags, prior=prior)
        model, evidence = bg.GLM("spikes", term, "poisson"), 0.0
        if prior.traits.of_field:
            model, curve = bg.tune_prior(model, data)
            evidence = curve["movie"]["log_evidence"].max().item()
        estimate = bg.fit_map(model, data)["map"]["movie"].values
        return np.corrcoef(estimate.ravel(), w.ravel())[0, 1], model.terms[0].prior, evidence

    ridge = max(found(bg.Normal(scale))[0] for scale in (0.03, 0.06))
    smooth, _, evidence = found(LEARNED)
    local, prior, higher = found(bg.ALD())
    assert ridge < 0.85
    assert smooth > ridge + 0.5 * (1.0 - ridge)
    assert local > smooth
    assert higher > evidence + 10.0
    np.testing.assert_allclose(prior.centre[1:], [3.0, 3.5], atol=0.4)
    sign = np.sign(prior.frequency[2])
    np.testing.assert_allclose(sign * np.array(prior.frequency[1:]), frequency, atol=0.04)


@pytest.mark.parametrize("prior", [LEARNED, bg.ALD()], ids=["process", "local"])
def test_the_unit_of_coordinates_moves_lengths_alone(prior):
    rng = np.random.default_rng(3)
    place = np.arange(12.0)
    z = rng.normal(size=(200, 12))
    y = z @ np.exp(-0.5 * ((place - 5.0) / 2.0) ** 2) + rng.normal(size=200)
    tuned = []
    for unit in (1.0, 1e-3):
        data = bg.as_dataset({"y": y, "z": z}).assign_coords(z_dim_0=unit * place)
        model = bg.GLM("y", bg.Linear("z", prior=prior), dispersion=1.0)
        tuned.append(bg.tune_prior(model, data).model.terms[0].prior)
    whole, small = tuned
    assert small.scale == pytest.approx(whole.scale, rel=1e-3)
    for name in ("lengthscale", "width", "centre"):
        if hasattr(whole, name):
            np.testing.assert_allclose(
                getattr(small, name), 1e-3 * np.array(getattr(whole, name)), rtol=1e-3
            )
