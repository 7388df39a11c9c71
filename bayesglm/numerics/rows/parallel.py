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
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from typing import Any

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
def _blas() -> tuple[ThreadpoolController, ThreadpoolController]:
    """Return the libraries with a number of threads for each caller (OpenMP), and for all."""
    every = ThreadpoolController().select(user_api="blas")
    own = every.select(threading_layer="openmp")
    names = {library.filepath for library in own.lib_controllers}
    others = [one.filepath for one in every.lib_controllers if one.filepath not in names]
    return own, every.select(filepath=others)


@cache
def _keep_freed_memory() -> None:
    """Make the C library keep what arrays free, up to 64 MB, for the arrays that come next.

    glibc hands memory back to the system at once, and getting it again, page by page, takes longer
    than the arithmetic on blocks that fit a cache. Once it has seen a piece of nearly 32 MB freed
    it keeps twice as much (mallopt(3), M_MMAP_THRESHOLD). Elsewhere this does nothing.
    """
    np.empty(4_000_000)


class _SharedLimit:
    """The limit of libraries to one thread for the whole process: the last to leave lifts it.

    Limits of two threads of ours overlap without one being inside the other, so that each would put
    back the number it has seen: the last of them the 1 of another, for good.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.limiter: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.count == 0:
                _take_control()
                self.limiter = _blas()[1].limit(limits=1)
            self.count += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.count -= 1
            if self.count == 0:
                self._lift()

    def _lift(self) -> None:
        _take_control()
        self.limiter.restore_original_limits()
        _take_control()

    def leave_all(self) -> None:
        """Lift the limit in a forked process, in which those who asked for it do not go on."""
        self.lock.release()
        if self.count:
            self._lift()
        self.count = 0


def _take_control() -> None:
    """Let any thread set the limits that all share.

    From version 3.8 on, threadpoolctl lets only the thread do so that was first, until it says that
    it has done; those of other threads do nothing, without a word.
    """
    for kind in {type(library) for library in _blas()[1].lib_controllers}:
        if hasattr(kind, "clear_controlling_thread"):
            kind.clear_controlling_thread(force=True)


_shared_limit = _SharedLimit()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
    os.register_at_fork(
        before=_shared_limit.lock.acquire,
        after_in_parent=_shared_limit.lock.release,
        after_in_child=_shared_limit.leave_all,
    )


@contextmanager
def unthreaded_products(size: int) -> Iterator[None]:
    """Keep the products of matrices of some size to one thread each, unless they are large."""
    with nullcontext() if size > LARGE else single_products():
        yield


@contextmanager
def single_products() -> Iterator[None]:
    """Keep every matrix product to one thread."""
    if n_threads() == 1:
        yield
        return
    with _blas()[0].limit(limits=1), _shared_limit:
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


def share_out[Item, Result](
    items: Iterable[Item], work: Callable[[Sequence[Item]], Result], runs: int | None = None
) -> list[Result]:
    """Return work(run) for runs of neighbouring items that make up all, in their order.

    There is one run to a thread, or ``runs`` at most.

    >>> sum(share_out(range(5), sum))
    10
    """
    _keep_freed_memory()
    every = list(items)
    n_runs = min(n_threads() if runs is None else runs, len(every))
    if n_runs < 2:
        return [work(every)]
    edges = [len(every) * k // n_runs for k in range(n_runs + 1)]
    parts = [every[a:b] for a, b in pairwise(edges)]
    with single_products():
        # Each in a copy of the context, which says what NumPy does on overflow.
        futures = [_pool().submit(contextvars.copy_context().run, work, part) for part in parts[1:]]
        first = work(parts[0])
        return [first, *(future.result() for future in futures)]
