"""Saved fits, read by their paths and named by them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bayesglm.cli.command import parts
from bayesglm.errors import BayesGLMError, DataError


def read_fit(path: str) -> Any:
    """Read a saved fit; DataError where the file holds none."""
    check_is_there(path)
    from bayesglm.results.storage import load

    return load(path)


def check_is_there(path: str, stores: Sequence[str] = (".zarr",)) -> None:
    """Raise DataError unless there is a file, before anything heavy is imported.

    Folders hold something where they end in one of ``stores``.
    """
    given = Path(path)
    if given.is_dir() and given.suffix.lower() not in stores:
        raise DataError(f"{path!r} is a folder; name a file in it.")
    if not given.exists():
        raise DataError(f"{path!r} does not exist.")


def read_fits(paths: Sequence[str], names: str | None) -> dict[str, Any]:
    """Read several saved fits, named as is said, or after their files; DataError of one twice."""
    seen: dict[str, str] = {}
    for path in paths:
        earlier = seen.setdefault(os.path.realpath(path), path)
        if earlier is not path:
            raise DataError(f"{earlier!r} and {path!r} are one file; give each fit once.")
        check_is_there(path)
    own = names_of(paths) if names is None else _given(names, len(paths))
    return {name: read_fit(path) for name, path in zip(own, paths, strict=True)}


def names_of(paths: Sequence[str]) -> list[str]:
    """Name files by their stems; those alike by as much of their paths as tells them apart.

    >>> names_of(["a/fit.nc", "a/other.nc"]), names_of(["a/fit.nc", "b/fit.nc", "c.nc"])
    (['fit', 'other'], ['a/fit', 'b/fit', 'c'])
    """
    full = [Path(os.path.abspath(path)) for path in paths]
    if len({path.with_suffix("") for path in full}) < len(full):
        return list(map(str, paths))
    tails = [
        ["/".join(path.with_suffix("").parts[-k:]) for k in range(1, len(path.parts) + 1)]
        for path in full
    ]
    taken = Counter(tail for every in tails for tail in every)
    return [next(tail for tail in every if taken[tail] == 1) for every in tails]


@contextmanager
def said_of(name: str) -> Iterator[None]:
    """Let a fault say of which of several fits it is."""
    try:
        yield
    except BayesGLMError as error:
        raise DataError(f"{name}: {error}") from error


def _given(text: str, n_fits: int) -> list[str]:
    names = parts(text)
    if len(names) != n_fits or not all(names):
        raise DataError(f"--names {text!r} does not name each of the {n_fits} fits; write A,B.")
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise DataError(f"--names gives {twice!r} twice; names tell the fits apart.")
    return names
