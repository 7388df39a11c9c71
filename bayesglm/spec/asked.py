"""Whole numbers that users ask for: how many, and the seed."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from bayesglm.errors import DataError
from bayesglm.spec.hints import shown

LARGEST_SEED = 2**63 - 1  # the largest whole number that a file keeps with the fit


def whole_number(name: str, value: Any, least: int) -> int:
    """Return what was asked as an int; DataError unless it is a whole number, and large enough."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise DataError(f"{name} must be a whole number of at least {least}, got {shown(value)}.")
    return int(value)


def check_seed(seed: Any) -> int:
    """Return a seed as an int; DataError unless it is a whole number that a file can keep."""
    whole = whole_number("seed", seed, 0)
    if whole > LARGEST_SEED:
        raise DataError(f"seed must be below 2**63, got {whole}; take seed={whole % 2**32}, say.")
    return whole
