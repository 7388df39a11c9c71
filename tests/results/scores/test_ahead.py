"""Moments of time, the origins among them, and the stretches in which they are gone through."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.inference.weights.psis import pareto_smoothed, smoothed_lines
from bayesglm.results.scores import ahead
from bayesglm.results.scores.ahead import Moments
from bayesglm.results.scores.folds import moments_of_rows

TIMES = st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), min_size=1, max_size=40)


def moments_of(rows):
    trial, time = (xr.DataArray(np.array(one), dims="obs") for one in zip(*rows, strict=True))
    of_row = moments_of_rows(time, trial, np.arange(len(rows)), "lfo")
    trials = pd.factorize(trial.values)[0]
    return Moments(of_row, trials[np.unique(of_row, return_index=True)[1]])


@given(TIMES, st.integers(1, 50), st.integers(1, 50))
def test_no_origin_sees_its_future_or_the_next_trial(rows, start, horizon):
    moments = moments_of(rows)
    starts_anew = len({time for _, time in rows}) < len(rows)
    for k, (trial, time) in enumerate(rows):
        for j, (other, later) in enumerate(rows):
            same = (trial, time) == (other, later) if starts_anew else time == later
            assert (moments.of_row[k] == moments.of_row[j]) == same
            if trial == other and time < later:
                assert moments.of_row[k] < moments.of_row[j]
    origins = moments.origins(start, horizon)
    assert np.all(origins >= start)
    for t in origins:
        block, numbers = moments.rows(t, t + horizon)
        assert set(numbers) == set(range(horizon))
        assert len({rows[k][0] for k in block}) == 1 or not starts_anew
    if len(origins):
        seen = [np.arange(*pair) for pair in ahead._stretches(origins, horizon, 4000)]
        np.testing.assert_array_equal(np.concatenate(seen), np.arange(origins[0], origins[-1] + 1))


@pytest.mark.parametrize("n", [20, 300, 4000])
def test_lines_are_smoothed_as_each_alone(n):
    rng = np.random.default_rng(4)
    lines = rng.normal(size=(5, n)) * np.array([0.0, 0.1, 1.0, 5.0, 20.0])[:, None]
    log_weights, khat = smoothed_lines(lines)
    for k, line in enumerate(lines):
        expected = pareto_smoothed(line)
        np.testing.assert_allclose(log_weights[k], expected.log_weights, rtol=1e-9, atol=1e-9)
        assert khat[k] == pytest.approx(expected.khat, rel=1e-9)
    none, _ = smoothed_lines(lines[:0])
    assert none.shape == (0, n)


@pytest.mark.parametrize("horizon", [1, 2, 7])
def test_sums_over_a_horizon_are_those_of_its_lines(horizon):
    values = np.random.default_rng(0).normal(size=(30, 5))
    values[[3, 4, 20], [0, 1, 1]] = -np.inf
    origins = np.array([0, 2, 4, 5, 17, 23])
    expected = [values[t : t + horizon].sum(axis=0) for t in origins]
    np.testing.assert_allclose(ahead._summed(values, origins, horizon), expected, rtol=1e-12)
