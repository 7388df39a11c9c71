"""Columns that are mostly zeros, taken from the others: together they are the same products."""

import numpy as np
import pytest

from bayesglm.numerics.rows.entries import LEAST, apart


@pytest.mark.parametrize("share", [0.0, 0.03, 0.3])
@pytest.mark.parametrize("places", [np.arange(3, 15), np.arange(24)[::2]], ids=["run", "some"])
def test_what_is_left_and_the_entries_make_up_all(share, places):
    rng = np.random.default_rng(2)
    n, k = 200, 70
    X = rng.normal(size=(n, 12)).astype(np.float32)
    X[:, 4:] *= rng.random((n, 8)) < share
    W = rng.normal(size=(30, k)).astype(np.float32)
    rest, where, entries = apart(np.asfortranarray(X), places)
    room = rest @ W[where]
    assert rest.shape[1] == (12 if share == 0.3 else 4)
    assert (entries is None) == (share == 0.3)
    if entries is not None:
        entries.add(W[:, :k], room)
    np.testing.assert_allclose(room, X @ W[places], rtol=1e-4, atol=1e-4)


def test_few_such_columns_stay_where_they_are():
    X = np.ones((40, 6), dtype=np.float32)
    X[1:, : LEAST - 1] = 0.0
    assert apart(X, np.arange(6))[2] is None
    X[1:, LEAST - 1] = 0.0
    rest, where, entries = apart(X, np.arange(6))
    assert (rest.shape, where) == ((40, 6 - LEAST), slice(LEAST, 6))
    assert len(entries.value) == LEAST
