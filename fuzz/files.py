"""Mutated files: `load` gives the tree that was saved, or a DataError, and soon.

Files of several fits are changed in one place or many (`fuzz.mutations`). Some netCDF files are
sealed again with the checksum of what they now hold, so that the checks behind it are tried too; of
those a tree that loads must serve `predict` and `kernels`. Every load runs in a worker process,
which a crash or a hang costs, and which is then replaced.

    python -m fuzz.files 3000 300
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

import bayesglm as bg
from fuzz.mutations import BYTES, SEALED, STORE, STRUCTURE, Change

LIMIT = 5.0  # seconds for one load


class Row(NamedTuple):
    """What became of one file: ``outcome`` is tree, DataError, or a fault in words."""

    mutation: str
    outcome: str
    seconds: float


def mutated_netcdf(n: int, seed: int, workers: int = 2) -> list[Row]:
    """Load ``n`` mutated netCDF files."""
    return _tried(n, seed, workers, ".nc", BYTES | STRUCTURE | SEALED)


def mutated_zarr(n: int, seed: int, workers: int = 2) -> list[Row]:
    """Load ``n`` mutated Zarr stores."""
    return _tried(n, seed, workers, ".zarr", STORE)


def good(row: Row) -> bool:
    """Say whether a row is as it must be."""
    return row.outcome in ("tree", "DataError") and row.seconds < LIMIT


def _tried(n: int, seed: int, workers: int, suffix: str, changes: dict[str, Change]) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = [str(bg.save(fit, folder / f"{k}{suffix}")) for k, fit in enumerate(_fits())]
        names = list(changes)
        shares = [range(k, n, workers) for k in range(workers)]

        def work(share: range) -> list[tuple[int, Row]]:
            with _Worker() as worker:
                return [(k, one(k, worker)) for k in share]

        def one(k: int, worker: _Worker) -> Row:
            rng = np.random.default_rng([seed, k])
            original = originals[rng.integers(len(originals))]
            place = folder / f"mutated-{k}{suffix}"
            (shutil.copytree if suffix == ".zarr" else shutil.copy)(original, place)
            mutation = names[k % len(names)]
            try:
                changes[mutation](rng, place)
                outcome, seconds = worker.load(original, place, mutation in SEALED)
            finally:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            return Row(mutation, outcome, seconds)

        with ThreadPoolExecutor(workers) as pool:
            rows = [row for share in pool.map(work, shares) for row in share]
        return [row for _, row in sorted(rows)]


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


class _Worker:
    """A process that loads files, one after another, and is replaced where it ends or hangs."""

    def __enter__(self) -> _Worker:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        command = [sys.executable, "-m", "fuzz.files", "--worker"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
        )
        self._answer(60.0)  # which it gives once everything is imported

    def _stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self, limit: float) -> str | None:
        """Return the next line; None after the limit; an empty string where the process ended."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        return self._process.stdout.readline().decode() if ready else None

    def load(self, original: str, place: Path, sealed: bool) -> tuple[str, float]:
        """Load a file; return what became of it, and after how many seconds."""
        assert self._process.stdin is not None
        began = time.perf_counter()
        self._process.stdin.write(json.dumps([original, str(place), sealed]).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._answer(LIMIT)
        seconds = time.perf_counter() - began
        if answer:
            return json.loads(answer), seconds
        outcome = "slow"
        if answer is not None:
            outcome = f"crash ({self._process.wait()})"
        self._stop()
        self._start()
        return outcome, seconds


def _serve() -> None:
    """Load what standard input names, line by line."""
    answers, known = os.fdopen(os.dup(1), "w"), {}
    print('"ready"', file=answers, flush=True)
    for line in sys.stdin:
        original, place, sealed = json.loads(line)
        if original not in known:
            known[original] = bg.load(original)
        print(json.dumps(_outcome(known[original], place, sealed)), file=answers, flush=True)


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


def main(n_netcdf: int, n_zarr: int) -> int:
    """Print a table of what became of the files; return how many were not as they must be."""
    rows = mutated_netcdf(n_netcdf, 0) + mutated_zarr(n_zarr, 0)
    for (mutation, outcome), count in sorted(
        Counter((r.mutation, r.outcome) for r in rows).items()
    ):
        print(f"{mutation:36} {count:5} {outcome}")
    print(f"slowest {max(row.seconds for row in rows):.2f} s")
    return sum(not good(row) for row in rows)


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        _serve()
    else:
        sys.exit(min(main(int(sys.argv[1]), int(sys.argv[2])), 1))
