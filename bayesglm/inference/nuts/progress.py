"""What somebody at a terminal, or at a notebook, sees of a sampler that is at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bayesglm.inference.nuts.walk import Kept

EVERY = 0.1  # seconds from one line to the next


@contextmanager
def progress(watched: bool, neurons: int) -> Iterator[Callable[[int, Kept], None]]:
    """Show on one line how far the walkers of one neuron after another are."""
    last = -EVERY

    def watch(neuron: int, kept: Kept) -> None:
        nonlocal last
        now = time.monotonic()
        if not watched or (now - last < EVERY and not kept.is_whole):
            return
        last = now
        which = f"neuron {neuron + 1} of {neurons}, " if neurons > 1 else ""
        print(
            f"\rNUTS: {which}{kept.counts.sum():,} of {kept.wanted.sum():,} draws, "
            f"{kept.stats['diverging'].sum():,} diverged",
            end="   ",
            file=sys.stderr,
            flush=True,
        )

    try:
        yield watch
    finally:
        if watched:
            print(file=sys.stderr)


def is_watched() -> bool:
    """Say whether somebody may be looking: at a terminal, or at a notebook."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return hasattr(shell, "kernel") or (sys.stderr is not None and sys.stderr.isatty())
