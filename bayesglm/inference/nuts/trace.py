"""What nutpie hands back: the draws that are finished, or in words why there are none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
PATIENCE = 200  # hundredths of a second in which the threads of a sampler that failed end


def let_workers_end() -> None:
    """Wait until nutpie's threads have ended, which they do a little after it tells of an error.

    One that waits for its turn at the interpreter when the process ends would take it down: Python
    then ends the thread, which Rust code does not survive. Linux tells their names (proc(5)).
    """
    for _ in range(PATIENCE):
        time.sleep(0.01)
        if not any(map(_is_worker, Path("/proc/self/task").glob("*/comm"))):
            break


def _is_worker(name: Path) -> bool:
    try:
        return name.read_text().startswith("nutpie")
    except OSError:  # it has just ended
        return False


def reason_of(error: BaseException) -> str:
    """Return in one line what nutpie says went wrong, without where in its code that was.

    A panic of Rust's puts before it by which call.

    >>> reason_of(RuntimeError("No start\\n\\nCaused by:\\n    -inf\\n\\nStack backtrace:\\n   0:"))
    'No start (-inf)'
    >>> reason_of(RuntimeError("called `Result::unwrap()` on an `Err` value: No start"))
    'No start'
    """
    told = str(error).partition("Stack backtrace")[0]
    told = told.removeprefix("called `Result::unwrap()` on an `Err` value: ")
    what, _, why = (" ".join(part.split()) for part in told.partition("Caused by:"))
    return f"{what} ({why})" if why else what


def rectangle(lengths: Array) -> tuple[Array, int]:
    """Choose chains, and a length that they all have, so that the most draws are kept.

    >>> members, length = rectangle(np.array([900, 20, 1000]))
    >>> members.tolist(), int(length)
    ([0, 2], 900)
    """
    order = np.argsort(-lengths, kind="stable")
    kept = lengths[order] * np.arange(1, len(lengths) + 1)
    best = int(kept.argmax())
    return np.sort(order[: best + 1]), int(lengths[order[best]])


def kept_columns(draws: Any, stats: Any, names: Iterable[str]) -> dict[str, Array]:
    """Return one chain's draws after the warm-up, and its statistics of some names, in columns."""
    import pyarrow

    def column(batch: Any, name: str) -> Array:
        stored = batch.column(name)
        shape = (stored.field.metadata or {}).get(b"shape", b"").decode()
        values = pyarrow.array(stored)
        if not shape:
            return values.to_numpy(zero_copy_only=False)
        return values.flatten().to_numpy().reshape(-1, *map(int, shape.split(",")))

    columns = {name: column(stats, name) for name in names}
    columns |= {name: column(draws, name) for name in draws.column_names}
    kept = ~column(stats, "tuning")
    return {name: values[kept] for name, values in columns.items()}
