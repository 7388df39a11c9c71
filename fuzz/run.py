"""Try random models and mutated files: `python -m fuzz.run [--models N] [--first K] [--dry]`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.facts import facts
from fuzz.files import Row, mutated_files
from fuzz.models import FINE, LIMIT, SEED, Outcome, draw_case, outcome, verbs_of
from fuzz.table import render
from fuzz.workers import Lost, work_through

RESULTS = Path(__file__).parent / "results"
MODELS, FILES = 1000, {".nc": 3000, ".zarr": 300}


def main() -> None:
    """Run all, or as many as are asked for; leaves with status 1 where something was at fault."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("--models", type=int, default=MODELS, help=f"random models ({MODELS})")
    parser.add_argument("--first", type=int, default=0, help="number of the first model (0)")
    parser.add_argument("--dry", action="store_true", help="models only; writes no table")
    asked = parser.parse_args()
    # One thread for each process, and a process for each processor.
    os.environ["OMP_NUM_THREADS"] = "1"
    machine, began = facts(), time.perf_counter()
    files = [] if asked.dry else list(try_files())
    models = list(try_models(range(asked.first, asked.first + asked.models)))
    faults = [one for one in models if one.outcome not in FINE]
    text = render(models, files, machine, time.perf_counter() - began)
    print(text)
    if not asked.dry:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "README.md").write_text(text)
        told = {"machine": machine, "faults": [asdict(one) for one in faults]}
        (RESULTS / "models.json").write_text(json.dumps(told, indent=1) + "\n")
    sys.exit(bool(faults or not all(row.good for row in files)))


def try_files() -> Iterator[Row]:
    """Load mutated files of every kind."""
    for suffix, n in FILES.items():
        for row in mutated_files(suffix, n, SEED):
            if not row.good:
                print(f"{suffix} {row.mutation}: {row.outcome}, {row.seconds:.1f} s", flush=True)
            yield row


def try_models(indices: range) -> Iterator[Outcome]:
    """Put the cases of some numbers through their verbs, each in a process that may be lost."""
    tasks = [(index, verb) for index in indices for verb in verbs_of(index)]
    for (index, verb), answer in work_through(outcome, tasks, 1.5 * LIMIT):
        if isinstance(answer, Lost):
            model = repr(draw_case(index).model)
            answer = Outcome(index, verb, answer.why, "", answer.seconds, model)
        if answer.outcome not in FINE:
            print(f"{index} {verb}: {answer.outcome}, {answer.words} {answer.model}", flush=True)
        yield answer


if __name__ == "__main__":
    main()
