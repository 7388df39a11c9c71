"""What a command says on standard error, and what it returns to the shell."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bayesglm.errors import BayesGLMError, BayesGLMWarning

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
GONE = 141  # and of one whose reader (head, less) went away


def say_fault(error: BaseException) -> int:
    """Say in one line what ended a command, and return its exit status."""
    if isinstance(error, BrokenPipeError):
        return _leave_the_pipe()
    if isinstance(error, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    if isinstance(error, BayesGLMError):
        return _complain(str(error))
    if isinstance(error, OSError):
        return _complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    if isinstance(error, MemoryError):
        _complain(f"out of memory ({error or 'no more is to be had'}); ask for fewer --draws.")
        return 1
    _complain(f"a fault of the program, to be reported: {type(error).__name__}: {error}")
    return 1


@contextmanager
def warnings_on_lines() -> Iterator[None]:
    """Let each warning of this package be one line, however often it is given; others none."""
    told: set[str] = set()

    def say(message: Any, category: type[Warning], *rest: Any, **ignored: Any) -> None:
        words = str(message)
        if issubclass(category, BayesGLMWarning) and words not in told:
            told.add(words)
            _complain(f"note: {words}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", BayesGLMWarning)
        warnings.showwarning = say
        yield


def write_any_text() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(message: str) -> int:
    """Say something in one line on standard error, if anybody listens; returns 2."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"bayesglm: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 2


def _leave_the_pipe() -> int:
    """Let what is still to be written vanish, so that Python's own last flush finds no fault."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return GONE
