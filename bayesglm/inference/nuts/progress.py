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
    last, show, end = -EVERY, *(_in_notebook() if _is_kernel() else _at_terminal())

    def watch(neuron: int, kept: Kept) -> None:
        nonlocal last
        now = time.monotonic()
        if not watched or (now - last < EVERY and not kept.is_whole):
            return
        last = now
        which = f"neuron {neuron + 1} of {neurons}, " if neurons > 1 else ""
        show(
            f"NUTS: {which}{kept.counts.sum():,} of {kept.wanted.sum():,} draws, "
            f"{kept.stats['diverging'].sum():,} diverged"
        )

    try:
        yield watch
    finally:
        if watched:
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
