"""Scores of rows pooled: what copies of rows, scikit-learn and the jackknife say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bayesglm.results.scores.pools import averaged, per_event, ranked, rooted, totalled

FEW = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=4)


@settings(max_examples=60, deadline=None)
@given(FEW)
def test_the_area_is_that_of_scikit_learn_with_ties_and_weights(rows):
    chance, is_yes, counts = (np.array(column) for column in zip(*rows, strict=True))
    area = ranked(chance / 4.0, is_yes, counts * 1.0)
    if not (counts[is_yes].sum() and counts[~is_yes].sum()):
        assert np.isnan(area.value)
        return
    peer = roc_auc_score(is_yes, chance, sample_weight=counts)
    assert area.value == pytest.approx(peer, abs=1e-12)
    assert area.influence.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("pool", [averaged, rooted], ids=lambda pool: pool.__name__)
def test_errors_are_those_of_the_jackknife(pool):
    rng = np.random.default_rng(0)
    values, counts = rng.gamma(2.0, size=400), rng.integers(1, 4, 400) * 1.0
    codes = np.arange(400) // 2
    left = [
        pool(values[codes != k], counts[codes != k], codes[codes != k]).value for k in range(200)
    ]
    jackknife = np.sqrt(199.0 / 200.0 * np.sum((left - np.mean(left)) ** 2))
    assert pool(values, counts, codes).error == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize("pool", [averaged, rooted, totalled, per_event])
def test_one_set_of_rows_tells_no_error(pool):
    alone = pool(np.array([0.5, 1.5]), np.ones(2), np.array([7, 7]))
    assert np.isfinite(alone.value)
    assert np.isnan(alone.error)


def test_rows_that_count_nothing_have_no_mean():
    none = averaged(np.zeros(3), np.zeros(3), np.arange(3))
    assert np.isnan(none.value)
    assert np.isnan(none.error)
