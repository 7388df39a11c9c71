"""How much memory arrays may still take."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> float:
    """Return how many bytes arrays may still take; infinity where the system does not say.

    The least of what the machine has left, what a container may take, and what a limit on the
    addresses of the process (``ulimit -v``) leaves. Linux says all three, in ``/proc`` (proc(5))
    and in the second version of control groups; elsewhere it is what the machine has in all.
    """
    return min(_of_machine(), _of_container(), _of_process())


def _of_machine() -> float:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return 1024.0 * int(line.split()[1])
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return float("inf")


def _of_container() -> float:
    most, taken = (_lines(CGROUP / f"memory.{name}") for name in ("max", "current"))
    if not most or not taken or not most[0].isdigit():
        return float("inf")
    # Files that were read lately are counted, and make room for whatever asks for it.
    stat = dict(line.split()[:2] for line in _lines(CGROUP / "memory.stat"))
    cached = sum(float(stat.get(name, 0.0)) for name in ("active_file", "inactive_file"))
    return max(0.0, float(most[0]) - float(taken[0]) + cached)


def _of_process() -> float:
    try:
        import resource
    except ImportError:  # on Windows
        return float("inf")
    most, pages = resource.getrlimit(resource.RLIMIT_AS)[0], _lines(Path("/proc/self/statm"))
    if most == resource.RLIM_INFINITY or not pages:
        return float("inf")
    return max(0.0, float(most) - float(pages[0].split()[0]) * os.sysconf("SC_PAGE_SIZE"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
