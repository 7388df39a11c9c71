"""What somebody at a terminal, or at a notebook, sees of a sampler that is at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bayesglm.inference.nuts.walk import Kept

EVERY = 0.1  # seconds from one line to the next


@contextmanager
def progress(watched: bool, neurons: int) -> Iterator[Callable[[int, Kept], None]]:
    """Show on one line how far the walkers of one neuron after another are."""
    with live_line(watched) as show:

        def watch(neuron: int, kept: Kept) -> None:
            which = f"neuron {neuron + 1} of {neurons}, " if neurons > 1 else ""
            show(
                lambda: (
                    f"NUTS: {which}{kept.counts.sum():,} of {kept.wanted.sum():,} draws, "
                    f"{kept.stats['diverging'].sum():,} diverged"
                ),
                kept.is_whole,
            )

        yield watch


@contextmanager
def live_line(
    watched: bool, after: float = 0.0
) -> Iterator[Callable[[Callable[[], str], bool], None]]:
    """Yield what shows a line in place of the last, where somebody watches.

    It is given what makes the line, and whether that is the last of its kind, which is shown in any
    case; others are shown every tenth of a second, the first when ``after`` seconds have passed.
    """
    write, end = _in_notebook() if _is_kernel() else _at_terminal()
    due, has_shown = time.monotonic() + after, False

    def show(line: Callable[[], str], is_last: bool) -> None:
        nonlocal due, has_shown
        now = time.monotonic()
        if not watched or (now < due and not (is_last and (has_shown or not after))):
            return
        due, has_shown = now + EVERY, True
        write(line())

    try:
        yield show
    finally:
        if has_shown:
            end()


def _at_terminal() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Return what writes a line over the last, and what ends it."""

    def show(line: str) -> None:
        print(f"\r{line}", end="   ", file=sys.stderr, flush=True)

    return show, lambda: print(file=sys.stderr)


def _in_notebook() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Return the same for the output of a cell, which is no error's."""
    place: list[Any] = []

    def show(line: str) -> None:
        said = {"text/plain": line}
        if place:
            place[0].update(said, raw=True)
        else:
            display = sys.modules["IPython"].display
            place.append(display.display(said, raw=True, display_id=True))

    return show, lambda: None


def is_watched() -> bool:
    """Say whether somebody may be looking: at a terminal, or at a notebook."""
    return _is_kernel() or (sys.stderr is not None and sys.stderr.isatty())


def _is_kernel() -> bool:
    """Say whether a notebook's kernel runs this."""
    python = sys.modules.get("IPython")
    return python is not None and hasattr(python.get_ipython(), "kernel")
