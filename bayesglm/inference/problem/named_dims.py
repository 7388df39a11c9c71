"""Dims of coefficients as priors name them."""

from __future__ import annotations


def named_dims(said: str | tuple[str, ...], name: str, dims: tuple[str, ...]) -> tuple[str, ...]:
    """Return dims as a prior names them; ``lag`` stands for the term's own lags, and so on."""
    several = (said,) if isinstance(said, str) else said
    own = {dim.removeprefix(f"{name}_"): dim for dim in dims if dim.startswith(f"{name}_")}
    return tuple(dim if dim in dims else own.get(dim, dim) for dim in several)
