"""A process for each solver: its libraries, threads and memory stay its own.

The process simulates the data itself, warms up on tiny data, then fits on request. A fit that
takes too long is ended with its process.
"""

import gc
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.facts import threads
from benchmarks.solver import Setting, Solver
from benchmarks.work import Spec, make, tiny

_START_LIMIT_S = 900.0
_STOP_LIMIT_S = 10.0


class Reply(NamedTuple):
    """What one fit gave: `seconds`, `found`, the process's `peak_mb` so far; or a `fault`.

    `cpu_s` are the seconds of all its threads, `above_mb` its peak above what was held before, None
    where the system does not tell.
    """

    seconds: float
    found: Any
    peak_mb: float
    fault: str = ""
    cpu_s: float = 0.0
    above_mb: float | None = None


class Worker:
    """A solver in a process of its own. The process is the state, so this is a class."""

    def __init__(self, solver: Solver, spec: Spec, warm_up: bool = True) -> None:
        self._name = solver.name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, solver, spec, warm_up), daemon=True
        )
        self._process.start()
        theirs.close()
        self.fault = ""
        self.threads: list[str] = []
        started = self._receive(_START_LIMIT_S)
        if isinstance(started, str):
            self.fault = started
        else:
            (self.threads,) = started

    def fit(self, setting: Setting, limit: float) -> Reply:
        """Fit once, and say so; after a fault that ended the process, every fit returns it."""
        if self.fault:
            return Reply(limit, None, 0.0, self.fault)
        self._pipe.send(dict(setting))
        reply = self._receive(limit)
        if isinstance(reply, str):
            self.fault = reply
            reply = Reply(limit, None, 0.0, reply)
        print(f"  {self._name}: {reply.fault or f'{reply.seconds:.3g} s'}", flush=True)
        return reply

    def stop(self) -> None:
        """End the process, letting it clear away its files."""
        with suppress(OSError):
            self._pipe.send(None)
            self._process.join(_STOP_LIMIT_S)
        self._kill()
        self._pipe.close()

    def _kill(self) -> None:
        """End the process and those that it started, such as R."""
        if self._process.is_alive():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.join()

    def _receive(self, limit: float) -> Any:
        try:
            if self._pipe.poll(limit):
                return self._pipe.recv()
        except (EOFError, ConnectionError):
            return "its process ended (out of memory?)"
        self._kill()
        return f"over the limit of {limit:g} s"


@contextmanager
def compiled_code(on_disk: bool) -> Iterator[None]:
    """Let processes that start inside see the usual folders of compiled code, or empty ones."""
    if on_disk:
        yield
        return
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={folder}"
        os.environ["NUMBA_CACHE_DIR"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def peak_mb() -> float:
    """Return the most memory this process ever held, in MB of 2**20 bytes.

    Linux's VmHWM rather than ru_maxrss, which a child inherits from the process that started it.
    """
    told = _told("VmHWM")
    if told is not None:
        return told
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024


def _told(name: str) -> float | None:
    """Return a number of MB that Linux tells of this process."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)


def _forget_peak() -> float | None:
    """Let the peak begin anew at what is held now, and return that; None where it cannot."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return _told("VmRSS")
    return None


def _serve(pipe: Any, solver: Solver, spec: Spec, warm_up: bool) -> None:
    os.setsid()
    warnings.simplefilter("ignore")
    if warm_up:
        with suppress(Exception):  # a fault that matters shows again on the data that count
            solver.read(solver.fit(solver.prepare(make(tiny(spec))), solver.ladder[0]))
    try:
        prepared = solver.prepare(make(spec))
        pipe.send((threads(),))
    except Exception as error:
        pipe.send(_say(error))
        return
    most = 0.0
    while (setting := pipe.recv()) is not None:
        gc.collect()
        most = max(most, peak_mb())
        held = _forget_peak()
        try:
            began, cpu = time.perf_counter(), time.process_time()
            result = solver.fit(prepared, setting)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            above = None if held is None else peak_mb() - held
            found = solver.read(result)
            del result
        except Exception as error:
            spent = time.perf_counter() - began
            pipe.send(Reply(spent, None, max(most, peak_mb()), _say(error)))
            continue
        if found.seconds is None:
            pipe.send(Reply(seconds, found, max(most, peak_mb()), "", cpu, above))
        else:  # the work was done by another process, whose memory is not ours to tell
            pipe.send(Reply(found.seconds, found, 0.0))


def _say(error: Exception) -> str:
    """Return an error in a line without paths: results are published."""
    stderr = getattr(error, "stderr", b"") or b""
    lines = (stderr.decode(errors="replace").strip() or str(error)).splitlines() or [""]
    text = re.sub(r"(/[\w.+\-]+){2,}/?", "<path>", lines[-1] if stderr else lines[0])
    return f"{type(error).__name__}: {text}"[:200]
