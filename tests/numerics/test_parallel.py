"""Rows shared out among threads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm.numerics.parallel as parallel
from bayesglm.numerics.parallel import even, share_out


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
@given(st.integers(0, 5000), st.integers(1, 600))
def test_blocks_are_even(threads, n, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "n_threads", lambda: threads)
        found = even(n, size)
    assert 1 <= found <= size
    blocks = [len(range(start, min(start + found, n))) for start in range(0, n, found)]
    assert sum(blocks) == n
    fewest = -(-n // size)
    # As few as the size allows, but for those that give each thread as many as the others.
    assert fewest <= len(blocks) or found == 1
    assert len(blocks) <= fewest + (threads - 1 if fewest > threads else 0)


def test_runs_make_up_all():
    for n in (0, 1, 2, 7, 100):
        runs = share_out(range(n), list)
        assert [one for run in runs for one in run] == list(range(n))
