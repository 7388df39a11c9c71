"""A log density made safe for a sampler that calls it from threads of its own, and its start."""

from __future__ import annotations

import ctypes
import threading

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.coordinates import Slope
from bayesglm.numerics.density.sampled import are_finite

Array = np.ndarray
SPREAD = 2.0  # posterior sds over which the chains start
NEAR = 1e-3  # the same, of the last place that a start is looked for


def guarded(slope: Slope, failures: list[Exception]) -> Slope:
    """Make a density that fails, or is not finite, one of zero: a divergence to the sampler.

    Failures that are not arithmetic's are kept in a list. From the first on no density is asked
    for, so that the chains soon end, and none of nutpie's threads has to unwind.

    A thread that comes from outside Python is given a state of the interpreter's at each call, and
    loses it afterwards, which takes longer (25 us) than many a gradient. So at its first call it
    takes one that it keeps (PyGILState_Ensure, Python/C API), of a few kB.
    """
    thread = threading.local()

    def safe(x: Array) -> tuple[float, Array]:
        if not hasattr(thread, "kept"):
            thread.kept = ctypes.pythonapi.PyGILState_Ensure()
        try:
            if not failures:
                with np.errstate(all="ignore"):  # far out, what is added up may be inf - inf
                    value, gradient = slope(x)
                    if are_finite(value, gradient):
                        return value, gradient
        except (ArithmeticError, ValueError):
            pass
        except Exception as error:
            failures.append(error)
        return -np.inf, np.zeros(len(x))

    return safe


def starting_point(slope: Slope, size: int, seed: int) -> Array:
    """Draw a starting point, nearer to the centre where the density has no value further out."""
    x = SPREAD * np.random.default_rng(seed).standard_normal(size)
    while not np.isfinite(slope(x)[0]) and np.abs(x).max(initial=0.0) > NEAR:
        x = 0.5 * x
    return x


def failure(error: Exception) -> ConvergenceError:
    """Return what to raise where a density failed."""
    told = ConvergenceError(f"the log density failed, {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
