"""All jobs by name, and the process of one: `python -m benchmarks.jobs.every NAME [quick]`."""

import json
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

from benchmarks.jobs import effects, projection, reports
from benchmarks.jobs.job import Job

JOBS: dict[str, Job] = {**reports.JOBS, **effects.JOBS, **projection.JOBS}


def main(name: str, quick: bool) -> None:
    """Prepare a job, time it, and print what was measured."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a report says of its fits
        work = JOBS[name].prepare(quick)
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        began, cpu = time.perf_counter(), time.process_time()
        figures = work(Path(folder))
        measured = {
            "seconds": time.perf_counter() - began,
            "cpu_s": time.process_time() - cpu,
            "before_mb": before_mb,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        }
    print(json.dumps({**measured, **figures}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["quick"])
