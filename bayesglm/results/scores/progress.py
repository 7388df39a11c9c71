"""How far a score is that takes long: what somebody at a terminal, or at a notebook, sees of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bayesglm.inference.nuts.progress import is_watched, live_line

AFTER = 1.0  # seconds in which scores that take no longer show nothing: chosen
_SHOWN: ContextVar[bool] = ContextVar("shown", default=False)


@contextmanager
def progress(
    verb: str, total: int, unit: str, after: float = AFTER
) -> Iterator[Callable[..., None]]:
    """Yield what is told that some more of ``total`` rows, folds, refits ... are done.

    It takes their number (1), and words that stand behind it from then on, and may be called by
    several threads, which it stops once the score was interrupted. Nothing is shown where nobody
    watches, of what takes less than ``after`` seconds, and inside another score, whose line goes
    on.

    >>> with progress("kfold", 10, "folds") as advance:
    ...     for fold in range(10):
    ...         advance()
    """
    watched = is_watched() and not _SHOWN.get()
    token, lock = _SHOWN.set(True), threading.Lock()
    began, done, told, is_over = time.monotonic(), 0, "", False

    try:
        with live_line(watched, after) as show:

            def advance(more: int = 1, words: str = "") -> None:
                nonlocal done, told
                with lock:
                    if is_over:
                        raise KeyboardInterrupt
                    done, told = done + more, words or told
                    left = (time.monotonic() - began) * (total - done) / max(done, 1)
                    show(lambda: _line(verb, done, total, unit, told, left), done >= total)

            yield advance
    finally:
        is_over = True
        _SHOWN.reset(token)


def _line(verb: str, done: int, total: int, unit: str, told: str, left: float) -> str:
    """Write the line.

    >>> _line("lfo", 20, 100, "origins", "2 refits", 61.0)
    'lfo: 20 of 100 origins, 2 refits, about 61 s left'
    """
    behind = [told] * bool(told) + [f"about {left:.0f} s left"] * (done < total)
    return ", ".join([f"{verb}: {done:,} of {total:,} {unit}", *behind])
