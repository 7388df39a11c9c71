"""Loops compiled to machine code, kept on disk where there is a folder for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def compiled(loop: Callable[..., None]) -> Any:
    """Return a loop over arrays, compiled when it is first run, without the interpreter's lock."""
    import numba

    try:
        return numba.njit(loop, cache=True, nogil=True)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(loop, nogil=True)
