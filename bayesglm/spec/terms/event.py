"""Kernels around events."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.lag_bases import Basis, with_basis
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.terms.lags import (
    Lags,
    Window,
    check_lags,
    number_of_lags,
    range_of_lags,
    sum_over_lags,
    symbol_along_lags,
)
from bayesglm.spec.terms.levels import Levels, frozen_levels
from bayesglm.spec.terms.term import (
    NUMBERS,
    Facts,
    Option,
    check_common,
    check_name,
    label_of,
    normal_prior,
)

# What variables are to the term.
EVENTS, AMPLITUDE, TYPES, TRIALS = "events", "amplitude", "event types", "trials of events"
AROUND = (-0.2, 0.5)  # seconds of an event that are looked at where nothing is said


@noun
class Event:
    """A kernel around events: eta[t] += sum over events e of a_e * w[lag of t after e].

    Lags count from the event on: those below zero lead up to it. Each event adds its kernel to the
    samples of its own trial, also where the window reaches beyond the recording, so that no sample
    is left out; events that are near each other add up. For a Poisson response it is the
    peri-event time histogram of each kind of event beside all others (Park et al. 2014, Nature
    Neuroscience 17, equation 3).

    Parameters
    ----------
    variable : str
        One of

        - a series over ``(sample, *feature dims)``: zero without an event, else its amplitude (true
          and one alike); of several types over ``(time, type)``, each with a kernel;
        - times of events, on a dim of their own, in the unit of the samples' times, or dates as
          they are. An event belongs to the sample whose time is nearest: of bins named by their
          centres the one that it lies in.
    window : (float, float), optional
        First and last time after the event in seconds, stop exclusive, rounded to whole samples;
        by default from 0.2 s before to 0.5 s after.
    basis : basis or array, optional
        As in `Lagged`: functions of lag of which the kernels are made.
    lags : int or (int, int), optional
        The window in samples.
    amplitude : str, optional
        A variable of what each event's kernel is multiplied by: beside the times, or over samples
        beside a series. The kernel is then that of one unit; an event term without it, beside
        this one, has the part that all events have.
    by : str, optional
        A variable or coordinate beside event times with the label of each event's type. Each type
        has a kernel: coefficients lie along ``<name>_type`` after the lags.
    trial : str, optional
        A variable beside event times with the label of each event's trial, which is needed where
        times begin anew in each trial.
    name : str, optional
        Name of the coefficients; the variable's own by default.
    prior
        As in `Linear`. The default is that of a predictor of sd one for events that are one or
        true, else of sd the root mean square of the events' amplitudes, however rare they are.
    levels : sequence, optional
        The types in their order; by default those of the data, sorted. The stored model keeps them.

    Raises
    ------
    ModelError
        Both of lags and window, no lag at all, or no basis.
    DataError
        In a fit: events before the recording or after it, missing times, no event at all.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Event("cue", window=(-0.2, 0.5), basis=bg.raised_cosine(8))
    Event('cue', window=(-0.2, 0.5), basis=raised_cosine(8))
    >>> bg.Event("stimulus_on", by="side").symbol()
    'stimulus_on[-0.2..0.5 s]'
    """

    variable: str
    window: Window = None
    basis: Basis = None
    lags: Lags = None
    amplitude: str | None = None
    by: str | None = None
    trial: str | None = None
    name: str | None = None
    prior: CoefficientPrior | None = None
    levels: Levels = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("lag", "basis", "type")
    facts: ClassVar = Facts(part=NUMBERS)
    is_lagged: ClassVar = True
    first_lag: ClassVar = 0
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = True
    lag_range = range_of_lags
    symbol = symbol_along_lags
    default_prior = normal_prior
    label = property(label_of)
    option: ClassVar = Option(
        "X:START:STOP[:BASIS:N]", "a series of events, and the samples around each"
    )

    def __post_init__(self) -> None:
        check_name("Event variable", self.variable)
        for field in ("amplitude", "by", "trial"):
            if getattr(self, field) is not None:
                check_name(f"Event {field}", getattr(self, field))
        check_common(self)
        if self.lags is None and self.window is None:
            put(self, window=AROUND)
        check_lags(self)
        put(self, levels=frozen_levels(f"Event {self.label!r}", self.levels))

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads."""
        others = {self.amplitude: AMPLITUDE, self.by: TYPES, self.trial: TRIALS}
        return {self.variable: EVENTS} | {
            name: role for name, role in others.items() if name is not None
        }

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return tuple(self.roles)

    def summand(self, response: str, index: str) -> str:
        """Write the sum over lags, or over functions of lag."""
        amplitude = "" if self.amplitude is None else f"{self.amplitude}·"
        others = [name for name in (self.by, self.trial) if name is not None]
        of = f"({', '.join(others)})" if others else ""
        return sum_over_lags(self, f"{amplitude}{self.variable}{of}")

    @classmethod
    def from_text(cls, text: str) -> tuple[Event, ...]:
        """Read a name, the first lag and the one after the last, and a basis.

        >>> Event.from_text("cue:-20:50:raised_cosine:8")
        (Event('cue', basis=raised_cosine(8), lags=(-20, 50)),)
        """
        plain, basis = with_basis(text)
        before, _, stop = plain.rpartition(":")
        name, _, start = before.rpartition(":")
        first, last = _signed(start), _signed(stop)
        if not name or first is None or last is None:
            raise ModelError(
                f"--event takes NAME:START:STOP, for example cue:-20:50, got {text!r}."
            )
        return (cls(name, lags=(first, last), basis=basis),)


def _signed(text: str) -> int | None:
    """Read a number of samples with its sign; None where the text says none."""
    size = number_of_lags(text.removeprefix("-"))
    return -size if size is not None and text.startswith("-") else size
