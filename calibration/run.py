"""Run cells and write their results: `python -m calibration.run [--quick] [CELL ...]`."""

import argparse
import datetime
import json
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

from benchmarks.facts import facts
from calibration.cells import CELLS
from calibration.figure import draw
from calibration.simulation import Outcome, simulate
from calibration.table import read_all, render
from calibration.verdict import judge

RESULTS = Path(__file__).parent / "results"
SIMULATIONS, QUICK = 300, 40
_AT_ONCE = 4  # simulations handed to a process at a time


def main() -> None:
    """Run the cells named, or all."""
    parser = argparse.ArgumentParser(prog="python -m calibration.run", description=__doc__)
    parser.add_argument("cells", nargs="*", metavar="CELL", help=", ".join(CELLS))
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK} simulations a cell, to try it: prints the table and writes nothing",
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.cells if name not in CELLS]
    if unknown:
        parser.error(f"no cell {', '.join(unknown)}; there are {', '.join(CELLS)}")
    # One thread for each process, and a process for each processor.
    os.environ["OMP_NUM_THREADS"] = "1"
    machine = facts()
    records = []
    with multiprocessing.get_context("spawn").Pool(machine["cores"]) as pool:
        for name in asked.cells or CELLS:
            began = time.perf_counter()
            indices = range(QUICK if asked.quick else SIMULATIONS)
            outcomes: list[Outcome] = pool.map(partial(simulate, CELLS[name]), indices, _AT_ONCE)
            record = judge(name, outcomes) | {
                "date": datetime.date.today().isoformat(),
                "machine": machine,
                "wall_s": time.perf_counter() - began,
            }
            records.append(record)
            print(f"{name}: p {record['p']:.2g}, {record['wall_s']:.0f} s", flush=True)
            if not asked.quick:
                RESULTS.mkdir(exist_ok=True)
                (RESULTS / f"{name}.json").write_text(json.dumps(record) + "\n")
                every = read_all(RESULTS)
                (RESULTS / "README.md").write_text(render(every))
                draw(every, RESULTS / "ecdf.png")
    print(render(records))


if __name__ == "__main__":
    main()
