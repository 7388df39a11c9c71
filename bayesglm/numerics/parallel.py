"""Blocks of rows shared out among threads.

Each thread takes one run of neighbouring blocks, and the results come back in their order, so that
sums do not depend on which thread was first. NumPy lets other threads in while it computes; its
matrix products are kept to one thread each meanwhile: for blocks that fit a cache their own
threads cost more than they bring, and those of OpenBLAS go on spinning for a while afterwards, on
the processors that others wait for.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise

import numpy as np
from threadpoolctl import ThreadpoolController

LARGE = 1000  # rows of a matrix whose products are worth threads of their own


@cache
def n_threads() -> int:
    """Return how many threads to use: OMP_NUM_THREADS, or else every processor we may run on."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if said.isdigit() and int(said) > 0:
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads(), thread_name_prefix="bayesglm")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@cache
def _keep_freed_memory() -> None:
    """Make the C library keep what arrays free, up to 64 MB, for the arrays that come next.

    glibc hands memory back to the system at once, and getting it again, page by page, takes longer
    than the arithmetic on blocks that fit a cache. Once it has seen a piece of nearly 32 MB freed
    it keeps twice as much (mallopt(3), M_MMAP_THRESHOLD). Elsewhere this does nothing.
    """
    np.empty(4_000_000)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


@contextmanager
def unthreaded_products(size: int) -> Iterator[None]:
    """Keep the products of matrices of some size to one thread each, unless they are large."""
    with nullcontext() if size > LARGE else single_products():
        yield


@contextmanager
def single_products() -> Iterator[None]:
    """Keep every matrix product to one thread."""
    with nullcontext() if n_threads() == 1 else _blas().limit(limits=1):
        yield


def even(n: int, size: int) -> int:
    """Return a size of blocks, ``size`` at most, of which every thread gets as many as the others.

    >>> even(5, 9), even(0, 9)
    (5, 1)
    """
    count = -(-n // size)
    if count > n_threads():
        count += -count % n_threads()
    return max(1, -(-n // max(count, 1)))


def share_out[Block, Result](
    blocks: Iterable[Block], work: Callable[[Sequence[Block]], Result]
) -> list[Result]:
    """Return work(run) for runs of neighbouring blocks that make up all, one run to a thread.

    >>> sum(share_out(range(5), sum))
    10
    """
    _keep_freed_memory()
    every = list(blocks)
    n_runs = min(n_threads(), len(every))
    if n_runs < 2:
        return [work(every)]
    edges = [len(every) * k // n_runs for k in range(n_runs + 1)]
    runs = [every[a:b] for a, b in pairwise(edges)]
    with _blas().limit(limits=1):
        # Each in a copy of the context, which says what NumPy does on overflow.
        futures = [_pool().submit(contextvars.copy_context().run, work, run) for run in runs[1:]]
        first = work(runs[0])
        return [first, *(future.result() for future in futures)]
