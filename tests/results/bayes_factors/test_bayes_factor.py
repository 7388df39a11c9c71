"""Bayes factors against closed forms, quadrature and SMC; what they do not depend on; refusals."""

import warnings

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_expit
from scipy.stats import halfnorm, multivariate_normal, norm

import bayesglm as bg

N = 40
RNG = np.random.default_rng(3)
X, Z = RNG.normal(size=(2, N))
ETA = 0.4 * X + 0.2
RESPONSES = {
    "gaussian": ETA + RNG.normal(size=N),
    "bernoulli": (RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA))).astype(float),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
}
X_PRIOR = bg.Linear("x", prior=bg.Normal(1.5))


def data_of(family):
    return {
        "y": RESPONSES[family],
        "x": X,
        "z": Z,
        "X": np.stack([X, Z], 1),
        "up": np.arange(N) % 2,
    }


def fits(family, models, data=None, **options):
    """Estimates of models by name, each told by its terms."""
    data = data_of(family) if data is None else data
    made = {"family": family, "intercept": bg.Normal(2.0)} | options
    return {name: bg.fit_map(bg.GLM("y", terms, **made), data) for name, terms in models.items()}


EFFECT = {"effect": [X_PRIOR], "nothing": []}


def log_bf(table, model="effect", factor=1.0):
    return table.loc[(model, factor), "log_bf"]


def normal_evidence(sds, columns, sigma=1.0):
    """log p(y) of a gaussian response under independent Normal priors of its columns."""
    covariance = sigma**2 * np.eye(N)
    for sd, column in zip(sds, columns, strict=True):
        covariance += sd**2 * np.outer(column, column)
    return multivariate_normal(cov=covariance).logpdf(RESPONSES["gaussian"])


def test_a_known_sigma_is_exact_along_the_scale_of_the_prior():
    table = bg.bayes_factor(fits("gaussian", EFFECT, dispersion=1.0), factors=[0.01, 0.3, 30.0])
    ones = np.ones(N)
    for factor in (0.01, 0.3, 1.0, 30.0):
        exact = normal_evidence([2.0, 1.5 * factor], [ones, X]) - normal_evidence([2.0], [ones])
        assert log_bf(table, factor=factor) == pytest.approx(exact, abs=1e-8)
    assert (table[["se", "khat"]] == 0.0).all(axis=None)
    assert list(table.index.get_level_values("scale_factor")) == [0.01, 0.3, 1.0, 30.0]


def test_a_learned_sigma_by_quadrature():
    prior = bg.HalfNormal(2.0)
    table = bg.bayes_factor(fits("gaussian", EFFECT, dispersion=prior), factors=[1.0])
    peak = normal_evidence([2.0], [np.ones(N)])

    def evidence(sds, columns):
        def integrand(sigma):
            log = normal_evidence(sds, columns, sigma) - peak
            return np.exp(log + halfnorm(scale=2.0).logpdf(sigma))

        return np.log(quad(integrand, 0.3, 4.0, epsabs=0.0, epsrel=1e-9)[0])

    exact = evidence([2.0, 1.5], [np.ones(N), X]) - evidence([2.0], [np.ones(N)])
    assert log_bf(table) == pytest.approx(exact, abs=1e-6)


def test_a_bernoulli_by_quadrature():
    y = RESPONSES["bernoulli"]
    side = np.linspace(-4.5, 4.5, 181)

    def log_likelihood(eta):
        return (y * log_expit(eta) + (1.0 - y) * log_expit(-eta)).sum(-1)

    intercept = norm(scale=2.0).logpdf(side)
    one = [
        log_likelihood(side[:, None] + w * X) + intercept + norm(scale=1.5).logpdf(w) for w in side
    ]
    step = np.log(side[1] - side[0])
    nothing = np.logaddexp.reduce(log_likelihood(side[:, None] + 0.0 * X) + intercept) + step
    exact = np.logaddexp.reduce(np.array(one), axis=None) + 2.0 * step - nothing
    table = bg.bayes_factor(fits("bernoulli", EFFECT), factors=[1.0], draws=4000)
    told = table.loc[("effect", 1.0)]
    assert abs(told["log_bf"] - exact) < 4.0 * told["se"]
    assert 0.0 < told["se"] < 0.02


@pytest.mark.slow  # PyMC compiles two models
def test_it_is_that_of_sequential_monte_carlo():
    import pymc as pm

    data, made = data_of("poisson"), fits("poisson", EFFECT)
    evidences = []
    for name in EFFECT:
        model = bg.GLM.from_json(made[name].attrs["model"])
        with bg.to_pymc(model, data), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = pm.sample_smc(
                1500,
                chains=4,
                cores=1,
                random_seed=1,
                progressbar=False,
                compute_convergence_checks=False,
            )
        stages = drawn["sample_stats"]["log_marginal_likelihood"].values.astype(float)
        evidences.append(np.nanmax(stages, axis=1))  # NaN but at each chain's last stage
    each = evidences[0] - evidences[1]
    told = bg.bayes_factor(made, factors=[1.0], draws=4000).loc[("effect", 1.0)]
    error = np.hypot(told["se"], each.std(ddof=1) / 2.0)
    assert error < 0.1
    assert abs(told["log_bf"] - each.mean()) < 4.0 * error


def test_a_factor_is_a_prior_of_another_scale():
    of = {"effect": [X_PRIOR, bg.Linear("z", prior=bg.Normal(1.0))], "nothing": [X_PRIOR]}
    table = bg.bayes_factor(fits("poisson", of), factors=[0.5])
    assert table.attrs["varied"] == ["z"]
    narrow = {**of, "effect": [X_PRIOR, bg.Linear("z", prior=bg.Normal(0.5))]}
    again = bg.bayes_factor(fits("poisson", narrow), factors=[1.0])
    error = np.hypot(table.loc[("effect", 0.5), "se"], again.loc[("effect", 1.0), "se"])
    assert abs(log_bf(table, factor=0.5) - log_bf(again)) < 4.0 * error
    both = bg.bayes_factor(fits("poisson", of), factors=[0.5], term=["x", "z"])
    assert both.attrs["varied"] == ["x", "z"]
    assert log_bf(both, factor=0.5) != log_bf(table, factor=0.5)


def test_the_prior_of_a_learned_scale_is_what_is_widened():
    rng = np.random.default_rng(0)
    frame = {"y": rng.normal(size=30), "g": np.arange(30) % 5}

    def of(scale):
        group = bg.Group("g", prior=bg.Normal(bg.HalfNormal(scale)))
        model = bg.GLM("y", group, dispersion=1.0, intercept=bg.Normal(1.0))
        other = bg.GLM("y", [], dispersion=1.0, intercept=bg.Normal(1.0))
        made = {"g": bg.fit(model, frame, draws=200), "nothing": bg.fit(other, frame, draws=200)}
        return bg.bayes_factor(made, factors=[3.0])

    one, wide = of(0.5), of(1.5)
    error = np.hypot(one.loc[("g", 3.0), "se"], wide.loc[("g", 1.0), "se"])
    assert abs(log_bf(one, "g", 3.0) - log_bf(wide, "g")) < 4.0 * error + 0.01


def test_what_it_does_not_depend_on():
    of = {"x": [X_PRIOR], "z": [bg.Linear("z", prior=bg.Normal(1.0))], "nothing": []}
    made = fits("gaussian", of, dispersion=1.0)
    table = bg.bayes_factor(made, factors=[0.5])
    other = bg.bayes_factor(made, against="x", factors=[0.5])
    for factor in (0.5, 1.0):  # transitive, and of the other sign
        assert log_bf(other, "nothing", factor) == pytest.approx(-log_bf(table, "x", factor))
        difference = log_bf(table, "z", factor) - log_bf(table, "x", factor)
        assert log_bf(other, "z", factor) == pytest.approx(difference)
    order = np.random.default_rng(0).permutation(N)
    shuffled = {key: np.asarray(one)[order] for key, one in data_of("gaussian").items()}
    again = bg.bayes_factor(fits("gaussian", of, shuffled, dispersion=1.0), factors=[0.5])
    np.testing.assert_allclose(again["log_bf"], table["log_bf"], atol=1e-9)


def test_weights_are_rows_that_stand_several_times():
    data = data_of("poisson")
    twice = {key: np.repeat(np.asarray(one), 2, axis=0) for key, one in data.items()}
    weighted = data | {"n": np.full(N, 2.0)}
    one = bg.bayes_factor(fits("poisson", EFFECT, twice), factors=[1.0])
    two = bg.bayes_factor(fits("poisson", EFFECT, weighted, weights="n"), factors=[1.0])
    assert log_bf(one) == pytest.approx(log_bf(two), abs=1e-8)


def test_of_a_population_neurons_add_up():
    rng = np.random.default_rng(5)
    counts = rng.poisson(np.exp(np.outer(X, [0.5, -0.2])))
    data = bg.as_dataset({"x": X}).assign(y=(("obs", "unit"), counts))

    def of(data):
        return bg.bayes_factor(fits("poisson", EFFECT, data), factors=[2.0])

    table, each = of(data), [of(data.isel(unit=k)) for k in range(2)]
    for factor in (1.0, 2.0):
        total = sum(log_bf(one, factor=factor) for one in each)
        assert abs(log_bf(table, factor=factor) - total) < 4.0 * table["se"].max() + 1e-3


def test_improper_parts_in_common_leave_the_ratio():
    flat = bg.bayes_factor(fits("gaussian", EFFECT, intercept=bg.Flat(), dispersion=1.0))
    wide = bg.bayes_factor(fits("gaussian", EFFECT, intercept=bg.Normal(1e5), dispersion=1.0))
    np.testing.assert_allclose(flat["log_bf"], wide["log_bf"], atol=1e-6)
    z = bg.Linear("z", prior=bg.Flat())
    of = {"effect": [X_PRIOR, z], "nothing": [z]}
    flat = bg.bayes_factor(fits("gaussian", of, dispersion=bg.Flat()), factors=[1.0])
    assert flat.attrs["varied"] == ["x"]
    assert np.isfinite(log_bf(flat))


FLAT = bg.Linear("x", prior=bg.Flat())
IMPROPER = {
    "a flat term": ({"effect": [FLAT], "nothing": []}, {}, "'x' has an improper prior"),
    "a flat term, and a proper one": (
        {"effect": [X_PRIOR], "flat": [FLAT]},
        {},
        "in 'flat'.*prior=bg.Normal",
    ),
    "a walk": (
        {"walk": [bg.Category("up", contrasts="full", prior=bg.RandomWalk(1.0))], "nothing": []},
        {},
        "'up' has an improper prior",
    ),
}


@pytest.mark.parametrize(("models", "options", "words"), IMPROPER.values(), ids=IMPROPER.keys())
def test_improper_parts_of_one_model_are_refused(models, options, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.bayes_factor(fits("poisson", models, **options))


def test_flat_intercepts_of_two_links_are_refused():
    data, made = data_of("bernoulli"), {}
    for link in ("logit", "probit"):
        made[link] = bg.fit_map(bg.GLM("y", X_PRIOR, "bernoulli", link=link), data)
    with pytest.raises(bg.ModelError, match=r"'intercept'.*another meaning.*intercept=bg.Normal"):
        bg.bayes_factor(made)
    for link in made:
        model = bg.GLM("y", X_PRIOR, "bernoulli", link=link, intercept=bg.Normal(2.0))
        made[link] = bg.fit_map(model, data)
    table = bg.bayes_factor(made)
    assert table.attrs["varied"] == ["x"], "all terms, where none differs"


def test_the_verdict_is_said_and_where_it_turns():
    columns = np.stack([np.ones(N), X], axis=1)
    rest = RESPONSES["gaussian"]
    rest = rest - columns @ np.linalg.lstsq(columns, rest, rcond=None)[0]
    weak = {"y": rest + 1.8 / np.sqrt(N) * X, "x": X}  # 1.8 standard errors
    made = fits("gaussian", EFFECT, weak, dispersion=1.0)
    table = bg.bayes_factor(made, prior_odds={"effect": 5e307, "nothing": 1.5e308})
    verdict, turn, odds = table.attrs["sentences"]
    assert "is favoured over" in verdict
    assert repr(table).endswith(odds)
    share = np.exp(log_bf(table)) / (np.exp(log_bf(table)) + 3.0)
    assert table.loc[("effect", 1.0), "probability"] == pytest.approx(share)
    assert f"{share:.3g} of 'effect'" in odds
    assert "turns with the prior of x" in turn
    factor = float(turn.split("prior of x ")[1].split(" times")[0])
    here = bg.bayes_factor(made, factors=[0.9 * factor, 1.1 * factor])["log_bf"]
    assert here.iloc[0] * here.loc[("effect", 1.1 * factor)] < 0.0
    assert "probability" not in bg.bayes_factor(made)
    assert "x = 0" not in repr(table)
    _, steady = bg.bayes_factor(made, factors=[0.9]).attrs["sentences"]
    assert "is the same" in steady
    none = fits("gaussian", EFFECT, {"y": rest, "x": X}, dispersion=1.0)
    _, fading = bg.bayes_factor(none, against="effect").attrs["sentences"]
    assert "'nothing' is favoured with the prior of x" in fading
    assert "by a bare mention to strong evidence" in fading


def test_a_default_prior_is_said_to_be_nobodys_belief():
    of = {"effect": ["x", bg.Linear("z", prior=bg.Normal(1.0))], "nothing": []}
    table = bg.bayes_factor(fits("gaussian", of, dispersion=1.0), factors=[1.0])
    *_, said = table.attrs["sentences"]
    assert said.startswith("The prior of x is the default")


def test_an_evidence_that_cannot_be_trusted_is_told():
    made = fits("bernoulli", EFFECT)
    with pytest.warns(bg.BayesGLMWarning, match=r"evidence of 'nothing' cannot be trusted"):
        table = bg.bayes_factor(made, factors=[1.0], draws=8)
    assert table["khat"].max() > 0.5


MADE = fits("poisson", EFFECT)
LATER = fits(
    "poisson", {"later": []}, {key: np.asarray(one)[1:] for key, one in data_of("poisson").items()}
)
OTHER = fits("poisson", {"other": []}, data_of("poisson") | {"y": RESPONSES["poisson"] + 1})
LAGGED = fits("poisson", {"lagged": [bg.Lagged("x", lags=3, prior=bg.Normal(1.0))]})
SPIKED = fits("poisson", {"spiked": [bg.Linear("x", prior=bg.SpikeSlab(1.0, 0.05))]})
GROUPED = fits("poisson", {"grouped": [bg.Linear("X", prior=bg.GroupLasso(0.5))]})
REFUSED = {
    "no mapping": ((MADE["effect"],), {}, "savage_dickey"),
    "a list": ((list(MADE.values()),), {}, "a mapping of at least two"),
    "one fit": (({"a": MADE["effect"]},), {}, "a mapping of at least two"),
    "no fits": (({"a": 1.0, "b": 2.0},), {}, "a fit is needed"),
    "other responses": ((MADE | OTHER,), {}, "different responses"),
    "fewer rows": ((MADE | LAGGED,), {}, "'effect' explains 40 samples.*38.*edges='zero'"),
    "other rows": ((MADE | LATER,), {}, "samples"),
    "a spike": ((MADE | SPIKED,), {}, "of 'spiked'.*x_inclusion"),
    "kinks of groups": ((MADE | GROUPED,), {}, "of 'grouped'.*bg.compare"),
    "against nobody": ((MADE,), {"against": "nobody"}, "'nobody', which is no fit"),
    "an unknown term": ((MADE,), {"term": "xx"}, "no model has a term 'xx'"),
    "a term that is none": ((MADE,), {"term": 3}, "no model has a term 3"),
    "factors of zero": ((MADE,), {"factors": [0.0]}, "factors must be positive"),
    "factors of words": ((MADE,), {"factors": "wide"}, "positive"),
    "odds of some": ((MADE,), {"prior_odds": {"effect": 1}}, "lacks 'nothing'"),
    "odds of nobody": ((MADE,), {"prior_odds": {"nobody": 1}}, "'nobody'"),
    "odds of zero": ((MADE,), {"prior_odds": {"effect": 0, "nothing": 1}}, "positive number"),
    "odds of NaN": ((MADE,), {"prior_odds": {"effect": np.nan, "nothing": 1}}, "positive"),
    "a number of odds": ((MADE,), {"prior_odds": 2.0}, "a mapping of the name"),
    "no draws": ((MADE,), {"draws": 0}, "draws"),
    "a seed": ((MADE,), {"seed": -1}, "seed"),
}


@pytest.mark.parametrize(("given", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(given, options, words):
    with pytest.raises(bg.BayesGLMError, match=words):
        bg.bayes_factor(*given, **options)
