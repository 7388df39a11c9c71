"""Draws before the data: from the densities of all priors, and what responses they make."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from families import model_of
from priors import EXAMPLES as PRIOR_EXAMPLES
from scipy import stats
from terms import EXAMPLES, sample_data

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.increasing import Increasing
from bayesglm.numerics.priors.lkj import LKJ
from bayesglm.results.prior_draws import draw_thetas
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.priors import COEFFICIENT_PRIORS

N = bg.Normal
PROPER = [kind for kind in COEFFICIENT_PRIORS if kind not in (bg.Flat, bg.RandomWalk)]


def assert_drawn_from_its_density(model, data, n=3000):
    """Stein's identity: of draws u from p, E[dlog p/du] = 0 and E[u dlog p/du] = -1."""
    problem = open_problems(model, data)[0]
    theta = draw_thetas(problem, n, np.random.default_rng(3))
    registry = problem.unconstrained.registry
    u = registry.inner_coefficients(theta)
    slopes = problem.unconstrained.prior_slopes(u)[1]
    held = [one.place for one in problem.natural.registry.free]
    assert sum(place.stop - place.start for place in held) == u.shape[1]
    for values, expected in ((slopes, 0.0), (u * slopes, -1.0)):
        error = values.std(axis=0) / np.sqrt(n)
        assert np.all(np.abs(values.mean(axis=0) - expected) < 5.0 * error + 1e-9)


def with_numbers(kind):
    """Return a prior of a kind with the numbers of its example; a scale where it needs no other."""
    example = PRIOR_EXAMPLES[kind.__name__]
    numbers = dict(example.said or example.numbers)
    numbers.pop("size", None)
    return kind(**(numbers or {"scale": 0.3}))


def learned(kind):
    """Return the same with a scale that is learned; None of those whose scale is a number."""
    if not kind.traits.has_scale:
        return None
    try:
        return dataclasses.replace(with_numbers(kind), scale=bg.HalfNormal(0.5))
    except bg.ModelError:
        return None


PRIORS = {
    f"{kind.__name__}{suffix}": prior
    for kind in PROPER
    for suffix, prior in {"": with_numbers(kind), " learned": learned(kind)}.items()
    if prior is not None
}


@pytest.mark.parametrize("name", PRIORS)
def test_coefficients_are_drawn_from_their_priors(name, data):
    term = bg.Linear("movie", prior=PRIORS[name])
    assert_drawn_from_its_density(bg.GLM("gaussian", term, intercept=N(1.0)), data)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "History"])
def test_terms_of_every_kind_are_drawn_from_their_priors(name):
    term = EXAMPLES[name].terms[0]
    assert_drawn_from_its_density(bg.GLM("gaussian", term, intercept=N(1.0)), sample_data(), 1000)


OF_DISPERSIONS = {
    "predicted": bg.GLM(
        "gamma",
        bg.Linear("x", prior=N(0.3)),
        family="gamma",
        intercept=N(0.5),
        dispersion={"alpha": [bg.Linear("z", prior=bg.Laplace(0.3))]},
    ),
    "cutpoints": bg.GLM("code", bg.Linear("x", prior=N(0.5)), family="ordinal"),
    "two": bg.GLM("gaussian", [], family="student_t", intercept=N(0.5)),
    "between two ends": bg.GLM("tweedie", [], family="tweedie", intercept=N(0.5)),
}


@pytest.mark.parametrize("name", OF_DISPERSIONS)
def test_dispersions_are_drawn_from_their_priors(name):
    assert_drawn_from_its_density(OF_DISPERSIONS[name], sample_data())


def test_correlated_effects_and_their_scales_are_drawn_from_their_priors():
    term = bg.Group("who", slopes=("x", "z"), correlated=bg.LKJ(2.0))
    model = bg.GLM("poisson", term, family="poisson", intercept=N(1.0))
    problem = open_problems(model, sample_data())[0]
    theta = draw_thetas(problem, 20_000, np.random.default_rng(1))
    known = {one.name: one.natural(theta) for one in problem.natural.registry.free}
    correlation = known["who_correlation"].reshape(-1, 3, 3)
    # Under LKJ(eta) of k rows each correlation is Beta(eta + k/2 - 1) on (-1, 1).
    law = stats.beta(2.5, 2.5, -1.0, 2.0)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        assert stats.kstest(correlation[:, i, j], law.cdf).pvalue > 1e-4
    unit = known["who"].reshape(-1, 3, 3) / known["who_scale"][:, :, None]
    whitened = np.linalg.solve(np.linalg.cholesky(correlation), unit)
    for values in whitened.reshape(-1, 9).T:
        assert stats.kstest(values, "norm").pvalue > 1e-4


def test_increasing_numbers_are_those_that_happen_to_increase():
    loc = np.array([0.5, 0.0, 0.2])
    prior = Increasing(Distribution("StudentT", {"loc": loc, "scale": 1.0, "df": 3.0}), 3)
    ours = prior.draw(np.random.default_rng(0), (5000, 3))
    assert np.all(np.diff(ours, axis=1) > 0.0)
    apart = loc + stats.t(3).rvs((60_000, 3), random_state=1)
    kept = apart[(np.diff(apart, axis=1) > 0.0).all(axis=1)]
    for k in range(3):
        assert stats.ks_2samp(ours[:, k], kept[:, k]).pvalue > 1e-3


def test_correlation_matrices_have_a_uniform_determinant_for_two_rows():
    draws = LKJ(1.0, 2).draw(np.random.default_rng(0), (4000, 4)).reshape(-1, 2, 2)
    assert stats.kstest(draws[:, 0, 1], stats.uniform(-1.0, 2.0).cdf).pvalue > 1e-3


def model_and_data(name):
    """Return a model of a family under its first link, with a proper prior, and data for it."""
    words, data = FAMILY_NAMES[name], simulate(30)
    if words.counts_levels:
        counts = np.random.default_rng(0).multinomial(5, [0.2, 0.3, 0.5], 30)
        data = data.assign(levels=(("time", "levels_level"), counts))
    elif words.labels and words.labels.most is None:
        data = data.assign(levels=("time", np.arange(30) % 3))
    else:
        return model_of((name, words.links[0]), bg.Linear("x", prior=N(0.2))), data
    return bg.GLM("levels", bg.Linear("x", prior=N(0.5)), family=name), data


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_responses_of_every_family_are_such(name):
    model, data = model_and_data(name)
    tree = bg.prior_predictive(model, data, draws=50)
    drawn, observed = (
        tree[group][model.response] for group in ("prior_predictive", "observed_data")
    )
    assert drawn.dims == ("chain", "draw", *observed.dims)
    assert drawn.shape == (1, 50, *observed.shape)
    words, values = FAMILY_NAMES[name], drawn.values.reshape(-1, *observed.shape[1:])
    if words.counts_levels:
        assert np.all(values.sum(axis=-1) == 5)
    elif words.labels:
        assert np.isin(values, observed.values).all()
    else:
        trials = np.tile(data["trials"], 50) if words.needs_trials else None
        assert FAMILIES[name, words.links[0]].valid(values, trials).all()


def test_the_same_seed_gives_the_same_draws(data):
    model = bg.GLM("poisson", bg.Linear("x", prior=N(0.5)), family="poisson")
    first, again, other = (bg.prior_predictive(model, data, 20, seed) for seed in (1, 1, 2))
    for group in ("prior", "prior_predictive"):
        xr.testing.assert_equal(first[group].to_dataset(), again[group].to_dataset())
        assert not first[group].to_dataset().equals(other[group].to_dataset())


def test_a_flat_intercept_gives_way_to_the_mean_response_at_the_means(many):
    data = many.assign(x=many["x"] + 30.0, hours=("time", np.full(400, 2.0)))
    terms = [bg.Linear("x", prior=N(3.0)), bg.Linear("movie", prior=bg.Laplace(1.0))]
    model = bg.GLM("poisson", terms, family="poisson", exposure="hours")
    tree = bg.prior_predictive(model, data, draws=4000)
    prior = tree["prior"].to_dataset().isel(chain=0)
    at_means = prior["intercept"] + prior["x"] * float(data["x"].mean()) + np.log(2.0)
    at_means = at_means + (prior["movie"] * data["movie"].mean("time")).sum(("height", "width"))
    mean = np.log(float(data["poisson"].mean()))
    assert stats.kstest(at_means, stats.norm(mean, 2.5).cdf).pvalue > 1e-3
    assert tree.attrs["intercept"] == f"Normal({mean:.3g}, 2.5²) at the means of the predictors"
    assert "intercept=Flat" not in tree.attrs["model"]


def test_flat_intercepts_that_sum_to_zero_give_way_together():
    data = {"y": np.arange(90) % 3, "x": np.linspace(4.0, 6.0, 90)}
    model = bg.GLM("y", bg.Linear("x", prior=N(2.0)), family="categorical", reference=None)
    prior = bg.prior_predictive(model, data, draws=4000)["prior"].to_dataset().isel(chain=0)
    intercept = prior["intercept"].values
    np.testing.assert_allclose(intercept.sum(axis=1), 0.0, atol=1e-12)
    slopes = prior["x"].values
    at_means = intercept + 5.0 * (slopes - slopes.mean(axis=1, keepdims=True))
    law = stats.norm(0.0, 2.5 * np.sqrt(2.0 / 3.0))
    for k in range(3):
        assert stats.kstest(at_means[:, k], law.cdf).pvalue > 1e-3


IMPROPER = {
    "term": (bg.GLM("poisson", bg.Linear("x", prior=bg.Flat()), family="poisson"), "'x' is Flat"),
    "walk": (
        bg.GLM("poisson", bg.Lagged("x", lags=5, prior=bg.smooth(1.0)), family="poisson"),
        "'x' is improper in what its random walk leaves free",
    ),
    "dispersion": (bg.GLM("gaussian", "x", dispersion=bg.Flat()), "prior of 'sigma' is flat"),
    "of a dispersion": (
        bg.GLM("gaussian", "x", dispersion={"sigma": [bg.Linear("z", prior=bg.Flat())]}),
        "'sigma_z' is Flat",
    ),
}


@pytest.mark.parametrize("name", IMPROPER)
def test_priors_that_say_nothing_are_refused(name, data):
    model, words = IMPROPER[name]
    with pytest.raises(bg.ModelError, match=words) as raised:
        bg.prior_predictive(model, data)
    assert "Give it a proper one" in str(raised.value) or "give it a proper one" in str(
        raised.value
    )


def test_a_loop_is_closed(many):
    past = bg.History(lags=2, prior=N(0.4))
    terms = [past, bg.Linear("x", prior=N(1.0))]
    model = bg.GLM("gaussian", terms, dispersion=1e-9, intercept=N(1.0))
    tree = bg.prior_predictive(model, many, draws=20)
    prior = {name: value.values[0] for name, value in tree["prior"].data_vars.items()}
    drawn = tree["prior_predictive"]["gaussian"].values[0]
    y = np.tile(many["gaussian"].values, (20, 1))
    for t in range(2, 60):
        steps = prior["history"][:, 0] * y[:, t - 1] + prior["history"][:, 1] * y[:, t - 2]
        y[:, t] = prior["intercept"] + prior["x"] * float(many["x"][t]) + steps
    np.testing.assert_allclose(drawn[:, :58], y[:, 2:60], rtol=1e-6, atol=1e-6)


def test_a_run_that_leaves_the_floats_says_so(many):
    model = bg.GLM("poisson", bg.History(lags=3, prior=bg.HalfNormal(2.0)), family="poisson")
    with pytest.warns(bg.BayesGLMWarning) as told:
        tree = bg.prior_predictive(model, many, draws=10)
    assert "have left the floats" in str(told[0].message)
    assert np.isinf(tree["prior_predictive"]["poisson"]).any()


def test_products_with_the_past_are_refused(many):
    model = bg.GLM("poisson", bg.Interaction(bg.History(lags=2), "x"), family="poisson")
    with pytest.raises(bg.ModelError, match="multiplies the response's own past"):
        bg.prior_predictive(model, many)


UNBELIEVABLE = {
    "poisson": (bg.GLM("poisson", bg.Linear("x", prior=N(30.0)), family="poisson"), "rates of"),
    "bernoulli": (
        bg.GLM("bernoulli", ["z", bg.Linear("x", prior=N(50.0))], family="bernoulli"),
        "probabilities of 'bernoulli' are below 1% or above 99%",
    ),
}


@pytest.mark.parametrize("name", UNBELIEVABLE)
def test_what_no_one_believes_is_told_where_it_was_asked(name, many):
    model, words = UNBELIEVABLE[name]
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        bg.prior_predictive(model, many, draws=200)
    assert "Most of it comes of the prior of 'x'" in str(told[0].message)
    assert told[0].filename == __file__


def test_precisions_of_published_models_are_drawn_and_told():
    precision = bg.Precision(bg.Gamma(0.01, 0.01))
    model = bg.GLM("y", bg.Group("g", prior=N(precision)), family="poisson")
    data = {"y": np.arange(240) % 5, "g": np.arange(240) % 12}
    words = "prior of 'g', under which the linear predictor has an sd of"
    with pytest.warns(bg.BayesGLMWarning, match=words):
        drawn = bg.prior_predictive(model, data)
    assert np.isfinite(drawn["prior"]["g"]).all()


def test_default_priors_are_believable(many):
    terms = ["x", "z", "movie"]
    bg.prior_predictive(bg.GLM("bernoulli", terms, family="bernoulli"), many, draws=200)
    bg.prior_predictive(bg.GLM("poisson", terms[:2], family="poisson"), many, draws=200)


def test_neurons_have_draws_of_their_own(many):
    rng = np.random.default_rng(0)
    data = many.assign(spikes=(("time", "neuron"), rng.poisson([0.5, 5.0], (400, 2))))
    model = bg.GLM("spikes", bg.Linear("x", prior=N(0.1)), family="poisson")
    tree = bg.prior_predictive(model, data, draws=500)
    drawn = tree["prior_predictive"]["spikes"]
    assert drawn.dims == ("chain", "draw", "time", "neuron")
    centres = tree["prior"]["intercept"].mean(("chain", "draw")).values
    np.testing.assert_allclose(centres, np.log(data["spikes"].mean("time")), atol=0.5)
    assert not np.array_equal(*tree["prior"]["x"].values[0].T)


def test_draws_come_back_from_a_file(data, tmp_path):
    model = bg.GLM("bernoulli", bg.Group("trials"), family="bernoulli")
    tree = bg.prior_predictive(model, data, draws=20)
    bg.save(tree, tmp_path / "before.nc")
    back = bg.load(tmp_path / "before.nc")
    for group in ("prior", "prior_predictive", "observed_data"):
        xr.testing.assert_identical(back[group].to_dataset(), tree[group].to_dataset())
    assert back.attrs == tree.attrs


def test_more_draws_than_memory_are_refused(data):
    with pytest.raises(bg.DataError, match="GB of memory, more than is free; ask for fewer"):
        bg.prior_predictive(bg.GLM("gaussian", "x"), data, draws=10**11)


AS_IN_PYMC = {
    "poisson": bg.GLM(
        "poisson",
        bg.Group("who", slopes="x", correlated=True, prior=N(bg.HalfNormal(0.4))),
        family="poisson",
        intercept=N(0.5),
        offset="z",
    ),
    "zero_inflated_negative_binomial": bg.GLM(
        "poisson",
        [bg.Linear("x", prior=bg.Exponential(0.3)), bg.Linear("z", prior=bg.Horseshoe(0.1))],
        family="zero_inflated_negative_binomial",
        intercept=bg.StudentT(0.5, df=5),
        dispersion={"alpha": bg.Gamma(3.0, 1.0)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AS_IN_PYMC)
def test_draws_have_the_distribution_of_pymcs(name):
    import pymc as pm

    model, n = AS_IN_PYMC[name], 4000
    ours = bg.prior_predictive(model, sample_data(), draws=n, seed=1)
    with bg.to_pymc(model, sample_data()):
        theirs = pm.sample_prior_predictive(n, random_seed=2)
    for group in ("prior", "prior_predictive"):
        for variable in ours[group].data_vars:
            one, other = (of[group][variable].values.reshape(n, -1) for of in (ours, theirs))
            moving = np.ptp(one, axis=0) > 0.0
            found = stats.ks_2samp(one[:, moving], other[:, moving], axis=0, method="asymp")
            assert found.pvalue.min() * moving.sum() > 1e-3, variable


def test_scales_beyond_floating_point_leave_no_gaps(many):
    """Half of the variances under InverseGamma(0.001, 0.001) lie beyond any float."""
    vague = bg.InverseGamma(0.001, 0.001)
    term = bg.Linear("x", prior=N(vague))
    for prior in (vague, bg.Variance(vague), bg.Precision(bg.Gamma(0.001, 0.001))):
        model = bg.GLM("gaussian", term, dispersion=prior)
        tree = bg.prior_predictive(model, many, draws=200)
        assert np.isfinite(tree["prior_predictive"]["gaussian"]).all()
        assert np.isfinite(tree["prior"]["x"]).all()
        assert "nan" not in str(bg.explain(model, many))
        assert "inf " not in str(bg.explain(model, many))
    drawn = np.log(bg.Gamma(0.01, 1.0).sample(20_000))
    # A power of a uniform number, but for a factor near one.
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5]), 100 * np.log([0.1, 0.5]), rtol=0.05)
