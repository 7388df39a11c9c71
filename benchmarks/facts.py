"""The machine and the versions, without its name or paths."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("bayesglm", "numpy", "scipy", "pandas", "xarray", "numba", "pymc", "pytensor", "nutpie"),
    *("arviz", "scikit-learn", "glum", "nemos", "jax", "statsmodels", "skglm", "celer", "bambi"),
    *("numpyro", "arviz-stats"),
)


def facts() -> dict[str, Any]:
    """Return processor, cores, memory, Python, and the versions of all that is installed."""
    versions = {name: version(name) for name in _PACKAGES}
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name, found in versions.items() if found},
        "r": {
            name: version(f"R:{name}")
            for name in ("base", "glmnet", "lme4", "glmmTMB")
            if version(f"R:{name}")
        },
        "threads_set": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            if name in os.environ
        },
    }


@cache
def version(distribution: str) -> str:
    """Return the version of a distribution, or of R's package in "R:name"; empty if missing."""
    if distribution.startswith("R:"):
        ask = f'cat(as.character(packageVersion("{distribution[2:]}")))'
        try:
            command = ["Rscript", "--vanilla", "-e", ask]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return ""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def missing(needs: tuple[str, ...]) -> list[str]:
    """Return those of the distributions that are not installed."""
    return [name for name in needs if not version(name)]


def threads() -> list[str]:
    """Return this process's libraries of linear algebra and how many threads each uses."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return sorted(
        {f"{pool['internal_api']} {pool['num_threads']} threads" for pool in threadpool_info()}
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or sys.platform
