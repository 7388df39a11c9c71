"""elicit: the prior that is given holds the belief, by tails of its own density in many digits."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from priors import exact_terms, prior_of
from scipy import integrate, optimize, stats

import bayesglm as bg
from bayesglm.numerics.priors.beliefs import HOLDINGS
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.results.elicit import SCALES
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES

AROUND = [name for name, one in HOLDINGS.items() if "loc" in one.free]
ONE_NUMBER = [name for name, one in HOLDINGS.items() if one.free == ("scale",) and one.positive]
SHAPED = [name for name, one in HOLDINGS.items() if one.symmetric is None and len(one.free) > 1]


def below(prior, x):
    """P(X < x) by the density of tests/priors.py, integrated in many digits."""
    name, numbers = type(prior).__name__, vars(prior)
    centre = numbers.get("loc")
    start, sign, known = (0.0, 1, 0.0) if centre is None else (centre, np.sign(x - centre), 0.5)
    if name == "Uniform":
        start = prior.lower

    def density(t):
        return mp.exp(mp.fsum(exact_terms(name, t, **numbers)))

    with mp.workdps(30):
        grid = mp.linspace(mp.mpf(start), mp.mpf(x), 9)
        if start == 0.0:  # where densities of small shapes grow without bound
            grid = [0, *(x * mp.mpf(10) ** -k for k in range(12, 0, -2)), x]
        return float(known + sign * abs(mp.quad(density, grid)))


@pytest.mark.parametrize("name", [*AROUND, *SHAPED])
@pytest.mark.parametrize(("lower", "upper"), [(0.11, 0.62), (0.3, 0.35)])
@pytest.mark.parametrize("probability", [0.94, 0.3])
def test_two_ends_leave_as_much_on_either_side(name, lower, upper, probability):
    prior = bg.elicit("x", lower, upper, probability, prior=prior_of(getattr(bg, name)))
    assert type(prior).__name__ == name
    assert below(prior, lower) == pytest.approx((1 - probability) / 2, rel=1e-10)
    assert below(prior, upper) == pytest.approx((1 + probability) / 2, rel=1e-10)
    example = vars(prior_of(getattr(bg, name)))
    for number, value in vars(prior).items():
        assert (value != example[number]) == (number in HOLDINGS[name].free)


@pytest.mark.parametrize("name", [*AROUND, *ONE_NUMBER, "Gamma", "InverseGamma", "Beta"])
@pytest.mark.parametrize("probability", [0.94, 0.7])
def test_one_end_leaves_the_rest_beyond_it(name, probability):
    kind = getattr(bg, name)
    prior = bg.elicit("x", upper=0.4, probability=probability, prior=kind)
    assert below(prior, 0.4) == pytest.approx(probability, rel=1e-10)
    if name in AROUND:
        assert prior.loc == 0.0
        mirrored = bg.elicit("x", lower=-0.4, probability=probability, prior=kind)
        assert mirrored.scale == pytest.approx(prior.scale, rel=1e-14)
    else:
        assert bg.elicit("x", 0.0, 0.4, probability, prior=kind) == prior


@pytest.mark.parametrize("name", ONE_NUMBER)
def test_a_lower_end_alone_of_one_number(name):
    prior = bg.elicit("x", lower=0.4, prior=getattr(bg, name))
    assert below(prior, 0.4) == pytest.approx(0.06, rel=1e-10)


@pytest.mark.parametrize("kind", [getattr(bg, name) for name in AROUND])
def test_centres_of_an_example_stand_under_one_end(kind):
    prior = bg.elicit("x", upper=3.0, prior=kind(1.0, loc=1.0))
    assert prior.loc == 1.0
    assert prior.scale == pytest.approx(2.0 * bg.elicit("x", upper=1.0, prior=kind).scale)
    turned = bg.elicit("x", upper=-1.0, probability=0.2, prior=kind)
    assert below(turned, -1.0) == pytest.approx(0.2, rel=1e-10)


SCIPY = {
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1.0 / rate),
    "InverseGamma": lambda shape, scale: stats.invgamma(shape, scale=scale),
    "Beta": stats.beta,
}


@pytest.mark.parametrize("name", list(SCIPY))
@pytest.mark.parametrize("probability", [0.94, 0.7])
def test_what_one_end_leaves_open_is_of_maximum_entropy(name, probability):
    best = vars(bg.elicit("x", upper=0.4, probability=probability, prior=getattr(bg, name)))
    kind, (shape, second) = SCIPY[name], best.values()

    def other(factor):
        """Another of the kind that holds the belief."""

        def miss(number):
            return kind(shape * factor, number).cdf(0.4) - probability

        return kind(shape * factor, optimize.brentq(miss, second / 50, second * 50, xtol=1e-13))

    most = other(1.0).entropy()
    assert other(1.0).args[1:] == pytest.approx((second,)[: len(other(1.0).args) - 1], rel=1e-9)
    for factor in (0.8, 0.99, 1.01, 1.25):
        assert other(factor).entropy() < most


def test_a_share_of_which_nothing_else_is_said_is_uniform():
    prior = bg.elicit("psi", upper=0.4, probability=0.4, prior=bg.Beta)
    assert (prior.alpha, prior.beta) == pytest.approx((1.0, 1.0), abs=1e-6)


@pytest.mark.parametrize("kind", [getattr(bg, name) for name in AROUND])
@pytest.mark.parametrize(
    "above",
    [
        bg.HalfNormal(1.0),
        bg.HalfStudentT(2.0, df=2.5),
        bg.HalfCauchy(1.0),
        bg.Exponential(3.0),
        bg.Gamma(1.5, 0.1),
        bg.InverseGamma(3.0, 2.0),
    ],
)
def test_learned_scales_are_integrated_out(kind, above):
    prior = bg.elicit("g", -1.0, 2.0, 0.9, prior=kind(above))
    assert (type(prior), type(prior.scale)) == (kind, type(above))
    for number in ("df", "shape"):  # which stand
        assert getattr(prior.scale, number, None) == getattr(above, number, None)
    assert prior.loc == 0.5
    tails = HOLDINGS[kind.__name__].symmetric.given(vars(prior))
    density = PRIORS[type(above).__name__].log_density

    def integrand(log_scale):
        scale = np.exp(log_scale)
        held = np.exp(density(np.array(scale), **vars(prior.scale)))
        return float(tails.tail(1.5 / scale) * held * scale)

    total = sum(
        integrate.quad(integrand, *ends, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        for ends in ((-12.0, -2.0), (-2.0, 0.0), (0.0, 2.0), (2.0, 6.0), (6.0, 20.0), (20.0, 60.0))
    )
    assert total == pytest.approx(0.05, rel=1e-9)


def test_beliefs_in_the_words_of_links():
    z = stats.norm.ppf(0.97)
    prior = bg.elicit("age", 0.5, 2.0, scale="odds ratio")
    assert prior == bg.Normal(prior.scale)
    assert prior.scale == pytest.approx(np.log(2.0) / z, rel=1e-14)
    lopsided = bg.elicit("age", 0.9, 3.0, scale="rate ratio")
    assert lopsided.loc == pytest.approx(np.log(0.9 * 3.0) / 2, rel=1e-14)
    share = bg.elicit("intercept", 0.05, 0.2, scale="probability")
    assert share.loc == pytest.approx(np.log(0.05 / 0.95 * 0.2 / 0.8) / 2, rel=1e-14)
    probit = bg.elicit("intercept", 0.05, 0.2, scale="probit")
    np.testing.assert_allclose(probit.loc, stats.norm.ppf([0.05, 0.2]).mean(), rtol=1e-12)
    # 1/mu falls: the upper mean is the lower intercept.
    rate = bg.elicit("intercept", 2.0, 4.0, scale="inverse")
    assert rate == bg.elicit("intercept", 0.25, 0.5)
    assert bg.elicit("intercept", lower=2.0, scale="inverse", prior=bg.HalfNormal) == bg.elicit(
        "intercept", upper=0.5, prior=bg.HalfNormal
    )


def test_every_word_for_a_ratio_or_link_is_a_scale():
    ratios = {link.ratio for link in LINK_NAMES.values()}
    ratios |= {family.log_ratio for family in FAMILY_NAMES.values()}
    assert {"", *SCALES} >= ratios | set(LINK_NAMES)


def test_units_of_a_predictor():
    one = bg.elicit("age", 0.5, 2.0, scale="odds ratio")
    ten = bg.elicit("age", 0.5, 2.0, scale="odds ratio", per=10)
    assert ten.scale == pytest.approx(one.scale / 10, rel=1e-14)
    ages = np.random.default_rng(0).normal(45.0, 9.0, 300)
    movie = xr.Dataset({"age": (("time", "x"), ages.reshape(100, 3).astype(np.float32))})
    for data in ({"age": ages}, pd.DataFrame({"age": ages, "z": "a"}), movie):
        prior = bg.elicit("age", 0.5, 2.0, scale="odds ratio", data=data)
        assert prior.scale == pytest.approx(one.scale / ages.std(), rel=1e-6)


def test_two_levels_of_a_group():
    rng = np.random.default_rng(1)
    learned = bg.elicit(
        "school",
        upper=3.0,
        scale="odds ratio",
        prior=bg.Normal(bg.HalfNormal(1.0)),
        per="two levels",
    )
    sd = np.abs(rng.normal(0.0, learned.scale.scale, 400_000))
    levels = rng.normal(0.0, sd, (2, len(sd)))
    factor = np.exp(np.abs(levels[0] - levels[1]))
    assert np.mean(factor < 3.0) == pytest.approx(0.94, abs=0.0015)
    known = bg.elicit("school", upper=3.0, scale="odds ratio", per="two levels")
    assert known.scale == pytest.approx(np.log(3.0) / np.sqrt(2.0) / stats.norm.ppf(0.97))
    sd_alone = bg.elicit(
        "school", upper=3.0, scale="odds ratio", prior=bg.HalfNormal, per="two levels"
    )
    assert sd_alone.scale == pytest.approx(np.log(3.0) / np.sqrt(2.0) / stats.halfnorm.ppf(0.94))
    bg.Group("school", prior=learned)


def test_explain_tells_the_beliefs_back():
    rng = np.random.default_rng(0)
    data = {"age": rng.normal(45.0, 9.0, 200), "y": (rng.random(200) < 0.4) * 1}
    at = {"scale": "odds ratio", "data": data}
    term = bg.Linear("age", prior=bg.elicit("age", 0.5, 2.0, **at))
    intercept = bg.elicit("intercept", 0.05, 0.2, scale="probability")
    told = str(bg.explain(bg.GLM("y", term, "bernoulli", intercept=intercept), data))
    assert "the probability lies between 0.05 and 0.2, with 94%" in told
    assert "changes the odds by a factor of up to 2, with 94%" in told


def test_an_end_of_an_example_stands():
    assert bg.elicit("x", upper=0.47, prior=bg.Uniform(0.0, 9.0)) == bg.Uniform(0.0, 0.5)
    assert bg.elicit("x", lower=0.06, prior=bg.Uniform(-9.0, 1.0)) == bg.Uniform(0.0, 1.0)
    with pytest.raises(bg.ModelError, match=r"'x': upper=0.4 alone leaves open .*Uniform\(0.0, 1."):
        bg.elicit("x", upper=0.4, prior=bg.Uniform)


@pytest.mark.parametrize(
    ("ends", "options", "words"),
    [
        ((), {}, "'x': a belief needs an end"),
        ((2.0, 1.0), {}, "'x': lower must be below upper, got lower=2 and upper=1"),
        ((1.0, 1.0), {}, "lower must be below upper"),
        ((4.0, 2.0), {"scale": "inverse"}, "got lower=4 and upper=2"),
        ((np.nan, 1.0), {}, "lower must be a finite number, got nan; leave it out"),
        ((0.0, np.inf), {}, "upper must be a finite number, got inf; leave it out"),
        (("a", 1.0), {}, "lower must be a finite number, got 'a'"),
        ((True, 2.0), {}, "lower must be a finite number, got True"),
        ((None, 10**400), {}, "upper must be a finite number, got 1000"),
        ((-1.0, 1.0), {"per": 10**400}, "per must be a positive number"),
        ((-1.0, 1.0), {"prior": bg.lasso}, r"prior=lasso is no kind.*write lasso\(1.0\)"),
        ((-1.0, 1.0), {"prior": 10**400}, "prior=1000.* is no kind of prior"),
        ((-1.0, 1.0, 1e-300), {}, "quantiles of so small a probability"),
        ((1e-300, 1e-299), {"prior": bg.Precision}, "does not hold the square of an end; rescale"),
        ((None, 1e200), {"prior": bg.Variance}, "does not hold the square of an end; rescale"),
        ((np.zeros(2), 2.0), {}, "lower must be a finite number, got array"),
        ((0.0, 1.0, 1.0), {}, "probability must be a number between 0 and 1, got 1.0"),
        ((0.0, 1.0, 94), {}, "probability must be .* 0.94 is that of the intervals"),
        ((-0.5, 2.0), {"scale": "odds ratio"}, "lower=-0.5 is none on the scale 'odds .* above 0"),
        ((0.0, 2.0), {"scale": "odds ratio"}, "lower=0 is none .*leave it out"),
        ((0.1, 1.0), {"scale": "probability"}, "upper=1 is none .* between 0 and 1"),
        ((0.1, 0.2), {"scale": "odd ratio"}, "unknown scale 'odd ratio'.*Did you mean 'odds rat"),
        ((0.1, 0.2), {"scale": "or"}, "Write scale='odds ratio'"),
        ((0.1, 0.2), {"scale": None}, "unknown scale None"),
        ((-0.1, 2.0), {"prior": bg.HalfNormal}, "lower=-0.1 is a number below 0, where HalfN"),
        (
            (0.5, 2.0),
            {"prior": bg.Exponential, "scale": "odds ratio"},
            "lower=0.5 is a number below",
        ),
        (
            (0.5, 2.0),
            {"prior": bg.HalfNormal},
            r"0.03 above upper=2 that is 0.9216, which leaves 0.41",
        ),
        ((0.0, None), {"prior": bg.HalfNormal}, "every HalfNormal prior has all of its"),
        ((None, 0.0), {"prior": bg.Gamma}, "every Gamma prior has all of its"),
        ((0.5, None), {"prior": bg.Gamma}, "lower=0.5 alone leaves open how far .*Give upper="),
        ((None, 0.4, 0.633), {"prior": bg.InverseGamma}, "upper=0.4 alone .*Give lower= as well"),
        ((0.5, 1.5), {"prior": bg.Beta}, "upper=1.5 is a number above 1, where Beta priors"),
        ((1.0, 1.0 + 1e-13), {"prior": bg.Gamma}, "lie closer together"),
        ((None, -1.0), {}, "a Normal prior around 0 has half .* no scale puts 0.94 below upper=-1"),
        ((None, 1.0, 0.5), {}, "no scale puts half below upper=1"),
        ((0.1, 0.2), {"prior": bg.Flat}, "prior=Flat is no kind of prior whose single"),
        (
            (0.1, 0.2),
            {"prior": bg.RandomWalk(1.0)},
            "RandomWalk priors lie around zero, and",
        ),
        ((-1.0, 1.0), {"prior": bg.SpikeSlab}, r"prior=SpikeSlab\(1.0, spike=0.05\)"),
        ((-0.1, 1.0), {"prior": bg.SpikeSlab(1.0, 0.05)}, "SpikeSlab priors lie around zero"),
        ((-1.0, 1.0, 0.2), {"prior": bg.SpikeSlab(1.0, 0.05)}, "beyond an end, and not 0.4"),
        ((None, 0.4), {"prior": bg.Precision}, "upper=0.4 alone leaves .* Give lower= as well"),
        ((0.1, 0.2), {"prior": bg.Normal(bg.Precision(bg.Gamma(1.0, 1.0)))}, "number that stret"),
        ((0.1, 0.2), {"prior": bg.LKJ}, "LKJ priors lie around zero, half"),
        ((None, -0.2), {"prior": bg.LKJ}, "LKJ priors lie around zero, half"),
        ((-1.5, 1.5), {"prior": bg.LKJ}, "lower=-1.5 is a number below -1, where LKJ priors"),
        ((0.1, 0.2), {"prior": "normal"}, r"write Normal\(1.0\)"),
        ((0.1, 0.2), {"prior": bg.Normal(1.0, loc=[0.0, 1.0])}, "array of loc; a belief is of one"),
        (
            (0.1, 0.2),
            {"prior": bg.Normal(bg.HalfNormal([1.0, 2.0]))},
            "must have one number",
        ),
        (
            (0.1, 0.2),
            {"prior": bg.Normal(bg.HalfStudentT(1.0, df=0.05))},
            "prior of the scale reaches too far",
        ),
        ((0.1, 0.2), {"per": 0}, "per must be a positive number of units"),
        ((0.1, 0.2), {"per": "year"}, "or 'two levels', got 'year'"),
        ((0.1, 0.2), {"per": 2, "data": {"x": [1.0, 2.0]}}, "give one of the two"),
        ((0.1, 0.2), {"per": 2, "scale": "probability"}, "means, which are of no unit"),
        ((0.5, 2.0), {"per": "two levels", "scale": "odds ratio"}, "higher stands against the"),
        ((None, 0.5), {"per": "two levels", "scale": "odds ratio"}, "1 of ratios, 0 of coeff"),
        (
            (None, 3.0),
            {"per": "two levels", "prior": bg.Laplace},
            "difference of two effects under",
        ),
    ],
)
def test_beliefs_that_cannot_be_held(ends, options, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.elicit("x", *ends, **options)


@pytest.mark.parametrize("of", [None, "", 3, bg.Linear("x")])
def test_a_belief_is_of_something(of):
    with pytest.raises(bg.ModelError, match="elicit takes first what is believed of"):
        bg.elicit(of, 0.5, 2.0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"y": [1.0, 2.0]}, "'x' is not in the data; the variables are y"),
        ({"x": [1.0, 1.0]}, "predictor 'x' is constant"),
        ({"x": [1.0, np.nan]}, "predictor 'x' holds 1 missing"),
        ({"x": ["a", "b"]}, "not numbers"),
        (3, "."),
    ],
)
def test_data_without_a_standard_deviation(data, words):
    with pytest.raises(bg.DataError, match=words):
        bg.elicit("x", 0.5, 2.0, data=data)


# What numbers are multiplied by where all that a prior is of is.
POWERS = {"scale": 1, "loc": 1, "lower": 1, "upper": 1, "rate": -1}


@pytest.mark.parametrize("name", [*AROUND, *ONE_NUMBER, "Gamma", "InverseGamma", "Uniform"])
@pytest.mark.parametrize("size", [1e-200, 1e-8, 1e8, 1e200])
def test_beliefs_of_any_size(name, size):
    ends, example = (None if name in ONE_NUMBER else 0.5, 1.0), prior_of(getattr(bg, name))
    unit = bg.elicit("x", *ends, prior=example)
    sized = bg.elicit("x", *(end and end * size for end in ends), prior=example)
    for number in HOLDINGS[name].free:
        expected = getattr(unit, number) * size ** POWERS.get(number, 0)
        assert getattr(sized, number) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", [bg.Precision, bg.Variance])
@pytest.mark.parametrize("of", [None, bg.Gamma(1.0, 1.0), bg.InverseGamma(1.0, 1.0)])
def test_scales_of_which_the_square_has_a_prior(kind, of):
    prior = bg.elicit("sigma", 0.5, 2.0, prior=kind if of is None else kind(of))
    ends = np.array([0.5, 2.0]) ** (2.0 if kind is bg.Variance else -2.0)
    assert below(prior.of, ends.min()) == pytest.approx(0.03, rel=1e-10)
    assert below(prior.of, ends.max()) == pytest.approx(0.97, rel=1e-10)
    if of is not None:
        assert type(prior.of) is type(of)


def test_a_slab_reaches_as_far_as_the_belief():
    example = bg.SpikeSlab(1.0, spike=0.05, probability=0.3)
    both = bg.elicit("x", -1.0, 1.0, prior=example)
    assert (both.spike, both.probability) == (0.05, 0.3)
    for prior, beyond in (
        (both, 0.03),
        (bg.elicit("x", upper=1.0, prior=example), 0.06),
        (bg.elicit("x", upper=-1.0, probability=0.1, prior=example), 0.1),
    ):
        tails = stats.norm.sf(1.0 / 0.05), stats.norm.sf(1.0 / prior.scale)
        assert 0.7 * tails[0] + 0.3 * tails[1] == pytest.approx(beyond, rel=1e-10)


def test_steps_of_a_walk():
    prior = bg.elicit("stimulus", 1 / 1.2, 1.2, scale="rate ratio", prior=bg.RandomWalk)
    assert prior.scale == pytest.approx(np.log(1.2) / stats.norm.ppf(0.97), rel=1e-14)
    second = bg.elicit("x", upper=0.1, prior=bg.RandomWalk(1.0, order=2, dims="lag"))
    assert second == bg.RandomWalk(second.scale, order=2, dims="lag")
    assert second.scale == pytest.approx(0.1 / stats.norm.ppf(0.94), rel=1e-14)
    learned = bg.elicit("x", -0.1, 0.1, prior=bg.RandomWalk(bg.HalfNormal(3.0)))
    same = bg.elicit("x", -0.1, 0.1, prior=bg.Normal(bg.HalfNormal(3.0)))
    assert learned.scale == same.scale


@pytest.mark.parametrize("probability", [0.94, 0.3])
def test_the_correlation_of_two_effects(probability):
    both = bg.elicit("school", -0.5, 0.5, probability, prior=bg.LKJ)
    law = stats.beta(both.eta, both.eta, loc=-1.0, scale=2.0)
    assert law.cdf(0.5) - law.cdf(-0.5) == pytest.approx(probability, rel=1e-12)
    end = 0.5 if probability > 0.5 else -0.5
    one = bg.elicit("school", upper=end, probability=probability, prior=bg.LKJ)
    law = stats.beta(one.eta, one.eta, loc=-1.0, scale=2.0)
    assert law.cdf(end) == pytest.approx(probability, rel=1e-12)
    mirrored = bg.elicit("school", lower=-end, probability=probability, prior=bg.LKJ)
    assert mirrored.eta == pytest.approx(one.eta, rel=1e-12)


def test_every_kind_is_a_noun_of_the_package():
    assert all(hasattr(getattr(bg, name), "traits") for name in HOLDINGS)
