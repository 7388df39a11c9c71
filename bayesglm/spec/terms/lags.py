"""Lags of a term as they are said, in samples or in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.lag_bases import Basis, frozen_basis, size_of
from bayesglm.spec.noun import put
from bayesglm.spec.numbers import frozen_number

type Lags = int | tuple[int, int] | None
type Window = float | tuple[float, float] | None
FURTHEST_LAG = 1_000_000  # samples; beyond, a unit of time was mistaken
SUBSCRIPTS = {"s": "ₛ"}
DIGITS = 9  # of a number of lags that the shell reads; more are no such number


class Lagging(Protocol):
    """A term whose coefficients lie along lags, in samples or in seconds."""

    first_lag: ClassVar[int]
    """Where lags start that are said by their number; the past alone has none before it."""
    reads_response: ClassVar[bool]

    @property
    def label(self) -> str:
        """Name of the coefficients."""

    @property
    def lags(self) -> Lags:
        """Their number, or start and stop, in samples."""

    @property
    def window(self) -> Window:
        """The same in seconds."""

    @property
    def basis(self) -> Basis:
        """The functions of lag of which the kernel is made; None where each lag has its own."""


def range_of_lags(term: Lagging, step: float | None) -> range:
    """Return the lags of a term as a range of whole samples.

    ``step`` is the time between samples in seconds, needed for a ``window`` only.
    """
    first = term.first_lag
    if term.window is None:
        assert term.lags is not None
        start, stop = term.lags if isinstance(term.lags, tuple) else (first, first + term.lags)
        _check_reach(term, start, stop)
        return range(start, stop)
    if step is None:
        raise ModelError(
            f"term {term.label!r}: window={term.window!r} is in seconds, but the data have no "
            "'time' coordinate; give one, or say lags= in samples."
        )
    window = term.window
    edges = window if isinstance(window, tuple) else (0.0, window)
    _check_reach(term, edges[0] / step, edges[1] / step)
    start, stop = (round(edge / step) for edge in edges)
    if not isinstance(window, tuple):
        start, stop = first, first + stop
    if stop <= start:
        raise ModelError(
            f"term {term.label!r}: window={window!r} holds no whole lag at {step:.4g} s per "
            "sample; widen it."
        )
    if term.reads_response and start < first:
        raise ModelError(
            f"term {term.label!r}: window={window!r} starts at lag {start}, and history at lag 1; "
            f"start it at {step:.4g} s or later."
        )
    return range(start, stop)


def symbol_along_lags(term: Lagging) -> str:
    """Write coefficients along lags or window as they were said: ``x[k=0..24]``, ``x[0.025 s]``.

    Those of functions of lag along their number: ``x[j=1..8]``.
    """
    n_functions = size_of(term.basis)
    if n_functions is not None:
        return f"{term.label}[j=1..{n_functions}]"
    if isinstance(term.lags, int):
        return f"{term.label}[k={term.first_lag}..{term.first_lag + term.lags - 1}]"
    if term.lags is not None:
        return f"{term.label}[k={term.lags[0]}..{term.lags[1] - 1}]"
    if isinstance(term.window, tuple):
        return f"{term.label}[{term.window[0]:g}..{term.window[1]:g} s]"
    return f"{term.label}[{term.window:g} s]"


def sum_over_lags(term: Lagging, variable: str, source: str = "") -> str:
    """Write what a term adds: a sum over lags, or over functions of lag, of each source of several.

    ``source`` is the letter that stands for it.
    """
    outer, own, past = "", term.label, f"{variable}[t-k]"
    if source:
        outer, own, past = (
            f"Σ{SUBSCRIPTS[source]} ",
            f"{own}[{source}]",
            f"{variable}[t-k,{source}]",
        )
    if term.basis is None:
        return f"{outer}Σₖ {own}[k]·{past}"
    return f"{outer}Σⱼ {own}[j]·Σₖ Bⱼ[k]·{past}"


def place_of_one(term: Any) -> str:
    """Say where one coefficient stands of a term with lags, or with a part that has some."""
    parts = (term, *getattr(term, "terms", ()))
    has_basis = any(getattr(one, "basis", None) is not None for one in parts)
    return "through one function of lag" if has_basis else "at one lag"


def number_of_lags(text: str) -> int | None:
    """Read a number of lags; None where the text says none."""
    is_one = text.isascii() and text.isdecimal() and len(text) <= DIGITS
    return int(text) if is_one else None


def _check_reach(term: Lagging, start: float, stop: float) -> None:
    if max(abs(start), abs(stop)) > FURTHEST_LAG:
        raise ModelError(
            f"term {term.label!r} reaches from lag {start} to {stop}, further than "
            f"{FURTHEST_LAG:,} samples; lags= is in samples and window= in seconds."
        )


def check_lags(term: Lagging) -> None:
    """Check lags or window, whichever was given, and keep them in one form."""
    first = term.first_lag if term.reads_response else None
    what = f"{type(term).__name__} {term.label!r}"
    if (term.lags is None) == (term.window is None):
        raise ModelError(f"{what} needs one of lags= (samples) or window= (seconds).")
    if term.lags is not None:
        put(term, lags=_whole_lags(what, term.lags, first))
    else:
        put(term, window=_seconds(what, term.window, first))
    put(term, basis=frozen_basis(what, term.basis))


def _whole_lags(what: str, lags: Any, first: int | None) -> Lags:
    lags = lags.tolist() if hasattr(lags, "tolist") else lags
    if _is_whole(lags):
        if lags < 1:
            raise ModelError(f"{what}: lags must be at least 1, got {lags}.")
        return int(lags)
    edges = tuple(lags) if isinstance(lags, Iterable) and not isinstance(lags, str) else ()
    if len(edges) != 2 or not all(map(_is_whole, edges)):
        seconds = f"; a time in seconds is window={lags!r}" if isinstance(lags, Real) else ""
        raise ModelError(
            f"{what}: lags must be a whole number or (start, stop), got {shown(lags)}{seconds}."
        )
    start, stop = int(edges[0]), int(edges[1])
    if stop <= start:
        raise ModelError(f"{what}: lags=({start}, {stop}) hold no lag; stop is exclusive.")
    if first is not None and start < first:
        raise ModelError(
            f"{what}: lags start at {start}; a response cannot predict itself at lag 0 or from "
            f"its future. Start at lag {first} or later."
        )
    return start, stop


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _seconds(what: str, window: object, first: int | None) -> Window:
    try:
        kept: Any = frozen_number("window", window)
    except ModelError:
        kept = ()
    edges = kept if isinstance(kept, tuple) else (0.0, kept)
    if len(edges) != 2 or any(isinstance(edge, tuple) for edge in edges) or edges[0] >= edges[1]:
        raise ModelError(
            f"{what}: window must be a positive time in seconds or (start, stop), got "
            f"{shown(window)}."
        )
    if first is not None and edges[0] < 0:
        raise ModelError(f"{what}: window={window!r} starts in the response's own future.")
    return kept
