"""print(model): the likelihood, each prior, and the penalty it equals, letter by letter."""

from textwrap import dedent

import mpmath as mp
import numpy as np
import pytest
import scipy.special
from families import LINKS
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.numbers import range_text

ENCODING = bg.GLM(
    "spikes",
    [
        bg.Lagged("stimulus", lags=25, prior=bg.ridge(4.0)),
        bg.History(lags=20, prior=bg.lasso(2.0)),
    ],
    family="poisson",
)
TEXTS = {
    "lags and history": (
        ENCODING,
        """
        spikes[t] ~ Poisson(exp(eta[t]))
        eta[t] = intercept + Σₖ stimulus[k]·stimulus[t-k] + Σₖ history[k]·spikes[t-k]
        intercept             ~ Flat                no penalty
        stimulus[k=0..24]     ~ Normal(0, 0.5²)     ridge(4) = 4/2 · Σ stimulus²
        history[k=1..20]      ~ Laplace(0, 0.5)     lasso(2) = 2 · Σ |history|
        """,
    ),
    "defaults": (
        bg.GLM("y", ["age", "height"]),
        """
        y[i] ~ Normal(eta[i], sigma²)
        eta[i] = intercept + age·age[i] + height·height[i]
        intercept             ~ Flat                no penalty
        age                   ~ weakly informative, scaled by the data at the first fit
        height                ~ weakly informative, scaled by the data at the first fit
        sigma                 ~ weakly informative, scaled by the data at the first fit
        """,
    ),
    "one prior for all": (
        bg.GLM("y", ["a", bg.Linear("b", prior=bg.Flat())], prior=bg.ridge(1.0), dispersion=2),
        """
        y[i] ~ Normal(eta[i], sigma²)
        eta[i] = intercept + a·a[i] + b·b[i]
        intercept             ~ Flat                no penalty
        a                     ~ Normal(0, 1²)       ridge(1) = 1/2 · Σ a²
        b                     ~ Flat                no penalty
        sigma                 = 2
        """,
    ),
    "locations and arrays": (
        bg.GLM(
            "y",
            [
                bg.Linear(("x", "z"), name="a", prior=bg.Normal([0.5, 1.0])),
                bg.Linear("film", name="f", prior=bg.Laplace([[0.2, 0.5]], loc=2)),
            ],
            intercept=bg.Normal(10, loc=-3),
            dispersion=bg.HalfNormal(2.0),
        ),
        """
        y[i] ~ Normal(eta[i], sigma²)
        eta[i] = intercept + Σⱼ a[j]·(x, z)[j][i] + f·film[i]
        intercept             ~ Normal(-3, 10²)     ridge(0.01) = 0.01/2 · Σ (intercept + 3)²
        a                     ~ Normal(0, [0.5 .. 1]²) ridge(lam) = 1/2 · Σ lam·a², lam = [1 .. 4]
        f                     ~ Laplace(2, [0.2 .. 0.5]) lasso(lam) = Σ lam·|f - 2|, lam = [2 .. 5]
        sigma                 ~ HalfNormal(2)       penalty sigma²/(2·2²)
        """,
    ),
    "elastic nets": (
        bg.GLM(
            "y",
            [
                bg.Linear("x", prior=bg.elastic_net(1.0, 2.0)),
                bg.Linear("z", prior=bg.ElasticNet(0.5, loc=-3)),
                bg.Linear("film", name="f", prior=bg.ElasticNet([0.5, 1.0], [[0.5], [0.75]], 2)),
            ],
            intercept=bg.ElasticNet(2.0, ratio=0.2),
            family="poisson",
        ),
        """
        y[i] ~ Poisson(exp(eta[i]))
        eta[i] = intercept + x·x[i] + z·z[i] + f·film[i]
        intercept             ~ ElasticNet(0, 2, 0.2) elastic_net(0.1, 0.2) = 0.1 · Σ |intercept| + 0.2/2 · Σ intercept²
        x                     ~ ElasticNet(0, 0.5, 0.5) elastic_net(1, 2) = 1 · Σ |x| + 2/2 · Σ x²
        z                     ~ ElasticNet(-3, 0.5, 0.5) elastic_net(1, 2) = 1 · Σ |z + 3| + 2/2 · Σ (z + 3)²
        f                     ~ ElasticNet(2, [0.5 .. 1], [0.5 .. 0.75]) elastic_net(lam1, lam2) = Σ lam1·|f - 2| + 1/2 · Σ lam2·(f - 2)², lam1 = [0.5 .. 1.5], lam2 = [0.25 .. 2]
        """,  # noqa: E501
    ),
    "random walks": (
        bg.GLM(
            "y",
            [
                bg.Lagged("stimulus", lags=25, prior=bg.smooth(4)),
                bg.Lagged("film", lags=2, name="f", prior=bg.smooth(1, order=2, dims="lag")),
                bg.Linear("map", prior=bg.RandomWalk([[1.0], [2.0]], 3, ("height", "width"))),
                bg.History(lags=3, prior=bg.RandomWalk(10, order=4)),
            ],
            family="poisson",
            intercept=None,
        ),
        """
        y[t] ~ Poisson(exp(eta[t]))
        eta[t] = Σₖ stimulus[k]·stimulus[t-k] + Σₖ f[k]·film[t-k] + map·map[t] + Σₖ history[k]·y[t-k]
        stimulus[k=0..24]     ~ RandomWalk(1, 0.5²) smooth(4, order=1) = 4/2 · Σ (Δ stimulus)²
        f[k=0..1]             ~ RandomWalk(2, 1²)   smooth(1, order=2) = 1/2 · Σ (Δ² f)² along lag
        map                   ~ RandomWalk(3, [1 .. 2]²) smooth(lam, order=3) = 1/2 · Σ lam·(Δ³ map)² along height, width, lam = [0.25 .. 1]
        history[k=1..3]       ~ RandomWalk(4, 10²)  smooth(0.01, order=4) = 0.01/2 · Σ (Δ⁴ history)²
        """,  # noqa: E501
    ),
    "offset, trials and weights": (
        bg.GLM(
            "hits",
            bg.Linear("dose", prior=bg.Normal(2.5)),
            family="binomial",
            trials="shots",
            offset="base",
            weights="w",
            intercept=None,
        ),
        """
        hits[i] ~ Binomial(shots[i], 1/(1 + exp(-eta[i])))   (each sample counted w[i] times)
        eta[i] = base[i] + dose·dose[i]
        dose                  ~ Normal(0, 2.5²)     ridge(0.16) = 0.16/2 · Σ dose²
        """,
    ),
    "exposure": (
        bg.GLM(
            "claims",
            bg.Linear("age", prior=bg.Normal(2.5)),
            family="poisson",
            offset="base",
            exposure="km",
        ),
        """
        claims[i] ~ Poisson(exp(eta[i]))
        eta[i] = base[i] + log(km)[i] + intercept + age·age[i]
        intercept             ~ Flat                no penalty
        age                   ~ Normal(0, 2.5²)     ridge(0.16) = 0.16/2 · Σ age²
        """,
    ),
    "windows": (
        bg.GLM(
            "y",
            [
                bg.Lagged("x", window=0.025, prior=bg.Flat()),
                bg.Lagged("x", window=(-0.2, 0.5), name="wide", prior=bg.Flat()),
                bg.Lagged("x", lags=(-3, 4), name="both", prior=bg.Flat()),
            ],
            family="bernoulli",
            link="cloglog",
        ),
        """
        y[t] ~ Bernoulli(1 - exp(-exp(eta[t])))
        eta[t] = intercept + Σₖ x[k]·x[t-k] + Σₖ wide[k]·x[t-k] + Σₖ both[k]·x[t-k]
        intercept             ~ Flat                no penalty
        x[0.025 s]            ~ Flat                no penalty
        wide[-0.2..0.5 s]     ~ Flat                no penalty
        both[k=-3..3]         ~ Flat                no penalty
        """,
    ),
    "windows of the response": (
        bg.GLM(
            "y",
            [bg.History(window=0.02), bg.History(window=(0.02, 0.04), name="late")],
            prior=bg.Flat(),
            family="poisson",
        ),
        """
        y[t] ~ Poisson(exp(eta[t]))
        eta[t] = intercept + Σₖ history[k]·y[t-k] + Σₖ late[k]·y[t-k]
        intercept             ~ Flat                no penalty
        history[0.02 s]       ~ Flat                no penalty
        late[0.02..0.04 s]    ~ Flat                no penalty
        """,
    ),
    "heavy tails": (
        bg.GLM("y", [], dispersion=bg.HalfStudentT(1.5)),
        """
        y[i] ~ Normal(eta[i], sigma²)
        eta[i] = intercept
        intercept             ~ Flat                no penalty
        sigma                 ~ HalfStudentT(4, 1.5) penalty (4+1)/2 · log(1 + sigma²/(4·1.5²))
        """,
    ),
    "learned scales": (
        bg.GLM(
            "y",
            [
                bg.Linear("x", prior=bg.Normal(bg.HalfNormal(1.0), loc=-0.5)),
                bg.Lagged("stimulus", lags=25, prior=bg.RandomWalk(bg.Exponential(0.5), order=2)),
                bg.Linear("film", prior=bg.Laplace(bg.HalfStudentT(2.0))),
                bg.Linear("map", prior=bg.ElasticNet(bg.Exponential(1.0), ratio=0.2)),
                bg.Linear("z", prior=bg.StudentT(bg.Exponential(1.0), df=3, loc=1)),
                bg.Linear("w", prior=bg.Horseshoe(0.1)),
            ],
            family="poisson",
        ),
        """
        y[t] ~ Poisson(exp(eta[t]))
        eta[t] = intercept + x·x[t] + Σₖ stimulus[k]·stimulus[t-k] + film·film[t] + map·map[t] + z·z[t] + w·w[t]
        intercept             ~ Flat                no penalty
        x                     ~ Normal(-0.5, x_scale²) its scale is learned
        stimulus[k=0..24]     ~ RandomWalk(2, stimulus_scale²) its scale is learned
        film                  ~ Laplace(0, film_scale) its scale is learned
        map                   ~ ElasticNet(0, map_scale, 0.2) its scale is learned
        z                     ~ StudentT(3, 1, z_scale) its scale is learned
        w                     ~ Horseshoe(w_scale, slab 4, 2²) its scale is learned
        x_scale               ~ HalfNormal(1)       penalty x_scale²/(2·1²)
        stimulus_scale        ~ Exponential(0.5)    penalty stimulus_scale/0.5
        film_scale            ~ HalfStudentT(4, 2)  penalty (4+1)/2 · log(1 + film_scale²/(4·2²))
        map_scale             ~ Exponential(1)      penalty map_scale/1
        z_scale               ~ Exponential(1)      penalty z_scale/1
        w_scale               ~ HalfStudentT(1, 0.1) penalty (1+1)/2 · log(1 + w_scale²/(1·0.1²))
        """,  # noqa: E501
    ),
    "groups": (
        bg.GLM(
            "y",
            [
                "x",
                bg.Group("subject", slopes=("x", "z"), prior=bg.Normal(bg.HalfNormal(1.0))),
                bg.Group("subject", name="b", prior=bg.StudentT(0.5)),
                bg.Group("day"),
            ],
            prior=bg.ridge(1.0),
            family="bernoulli",
        ),
        """
        y[i] ~ Bernoulli(1/(1 + exp(-eta[i])))
        eta[i] = intercept + x·x[i] + subject[subject[i]] + subject.x[subject[i]]·x[i] + subject.z[subject[i]]·z[i] + b[subject[i]] + day[day[i]]
        intercept             ~ Flat                no penalty
        x                     ~ Normal(0, 1²)       ridge(1) = 1/2 · Σ x²
        subject               ~ Normal(0, subject_scale²) its scale is learned
        b                     ~ StudentT(4, 0, 0.5) penalty (4+1)/2 · log(1 + b²/(4·0.5²))
        day                   ~ weakly informative, scaled by the data at the first fit
        subject_scale         ~ HalfNormal(1)       penalty subject_scale²/(2·1²)
        """,  # noqa: E501
    ),
    "exponential": (
        bg.GLM("y", [], intercept=None, dispersion=bg.Exponential(2.0), link="softplus"),
        """
        y[i] ~ Normal(log(1 + exp(eta[i])), sigma²)
        eta[i] = 0
        sigma                 ~ Exponential(2)      penalty sigma/2
        """,
    ),
}


@pytest.mark.parametrize(("model", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_text(model, text):
    assert str(model) == dedent(text).strip()


@pytest.mark.parametrize("link", LINK_NAMES)
def test_every_link_shows_its_mean(link):
    names = {"exp": np.exp, "log": np.log, "Φ": scipy.special.ndtr}
    names |= {"arctan": np.arctan, "π": np.pi}
    eta = np.array([-1.3, 0.2, 0.9])
    shown = eval(LINK_NAMES[link].mean.format(eta="eta"), {**names, "eta": eta})
    expected = [float(LINKS[link](mp.mpf(one)).mu) for one in eta]
    np.testing.assert_allclose(shown, expected, rtol=1e-12)


def test_locations_of_an_array_show_their_range():
    prior = bg.Laplace(1.0, loc=[-1.0, 2.0])
    line = str(bg.GLM("y", bg.Linear("x", prior=prior))).splitlines()[-2]
    assert line.endswith("~ Laplace([-1 .. 2], 1) lasso(1) = 1 · Σ |x - [-1 .. 2]|")


def test_scales_beyond_the_floats_still_print():
    for scale in (1e-200, 1e200, 5e-324):
        assert "ridge(" in str(bg.GLM("y", bg.Linear("x", prior=bg.Normal(scale))))
        assert "elastic_net(" in str(bg.GLM("y", bg.Linear("x", prior=bg.ElasticNet(scale))))
        assert "smooth(" in str(bg.GLM("y", bg.Linear("x", prior=bg.RandomWalk(scale))))
    equal = str(bg.GLM("y", bg.Linear("x", prior=bg.Laplace([2.0, 2.0]))))
    assert "Laplace(0, 2)       lasso(0.5) = 0.5 · Σ |x|" in equal


def test_the_shown_penalty_is_the_prior():
    """What print says a prior equals, up to a constant, is its log density."""
    from bayesglm.numerics.priors.table import PRIORS

    s = np.array([0.3, 1.0, 2.7])
    for prior in (bg.HalfNormal(1.7), bg.HalfStudentT(1.7, df=3), bg.Exponential(1.7)):
        line = str(bg.GLM("y", [], dispersion=prior)).splitlines()[-1]
        formula = line.partition("penalty ")[2].replace("²", "**2").replace("·", "*")
        penalty = eval(formula, {"sigma": s, "log": np.log})
        density = PRIORS[type(prior).__name__].log_density(s, **vars(prior))
        np.testing.assert_allclose(np.diff(density), -np.diff(penalty), rtol=1e-12)


def test_the_shown_penalty_of_a_student_t_is_the_prior():
    from bayesglm.numerics.priors.table import PRIORS

    x = np.array([-1.5, 0.3, 1.0, 2.7])
    prior = bg.StudentT(0.25, df=3, loc=0.5)
    line = str(bg.GLM("y", bg.Linear("x", prior=prior), family="poisson")).splitlines()[-1]
    formula = line.partition("penalty ")[2].replace("²", "**2").replace("·", "*")
    penalty = eval(formula, {"x": x, "log": np.log})
    density = PRIORS["StudentT"].log_density(x, **vars(prior))
    np.testing.assert_allclose(np.diff(density), -np.diff(penalty), rtol=1e-12)


def test_the_shown_penalty_of_an_elastic_net_is_the_prior():
    from bayesglm.numerics.priors.table import PRIORS

    x = np.array([-1.5, 0.3, 1.0, 2.7])
    prior = bg.ElasticNet(0.25, ratio=0.75, loc=0.5)
    line = str(bg.GLM("y", bg.Linear("x", prior=prior), family="poisson")).splitlines()[-1]
    formula = line.rpartition(" = ")[2].replace("²", "**2").replace("·", "*").replace("Σ ", "")
    formula = formula.replace("|x - 0.5|", "abs(x - 0.5)")
    penalty = eval(formula, {"x": x})
    density = PRIORS["ElasticNet"].log_density(x, **vars(prior))
    np.testing.assert_allclose(np.diff(density), -np.diff(penalty), rtol=1e-12)


def test_the_shown_penalty_of_a_spike_and_a_slab_is_the_prior():
    from bayesglm.numerics.priors.table import PRIORS

    x = np.array([-1.5, 0.1, 0.3, 0.45, 2.7])
    prior = bg.SpikeSlab(1.25, spike=0.125, probability=0.2)
    line = str(bg.GLM("y", bg.Linear("x", prior=prior), family="poisson")).splitlines()[-1]
    assert "0.8·Normal(0, 0.125²) + 0.2·Normal(0, 1.25²)" in line
    formula = line.partition("penalty ")[2].replace("²", "**2").replace("·", "*")
    penalty = eval(formula, {"x": x, "log": np.log, "exp": np.exp})
    density = PRIORS["SpikeSlab"].log_density(x, **vars(prior))
    np.testing.assert_allclose(np.diff(density), -np.diff(penalty), rtol=1e-12)
    several = bg.SpikeSlab([1.0, 2.0], spike=0.1, probability=[[0.25], [0.75]])
    line = str(bg.GLM("y", bg.Linear("x", prior=several), family="poisson")).splitlines()[-1]
    told = "[0.25 .. 0.75]·Normal(0, 0.1²) + [0.25 .. 0.75]·Normal(0, [1 .. 2]²)"
    assert told in line


def broadcastable(numbers):
    """Arrays of none, one or two dims that broadcast to (2, 3), as nested lists."""
    shapes = st.sampled_from([(), (1,), (3,), (1, 1), (1, 3), (2, 1), (2, 3)])
    return shapes.flatmap(
        lambda shape: st.lists(numbers, min_size=6, max_size=6).map(
            lambda six: np.resize(six, shape)
        )
    )


@given(broadcastable(st.floats(0.1, 10.0)), broadcastable(st.floats(0.01, 0.99)))
def test_arrays_of_scales_and_ratios_show_the_range_of_their_broadcast(scale, ratio):
    text = str(bg.GLM("y", bg.Linear("x", prior=bg.ElasticNet(scale, ratio)))).splitlines()[-2]
    lam1, lam2 = ratio / scale, (1 - ratio) / scale / scale
    shown = [range_text(lam.min(), lam.max()) for lam in (lam1, lam2)]
    if any("[" in one for one in shown):
        assert text.endswith(f"lam1 = {shown[0]}, lam2 = {shown[1]}")
    else:
        assert f"elastic_net({shown[0]}, {shown[1]})" in text


EXP, LOGISTIC = "exp(eta[i])", "1/(1 + exp(-eta[i]))"
FIRST_LINES = {
    "gaussian": "Normal(eta[i], sigma²)",
    "student_t": "StudentT(location eta[i], scale sigma, df nu)",
    "beta_binomial": f"BetaBinomial(n[i], {LOGISTIC} kappa, (1 - {LOGISTIC}) kappa)",
    "negative_binomial": f"NegativeBinomial(mean μ = {EXP}, variance μ + μ²/alpha)",
    "negative_binomial1": f"NegativeBinomial(mean μ = {EXP}, variance μ·(1 + phi))",
    "zero_inflated_poisson": f"0 with 1 - psi, else Poisson({EXP})",
    "hurdle_poisson": f"0 with 1 - psi, else Poisson({EXP}) given y > 0",
    "gamma": f"Gamma(shape alpha, rate alpha / {EXP})",
    "inverse_gaussian": f"InverseGaussian(mean μ = {EXP}, variance μ³/lam)",
    "exponential": f"Exponential(mean {EXP})",
    "weibull": f"Weibull(shape alpha, scale {EXP} / Γ(1 + 1/alpha))",
    "beta": f"Beta({LOGISTIC} kappa, (1 - {LOGISTIC}) kappa)",
    "tweedie": f"Tweedie(mean μ = {EXP}, variance phi μ^p)",
    "von_mises": "VonMises(direction 2 * arctan(eta[i]), concentration kappa)",
}


@pytest.mark.parametrize(("family", "density"), FIRST_LINES.items(), ids=FIRST_LINES)
def test_a_family_says_what_its_parameters_are(family, density):
    trials = {"trials": "n"} if FAMILY_NAMES[family].needs_trials else {}
    assert str(bg.GLM("y", "x", family=family, **trials)).startswith(f"y[i] ~ {density}\n")
