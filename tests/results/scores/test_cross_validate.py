"""cross_validate: scikit-learn's metrics, kfold's elpd, and tables that say which is which."""

import numpy as np
import pytest
import xarray as xr
from families import FAMILY_NAMES, TRIALS, drawn, phi_of, trials_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.results.scores.scoring import SCORINGS

N, FOLDS = 120, 5
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, 3))
ETA = X @ [0.8, -0.5, 0.3]
PART = np.random.default_rng(1).permutation(np.arange(N) % FOLDS)
DATA = {
    "X": X,
    "part": PART,
    "real": 2.0 + ETA + RNG.normal(size=N),
    "count": RNG.poisson(np.exp(ETA - 0.2)),
    "wait": RNG.gamma(2.0, np.exp(ETA) / 2.0),
    "yes": (RNG.random(N) < 1.0 / (1.0 + np.exp(-2.0 * ETA))) * 1,
    "label": np.array(["a", "b", "c"])[np.digitize(ETA + RNG.normal(size=N), [-0.6, 0.6])],
}
RIDGE = bg.Linear("X", prior=bg.ridge(1.0))
YES = bg.GLM("yes", RIDGE, "bernoulli")
SCALES = [0.01, 0.1, 0.5, 3.0, 300.0]
COUNT = bg.GLM("count", RIDGE, "poisson")
REAL = bg.GLM("real", RIDGE)
WAIT = bg.GLM("wait", RIDGE, "gamma")
LABEL = bg.GLM("label", RIDGE, "categorical")


def value(table, score, fold="all", column="value"):
    return table[(table["score"] == score) & (table["fold"] == fold)][column].item()


PEERS = [
    (YES, "accuracy", lambda y, p: metrics.accuracy_score(y, p > 0.5)),
    (YES, "auc", metrics.roc_auc_score),
    (YES, "brier", metrics.brier_score_loss),
    (YES, "deviance", lambda y, p: 2.0 * metrics.log_loss(y, p)),
    (YES, "log_score", lambda y, p: -metrics.log_loss(y, p)),
    (LABEL, "accuracy", lambda y, p: metrics.accuracy_score(y, p.argmax(1))),
    (LABEL, "brier", lambda y, p: metrics.brier_score_loss(y, p, scale_by_half=False)),
    (LABEL, "elpd", lambda y, p: -metrics.log_loss(y, p, normalize=False)),
    (COUNT, "deviance", metrics.mean_poisson_deviance),
    (COUNT, "rmse", metrics.root_mean_squared_error),
    (REAL, "squared_error", metrics.mean_squared_error),
    (REAL, "deviance", metrics.mean_squared_error),
    (WAIT, "deviance", metrics.mean_gamma_deviance),
]


@pytest.mark.parametrize("method", ["map", "auto"])
@pytest.mark.parametrize(("model", "score", "peer"), PEERS)
def test_scores_of_folds_are_those_of_scikit_learn(model, score, peer, method):
    scoring = {score: score, "peer": lambda y, p: float(peer(y, p))}
    table = bg.cross_validate(
        model, DATA, folds=3, scoring=scoring, method=method, draws=50, seed=2
    )
    for fold in (1, 2, 3):
        assert value(table, score, fold) == pytest.approx(value(table, "peer", fold), rel=1e-9)


def test_a_wide_ridge_predicts_as_scikit_learn_does():
    rng = np.random.default_rng(3)
    wide = 5.0 + rng.normal(size=(60, 90))
    y = (wide[:, :3].sum(axis=1) - 15.0 + rng.normal(size=60) > 0) * 1
    part, scale = np.arange(60) % 3, 0.2
    seen = {}
    for name, model in (
        ("ours", bg.GLM("y", bg.Linear("X", prior=bg.Normal(scale)), "bernoulli")),
        ("lags", bg.GLM("y", bg.Lagged("X", lags=1, prior=bg.Normal(scale)), "bernoulli")),
    ):
        told = []
        data = xr.Dataset(
            {"y": ("time", y), "X": (("time", "pixel"), wide), "part": ("time", part)}
        )
        bg.cross_validate(
            model, data, by="part", folds=3, scoring=lambda y, p, told=told: told.append(p) or 0.0
        )
        seen[name] = np.concatenate(told)
    deal = np.random.default_rng(0).permutation(np.arange(3) % 3)
    peer = LogisticRegression(C=scale**2, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    expected = []
    for fold in range(3):
        held = deal[part] == fold
        expected.append(peer.fit(wide[~held], y[~held]).predict_proba(wide[held])[:, 1])
    np.testing.assert_allclose(seen["ours"], np.concatenate(expected), rtol=1e-7)
    np.testing.assert_allclose(seen["lags"], seen["ours"], rtol=1e-9)


@pytest.mark.parametrize("name", ["categorical", "ordinal", "negative_binomial"])
def test_wide_designs_predict_as_estimates_on_all_columns_do(name):
    rng = np.random.default_rng(6)
    wide = rng.normal(size=(48, 70))
    eta = wide[:, :4].sum(axis=1) / 2.0
    y = {
        "negative_binomial": rng.poisson(np.exp(eta / 2.0) * rng.gamma(2.0, 0.5, 48)),
    }.get(name, np.digitize(eta + rng.normal(size=48), [-0.7, 0.7]))
    options = {"levels": [0, 1, 2]} if name in ("categorical", "ordinal") else {}
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.2)), name, **options)
    data, told = {"y": y, "X": wide, "part": np.arange(48) % 2}, []
    bg.cross_validate(
        model, data, by="part", folds=2, scoring=lambda y, p: told.append(p) or float(len(told))
    )
    deal = np.random.default_rng(0).permutation(np.arange(2))[data["part"]]
    settled = bg.GLM.from_json(bg.fit_map(model, data).attrs["model"])
    for fold, predicted in enumerate(told):
        held = deal == fold
        fit = bg.fit_map(settled, {key: values[~held] for key, values in data.items()})
        mean = bg.predict(fit, {key: values[held] for key, values in data.items()})["y"]
        np.testing.assert_allclose(predicted, mean.values, rtol=1e-6)


def test_neurons_of_other_priors_share_a_wide_design():
    rng = np.random.default_rng(4)
    wide = rng.normal(size=(40, 60))
    y = wide[:, :2] + rng.normal(size=(40, 2))
    data = xr.Dataset({"y": (("time", "neuron"), y), "X": (("time", "pixel"), wide)})
    prior = bg.Normal(0.3, loc=np.array([[0.0], [0.5]]) * np.ones((2, 60)))
    model = bg.GLM("y", bg.Linear("X", prior=prior), dispersion=1.0)
    table = bg.cross_validate(model, data, folds=4, scoring="elpd")
    for neuron, loc in enumerate((0.0, 0.5)):
        alone = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.3, loc=loc)), dispersion=1.0)
        own = bg.cross_validate(alone, data.isel(neuron=neuron), folds=4, scoring="elpd")
        both = table[table["neuron"] == neuron]["value"]
        np.testing.assert_allclose(both, own["value"], rtol=1e-8)


def test_errors_are_those_of_means_of_rows_and_of_groups():
    table = bg.cross_validate(YES, DATA, scoring="accuracy")
    share = value(table, "accuracy")
    assert value(table, "accuracy", column="se") == pytest.approx(np.sqrt(share * (1 - share) / N))
    told = []
    scoring = {"accuracy": "accuracy", "right": lambda y, p: told.append((p > 0.5) == y) or 0.0}
    grouped = bg.cross_validate(YES, DATA, by="part", folds=FOLDS, scoring=scoring)
    sums = [np.sum(one - value(grouped, "accuracy")) for one in told]
    expected = np.sqrt(np.sum(np.square(sums))) / N
    assert value(grouped, "accuracy", column="se") == pytest.approx(expected)


def test_the_error_of_the_area_is_that_of_every_pair():
    told = []
    scoring = {"auc": "auc", "seen": lambda y, p: told.append((y, p)) or 0.0}
    table = bg.cross_validate(YES, DATA, folds=3, scoring=scoring)
    errors = []
    for fold, (y, p) in enumerate(told, start=1):
        wins = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
        error = np.sqrt(wins.mean(1).var() / sum(y == 1) + wins.mean(0).var() / sum(y == 0))
        assert value(table, "auc", fold, "se") == pytest.approx(error)
        errors.append(error)
    together = np.sqrt(np.sum(np.square(errors))) / 3
    assert value(table, "auc", column="se") == pytest.approx(together)


@pytest.mark.parametrize("by", [None, "part"])
def test_posteriors_score_as_kfold_does(by):
    at = {"by": by, "folds": 4, "draws": 100, "seed": 1}
    table = bg.cross_validate(
        COUNT, DATA, method="auto", scoring=["elpd", "bits_per_spike", "log_score"], **at
    )
    elpd = bg.kfold(COUNT, DATA, **at)
    assert value(table, "elpd") == pytest.approx(elpd.elpd, rel=1e-9)
    assert value(table, "elpd", column="se") == pytest.approx(elpd.se, rel=1e-9)
    assert value(table, "log_score") == pytest.approx(elpd.elpd / N, rel=1e-9)
    bits = bg.bits_per_spike(elpd)
    assert value(table, "bits_per_spike") == pytest.approx(bits["bits_per_spike"].item(), rel=1e-9)
    assert value(table, "bits_per_spike", column="se") == pytest.approx(bits["se"].item(), rel=1e-9)
    folds = table[(table["score"] == "elpd") & (table["fold"] != "all")]["value"]
    assert folds.sum() == pytest.approx(elpd.elpd, rel=1e-9)


def test_crps_of_normal_responses_is_the_closed_form():
    told = []
    model = bg.GLM("real", RIDGE, dispersion=1.3)
    scoring = {"crps": "crps", "z": lambda y, p: told.append((y - p) / 1.3) or 0.0}
    table = bg.cross_validate(model, DATA, folds=3, scoring=scoring)
    z = np.concatenate(told)
    closed = 1.3 * (z * (2.0 * norm.cdf(z) - 1.0) + 2.0 * norm.pdf(z) - np.pi**-0.5)
    assert value(table, "crps") == pytest.approx(closed.mean(), rel=0.01)
    assert value(table, "crps", column="se") == pytest.approx(closed.std() / np.sqrt(N), rel=0.02)


def responses_of(name, words):
    """Responses of a family to X, with what a model has to be told of it."""
    if words.counts_levels:
        counts = RNG.multinomial(5, [0.3, 0.3, 0.4], N)
        y = xr.DataArray(counts, dims=("obs", "y_level"), coords={"y_level": list("abc")})
        return {"y": y}, {}
    if words.labels and words.labels.most != 2:
        return {"y": DATA["label"]}, {"levels": ["a", "b", "c"]}
    known = dict(zip(words.dispersions, phi_of((name, words.links[0])), strict=True))
    options = {"dispersion": known} if known else {}
    data = {"y": drawn(name, 0.2 * ETA, trials_of(name))}
    return (
        (data | {"n": np.full(N, TRIALS)}, options | {"trials": "n"})
        if (words.needs_trials)
        else (data, options)
    )


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_score_says_something_of_a_family_or_why_not(name):
    data, options = responses_of(name, FAMILY_NAMES[name])
    data = xr.Dataset(
        {key: values if np.ndim(values) == 2 else ("obs", values) for key, values in data.items()}
    ).assign(X=(("obs", "k"), X))
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.1)), name, **options)
    (problem,) = open_problems(model, data)
    said = [score for score, record in SCORINGS.items() if not record.fault(problem)]
    table = bg.cross_validate(model, data, folds=2, scoring=said)
    assert set(table["score"]) == set(said) >= {"elpd", "log_score"}
    usual = bg.cross_validate(model, data, folds=2)["score"]
    assert set(usual) == {score for score in said if SCORINGS[score].usual}
    assert np.isfinite(table[["value", "se"]]).all(axis=None)
    assert (table[table["fold"] == "all"]["n"] == N).all()


@pytest.mark.parametrize(
    "name", ["binomial", "multinomial", "zero_inflated_poisson", "hurdle_poisson"]
)
def test_deviances_by_draws_are_those_of_their_mean(name):
    words = FAMILY_NAMES[name]
    data, options = responses_of(name, words)
    data = {key: getattr(values, "values", values) for key, values in data.items()}
    model = bg.GLM("y", [], name, **options)
    at = {"folds": 3, "scoring": ["deviance", "elpd"]}
    drawn, estimated = (bg.cross_validate(model, data, method=by, **at) for by in ("auto", "map"))
    np.testing.assert_allclose(drawn["value"], estimated["value"], rtol=0.01)


def test_a_row_of_weight_two_counts_twice_and_one_of_weight_zero_not_at_all():
    weights = np.random.default_rng(1).integers(0, 3, N) * 1.0
    every = np.repeat(np.arange(N), weights.astype(int))
    scoring = ["elpd", "deviance", "rmse", "bits_per_spike"]
    at = {"by": "part", "scoring": scoring, "folds": FOLDS}
    weighted = bg.GLM("count", RIDGE, "poisson", weights="n")
    one = bg.cross_validate(weighted, DATA | {"n": weights}, **at)
    other = bg.cross_validate(COUNT, {name: values[every] for name, values in DATA.items()}, **at)
    np.testing.assert_allclose(one[["value", "se", "n"]], other[["value", "se", "n"]], rtol=1e-8)


def test_rows_of_a_population_and_of_models_are_those_of_each():
    cells = xr.DataArray(RNG.poisson(1.0, (N, 2)), dims=("time", "neuron"))
    data = xr.Dataset({"X": (("time", "k"), X), "y": cells.assign_coords(neuron=["p", "q"])})
    models = {lam: bg.GLM("y", bg.Linear("X", prior=bg.ridge(lam)), "poisson") for lam in (1.0, 9)}
    models["flat"] = bg.GLM("y", "X", "poisson", prior=bg.Flat())
    table = bg.cross_validate(models, data, folds=3)
    assert list(table.columns) == ["model", "neuron", "score", "fold", "value", "se", "n"]
    for name, model in models.items():
        for cell in ("p", "q"):
            own = table[(table["model"] == name) & (table["neuron"] == cell)]
            alone = bg.cross_validate(model, data.sel(neuron=cell), folds=3)
            np.testing.assert_allclose(own["value"], alone["value"], rtol=1e-5)
            np.testing.assert_allclose(own["se"], alone["se"], rtol=1e-5)
    silent = data.assign(y=data["y"] * xr.DataArray([1, 0], dims="neuron"))
    model = bg.GLM("y", "X", "poisson", prior=bg.Normal(1.0), intercept=bg.Normal(2.0))
    with pytest.warns(bg.BayesGLMWarning, match="says nothing of 1 of 2 .*neuron=q"):
        table = bg.cross_validate(model, silent, folds=3, scoring="bits_per_spike")
    assert table["value"].isna().tolist() == [False] * 4 + [True] * 4


def test_models_of_other_samples_are_told():
    models = {
        lags: bg.GLM("count", bg.Lagged("X", lags=lags, prior=bg.ridge(1.0)), "poisson")
        for lags in (1, 4)
    }
    words = "models 1 and 4 are scored on different samples, 120 and 117 of them"
    with pytest.warns(bg.BayesGLMWarning, match=words) as told:
        table = bg.cross_validate(models, DATA, by="obs", folds=3, scoring="elpd")
    assert [one.filename for one in told] == [__file__]
    assert table[table["fold"] == "all"]["n"].tolist() == [120, 117]


@pytest.mark.parametrize("method", ["map", "auto"])
def test_scales_are_chosen_by_the_other_folds_alone(method):
    tune = {"method": "kfold", "scoring": "deviance", "scales": SCALES, "folds": 3}
    at = {"folds": FOLDS, "scoring": "elpd", "draws": 500, "method": method}
    table = bg.cross_validate(YES, DATA, tune=tune, **at)
    deal = np.random.default_rng(0).permutation(np.arange(N) % FOLDS)
    chosen = []
    for fold in range(FOLDS):
        others = {name: values[deal != fold] for name, values in DATA.items()}
        held = {name: values[deal == fold] for name, values in DATA.items()}
        tuned = bg.tune_prior(YES, others, **tune).model
        chosen.append(tuned.terms[0].prior.scale)
        fit = bg.fit_map(tuned, others) if method == "map" else bg.fit(tuned, others, draws=500)
        chance = bg.predict(fit, held)["yes"]
        chance = chance.mean([dim for dim in ("chain", "draw") if dim in chance.dims]).values
        expected = np.log(np.where(held["yes"] == 1, chance, 1.0 - chance)).sum()
        tolerance = 1e-6 if method == "map" else 0.02
        assert value(table, "elpd", fold + 1) == pytest.approx(expected, rel=tolerance)
    assert len(set(chosen)) > 1
    np.testing.assert_allclose(table[table["fold"] != "all"]["X_scale"], chosen)
    assert np.isnan(value(table, "elpd", column="X_scale"))


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=10, deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=3, unique=True), st.booleans())
def test_what_labels_are_called_moves_no_score(names, in_groups):
    levels = np.array(sorted(names), dtype=object)
    number, groups = np.arange(24) % len(levels), np.arange(24) // 4
    x = np.sin(np.arange(24.0))
    family = "bernoulli" if len(levels) == 2 else "categorical"
    scoring = ["elpd", "accuracy", "brier"]
    at = {"by": "group" if in_groups else None, "folds": 3, "scoring": scoring}

    def scored(labels, group, **options):
        model = bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), family, **options)
        return bg.cross_validate(model, {"x": x, "y": labels, "group": group}, **at)["value"]

    named = np.array([f"{names[0]}{k}" for k in groups], dtype=object)
    plain = scored(number, groups)
    np.testing.assert_allclose(scored(levels[number], named, levels=levels.tolist()), plain)


BAD = [
    (COUNT, {"scoring": "accuracy"}, "judges labels, and poisson responses are none"),
    (LABEL, {"scoring": "auc"}, "judges two labels, and categorical"),
    (REAL, {"scoring": "bits_per_spike"}, "judges events, and gaussian"),
    (YES, {"scoring": "acuracy"}, "unknown scoring .* Did you mean 'accuracy'"),
    (YES, {"scoring": "roc_auc"}, "Write scoring='auc'"),
    (YES, {"scoring": ["brier", "brier"]}, "two scores are called 'brier'"),
    (YES, {"scoring": []}, "scoring names no score"),
    (YES, {"scoring": 3}, r"must be a name, a function f\(observed, predicted\)"),
    (YES, {"scoring": lambda y, p: "good"}, "returned 'good'; it must be a number, or 12 of"),
    (YES, {"scoring": lambda y, p: p[1:]}, r"returned the shape \(11,\); it must be"),
    (YES, {"scoring": lambda y, p: p * np.nan}, "12 values that are NaN or infinite, the first at"),
    (YES, {"scoring": lambda y, p: -np.inf}, "1 values that are NaN or infinite; it must be"),
    ({"a": YES, None: COUNT}, {}, "a model is called None; give it a name in words"),
    ({"a": YES, "b": COUNT}, {}, "'a' predicts 'yes' and 'b' predicts .* do not compare"),
    (YES, {"tune": {"scales": [0]}}, "^scales must be positive, finite numbers"),
    (YES, {"tune": {"term": "q"}}, "^(?!fold).*'q'"),
    (YES, {"scoring": lambda y, p: p[99]}, "failed on 12 held-out samples .* IndexError"),
    (YES, {"method": "mcmc"}, "unknown method 'mcmc'; the methods are map, auto"),
    (YES, {"tune": "X"}, "tune must be True, or a mapping"),
    (YES, {"tune": {"scale": [1.0]}}, "takes no 'scale'; .* Did you mean 'scales'"),
    (YES, {"tune": {"term": "Z"}}, "no term 'Z'"),
    ({}, {}, "mapping of models is empty"),
    ({"a": "X"}, {}, "the model is the string 'X'"),
    ([YES], {}, "several models need names; write {'name'"),
    (YES, {"by": "nobody"}, "nobody"),
    (bg.GLM("yes", RIDGE, "bernoulli", weights="w"), {"scoring": lambda y, p: 1.0}, "have weights"),
]


@pytest.mark.parametrize(("model", "options", "words"), BAD)
def test_what_cannot_be_scored_is_refused_in_words(model, options, words):
    with pytest.raises((bg.ModelError, bg.DataError), match=words):
        bg.cross_validate(model, DATA | {"w": np.full(N, 2.0)}, **options)


def test_folds_with_one_label():
    rare = DATA | {"yes": (np.arange(N) < 30) * 1, "part": np.arange(N) // 24}
    with pytest.warns(bg.BayesGLMWarning, match="4 of 5 folds, .* one label only, and no 'auc'"):
        table = bg.cross_validate(YES, rare, by="part", folds=5, scoring="auc")
    folds = table["value"].values[1:]
    assert np.isnan(folds).sum() == 4
    assert table["value"][0] == np.nanmean(folds)
    halves = DATA | {"yes": PART // 3, "part": PART}
    with pytest.raises(bg.DataError, match="no fold has samples of both labels"):
        bg.cross_validate(YES, halves, by="part", folds=5, scoring="auc")
    alone = DATA | {"yes": (PART == 0) * 1}
    with pytest.raises(bg.DataError, match=r"fold \d of 5 cannot be fitted: .*Use fewer folds"):
        bg.cross_validate(YES, alone, by="part", folds=5)
    learned = bg.GLM("yes", bg.Linear("X", prior=bg.Normal(bg.HalfNormal(1.0))), "bernoulli")
    with pytest.raises(bg.ModelError, match=r"learned scale 'X_scale'.*Give tune=True.*'auto'"):
        bg.cross_validate(learned, DATA)
