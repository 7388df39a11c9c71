"""Choices that were left out: scores by hand, those of k-fold, and errors over repetitions."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

SPIKES = bg.Linear("spikes", prior=bg.Normal(0.6))
BINARY = bg.GLM("choice", SPIKES, family="bernoulli")
THREE = bg.GLM("choice", SPIKES, family="categorical")


@pytest.fixture(scope="module")
def binary():
    data = bg.datasets.simulate_choices(300, 8, seed=1)
    return data, bg.decode_choices(BINARY, data, folds=5, draws=500, bins=4)


@pytest.fixture(scope="module")
def three():
    data = bg.datasets.simulate_choices(300, 6, n_choices=3, seed=1)
    return data, bg.decode_choices(THREE, data, folds=4, draws=250)


def test_log_scores_are_those_of_kfold(binary, three):
    for (data, found), model, folds, draws in ((binary, BINARY, 5, 500), (three, THREE, 4, 250)):
        elpd = bg.kfold(model, data, folds=folds, draws=draws)
        np.testing.assert_allclose(found["log_score"], elpd.elpd_i, rtol=1e-8)
        total = float(found["mean_log_score"]) * data.sizes["obs"]
        assert total == pytest.approx(float(elpd.elpd), rel=1e-8)
        se = float(found["mean_log_score_se"]) * data.sizes["obs"]
        assert se == pytest.approx(float(elpd.se), rel=0.01)


def test_scores_are_means_by_hand(binary):
    data, found = binary
    y, p = data["choice"].values, found["probability"].values[:, 1]
    right = (p > 0.5) == y
    by_hand = {
        "accuracy": right,
        "brier": (p - y) ** 2,
        "mean_log_score": np.log(np.where(y == 1, p, 1 - p)),
        "chance": y == (y.mean() > 0.5),
    }
    for name, values in by_hand.items():
        assert found[name] == pytest.approx(values.mean(), rel=1e-12)
        assert found[f"{name}_se"] == pytest.approx(values.std() / np.sqrt(300), rel=1e-12)
    np.testing.assert_array_equal(found["observed"], y)
    np.testing.assert_array_equal(found["told"] == found["observed"], right)
    order = np.argsort(p).reshape(4, 75)
    yes = found.sel(choice_level=1)
    np.testing.assert_allclose(yes["expected"], p[order].mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(yes["share"], y[order].mean(axis=1), rtol=1e-12)
    squares = ((y - p)[order] ** 2).sum(axis=1), (p * (1 - p))[order].sum(axis=1)
    root = np.sqrt(np.maximum(*squares)) / 75
    np.testing.assert_allclose(yes["share_se"], root, rtol=1e-12)
    assert (yes["n"] == 75).all()


def test_words_of_three_choices_are_told_and_calibrated(three):
    data, found = three
    assert list(found["choice_level"].values) == ["left", "none", "right"]
    np.testing.assert_allclose(found["probability"].sum("choice_level"), 1.0, rtol=1e-12)
    right = (found["told"] == data["choice"]).mean()
    assert found["accuracy"] == pytest.approx(float(right))
    assert found["accuracy"] > found["chance"] + 2 * found["accuracy_se"]
    z = (found["share"] - found["expected"]) / found["share_se"]
    assert np.abs(z).max() < 4.0


def test_errors_are_the_spread_over_repetitions():
    """Of a model that is hardly uncertain, so that folds share little."""
    model = bg.GLM("choice", bg.Linear("spikes", prior=bg.Normal(0.6)), family="bernoulli")
    scores, errors = [], []
    for seed in range(24):
        data = bg.datasets.simulate_choices(400, 3, seed=1)
        rng = np.random.default_rng(seed)
        some = data.isel(obs=rng.integers(0, 400, 300))
        chance = some["true_probability"].values
        some["choice"] = ("obs", (rng.random(300) < chance).astype(int))
        found = bg.decode_choices(model, some[["choice", "spikes"]], folds=2, draws=100)
        scores.append(float(found["brier"]))
        errors.append(float(found["brier_se"]))
    assert abs(np.mean(errors) / np.std(scores, ddof=1) - 1.0) < 0.4


def test_rows_of_one_label_count_together():
    data = bg.datasets.simulate_choices(60, 3, seed=2)
    thrice = data[["choice", "spikes"]].isel(obs=np.repeat(np.arange(60), 3))
    thrice["animal"] = ("obs", np.repeat(np.arange(60), 3))
    found = bg.decode_choices(BINARY, thrice, by="animal", folds=6, draws=100)
    one = found["log_score"].values.reshape(60, 3)
    np.testing.assert_allclose(one, one[:, :1].repeat(3, axis=1), rtol=1e-9)
    assert found["accuracy_se"] == pytest.approx(
        (found["told"] == found["observed"]).values[::3].std() / np.sqrt(60), rel=1e-9
    )


def test_levels_of_groups_that_were_left_out_are_drawn_anew():
    data = bg.datasets.simulate_choices(90, 2, seed=3)[["choice", "spikes"]]
    data["animal"] = ("obs", np.arange(90) // 10)
    model = bg.GLM("choice", [SPIKES, bg.Group("animal", prior=bg.Normal(0.5))], family="bernoulli")
    found = bg.decode_choices(model, data, by="animal", folds=3, draws=250)
    assert np.isfinite(found["log_score"]).all()
    assert found["probability"].sizes["obs"] == 90


def test_what_has_no_labels_is_refused():
    data = xr.Dataset({"y": ("obs", [1.0, 2.0, 0.0, 4.0]), "x": ("obs", [0.1, 0.2, 0.3, 0.5])})
    with pytest.raises(bg.ModelError, match="decode_choices tells labels, and poisson responses"):
        bg.decode_choices(bg.GLM("y", "x", family="poisson"), data)
    several = xr.Dataset(
        {"y": (("obs", "animal"), [[0, 1], [1, 0], [0, 0], [1, 1]]), "x": data["x"]}
    )
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(1.0))
    with pytest.raises(bg.ModelError, match="has 2 members along 'animal'"):
        bg.decode_choices(model, several)
