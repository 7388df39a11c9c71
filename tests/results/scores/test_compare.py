"""What a comparison says: ArviZ's numbers, and no winner inside the error."""

import pickle
import warnings
from dataclasses import fields, replace
from itertools import pairwise

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.utils import ELPDData, ELPDDataLFO, ELPDDataLOOSubsample
from scipy.stats import norm

import bayesglm as bg
from bayesglm.results.scores.averaging import stacking_weights
from bayesglm.results.scores.compared import selection_told, sentence_of
from bayesglm.results.scores.differences import Difference, difference_of

RNG = np.random.default_rng(1)
N = 240
UNSAID = "ignore:the scores of:bayesglm.errors.BayesGLMWarning"
pytestmark = pytest.mark.filterwarnings(UNSAID)


def scored(values, **coords):
    """A score of given pointwise log densities, by name."""
    dims = ("obs", "unit")[: np.ndim(values)]
    known = {name: (dims[:1], labels) for name, labels in coords.items()}
    return bg.external("it", xr.DataArray(values, dims=dims, coords=known))


def scores_of(matrix, **coords):
    return {f"m{k}": scored(column, **coords) for k, column in enumerate(np.transpose(matrix))}


def densities(n_models, n=N, seed=0, spread=0.3):
    """Log densities of models that are alike, and predict well what others do not."""
    rng = np.random.default_rng(seed)
    return -1.5 - rng.gamma(1.0, size=(n, 1)) + spread * rng.normal(size=(n, n_models))


@pytest.mark.parametrize(("n_models", "n"), [(2, 60), (3, 240), (5, 500)])
def test_the_table_has_the_numbers_of_arviz(n_models, n):
    scores = scores_of(densities(n_models, n, seed=n))
    table = bg.compare(scores)
    known = arviz_stats.compare(scores, round_to="none")
    assert list(table.index) == list(known.index)
    for name in ("elpd", "se", "elpd_diff", "dse", "p_worse"):
        np.testing.assert_allclose(table[name], known[name].astype(float), rtol=1e-9)
    np.testing.assert_allclose(table["weight"], known["weight"].astype(float), atol=2e-3)
    known = arviz_stats.compare(scores, method="bb-pseudo-bma", round_to="none")["weight"]
    np.testing.assert_allclose(table["pseudo_bma_weight"], known.astype(float), rtol=1e-9)
    assert table["mean_log_score"].tolist() == pytest.approx((table["elpd"] / n).tolist())
    z = table["elpd_diff"].iloc[1:] / table["dse"].iloc[1:]
    np.testing.assert_allclose(table["p_worse"].iloc[1:], norm.cdf(-z))


@pytest.mark.parametrize("shift", [0.0, -3000.0])
def test_stacking_weights_are_the_best(shift):
    """At the optimum no model's share of the mixture exceeds one, and those with weight have it."""
    log_p = densities(6, seed=3, spread=1.0)
    log_p[:, 5] = log_p[:, 0] - 5.0
    weights = stacking_weights(log_p + shift * RNG.random((N, 1)))
    density = np.exp(log_p)
    shares = (density / (density @ weights)[:, None]).mean(axis=0)
    assert weights.sum() == pytest.approx(1.0)
    assert shares.max() < 1.0 + 1e-5
    np.testing.assert_allclose(shares[weights > 1e-4], 1.0, atol=1e-5)
    assert weights[5] == 0.0
    assert stacking_weights(np.array([[0.0, -2000.0], [-2000.0, 0.0]])).tolist() == [0.5, 0.5]


def test_many_samples_have_the_weights_of_the_limit(monkeypatch):
    import bayesglm.results.scores.averaging as averaging

    log_p = densities(3, 2000, seed=5)
    drawn = averaging.pseudo_bma_weights(log_p)
    monkeypatch.setattr(averaging, "DRAWN", 0)
    np.testing.assert_allclose(averaging.pseudo_bma_weights(log_p), drawn, atol=0.05)


def test_what_moves_no_difference():
    matrix = densities(3, seed=2)
    table = bg.compare(scores_of(matrix))
    moving = ["elpd_diff", "dse", "p_worse", "weight"]
    one = bg.compare(scores_of([[-9.0, -1.0, 0.0]]))
    assert one[["dse", "p_worse"]].iloc[1].isna().all()
    assert "over 1 sample, which does not yet" in one.attrs["sentences"][0]
    order = RNG.permutation(N)
    for other in (matrix[order], matrix + RNG.normal(size=(N, 1))):
        again = bg.compare(scores_of(other))
        np.testing.assert_allclose(again[moving], table[moving], rtol=1e-6, atol=1e-6)
    twice = bg.compare(scores_of(np.tile(matrix, (2, 1))))
    np.testing.assert_allclose(twice["elpd_diff"], 2 * table["elpd_diff"])
    np.testing.assert_allclose(twice["dse"], np.sqrt(2) * table["dse"])
    np.testing.assert_allclose(twice["weight"], table["weight"], atol=1e-5)


SAID = {
    "the same": (Difference(0.0, 0.0, 500), "cannot be told apart: their scores are the same"),
    "inside the error": (Difference(9.0, 5.0, 500), "cannot be told apart"),
    "outside": (Difference(11.0, 5.0, 500), "'a' predicts better than 'b': by 11.0 ± 5.0 nats"),
    "tiny": (Difference(3.0, 0.1, 500), "does not yet show .*: a difference below 4 nats is small"),
    "few": (Difference(11.0, 5.0, 50), "does not yet show .*: of fewer than 100 the"),
    "few, and far": (Difference(21.0, 5.0, 50), "'a' predicts better .*; of fewer than 100 the"),
    "skewed": (Difference(11.0, 5.0, 500, skewness=-5.0), "cannot be told apart: .* are skewed"),
    "skewed to the better": (Difference(11.0, 5.0, 500, skewness=5.0), "better .* are skewed"),
    "heavy": (
        Difference(11.0, 5.0, 500, heavy=True),
        "does not .* few of them make most of it",
    ),
    "high k-hat": (Difference(11.0, 5.0, 500, high_khat=True), "does not yet .* k-hat is too high"),
    "together": (
        Difference(11.0, 5.0, 500, wider=9.0, together="trial"),
        "cannot be told apart: .* alike within trial, and of these as wholes the error is 9.0",
    ),
    "one": (Difference(8.0, np.nan, 1), "does not yet .*: a single difference tells no error"),
    "alike": (Difference(8.0, 0.0, 5), "does not yet .*: differences that are all the same tell"),
    "alike, and many": (Difference(8.0, 0.0, 500), "'a' predicts better than 'b': by 8.0"),
    "a subsample": (Difference(11.0, 5.0, 500, subsampling=9.0), "cannot be told apart"),
}


@pytest.mark.parametrize(("difference", "words"), SAID.values(), ids=SAID.keys())
def test_no_winner_inside_the_error(difference, words):
    said = sentence_of("a", "b", difference)
    assert pd.Series([said]).str.contains(words).all(), said
    assert ("predicts better than" in said) == difference.is_told
    assert "\n" not in said
    assert said.endswith(".")


def test_a_sentence_for_each_model_and_the_best_and_for_neighbours():
    matrix = densities(4, seed=4)
    table = bg.compare(scores_of(matrix))
    best, *others = table.index
    pairs = [(best, one) for one in others]
    pairs += pairwise(others)
    for said, pair in zip(table.attrs["sentences"], pairs, strict=True):
        assert [said.index(repr(name)) for name in pair] == sorted(map(said.index, map(repr, pair)))
    doubted = scores_of(matrix)
    doubted["m0"].elpd_i.attrs["doubts"] = "its samples are a series."
    assert bg.compare(doubted).attrs["sentences"][-1] == "Of 'm0': its samples are a series."


def test_samples_that_belong_together_count_as_one():
    """Copies under one label have the error of one: sqrt(copies) that of independent ones."""
    groups, copies = 60, 4
    matrix = np.repeat(densities(2, groups, seed=6), copies, axis=0)
    order = RNG.permutation(groups * copies)
    subject = np.repeat(np.arange(groups), copies)
    table = bg.compare(scores_of(matrix[order], subject=subject[order]))
    assert "alike within subject" in table["diagnosis"].iloc[1]
    wider = np.sqrt(copies * groups / (groups - 1)) * table["dse"].iloc[1]
    assert f"the error is {wider:.1f}" in table.attrs["sentences"][0]
    assert "alike" not in bg.compare(scores_of(matrix[order]))["diagnosis"].iloc[1]


def test_times_that_are_alike_are_told_in_any_order_of_the_rows():
    from scipy.signal import lfilter

    n = 2000
    noise = lfilter([1.0], [1.0, -0.9], RNG.normal(size=n))
    matrix = np.stack([np.zeros(n), 0.1 * noise], axis=-1)
    order = RNG.permutation(n)
    time = 0.01 * np.arange(n)
    told = [
        bg.compare(scores_of(matrix, time=time))["diagnosis"].iloc[1],
        bg.compare(scores_of(matrix[order], time=time[order]))["diagnosis"].iloc[1],
    ]
    assert "alike within stretches of time" in told[0]
    assert told[0] == told[1]
    for rows in (matrix, matrix[order]):
        assert "alike" not in bg.compare(scores_of(rows))["diagnosis"].iloc[1]


def test_series_without_a_difference_have_no_winner():
    """Of differences that are correlated by 0.9, naive errors find a winner in two of three."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(4)
    noise = lfilter([1.0], [1.0, -0.9], rng.normal(size=(60, 1100)))[:, 100:]
    time = np.arange(1000)
    every = [difference_of(np.sign(one.sum()) * one, {}, time, False) for one in noise]
    assert np.mean([one.elpd > 2 * one.se for one in every]) > 0.5
    assert np.mean([one.is_told for one in every]) < 0.1
    alone = [difference_of(one, {}, time, False) for one in rng.normal(size=(60, 1000))]
    assert np.mean([one.wider > 0 for one in alone]) < 0.02
    noise = rng.normal(size=(300, 1003))
    blocks = np.lib.stride_tricks.sliding_window_view(noise, 4, axis=1).sum(axis=-1)
    every = [difference_of(one, {}, time, False, overlap=4) for one in blocks]
    spread = blocks.sum(axis=1).std()
    assert np.mean([one.se for one in every]) == pytest.approx(spread, rel=0.15)
    assert np.mean([one.wider > 0 for one in every]) < 0.02
    assert {one.n for one in every} == {250}


def test_units_that_share_their_noise_are_told():
    shared = np.repeat(RNG.normal(size=(800, 1)), 5, axis=1)
    scores = {"flat": scored(np.zeros((800, 5))), "shared": scored(0.3 * shared)}
    assert "alike within the units of a sample" in bg.compare(scores)["diagnosis"].iloc[1]


def test_the_best_of_many_may_be_so_by_chance():
    with pytest.warns(bg.BayesGLMWarning, match="the best of 16 models stands .* flatters it"):
        table = bg.compare(scores_of(densities(16, seed=8)))
    assert table.attrs["sentences"][-1].startswith("The best of 16 models")
    better = densities(16, seed=8)
    better[:, 3] += 1.0
    assert "best of" not in bg.compare(scores_of(better)).attrs["sentences"][-1]


def test_the_best_of_many_is_told_where_arviz_tells_it():
    told = []
    for seed, gain in enumerate((0.0, 0.05, 0.1, 0.5)):
        matrix = densities(16, seed=seed)
        matrix[:, 3] += gain
        with warnings.catch_warnings(record=True) as theirs:
            warnings.simplefilter("always")
            arviz_stats.compare(scores_of(matrix), method="pseudo-bma")
        told.append(any("due to chance" in str(one.message) for one in theirs))
        assert bool(selection_told(pd.Series(matrix.sum(axis=0)))) == told[-1]
    assert set(told) == {True, False}


def test_bits_are_those_of_the_scores():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=150)})
    data["y"] = rng.poisson(np.exp(1.0 + 0.3 * data["x"]))
    fits = {
        name: bg.fit(bg.GLM("y", terms, family="poisson"), data, draws=500)
        for name, terms in {"x": "x", "nothing": []}.items()
    }
    scores = {name: bg.loo(one) for name, one in fits.items()}
    table = bg.compare(scores)
    for name, score in scores.items():
        bits = bg.bits_per_spike(score)["bits_per_spike"].item()
        assert table.loc[name, "bits_per_event"] == pytest.approx(bits)
    assert "mean_log_score" not in table
    assert table["n_high_khat"].tolist() == [0, 0]
    high = replace(scores["x"], pareto_k=xr.full_like(scores["x"].pareto_k, 0.9))
    table = bg.compare({**scores, "x": high})
    assert table["n_high_khat"].tolist() == [150, 0]
    assert "k-hat is too high" in table.attrs["sentences"][0]


def subsampled(values, places, approx):
    known = np.full(len(values), np.nan)
    known[places] = values[places]
    whole = scored(values)
    kinds = vars(whole)
    kinds |= {"elpd_i": whole.elpd_i.copy(data=known), "elpd": values.sum()}
    kinds |= {"elpd_loo_approx": whole.elpd_i.copy(data=approx), "subsampling_se": 1.0}
    return ELPDDataLOOSubsample(
        **kinds, subsample_size=len(places), loo_subsample_observations=places
    )


def test_subsampled_scores_have_the_difference_of_arviz():
    matrix = densities(3, 2000, seed=9)
    matrix[:, 0] += 0.05
    places = np.sort(RNG.choice(2000, 200, replace=False))
    scores = {
        f"m{k}": subsampled(column, places, column + 0.1 * RNG.normal(size=2000))
        for k, column in enumerate(matrix.T)
    }
    table = bg.compare(scores)
    known = arviz_stats.compare(scores, method="pseudo-bma", round_to="none")
    for name in ("elpd_diff", "dse", "subsampling_dse"):
        np.testing.assert_allclose(table[name], known[name].astype(float))
    np.testing.assert_allclose(
        table["weight"], stacking_weights(matrix[places])[np.argsort(-matrix.sum(axis=0))]
    )
    whole = {**scores, "m1": scored(matrix[:, 1])}
    with pytest.raises(bg.DataError, match="that of 'm0' is of a subsample of 200 and that of 'm1"):
        bg.compare(whole)
    fewer = {**scores, "m1": subsampled(matrix[:, 1], places[1:], matrix[:, 1])}
    with pytest.raises(bg.DataError, match="with the same subsample="):
        bg.compare(fewer)


def of_future(values, horizon=1, start=20):
    whole = scored(values)
    kinds = {one.name: getattr(whole, one.name) for one in fields(ELPDData)}
    settings = {"forecast_horizon": horizon, "min_observations": start}
    return ELPDDataLFO(**kinds, **settings, refits=np.array([start]), n_refits=1)


def test_the_future_is_compared_with_the_future_alone():
    matrix = densities(2)
    futures = {"a": of_future(matrix[:, 0]), "b": of_future(matrix[:, 1])}
    assert bg.compare(futures).attrs["n_data_points"] == N
    with pytest.raises(bg.DataError, match=r"is of the future \(lfo\) and that of 'b' is of samp"):
        bg.compare({**futures, "b": scored(matrix[:, 1])})
    blocks = {name: replace(one, forecast_horizon=4) for name, one in futures.items()}
    said, *_ = bg.compare(blocks).attrs["sentences"]
    assert f"over {N} blocks of 4 moments ({N // 4} that do not overlap)" in said
    with pytest.raises(bg.DataError, match="horizon=1 and that of 'b' is of horizon=4; give all"):
        bg.compare({**futures, "b": of_future(matrix[:, 1], horizon=4)})


GOOD = densities(2)
BAD = {
    "one": (lambda: {"a": scored(GOOD[:, 0])}, "at least two names"),
    "a list": (lambda: [scored(GOOD[:, 0])] * 2, "at least two names"),
    "twice": (
        lambda: {1: scored(GOOD[:, 0]), "1": scored(GOOD[:, 1])},
        "models are called '1'",
    ),
    "no fit": (lambda: {"a": scored(GOOD[:, 0]), "b": 3.0}, "model 'b': a fit is needed"),
    "nan": (
        lambda: {"a": scored(GOOD[:, 0]), "b": with_value(np.nan)},
        "model 'b' has log densities that are no finite numbers at 1 of 240 samples, first nan at "
        "obs=7",
    ),
    "no chance": (
        lambda: {"a": scored(GOOD[:, 0]), "b": with_value(-np.inf)},
        "first -inf at obs=7: its predictions give no chance to what happened",
    ),
    "no samples": (
        lambda: {"a": scored(GOOD[:, 0]), "b": replace(scored(GOOD[:, 1]), elpd_i=None)},
        "model 'b' has no pointwise values",
    ),
    "an array": (
        lambda: {
            "a": scored(GOOD[:, 0]),
            "b": replace(scored(GOOD[:, 1]), elpd_i=GOOD[:, 1]),
        },
        "pointwise values of model 'b' are no DataArray",
    ),
    "other samples": (
        lambda: {
            name: subsampled(GOOD[:, 0], np.arange(k, 100 + k), GOOD[:, 0])
            for k, name in enumerate("ab")
        },
        "of 'a' and 'b' are of different samples; score both with .* same seed=",
    ),
    "another scale": (
        lambda: {"a": scored(GOOD[:, 0]), "b": replace(scored(GOOD[:, 1]), scale="deviance")},
        "'b' is on the deviance scale",
    ),
}


def with_value(value):
    score = scored(GOOD[:, 1])
    score.elpd_i[7] = value
    return score


@pytest.mark.parametrize(("given", "message"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_compared_is_refused(given, message):
    with pytest.raises(bg.DataError, match=message):
        bg.compare(given())


def test_a_mode_has_no_score():
    found = bg.fit_map(bg.GLM("y", []), {"y": [1.0, 2.0, 4.0]})
    with pytest.raises(bg.DataError, match=r"model 'mode': .*only a MAP"):
        bg.compare({"mode": found, "other": found})


def test_different_numbers_of_folds_are_told():
    data = {"y": RNG.normal(size=40)}
    folds = {k: bg.kfold(bg.GLM("y", []), data, folds=k, draws=50, chains=1) for k in (2, 4)}
    with pytest.warns(bg.BayesGLMWarning, match="numbers of folds .2 of 'a', 4 of 'b'."):
        bg.compare({"a": folds[2], "b": folds[4]})


def test_the_table_is_shown_with_its_sentences_and_its_parts_without():
    table = bg.compare(scores_of(densities(3, seed=4)))
    for said in table.attrs["sentences"]:
        assert said in repr(table)
        assert said not in repr(table[["elpd", "se"]])
        assert said not in repr(table.head(2))
    assert table._repr_html_().count("<li>") == 3
    assert "&#x27;m" in table._repr_html_()
    assert repr(pickle.loads(pickle.dumps(table))) == repr(table)
    for part in (table.round(1), pd.concat([table, table]), table.reset_index(), table.T):
        assert "predict" not in repr(part)
        assert part._repr_html_()
    large = bg.compare(scores_of(1000.0 * densities(2, seed=4)))
    assert f"{large['elpd'].iloc[0]:.0f} " in repr(large)
