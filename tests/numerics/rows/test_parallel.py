"""Rows shared out among threads, which leave the process as they found it."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import bayesglm.numerics.rows.parallel as parallel
from bayesglm.numerics.rows.parallel import even, share_out, single_products


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


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_of_limits_that_overlap_the_last_puts_back_what_was(monkeypatch):
    monkeypatch.setattr(parallel, "n_threads", lambda: 2)
    with threadpool_limits(2, user_api="blas"):
        first, second = single_products(), single_products()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}


SIDE_BY_SIDE = """
import multiprocessing, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import numpy as np
from threadpoolctl import threadpool_info
import bayesglm as bg
from bayesglm.numerics.rows.parallel import single_products

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 12))
y = rng.poisson(np.exp(0.2 * X[:, 0]))
model = bg.GLM("y", "X", family="poisson", prior=bg.ridge(1.0))

def blas_threads(_=0):
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

def estimate(k):
    verb, group = ((bg.fit_map, "map"), (bg.fit, "posterior"))[k % 2]
    return verb(model, {"y": y, "X": X})[group]["X"].values

alone = [estimate(0), estimate(1)]
before = blas_threads()
with ThreadPoolExecutor(4) as threads:
    for k, found in enumerate(threads.map(estimate, range(6))):
        assert np.array_equal(found, alone[k % 2])
assert blas_threads() == before, (before, blas_threads())
with single_products(), ProcessPoolExecutor(
    2, mp_context=multiprocessing.get_context("fork")
) as processes:
    assert list(processes.map(blas_threads, range(2))) == [before] * 2
    for k, found in enumerate(processes.map(estimate, range(2))):
        assert np.array_equal(found, alone[k])
assert blas_threads() == before
"""


@pytest.mark.slow
def test_fits_side_by_side_are_those_alone_and_leave_no_limit_behind():
    # A process that already has threads is not to be forked by its tests, so a fresh one is.
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, "2")
    script = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SIDE_BY_SIDE]
    ran = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
