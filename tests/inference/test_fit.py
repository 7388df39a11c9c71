"""fit takes the fastest method that stands its checks, and says which and why."""

import warnings

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from families import OF_NUMBERS, OF_REALS

import bayesglm as bg
import bayesglm.inference.fit as fit_module
import bayesglm.inference.nuts.posterior as posterior_module
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.psis import KISH_PER_CHAIN, khat_limit
from bayesglm.spec.families import FAMILY_NAMES

# Under these links the mode lies where the link ends: the counts were drawn under a log link.
AT_AN_END = (
    ("negative_binomial", "identity"),
    ("zero_inflated_poisson", "identity"),
    ("zero_inflated_poisson", "sqrt"),
    ("zero_inflated_negative_binomial", "identity"),
    ("hurdle_poisson", "identity"),
)
KEYS = [
    (family, link)
    for family, name in OF_NUMBERS.items()
    for link in name.links
    if (family, link) not in AT_AN_END
]


@pytest.fixture(scope="module")
def data():
    return simulate(200, seed=4)


@pytest.mark.parametrize(("family", "link"), KEYS)
def test_laplace_serves_every_family_and_link(family, link, data):
    options = {"trials": "trials"} if FAMILY_NAMES[family].needs_trials else {}
    if link == "tan_half":
        # By default uniform on the circle, which is heavy-tailed on the line.
        options["intercept"] = bg.Normal(2.0)
    model = bg.GLM(family, ["x", "z"], family, link, **options)
    # A log mean of a response that is negative at times is a hard case of its own.
    given = data.assign({name: data[name] + 3.0 for name in OF_REALS})
    fitted = bg.fit(model, given, draws=500)
    assert fitted.attrs["method"] == "laplace"
    assert fitted.attrs["khat"] < khat_limit(8000)
    assert fitted.attrs["importance_ess"] >= KISH_PER_CHAIN * 4
    assert f"k-hat {fitted.attrs['khat']:.2f}" in fitted.attrs["why"]
    # Every draw stands where the log density is that which PyMC's twin gives.
    objective = open_problems(model, given)[0].unconstrained
    stands = {one.name: one.transform for one in objective.registry.free}
    theta = np.stack(
        [stands[name].inner(fitted["posterior"][name].values) for name in stands], axis=-1
    )
    expected = objective.log_density(theta.reshape(-1, theta.shape[-1])).reshape(4, 500)
    np.testing.assert_allclose(fitted["sample_stats"]["lp"], expected, rtol=1e-10)


def test_it_is_fit_laplace_where_that_stands(data):
    model = bg.GLM("poisson", ["x", "z"], "poisson")
    fitted, alone = (verb(model, data, draws=100) for verb in (bg.fit, bg.fit_laplace))
    xr.testing.assert_identical(fitted["posterior"].to_dataset(), alone["posterior"].to_dataset())


def test_the_stored_model_gives_the_same_draws_again(data):
    model = bg.GLM("gaussian", ["x", "movie"])
    one = bg.fit(model, data, draws=100, seed=3)
    again = bg.fit(bg.GLM.from_json(one.attrs["model"]), data, draws=100, seed=3)
    xr.testing.assert_identical(one["posterior"].to_dataset(), again["posterior"].to_dataset())
    other = bg.fit(model, data, draws=100, seed=4)
    assert not np.array_equal(one["posterior"]["x"], other["posterior"]["x"])


def test_weights_and_repeated_rows_have_one_posterior(data):
    counts = np.random.default_rng(2).integers(0, 3, 200)
    plain = data.drop_vars("time").rename(time="obs")
    terms = [bg.Linear("x", prior=bg.Normal(1.0))]
    weighted = bg.fit(
        bg.GLM("poisson", terms, "poisson", weights="counts"),
        plain.assign(counts=("obs", counts)),
    )
    repeated = bg.fit(
        bg.GLM("poisson", terms, "poisson"), plain.isel(obs=np.repeat(np.arange(200), counts))
    )
    # The same density and the same random numbers: the same draws, to rounding.
    np.testing.assert_allclose(
        weighted["posterior"]["x"], repeated["posterior"]["x"], rtol=1e-6, atol=1e-9
    )


def test_a_posterior_that_bends_with_its_dispersion_is_followed_along_it():
    """Where chances do not vary, kappa may be anything large: no one Gaussian follows that."""
    rng = np.random.default_rng(7)
    n, x = rng.integers(1, 6, 60), rng.normal(size=60)
    y = rng.binomial(n, 1 / (1 + np.exp(-0.5 - 0.5 * x)))
    term, options = bg.Linear("x", prior=bg.Normal(0.6)), {"trials": "n"}
    model = bg.GLM("y", term, "beta_binomial", intercept=bg.Normal(1.0), **options)
    fitted = bg.fit(model, {"y": y, "x": x, "n": n})
    assert fitted.attrs["method"] == "laplace"
    assert "nested Gaussian" in fitted.attrs["why"]
    # The same by a sum over a grid; kappa ~ InverseGamma(1/2, 1/2), with the Jacobian of its log.
    axes = np.linspace(-1.0, 2.0, 45), np.linspace(-1.0, 2.0, 45), np.linspace(-2.0, 30.0, 161)
    intercept, slope, log_kappa = np.meshgrid(*axes, indexing="ij")
    log_p = -0.5 * intercept**2 - 0.5 * (slope / 0.6) ** 2
    log_p += -0.5 * log_kappa - 0.5 * np.exp(-log_kappa)
    for count, tries, place in zip(y, n, x, strict=True):
        p = 1 / (1 + np.exp(-intercept - slope * place))
        up, down = p * np.exp(log_kappa), (1 - p) * np.exp(log_kappa)
        log_p += sum(np.log(up + k) for k in range(count))
        log_p += sum(np.log(down + k) for k in range(tries - count))
        log_p -= sum(np.log(np.exp(log_kappa) + k) for k in range(tries))
    weight = np.exp(log_p - log_p.max())
    weight /= weight.sum()
    draws = {name: fitted["posterior"][name].values for name in ("intercept", "x", "kappa")}
    draws["kappa"] = np.log(draws["kappa"])
    for name, value in zip(draws, (intercept, slope, log_kappa), strict=True):
        mean = np.sum(weight * value)
        sd = np.sqrt(np.sum(weight * (value - mean) ** 2))
        error = sd / np.sqrt(fitted.attrs["importance_ess"])
        assert abs(draws[name].mean() - mean) < 4 * error
        assert draws[name].std() == pytest.approx(sd, rel=0.1)


@pytest.mark.slow
def test_two_neurons_of_three_go_to_nuts_together():
    x = [-1.0, -0.3, 0.3, 1.0]
    cells = np.array([[0, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1]])
    data = xr.Dataset(
        {"cells": (("obs", "neuron"), cells), "x": ("obs", x)}, coords={"neuron": ["a", "b", "c"]}
    )
    priors = bg.Normal([100.0, 1.0, 100.0])
    model = bg.GLM("cells", bg.Linear("x", prior=priors), family="bernoulli", intercept=priors)
    with warnings.catch_warnings():
        # Of so flat a posterior NUTS may have something to say as well.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        fitted = bg.fit(model, data, draws=400)
    assert list(fitted["sample_stats"]["method"].values) == ["nuts", "laplace", "nuts"]
    why = fitted.attrs["why"]
    assert why.count("NUTS, because Laplace was refused: ") == 2
    assert "neuron=b: importance weights" in why
    # a and c have the same data and the same prior, b has its own.
    sizes = fitted["posterior"]["x"].std(("chain", "draw")).values
    assert sizes[0] == pytest.approx(sizes[2], rel=0.4)
    assert sizes[1] < 0.3 * sizes[0]
    alone = bg.fit(
        bg.GLM(
            "cells", bg.Linear("x", prior=bg.Normal(1.0)), "bernoulli", intercept=bg.Normal(1.0)
        ),
        data.sel(neuron="b"),
        draws=400,
    )
    assert sizes[1] == pytest.approx(float(alone["posterior"]["x"].std()), rel=0.15)


@pytest.mark.parametrize("verb", [bg.fit, bg.fit_laplace, bg.fit_mcmc, bg.kfold])
def test_a_model_without_parameters_has_no_posterior(verb, data):
    model = bg.GLM("bernoulli", [], family="bernoulli", intercept=None)
    assert bg.fit_map(model, data).attrs["log_posterior"] == pytest.approx(-200 * np.log(2.0))
    with pytest.raises(bg.ModelError, match="no parameter, so there is no posterior"):
        verb(model, data)


def test_an_interruption_of_nuts_keeps_the_neurons_that_laplace_has_done(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    counts = rng.poisson(np.exp(0.3 * x)[:, None], (60, 3))
    cells = xr.Dataset(
        {"cells": (("obs", "neuron"), counts), "x": ("obs", x)}, coords={"neuron": list("abc")}
    )
    model = bg.GLM("cells", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
    whole = bg.fit(model, cells)
    refused = iter(["", "for the sake of this test", ""])

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "_fault", lambda one: next(refused))
    monkeypatch.setattr(posterior_module, "lockstep", interrupted)
    with pytest.warns(bg.BayesGLMWarning) as told:
        fitted = bg.fit(model, cells)
    assert [str(one.message).split(":")[0] for one in told][-1] == "interrupted"
    assert "0 of 4000 (neuron=b)" in str(told[-1].message)
    assert fitted["posterior"]["x"].sel(neuron="b").isnull().all()
    for neuron in "ac":
        np.testing.assert_array_equal(
            fitted["posterior"]["x"].sel(neuron=neuron), whole["posterior"]["x"].sel(neuron=neuron)
        )
    with pytest.raises(KeyboardInterrupt):
        bg.fit_mcmc(model, cells)
