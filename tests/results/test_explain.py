"""What priors say: beliefs in units of the data, regions, shares of posteriors, contradictions."""

import re

import numpy as np
import pytest
from conftest import simulate
from families import model_of
from priors import EXAMPLES as PRIOR_EXAMPLES
from scipy import integrate, stats
from terms import EXAMPLES, sample_data

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.priors import COEFFICIENT_PRIORS

N = bg.Normal
OUT = stats.norm.ppf(0.97)


def test_a_belief_is_said_in_units_of_the_data(many):
    model = bg.GLM("bernoulli", bg.Linear("x", prior=N(0.2)), family="bernoulli")
    told = bg.explain(model, many)
    (effect,) = told["x"].effects
    sd, mean = float(many["x"].std()), float(many["bernoulli"].mean())
    assert effect.step == pytest.approx(sd)
    np.testing.assert_allclose(effect.change, np.array([-1.0, 1.0]) * OUT * 0.2 * sd, rtol=1e-4)
    assert effect.reading.base == pytest.approx(mean, abs=1e-3)
    odds = mean / (1.0 - mean) * np.exp(effect.change)
    np.testing.assert_allclose(effect.value, odds / (1.0 + odds), rtol=2e-3)
    factor = f"{np.exp(effect.change[1]):.2g}"
    words = f"one sd of x ({sd:.3g}) changes the odds by a factor of up to {factor}, with 94%"
    assert words in str(told)


def test_a_predictor_of_two_values_is_told_by_its_step(many):
    data = many.assign(drug=("time", np.arange(400) % 2 * 3.0))
    (effect,) = bg.explain(bg.GLM("gaussian", "drug"), data)["drug"].effects
    assert effect.of == "drug from 0 to 3"
    assert effect.step == 3.0


def test_learned_scales_are_integrated_out(many):
    model = bg.GLM("gaussian", bg.Linear("x", prior=N(bg.HalfNormal(1.0))))
    (effect,) = bg.explain(model, many)["x"].effects

    def below(w):
        return integrate.quad(lambda s: 2 * stats.norm.pdf(s) * stats.norm.cdf(w / s), 0, 12)[0]

    assert below(effect.change[1] / effect.step) == pytest.approx(0.97, abs=0.005)


def test_a_dispersion_is_told_by_the_spread_it_makes(many):
    told = bg.explain(bg.GLM("gamma", "x", family="gamma", dispersion=bg.Gamma(4.0, 1.0)), many)
    ends = stats.gamma(4.0).ppf([0.03, 0.97])
    np.testing.assert_allclose(told["alpha"].interval, ends, rtol=0.03)
    mean = float(many["gamma"].mean())
    np.testing.assert_allclose(told["alpha"].spread, mean / np.sqrt(ends[::-1]), rtol=0.03)


MEASURES = {
    "ridge": (bg.ridge(4.0), lambda w: np.sum(w**2)),
    "lasso": (bg.lasso(4.0), lambda w: np.sum(np.abs(w))),
    "group_lasso": (bg.group_lasso(2.0), lambda w: np.sqrt(w.size) * np.linalg.norm(w)),
    "non-negative": (bg.Exponential(0.3), np.sum),
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_region_is_what_the_map_reaches(name, many):
    prior, measure = MEASURES[name]
    model = bg.GLM("poisson", bg.Linear("movie", prior=prior), family="poisson")
    fitted = bg.fit_map(model, many)
    w = fitted["map"]["movie"].values
    region = bg.explain(fitted)["movie"].region
    assert region.norm == pytest.approx(measure(w), rel=1e-9)
    assert region.zeros == np.sum(w == 0.0)
    assert bg.explain(model, many)["movie"].region == region


def test_the_region_of_a_walk_is_one_of_differences(many):
    model = bg.GLM("poisson", bg.Lagged("x", lags=5, prior=bg.smooth(3.0)), family="poisson")
    fitted = bg.fit_map(model, many)
    steps = np.diff(fitted["map"]["x"].values)
    assert bg.explain(fitted)["x"].region.norm == pytest.approx(np.sum(steps**2), rel=1e-6)


def hat(data, scales):
    """Return the diagonal of (H + P)^-1 H of an intercept and two predictors, sigma being 0.5."""
    X = np.column_stack([np.ones(data.sizes["time"]), data["x"], data["z"]])
    H, P = X.T @ X / 0.25, np.diag([0.0, *(np.power(scales, -2.0))])
    return np.diag(np.linalg.solve(H + P, H)), np.sqrt(np.diag(np.linalg.inv(H + P)))


def test_effective_parameters_are_the_part_of_the_hat_matrix(many):
    scales = (0.02, 1.0)
    terms = [bg.Linear(name, prior=N(s)) for name, s in zip("xz", scales, strict=True)]
    model = bg.GLM("gaussian", terms, dispersion=0.5)
    shares, sds = hat(many, scales)
    of_mode, of_draws = (bg.explain(fit(model, many)) for fit in (bg.fit_map, bg.fit))
    for name, share, sd, scale in zip("xz", shares[1:], sds[1:], scales, strict=True):
        assert of_mode[name].decided.edf == pytest.approx(share, rel=1e-8)
        decided = of_draws[name].decided
        assert 1.0 - decided.edf == pytest.approx(1.0 - share, rel=0.1)
        assert decided.prior_sd == pytest.approx(scale, rel=1e-3)
        assert decided.posterior_sd == pytest.approx(sd, rel=0.06)
    assert of_draws["intercept"].decided.edf == 1.0


def test_a_lasso_leaves_as_many_parameters_as_are_not_zero(many):
    model = bg.GLM("poisson", bg.Linear("movie", prior=bg.lasso(10.0)), family="poisson")
    fitted = bg.fit_map(model, many)
    n = np.count_nonzero(fitted["map"]["movie"].values)
    assert 0 < n < 6
    assert bg.explain(fitted)["movie"].decided.edf == pytest.approx(n, rel=1e-8)


def test_the_share_of_a_kink_is_that_of_the_exact_posterior():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    data, scale = {"y": 0.3 * x + rng.normal(size=20), "x": x}, 0.2
    model = bg.GLM("y", bg.Linear("x", prior=bg.Laplace(scale)), dispersion=1.0, intercept=None)
    edf = bg.explain(bg.fit_mcmc(model, data))["x"].decided.edf
    w = np.linspace(-3.0, 3.0, 60_001)
    log_p = -0.5 * ((data["y"][:, None] - x[:, None] * w) ** 2).sum(axis=0) - np.abs(w) / scale
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean, kink = p @ w, -np.sign(w) / scale
    assert 1.0 - edf == pytest.approx(-p @ ((w - mean) * kink), abs=0.03)


def test_data_that_contradict_a_prior_are_told(many):
    terms = [bg.Linear("x", prior=N(0.01)), bg.Linear("z", prior=N(1.0))]
    fitted = bg.fit(bg.GLM("gaussian", terms, dispersion=0.5), many)
    told = bg.explain(fitted)
    decided = told["x"].decided
    mean = float(fitted["posterior"]["x"].mean())
    assert decided.contradicted
    assert decided.away == pytest.approx(mean / 0.01, rel=1e-3)
    assert decided.tail == pytest.approx(2.0 * stats.norm.sf(mean / 0.01), rel=1e-2)
    assert "they contradict it: x lies" in str(told)
    assert not told["z"].decided.contradicted


def test_of_a_correlation_what_it_is_with_itself_contradicts_nothing(many):
    data = many.assign(g=("time", np.arange(400) % 8))
    group = bg.Group("g", slopes="x", correlated=True)
    told = bg.explain(bg.fit(bg.GLM("poisson", group, family="poisson"), data, draws=200))
    decided = told["g_correlation"].decided
    assert not decided.contradicted
    assert decided.furthest.startswith("g_correlation[g_effect=x")
    # Under LKJ(1) the correlation of two effects is uniform between -1 and 1.
    assert decided.prior_sd == pytest.approx(0.94 / OUT, rel=0.02)


def test_smooth_kernels_are_told_from_rough_ones(many):
    def rough(prior):
        term = bg.Lagged("x", lags=25, prior=prior)
        return bg.explain(bg.GLM("poisson", term, family="poisson"), many)["x"].swing.rough

    assert rough(N(0.3)) == pytest.approx(1.0, abs=0.05)
    once, twice = rough(bg.smooth(10.0)), rough(bg.smooth(10.0, order=2))
    assert twice < once < 0.4


@pytest.mark.parametrize("name", EXAMPLES)
def test_terms_of_every_kind_are_explained(name):
    for term in EXAMPLES[name].terms:
        told = bg.explain(bg.GLM("poisson", term, family="poisson"), sample_data())
        of = told[term.label]
        assert of.effects or of.swing
        ends = [value for effect in of.effects for value in effect.change]
        assert np.isfinite(ends).all()
        assert "94%" in str(told)


@pytest.mark.parametrize("kind", COEFFICIENT_PRIORS, ids=lambda kind: kind.__name__)
def test_priors_of_every_kind_are_explained(kind, data):
    example = PRIOR_EXAMPLES[kind.__name__]
    numbers = dict(example.said or example.numbers) or {"scale": 0.3}
    numbers.pop("size", None)
    prior = kind() if kind is bg.Flat else kind(**numbers)
    model = bg.GLM("gaussian", bg.Linear("movie", prior=prior), dispersion=1.0)
    alone, laid = bg.explain(model)["movie"], bg.explain(model, data)["movie"]
    assert alone.prior == laid.prior or kind.traits.of_variance
    assert bool(alone.effects) != bool(alone.unsaid)
    assert laid.effects or laid.swing or laid.unsaid


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_family_is_explained(name):
    words, data = FAMILY_NAMES[name], simulate(60)
    if words.counts_levels or (words.labels and words.labels.most is None):
        data = data.assign(levels=("time", np.arange(60) % 3))
        if words.counts_levels:
            counts = np.random.default_rng(0).multinomial(5, [0.2, 0.3, 0.5], 60)
            data = data.assign(levels=(("time", "levels_level"), counts))
        models = [bg.GLM("levels", "x", family=name)]
    else:
        models = [model_of((name, link), bg.Linear("x", prior=N(0.2))) for link in words.links]
    for model in models:
        told = bg.explain(model, data)
        assert told["x"].effects
        assert all(told[one].interval for one in words.dispersions)


def test_what_depends_on_the_data_is_left_open_without_them():
    terms = ["x", bg.Lagged("z", lags=3, prior=bg.smooth(1.0)), bg.Linear("w", prior=bg.Flat())]
    told = bg.explain(bg.GLM("y", terms))
    assert "give data= to see it" in told["x"].unsaid
    assert "give data= to see it" in told["z"].unsaid
    assert told["w"].unsaid == told["intercept"].unsaid == "every value is as likely as any other"
    assert told["sigma"].unsaid


def test_a_model_without_a_map_says_why(many):
    told = bg.explain(bg.GLM("gaussian", bg.Linear("x", prior=N(bg.HalfNormal(1.0)))), many)
    assert told["x"].region is None
    assert "no constraint region" in str(told)


def test_neurons_are_told_apart(many):
    rng = np.random.default_rng(0)
    data = many.assign(spikes=(("time", "neuron"), rng.poisson([0.5, 5.0], (400, 2))))
    fitted = bg.fit_map(bg.GLM("spikes", "x", family="poisson", prior=N(0.5)), data)
    told = [one for one in bg.explain(fitted).terms if one.name == "x"]
    assert [one.neuron for one in told] == ["0", "1"]
    assert told[0].decided.edf < told[1].decided.edf


def test_an_explanation_is_shown_in_notebooks_as_it_is_printed(many):
    told = bg.explain(bg.GLM("gaussian", bg.Linear("x", name="<b>", prior=N(1.0))), many)
    card = told._repr_html_()
    assert repr(told) == str(told)
    assert "&lt;b&gt;" in card
    assert "<b><b>" not in card
    assert "94% prior probability" in card


def test_what_cannot_be_explained_is_refused(many):
    model = bg.GLM("gaussian", "x")
    fitted = bg.fit_map(model, many)
    with pytest.raises(bg.DataError, match="a fit holds its data"):
        bg.explain(fitted, many)
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.explain({"x": [1.0]})
    with pytest.raises(bg.ModelError, match="no parameter 'y'; it has intercept, x, sigma"):
        bg.explain(model)["y"]
    with pytest.raises(bg.ModelError, match="no parameter array"):
        bg.explain(model)[np.zeros(2)]


def test_what_floating_point_does_not_hold_is_said_in_words():
    """A rate of exp(1,000) is any size, and a norm is no product of infinity and zero."""
    data = {"y": np.arange(6) % 3, "x": np.arange(6.0), "z": np.arange(6) % 2}
    together = bg.Linear(("x", "z"), name="both", prior=N(1e200))
    model = bg.GLM("y", [together, bg.Linear("z", prior=N(1e3))], "poisson")
    text = str(bg.explain(model, data))
    assert "z from 0 to 1 changes the rate by a factor of up to any size" in text
    assert "(the rate from 1 to 0 .. any size)" in text
    assert "nan" not in text
    assert "inf" not in text
    vague = bg.Group("z", prior=N(bg.Precision(bg.Gamma(0.001, 0.001))))
    text = str(bg.explain(bg.GLM("y", vague, "poisson"), data))
    assert re.search(r"z_scale lies between [\d.e+]+ and any size, with 94%", text)
    assert "(the rate from 1 to 0 .. any size)" in text
