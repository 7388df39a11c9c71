"""Mutated files: `load` gives the tree that was saved, or a DataError, and soon.

Files of several fits are changed in one place or many (`fuzz.mutations`). Some netCDF files are
sealed again with the checksum of what they now hold, so that the checks behind it are tried too; of
those a tree that loads must serve `predict` and `kernels`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import bayesglm as bg
from fuzz.mutations import BYTES, SEALED, STORE, STRUCTURE, Change
from fuzz.workers import Lost, work_through

LIMIT = 5.0  # seconds for one load
HANGS = 30.0  # seconds after which its process is given up, imports and the mutation included
CHANGES: dict[str, dict[str, Change]] = {".nc": BYTES | STRUCTURE | SEALED, ".zarr": STORE}


class Row(NamedTuple):
    """What became of one file: ``outcome`` is tree, DataError, or a fault in words."""

    mutation: str
    outcome: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.outcome in ("tree", "DataError") and self.seconds < LIMIT


class _Task(NamedTuple):
    seed: int
    number: int
    originals: tuple[str, ...]
    suffix: str

    @property
    def mutation(self) -> str:
        """The name of the mutation, each in turn."""
        return list(CHANGES[self.suffix])[self.number % len(CHANGES[self.suffix])]


def mutated_files(suffix: str, n: int, seed: int) -> Iterator[Row]:
    """Load n mutated files of a kind (".nc" or ".zarr"), each in a process that may be lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = tuple(
            str(bg.save(fit, folder / f"{k}{suffix}")) for k, fit in enumerate(_fits())
        )
        tasks = (_Task(seed, number, originals, suffix) for number in range(n))
        for task, answer in work_through(_row, tasks, HANGS):
            lost = isinstance(answer, Lost)
            yield Row(task.mutation, answer.why, answer.seconds) if lost else answer


def _fits() -> Iterator:
    """Make one small fit of every kind."""
    rng = np.random.default_rng(0)
    n = 30
    data = {
        "y": rng.poisson(2.0, n),
        "cells": rng.poisson(2.0, (n, 2)),
        "x": rng.normal(size=n),
        "g": rng.choice(["ä", "b", "c"], n),
        "time": np.arange(n) * 0.1,
    }
    lagged = bg.Lagged("x", lags=2, prior=bg.Normal(1.0))
    yield bg.fit_map(bg.GLM("y", [lagged, bg.Linear("x", name="now")], family="poisson"), data)
    yield bg.fit(bg.GLM("y", ["x", bg.Group("g")], family="poisson"), data, draws=100)
    yield bg.fit_laplace(bg.GLM("cells", lagged, family="poisson"), data, draws=100)
    yield bg.prior_path(bg.GLM("y", "x", prior=bg.ridge(1.0)), data, [0.1, 1.0])


def _row(task: _Task) -> Row:
    rng = np.random.default_rng([task.seed, task.number])
    original = Path(task.originals[rng.integers(len(task.originals))])
    place = original.with_name(f"mutated-{task.number}{task.suffix}")
    (shutil.copytree if task.suffix == ".zarr" else shutil.copy)(original, place)
    try:
        CHANGES[task.suffix][task.mutation](rng, place)
        began = time.perf_counter()
        outcome = _outcome(_known(str(original)), str(place), task.mutation in SEALED)
        return Row(task.mutation, outcome, time.perf_counter() - began)
    finally:
        shutil.rmtree(place) if place.is_dir() else place.unlink()


@cache
def _known(original: str) -> Any:
    return bg.load(original)


def _outcome(original: object, place: str, sealed: bool) -> str:
    try:
        tree = bg.load(place)
        if not sealed:
            return "tree" if tree.identical(original) else "another tree"
        if not {"posterior", "map"}.isdisjoint(tree.children):
            bg.predict(tree)
            bg.kernels(tree)
    except bg.DataError:
        return "DataError"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "tree"
