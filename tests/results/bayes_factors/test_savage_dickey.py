"""Point nulls by one fit's posterior, against closed forms and ratios of evidences."""

import numpy as np
import pytest
from priors import OF_COEFFICIENTS
from scipy.stats import norm
from terms import EXAMPLES, KINDS, sample_data

import bayesglm as bg
from bayesglm.spec.priors import learned_scale

N = 60
RNG = np.random.default_rng(3)
X = RNG.normal(size=N)
Z = 0.6 * X + 0.8 * RNG.normal(size=N)
PRIORS = {"ridge": bg.Normal(1.0), "lasso": bg.Laplace(0.7), "heavy tails": bg.StudentT(1.0)}
SLOPES = (0.0, 0.4, 0.9)
FAMILIES = ("gaussian", "poisson", "bernoulli")
# Each family and each prior with each slope: a square of Latin letters.
CASES = [
    (family, prior, SLOPES[(k + j) % 3])
    for k, family in enumerate(FAMILIES)
    for j, prior in enumerate(PRIORS)
]
AGREE = 4.0  # errors


def data_of(family, slope, seed=0):
    rng = np.random.default_rng(seed)
    eta = slope * X - 0.3 * Z + 0.3
    draw = {
        "gaussian": lambda: eta + rng.normal(size=N),
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "bernoulli": lambda: (rng.random(N) < 1.0 / (1.0 + np.exp(-2.5 * eta))).astype(float),
    }
    region = rng.choice(["East", "North", "West"], N)
    return {"y": draw[family](), "x": X, "z": Z, "X": np.stack([X, Z], 1), "region": region}


def fitted(family, terms, data, fit=bg.fit, **options):
    model = bg.GLM("y", terms, **({"family": family, "intercept": bg.Normal(2.0)} | options))
    return fit(model, data)


def assert_equal_ratio(told, expected, room=0.0):
    """Hold two rows of log Bayes factors to each other, within their errors."""
    error = np.hypot(told["se"], expected["se"])
    assert error < 0.08
    assert abs(told["log_bf"] - expected["log_bf"]) < AGREE * error + room


@pytest.mark.parametrize(("family", "prior", "slope"), CASES)
def test_it_is_the_ratio_of_evidences(family, prior, slope):
    data = data_of(family, slope)
    z = bg.Linear("z", prior=bg.Normal(1.0))
    whole = fitted(family, [bg.Linear("x", prior=PRIORS[prior]), z], data)
    without = fitted(family, [z], data, bg.fit_map)
    factors = [0.5, 3.0]
    told = bg.savage_dickey(whole, "x", factors=factors)
    expected = bg.bayes_factor({"x": whole, "without": without}, factors=factors, draws=2000)
    for factor in (0.5, 1.0, 3.0):
        assert_equal_ratio(told.loc[("x", factor)], expected.loc[("x", factor)])
    assert told["khat"].max() < 0.7
    assert (told.loc[("x", 1.0), "log_bf"] > 5.0) == (slope == 0.9)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_of_every_kind_of_term(kind):
    (term, *_), data = EXAMPLES[kind.__name__].terms, sample_data()
    common = {"family": "poisson", "intercept": bg.Normal(2.0), "edges": "zero"}
    whole = bg.fit(bg.GLM("poisson", term, prior=bg.Normal(0.5), **common), data, draws=300)
    own = bg.GLM.from_json(whole.attrs["model"]).terms[0].prior
    if learned_scale(own) is not None or own.traits.bounded or not EXAMPLES[kind.__name__].has_mode:
        with pytest.raises(bg.ModelError, match="is not defined: its prior"):
            bg.savage_dickey(whole, term.label)
        return
    without = bg.fit_map(bg.GLM("poisson", [], **common), data)
    told = bg.savage_dickey(whole, term.label, factors=[2.0])
    expected = bg.bayes_factor({"whole": whole, "without": without}, factors=[2.0])
    for factor in (1.0, 2.0):
        assert_equal_ratio(told.loc[(term.label, factor)], expected.loc[("whole", factor)])


def test_a_normal_posterior_is_told_exactly_but_for_the_draws():
    data = data_of("gaussian", 0.9)
    whole = fitted("gaussian", bg.Linear("x", prior=bg.Normal(1.5)), data, dispersion=1.0)
    precision = np.array([[N, X.sum()], [X.sum(), X @ X]]) + np.diag([1 / 4.0, 1 / 1.5**2])
    covariance = np.linalg.inv(precision)
    mean = covariance @ [data["y"].sum(), X @ data["y"]]
    posterior = norm(mean[1], np.sqrt(covariance[1, 1]))
    for value in (0.0, mean[1], -0.3):
        told = bg.savage_dickey(whole, "x", value, factors=[1.0]).loc[("x", 1.0)]
        exact = norm(0.0, 1.5).logpdf(value) - posterior.logpdf(value)
        assert abs(told["log_bf"] - exact) < AGREE * told["se"]
        assert told["se"] < 0.01
    told = bg.savage_dickey(whole, "intercept", 0.1, factors=[1.0])
    exact = norm(0.0, 2.0).logpdf(0.1) - norm(mean[0], np.sqrt(covariance[0, 0])).logpdf(0.1)
    assert abs(told["log_bf"].iloc[0] - exact) < AGREE * told["se"].iloc[0]
    assert "no prior" in told.attrs["sentences"][1].lower(), "an intercept is no term"


def test_a_term_of_several_and_one_of_them():
    data = data_of("poisson", 0.3)
    prior = bg.Normal(0.8)
    whole = fitted("poisson", [bg.Category("region", prior=prior), "x"], data, prior=bg.Normal(1.0))
    without = fitted("poisson", ["x"], data, bg.fit_map, prior=bg.Normal(1.0))
    expected = bg.bayes_factor({"region": whole, "without": without}, draws=4000)
    told = bg.savage_dickey(whole, "region")
    for factor in (0.2, 1.0, 5.0):
        assert_equal_ratio(told.loc[("region", factor)], expected.loc[("region", factor)])
    dummies = data | {one: (data["region"] == one).astype(float) for one in ("North", "West")}
    both = [bg.Linear("North", prior=prior), bg.Linear("West", prior=prior)]
    one, other = (
        fitted("poisson", [*terms, "x"], dummies, bg.fit_map, prior=bg.Normal(1.0))
        for terms in (both, both[:1])
    )
    expected = bg.bayes_factor({"both": one, "North": other}, draws=4000)
    told = bg.savage_dickey(whole, "region[West]")
    for factor in (0.2, 1.0, 5.0):
        assert_equal_ratio(told.loc[("region[West]", factor)], expected.loc[("both", factor)])


def test_a_term_of_ten_against_the_ratio_of_evidences():
    rng = np.random.default_rng(4)
    V = rng.normal(size=(200, 10))
    x = rng.normal(size=200)
    y = rng.poisson(np.exp(0.3 * x + V @ rng.normal(0.0, 0.15, 10)))
    data, prior = {"y": y, "x": x, "V": V}, bg.Normal(0.5)
    terms = [bg.Linear("V", prior=prior), bg.Linear("x", prior=prior)]
    whole = fitted("poisson", terms, data)
    without = fitted("poisson", terms[1:], data, bg.fit_map)
    told = bg.savage_dickey(whole, "V", factors=[0.5, 5.0])
    expected = bg.bayes_factor({"V": whole, "without": without}, factors=[0.5, 5.0], draws=4000)
    for factor in (0.5, 1.0, 5.0):
        assert_equal_ratio(told.loc[("V", factor)], expected.loc[("V", factor)])


def test_draws_that_an_interruption_left_out_are_none():
    data = data_of("poisson", 0.5)
    whole = fitted("poisson", bg.Linear("x", prior=bg.Normal(1.0)), data)
    cut = whole.copy()
    kept = (cut["posterior"]["draw"] < 600) | (cut["posterior"]["chain"] > 0)
    cut["posterior"] = cut["posterior"].to_dataset().where(kept)
    told, expected = (bg.savage_dickey(one, "x", factors=[1.0]) for one in (cut, whole))
    assert_equal_ratio(told.loc[("x", 1.0)], expected.loc[("x", 1.0)])


def test_a_null_elsewhere_is_an_offset():
    data = data_of("poisson", 0.9)
    whole = fitted("poisson", bg.Linear("x", prior=bg.Normal(1.0)), data)
    moved = data | {"known": 0.5 * X}
    prior = bg.Normal(1.0, loc=-0.5)
    other = fitted("poisson", bg.Linear("x", prior=prior), moved, offset="known")
    told, expected = bg.savage_dickey(whole, "x", 0.5), bg.savage_dickey(other, "x")
    assert_equal_ratio(told.loc[("x", 1.0)], expected.loc[("x", 1.0)])
    assert told.attrs["against"] == "x = 0.5"


def test_members_of_a_population_have_rows_of_their_own():
    counts = np.stack([data_of("poisson", slope)["y"] for slope in (0.0, 0.9)], axis=1)
    data = bg.as_dataset({"x": X}).assign(y=(("obs", "unit"), counts), unit=["idle", "tuned"])
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), "poisson")
    told = bg.savage_dickey(bg.fit(model, data), "x", factors=[1.0])
    assert list(told.index.get_level_values("model")) == ["x (unit idle)", "x (unit tuned)"]
    for k, name in enumerate(["x (unit idle)", "x (unit tuned)"]):
        alone = bg.savage_dickey(bg.fit(model, data.isel(unit=k)), "x", factors=[1.0])
        assert_equal_ratio(told.loc[(name, 1.0)], alone.loc[("x", 1.0)])


def test_draws_of_nuts_know_that_they_hang_together():
    data = data_of("poisson", 0.9)
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), "poisson")
    drawn = bg.fit_mcmc(model, data, engine="native")
    sizes = drawn["posterior"].sizes
    stuck = drawn.isel(draw=np.repeat(np.arange(sizes["draw"] // 4), 4))
    free, held = (bg.savage_dickey(one, "x", factors=[1.0])["se"].iloc[0] for one in (drawn, stuck))
    assert held > 1.5 * free


# Why there is no ratio under some priors; under all others there is one.
NO_RATIO = {
    "Horseshoe": "learns a scale",
    "R2D2": "learns a scale",
    "SpikeSlab": "X_inclusion",
    "RandomWalk": "improper",
    "HalfNormal": "a bound",
    "Exponential": "a bound",
    "Flat": "improper",
}


@pytest.fixture(scope="module")
def plain():
    """A fit of two coefficients and nothing else, under Normal priors."""
    return fitted("gaussian", "X", data_of("gaussian", 0.4), intercept=None, dispersion=1.0)


def by_quadrature(prior, data):
    """log of the mean of the likelihood under a prior of two coefficients, over that at zero."""
    side = np.linspace(-4.0, 4.0, 401)
    side = side + 0.5 * (side[1] - side[0])  # no point at a kink
    w = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    log_prior = prior.logpdf(w)
    log_prior = log_prior.sum(-1) if log_prior.shape == w.shape else log_prior
    pull, gram = data["X"].T @ data["y"], data["X"].T @ data["X"]
    rise = w @ pull - 0.5 * np.einsum("...i,ij,...j->...", w, gram, w)
    return np.logaddexp.reduce(rise + log_prior, axis=None) + 2.0 * np.log(side[1] - side[0])


@pytest.mark.parametrize("prior", OF_COEFFICIENTS, ids=lambda prior: type(prior).__name__)
def test_every_prior_has_a_ratio_or_says_why_not(prior, plain):
    name, data = type(prior).__name__, data_of("gaussian", 0.4)
    term = bg.Linear("X", prior=prior)
    model = bg.GLM("y", term, intercept=None, dispersion=1.0)
    if name in NO_RATIO:
        like = plain.copy()
        like.attrs["model"] = model.to_json()
        with pytest.raises(bg.ModelError, match=f"'X' is not defined: .*{NO_RATIO[name]}"):
            bg.savage_dickey(like, "X")
        return
    whole = bg.fit(model, data)
    told = bg.savage_dickey(whole, "X", factors=[1.0]).loc[("X", 1.0)]
    try:
        exact = by_quadrature(prior, data)
    except bg.ModelError:  # a prior of places, which it does not know by itself
        nothing = bg.fit_map(bg.GLM("y", [], intercept=None, dispersion=1.0), data)
        exact = bg.bayes_factor({"X": whole, "nothing": nothing}).loc[("X", 1.0), "log_bf"]
    assert abs(told["log_bf"] - exact) < AGREE * told["se"]
    assert 0.0 < told["se"] < 0.05


def test_a_scale_that_is_learned_is_refused_with_the_remedy():
    data = data_of("gaussian", 0.4)
    whole = fitted("gaussian", bg.Group("region"), data, dispersion=1.0)
    with pytest.raises(bg.ModelError, match=r"learns a scale.*bayes_factor\(\{'with': fit"):
        bg.savage_dickey(whole, "region")


def test_one_of_several_that_hang_together_is_refused(plain):
    data = data_of("gaussian", 0.4)
    together = fitted(
        "gaussian",
        bg.Linear("X", prior=bg.GroupLasso(0.5)),
        data,
        intercept=None,
        dispersion=1.0,
    )
    word = str(bg.summary(together).index[0])
    with pytest.raises(bg.ModelError, match=r"holds it together.*name the term"):
        bg.savage_dickey(together, word)
    assert np.isfinite(bg.savage_dickey(plain, word)["log_bf"]).all()


def test_a_flat_intercept_has_no_null():
    whole = fitted("gaussian", "x", data_of("gaussian", 0.4), intercept=bg.Flat())
    with pytest.raises(bg.ModelError, match="'intercept' is not defined: its prior is improper"):
        bg.savage_dickey(whole, "intercept")
    with pytest.raises(bg.DataError, match="no term or coefficient 'sigma'"):
        bg.savage_dickey(whole, "sigma")


REFUSED = {
    "an unknown term": (("XX",), "no term or coefficient 'XX'.*Did you mean"),
    "no name": ((None,), "no term or coefficient None"),
    "a value of words": (("X", "zero"), "value must be a finite number"),
    "a value of NaN": (("X", np.nan), "value must be a finite number"),
    "a truth value": (("X", True), "value must be a finite number"),
    "factors": (("X", 0.0, [-1.0]), "positive"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(plain, given, words):
    with pytest.raises(bg.BayesGLMError, match=words):
        bg.savage_dickey(plain, *given)


def test_a_value_that_no_number_reaches_is_refused():
    whole = fitted("poisson", "x", data_of("poisson", 0.4))
    for value in (1e3, 1e10):
        with pytest.raises(bg.DataError, match="no number holds the density there"):
            bg.savage_dickey(whole, "x", value)


def test_fits_without_draws_are_refused(plain):
    found = fitted("gaussian", "X", data_of("gaussian", 0.4), bg.fit_map)
    with pytest.raises(bg.DataError, match="only a MAP"):
        bg.savage_dickey(found, "X")
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.savage_dickey({"X": plain}, "X")
    with pytest.raises(bg.DataError, match="holds 3 draws of 2 parameters, too few"):
        bg.savage_dickey(plain.isel(chain=[0], draw=slice(0, 3)), "X")
