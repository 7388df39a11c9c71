"""Dims of coefficients as priors name them."""

from __future__ import annotations


def named_dims(said: str | tuple[str, ...], name: str, dims: tuple[str, ...]) -> tuple[str, ...]:
    """Return dims as a prior names them; ``lag`` stands for the term's own lags."""
    several = (said,) if isinstance(said, str) else said
    return tuple(f"{name}_lag" if dim == "lag" and dim not in dims else dim for dim in several)
