"""import: what starting costs."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.facts import missing
from benchmarks.race import Row
from benchmarks.verdict import verdict

WORK = (
    "Wall time of a process that imports and ends, medians of 10 in turn, after one run of each "
    "that is not counted (it fills the disk's cache)."
)
_RUNS = 10


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time each command in turn."""
    commands = {
        "import bayesglm": [sys.executable, "-c", "import bayesglm"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "bayesglm --help": [str(Path(sys.executable).parent / "bayesglm"), "--help"],
        "nothing": [sys.executable, "-c", ""],
        **{
            f"import {name}": [sys.executable, "-c", f"import {name}"]
            for name in ("xarray", "pymc", "bambi")
        },
    }
    absent = [name for name in ("xarray", "pymc", "bambi") if missing((name,))]
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(1 + (3 if quick else _RUNS)):
        for name, command in commands.items():
            if name.removeprefix("import ") in absent:
                continue
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:
                times[name].append(time.perf_counter() - began)
    rows: list[Row] = [
        {"solver": name, "status": "timed", "seconds": taken, "median_s": median(taken)}
        if taken
        else {"solver": name, "status": "not installed"}
        for name, taken in times.items()
    ]
    ours, numpy, help_s = (
        median(times[name]) for name in ("import bayesglm", "import numpy", "bayesglm --help")
    )
    verdicts = [
        verdict(
            "import bayesglm takes less than import numpy",
            f"{ours:.3f} s against {numpy:.3f} s",
            ours < numpy,
        ),
        verdict("bayesglm --help takes under 1 s", f"{help_s:.3f} s", help_s < 1),
    ]
    return [{"title": "processes", "rows": rows, "verdicts": verdicts}], []
