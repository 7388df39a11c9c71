"""tune_prior by scores of estimates; one penalty for several terms; the strongest of equals."""

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from families import FAMILY_NAMES, OF_NUMBERS, TRIALS, drawn, phi_of, trials_of
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.linear_model import (
    GammaRegressor,
    Lasso,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
)
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit

import bayesglm as bg

SCALES = np.array([0.02, 0.1, 0.5, 2.0])
N, FOLDS = 120, 5
TRAINED = N - N // FOLDS
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, 6))
ETA = X @ [0.8, -0.5, 0.0, 0.0, 0.3, 0.0]
DATA = {
    "X": X,
    "real": 2.0 + ETA + RNG.normal(size=N),
    "count": RNG.poisson(np.exp(ETA - 0.2)),
    "time": RNG.gamma(2.0, np.exp(ETA) / 2.0),
    "yes": (RNG.random(N) < 1.0 / (1.0 + np.exp(-2.0 * ETA))) * 1,
    "label": np.array(["a", "b", "c"])[np.digitize(ETA + RNG.normal(size=N), [-0.6, 0.6])],
}
FOLD = np.random.default_rng(0).permutation(np.arange(N) % FOLDS)  # as deal_folds has it
TIGHT = {"tol": 1e-11, "max_iter": 100_000}


def tuned_by(scoring, response, family, prior=None, scales=SCALES, **options):
    prior = bg.ridge(1.0) if prior is None else prior
    model = bg.GLM(response, bg.Linear("X", prior=prior), family, **options)
    return bg.tune_prior(model, DATA, method="kfold", folds=FOLDS, scales=scales, scoring=scoring)


def searched(estimator, name, values, scoring, response):
    """scikit-learn's mean scores on the same folds."""
    search = GridSearchCV(
        estimator, {name: values}, scoring=scoring, cv=PredefinedSplit(FOLD), error_score="raise"
    )
    return search.fit(X, DATA[response]).cv_results_["mean_test_score"]


PEERS = {
    ("deviance", "count", "poisson"): lambda: (
        -searched(
            PoissonRegressor(**TIGHT),
            "alpha",
            SCALES**-2 / TRAINED,
            "neg_mean_poisson_deviance",
            "count",
        )
    ),
    ("deviance", "yes", "bernoulli"): lambda: (
        -2.0
        * searched(
            LogisticRegression(**TIGHT, solver="newton-cholesky"),
            "C",
            SCALES**2,
            "neg_log_loss",
            "yes",
        )
    ),
    ("accuracy", "yes", "bernoulli"): lambda: searched(
        LogisticRegression(**TIGHT, solver="newton-cholesky"), "C", SCALES**2, "accuracy", "yes"
    ),
    ("brier", "yes", "bernoulli"): lambda: (
        -searched(
            LogisticRegression(**TIGHT, solver="newton-cholesky"),
            "C",
            SCALES**2,
            "neg_brier_score",
            "yes",
        )
    ),
    ("squared_error", "real", "gaussian"): lambda: (
        -searched(Ridge(), "alpha", SCALES**-2 * 1.5**2, "neg_mean_squared_error", "real")
    ),
    ("deviance", "time", "gamma"): lambda: (
        -searched(
            GammaRegressor(**TIGHT, solver="newton-cholesky"),
            "alpha",
            SCALES**-2 / TRAINED,
            "neg_mean_gamma_deviance",
            "time",
        )
    ),
}
FIXED = {"gaussian": {"dispersion": 1.5}, "gamma": {"dispersion": 1.0}}


@pytest.mark.parametrize(("scoring", "response", "family"), list(PEERS))
def test_scores_are_those_of_grid_searches(scoring, response, family):
    expected = PEERS[scoring, response, family]()
    tuned = tuned_by(scoring, response, family, **FIXED.get(family, {}))
    curve = tuned.curve["X"].to_dataset()
    np.testing.assert_allclose(curve[scoring], expected, rtol=1e-6)
    best = np.argmax(expected) if scoring == "accuracy" else np.argmin(expected)
    assert curve.attrs["chosen"] == SCALES[best]
    assert tuned.model.terms[0].prior == bg.Normal(SCALES[best])


def test_scores_and_choice_are_those_of_logistic_regression_cv():
    cs = SCALES**2
    peer = LogisticRegressionCV(
        Cs=cs,
        cv=PredefinedSplit(FOLD),
        scoring="neg_log_loss",
        solver="newton-cholesky",
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        **TIGHT,
    ).fit(X, DATA["yes"])
    tuned = tuned_by("deviance", "yes", "bernoulli")
    expected = -2.0 * np.mean(np.reshape(peer.scores_, (FOLDS, len(cs))), axis=0)
    np.testing.assert_allclose(tuned.curve["X"]["deviance"], expected, rtol=1e-6)
    assert tuned.model.terms[0].prior.scale ** 2 == pytest.approx(float(np.ravel(peer.C_)[0]))


def test_kinks_follow_one_path_a_fold():
    peer = -searched(
        Lasso(**TIGHT), "alpha", 1.0 / SCALES / TRAINED, "neg_mean_squared_error", "real"
    )
    tuned = tuned_by("squared_error", "real", "gaussian", bg.lasso(1.0), dispersion=1.0)
    np.testing.assert_allclose(tuned.curve["X"]["squared_error"], peer, rtol=1e-6)
    np.testing.assert_allclose(tuned.curve["X"]["penalty"], 1.0 / SCALES)


def test_labels_of_several_levels():
    labels, expected = DATA["label"], {"deviance": [], "accuracy": [], "brier": []}
    every, scales = np.array(["a", "b", "c"]), [0.02, 0.2, 0.5, 1.0]
    for scale in scales:
        chances = np.empty((N, 3))
        for held in (np.equal(FOLD, k) for k in range(FOLDS)):
            peer = LogisticRegression(C=scale**2, **TIGHT).fit(X[~held], labels[~held])
            chances[held] = peer.predict_proba(X[held])
        expected["deviance"].append(2.0 * log_loss(labels, chances))
        expected["accuracy"].append(accuracy_score(labels, every[chances.argmax(1)]))
        expected["brier"].append(brier_score_loss(labels, chances, scale_by_half=False))
    for scoring, values in expected.items():
        tuned = tuned_by(scoring, "label", "categorical", scales=scales, reference=None)
        np.testing.assert_allclose(tuned.curve["X"][scoring], values, rtol=1e-6)


SQUARED = [name for name, words in OF_NUMBERS.items() if not words.circular]


@pytest.mark.parametrize("name", SQUARED)
def test_squared_errors_of_every_family_are_those_of_its_predictions(name):
    words, held = FAMILY_NAMES[name], FOLD < 2
    known = dict(zip(words.dispersions, phi_of((name, words.links[0])), strict=True))
    options = {"dispersion": known} if known else {}
    data = {"X": X, "y": drawn(name, 0.5 * ETA, trials_of(name)), "part": held * 1}
    if words.needs_trials:
        options["trials"], data["n"] = "n", np.full(N, TRIALS)
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.5)), name, **options)
    scoring = "brier" if words.labels else "squared_error"
    at = {"method": "kfold", "by": "part", "folds": 2, "scales": [0.5], "scoring": scoring}
    curve = bg.tune_prior(model, data, **at).curve["X"]
    expected = np.empty(N)
    for rows in (held, ~held):
        fitted = bg.fit_map(model, {key: value[~rows] for key, value in data.items()})
        mean = bg.predict(fitted, {key: value[rows] for key, value in data.items()})["y"]
        expected[rows] = (data["y"][rows] - mean.values) ** 2
    assert curve[scoring].item() == pytest.approx(expected.mean(), rel=1e-6)


def test_errors_are_those_of_means_over_samples():
    curve = tuned_by("accuracy", "yes", "bernoulli").curve["X"].to_dataset()
    share = curve["accuracy"].values
    np.testing.assert_allclose(curve["accuracy_se"], np.sqrt(share * (1 - share) / N))
    assert curve["accuracy_diff_se"].sel(scale=curve.attrs["best"]).item() == 0.0
    # Of a learned sigma the deviance is free: strong penalties do not hide behind much noise.
    learned = tuned_by("deviance", "real", "gaussian").curve["X"]["deviance"]
    errors = tuned_by("squared_error", "real", "gaussian").curve["X"]["squared_error"]
    np.testing.assert_allclose(learned, errors, rtol=1e-12)
    assert learned.values[0] > 1.2 * learned.values.min()


def test_a_row_of_weight_two_counts_twice_and_one_of_weight_zero_not_at_all():
    weights = np.random.default_rng(1).integers(0, 3, N) * 1.0
    every = np.repeat(np.arange(N), weights.astype(int))
    model = bg.GLM("count", bg.Linear("X", prior=bg.ridge(1.0)), "poisson", weights="n")
    plain = bg.GLM("count", bg.Linear("X", prior=bg.ridge(1.0)), "poisson")
    at = {"method": "kfold", "scales": SCALES, "scoring": "deviance", "by": "part"}
    data = {name: DATA[name] for name in ("X", "count")} | {"n": weights, "part": FOLD}
    one = bg.tune_prior(model, data, **at)
    other = bg.tune_prior(plain, {name: value[every] for name, value in data.items()}, **at)
    np.testing.assert_allclose(one.curve["X"]["deviance"], other.curve["X"]["deviance"], rtol=1e-8)


def test_a_population_is_scored_together():
    cells = xr.DataArray(RNG.poisson(1.0, (150, 3)), dims=("time", "neuron"))
    data = simulate(150, seed=1).assign(cells=cells)
    model = bg.GLM("cells", bg.Linear("movie", prior=bg.ridge(1.0)), "poisson")
    at = {"scales": [0.03, 0.3], "method": "kfold", "scoring": "deviance", "folds": 4}
    whole = bg.tune_prior(model, data, **at).curve["movie"]["deviance"]
    parts = [
        bg.tune_prior(model, data.isel(neuron=k), **at).curve["movie"]["deviance"] for k in range(3)
    ]
    np.testing.assert_allclose(whole, sum(parts) / 3)


def test_what_one_neuron_does_not_count_is_not_foretold_of_it():
    rng = np.random.default_rng(3)
    weights, x = rng.integers(0, 3, (90, 2)) * 1.0, rng.normal(size=(90, 2))
    variables = {
        "x": np.where(weights > 0, x, 1e6 * x),  # whose rates leave the floats
        "y": rng.poisson(1.0, (90, 2)),
        "n": weights,
    }
    data = xr.Dataset({name: (("time", "neuron"), value) for name, value in variables.items()})
    data = data.assign(part=("time", np.arange(90) % 2))
    model = bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), "poisson", weights="n")
    at = {"scales": [0.3], "method": "kfold", "scoring": "deviance", "folds": 2, "by": "part"}
    parts = [bg.tune_prior(model, data.isel(neuron=k), **at).curve["x"] for k in range(2)]
    expected = np.average([one["deviance"].item() for one in parts], weights=weights.sum(0))
    whole = bg.tune_prior(model, data, **at).curve["x"]["deviance"].item()
    assert whole == pytest.approx(expected, rel=1e-8)


def gaussian_terms(together=True, **options):
    rng = np.random.default_rng(5)
    A, B = rng.normal(size=(90, 6)), rng.normal(size=(90, 4))
    y = A @ rng.normal(0, 0.3, 6) + B @ rng.normal(0, 0.8, 4) + 1.5 * rng.normal(size=90)
    terms = [bg.Linear("A", prior=bg.ridge(1.0)), bg.Linear("B", prior=bg.ridge(1.0))]
    model = bg.GLM("y", terms, intercept=None, dispersion=1.5)
    return A, B, y, bg.tune_prior(model, {"y": y, "A": A, "B": B}, together=together, **options)


def test_one_penalty_of_two_terms_has_the_evidence_of_the_closed_form():
    A, B, y, tuned = gaussian_terms()

    def evidence(scale):
        covariance = 2.25 * np.eye(90) + scale**2 * (A @ A.T + B @ B.T)
        return multivariate_normal(np.zeros(90), covariance).logpdf(y)

    best = minimize_scalar(lambda log: -evidence(np.exp(log)), bounds=(-4, 2), method="bounded")
    scales = [term.prior.scale for term in tuned.model.terms]
    assert scales[0] == scales[1] == pytest.approx(np.exp(best.x), rel=1e-3)
    assert list(tuned.curve.children) == ["together"]
    assert tuned.curve.attrs["terms"] == "A, B"
    curve = tuned.curve["together"].to_dataset()
    assert curve.attrs["chosen"] == scales[0]
    for scale, value in zip(curve["scale"].values, curve["log_evidence"].values, strict=True):
        assert value == pytest.approx(evidence(scale), abs=1e-6)
    np.testing.assert_allclose(curve["penalty"], curve["scale"] ** -2.0)


def test_one_penalty_of_two_terms_is_that_of_their_columns_in_one_term():
    at = {"method": "kfold", "scoring": "squared_error", "scales": [0.05, 0.2, 0.5, 50.0]}
    A, B, y, tuned = gaussian_terms(**at, term=["B", "A"])
    model = bg.GLM("y", bg.Linear("AB", prior=bg.ridge(1.0)), intercept=None, dispersion=1.5)
    one = bg.tune_prior(model, {"y": y, "AB": np.hstack([A, B])}, **at)
    np.testing.assert_allclose(
        tuned.curve["together"]["squared_error"], one.curve["AB"]["squared_error"], rtol=1e-8
    )


def test_several_terms_that_are_named_have_scales_of_their_own():
    at = {"together": False, "scales": [0.02, 0.5, 50.0]}
    named = gaussian_terms(**at, term=("A", "B"))[-1]
    every = gaussian_terms(**at)[-1]
    assert named.model == every.model
    assert list(named.curve.children) == ["A", "B"]


@pytest.mark.parametrize("method", ["kfold", "loo"])
def test_the_strongest_penalty_within_standard_errors(method):
    model = bg.GLM("yes", bg.Linear("X", prior=bg.ridge(1.0)), "bernoulli")
    scales = np.geomspace(0.02, 5.0, 12)
    at = {"method": method, "scales": scales, "draws": 400, "folds": FOLDS}
    best = bg.tune_prior(model, DATA, **at).curve["X"].to_dataset()
    chosen = [bg.tune_prior(model, DATA, **at, within=few) for few in (0.5, 1.0, 2.0)]
    for few, tuned in zip((0.5, 1.0, 2.0), chosen, strict=True):
        curve = tuned.curve["X"].to_dataset()
        short = best["elpd"].max() - curve["elpd"]
        errors = curve["elpd_diff_se"] * few
        near = curve["scale"].values[np.asarray(short <= np.maximum(errors, 0.1))]
        assert curve.attrs["chosen"] == near.min()
        assert curve.attrs["best"] == best.attrs["chosen"]
        assert curve.attrs["n_tied"] == len(near)
        assert tuned.curve.attrs["within"] == few
    scales = [tuned.model.terms[0].prior.scale for tuned in chosen]
    assert scales == sorted(scales, reverse=True)
    assert scales[1] < best.attrs["chosen"]


def test_scores_that_are_the_same_are_decided_for_the_strongest_and_told():
    x = np.repeat([-1.0, 1.0], 60)
    data = {"x": x, "y": (np.where(np.arange(120) % 10 < 1, -x, x) > 0) * 1}
    model = bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), "bernoulli")
    words = r"accuracy of term 'x' is the same at 3 scales from 0.2 to 20, .* the smallest"
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        tuned = bg.tune_prior(
            model, data, method="kfold", scoring="accuracy", scales=[1e-9, 20.0, 0.2, 2.0]
        )
    assert [one.filename for one in told] == [__file__]
    curve = tuned.curve["x"].to_dataset()
    np.testing.assert_allclose(curve["accuracy"][1:], 0.9)
    assert (curve.attrs["chosen"], curve.attrs["n_tied"]) == (0.2, 3)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_ties_have_no_unit(unit):
    data = {"X": X, "real": unit * DATA["real"]}
    model = bg.GLM("real", bg.Linear("X", prior=bg.ridge(1.0)), dispersion=1.5 * unit)
    at = {"method": "kfold", "folds": FOLDS, "scoring": "squared_error"}
    tuned = bg.tune_prior(model, data, scales=unit * SCALES, **at)
    plain = tuned_by("squared_error", "real", "gaussian", dispersion=1.5)
    chosen = plain.curve["X"].attrs["chosen"]
    assert tuned.curve["X"].attrs["chosen"] == pytest.approx(unit * chosen)
    assert tuned.curve["X"].attrs["n_tied"] == 1


def test_curves_of_scores_can_be_kept(tmp_path):
    at = {"method": "kfold", "scoring": "deviance", "scales": [0.05, 0.2, 0.5, 50.0]}
    tuned = gaussian_terms(**at, within=1.0)[-1]
    loaded = bg.load(bg.save(tuned.curve, tmp_path / "curve.nc"))
    node = tuned.curve["together"].to_dataset()
    xr.testing.assert_identical(loaded["together"].to_dataset(), node)
    assert dict(loaded["together"].attrs) == dict(node.attrs)
    assert dict(loaded.attrs) == dict(tuned.curve.attrs)


MIXED = [bg.Linear("X", prior=bg.ridge(1.0)), bg.Linear("Z", prior=bg.lasso(1.0))]
KFOLD = {"method": "kfold", "folds": 3}


@pytest.mark.parametrize(
    ("response", "family", "options", "words"),
    [
        ("count", "poisson", KFOLD | {"scoring": "accuracy"}, "judges labels, and poisson resp"),
        (
            "real",
            "gaussian",
            KFOLD | {"scoring": "brier"},
            "gaussian .* Take scoring='log_score',",
        ),
        ("yes", "bernoulli", KFOLD | {"scoring": "squared_error"}, "numbers, and bernoulli .*none"),
        ("count", "negative_binomial", KFOLD | {"scoring": "deviance"}, "depends on alpha, which"),
        ("yes", "bernoulli", {"scoring": "accuracy"}, "'accuracy' judges folds .*method='kfold'"),
        ("yes", "bernoulli", {"method": "loo", "scoring": "deviance"}, "use it with method='kf"),
        ("yes", "bernoulli", KFOLD | {"scoring": "acuracy"}, "unknown .* Did you mean 'accuracy'"),
        ("yes", "bernoulli", KFOLD | {"scoring": "neg_log_loss"}, "Write scoring='deviance'"),
        ("yes", "bernoulli", KFOLD | {"scoring": len}, "unknown scoring <built-in function len>"),
        ("yes", "bernoulli", {"within": 1.0}, "evidence has no standard error .*method='kfold'"),
        ("yes", "bernoulli", KFOLD | {"within": -1.0}, "within is a number of standard errors"),
        ("yes", "bernoulli", KFOLD | {"within": np.nan}, "at least 0 .*, got nan"),
        ("yes", "bernoulli", KFOLD | {"within": 1.0}, r"2 terms \(X, Z\) have one each; name"),
        ("yes", "bernoulli", {"together": "all"}, "together must be True or False, got 'all'"),
        ("yes", "bernoulli", {"together": True}, "'X' and 'Z' cannot .*Normal.* and Laplace"),
        ("yes", "bernoulli", {"term": ("X", "ZZ")}, "no term 'ZZ'; its terms are X, Z.* mean 'Z'"),
        ("yes", "bernoulli", {"term": ("X", 3)}, "no term 3; its terms are X, Z"),
        ("yes", "bernoulli", {"term": []}, r"no term \[\]"),
    ],
)
def test_what_cannot_be_scored_or_tied(response, family, options, words):
    model = bg.GLM(response, MIXED, family)
    with pytest.raises(bg.ModelError, match=words):
        bg.tune_prior(model, DATA | {"Z": X[:, :2]}, **options)


def test_estimates_that_there_are_not():
    learned = [MIXED[0], bg.Linear("Z", prior=bg.Normal(bg.HalfNormal(1.0)))]
    data = DATA | {"Z": X[:, :2]}
    model = bg.GLM("yes", learned, "bernoulli")
    with pytest.raises(bg.ModelError, match=r"'deviance' judges MAP .*'Z_scale'.*'log_score' need"):
        bg.tune_prior(model, data, term="X", scoring="deviance", **KFOLD)
    # A level that a fold leaves out entirely has no column of its own in it.
    rare = DATA | {"Z": (np.arange(N) == 7) * 1.0}
    flat = bg.GLM("real", [MIXED[0], bg.Linear("Z", prior=bg.Flat())])
    with pytest.raises(bg.DataError, match=r"fold \d of 3 cannot be fitted: .*Use fewer folds"):
        bg.tune_prior(flat, rare, scoring="deviance", scales=[1.0], **KFOLD)


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ([1.0, -0.5], r"1 are not, the first at position 1 \(-0.5\)"),
        ([np.nan, 1.0], r"1 are not, the first at position 0 \(nan\)"),
        ([1.0, np.inf], r"position 1 \(inf\)"),
        (
            [1.0, 1e-200],
            r"between 1e-100 and 1e\+100, .* 1 do not, the first at position 1 \(1e-200",
        ),
        (["a", "b"], "sequence of positive numbers"),
        ([True, False], "sequence of positive numbers"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        ({1.0: 2.0}, "sequence of positive numbers"),
        ([1.0, None], "sequence of positive numbers"),
        ([1.0, 1j], "sequence of positive numbers"),
    ],
)
def test_grids_that_are_none(scales, words):
    with pytest.raises(bg.DataError, match=words):
        tuned_by("deviance", "count", "poisson", scales=scales)


def test_grids_in_any_order_and_of_one_scale():
    given = tuned_by("deviance", "count", "poisson", scales=SCALES[[2, 0, 3, 1, 1]]).curve
    xr.testing.assert_equal(
        given["X"].to_dataset(), tuned_by("deviance", "count", "poisson").curve["X"].to_dataset()
    )
    alone = tuned_by("deviance", "count", "poisson", scales=[0.5])
    assert alone.model.terms[0].prior == bg.Normal(0.5)
