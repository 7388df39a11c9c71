"""Exceptions and warnings: each message names the place, the fault and a remedy."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

PACKAGE = str(Path(__file__).parent) + os.sep
APPLIERS = ("pandas", "xarray", "joblib")  # libraries that call functions for their users


class BayesGLMError(Exception):
    """Base class of every exception that bayesglm raises on purpose."""


class DataError(BayesGLMError, ValueError):
    """The data cannot be used as they are: a variable, its first bad place, and a remedy."""


class ModelError(BayesGLMError, ValueError):
    """The model says something impossible, or asks for something its data cannot give."""


class ConvergenceError(BayesGLMError):
    """An optimiser or a sampler stopped without an answer that could be trusted.

    ``solution`` is the last state of the optimiser where one exists, else None.
    """

    def __init__(self, message: str, solution: object = None) -> None:
        super().__init__(message)
        self.solution = solution


class ConformanceError(BayesGLMError, AssertionError):
    """A family does not pass its conformance test: each check that failed, and by how much."""


class BayesGLMWarning(UserWarning):
    """A result stands, but something about it must be known before it is used."""


_of: ContextVar[str] = ContextVar("of what warnings are", default="")


@contextmanager
def telling_of(what: str) -> Iterator[None]:
    """Let warnings say of what they are: of a posterior that the caller did not ask for, say."""
    before = _of.set(f"of {what}: ")
    try:
        yield
    finally:
        _of.reset(before)


def tell(message: str) -> None:
    """Warn, at the line of the caller who is outside the package; every warning goes this way.

    Where a library was asked to call (``frame.apply``), that is the line that asked it.
    """
    loaded = (getattr(sys.modules.get(name), "__file__", None) for name in APPLIERS)
    others = (str(Path(file).parent) + os.sep for file in loaded if file)
    warnings.warn(_of.get() + message, BayesGLMWarning, skip_file_prefixes=(PACKAGE, *others))
