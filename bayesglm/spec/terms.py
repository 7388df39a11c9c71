"""Terms: what each part of the linear predictor is made of. Inert; the design computes them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import is_unordered, prior_hint, shown
from bayesglm.spec.noun import noun, put, put_plain_strings
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.priors import (
    COEFFICIENT_PRIORS,
    CoefficientPrior,
    RandomWalk,
    learned_scale,
)

type Lags = int | tuple[int, int] | None
type Window = float | tuple[float, float] | None


@noun
class Linear:
    """A predictor as it is: eta += sum(x * w) over the predictor's feature dims.

    Parameters
    ----------
    variable : str or tuple of str
        A variable of dims ``(sample, *feature dims)``, whose coefficients have the feature dims
        (a ``(time, y, x)`` movie gets a ``(y, x)`` image); or several variables of dims
        ``(sample,)`` as one term under one prior, with coefficients on ``<name>_column``.
    name : str, optional
        Name of the coefficients; the variable's own by default, required for several.
    prior : prior, optional
        Prior of every coefficient of the term; the model's default otherwise.

    Raises
    ------
    ModelError
        No variable, or several without a name.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Linear(("age", "height"), name="body", prior=bg.Normal(1.0))
    Linear(('age', 'height'), name='body', prior=Normal(1.0))
    """

    variable: str | tuple[str, ...]
    name: str | None = None
    prior: CoefficientPrior | None = None

    def __post_init__(self) -> None:
        variable = self.variable
        if isinstance(variable, list):
            variable = tuple(variable)
        if isinstance(variable, tuple):
            if not variable:
                raise ModelError("Linear(()) names no variable; name at least one.")
            if self.name is None:
                raise ModelError(
                    f"Linear({variable!r}) needs a name for its coefficients; add name='...'."
                )
            for one in variable:
                _check_name("Linear variable", one)
            variable = tuple(map(str, variable))
            if len(set(variable)) < len(variable):
                raise ModelError(f"Linear({variable!r}) names a variable twice.")
        else:
            _check_name("Linear variable", variable)
        put(self, variable=variable)
        _check_common(self)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or str(self.variable)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return self.variable if isinstance(self.variable, tuple) else (self.variable,)


@noun
class Lagged:
    """A predictor's recent past: eta[t] += sum over lags k of x[t - k] * w[k].

    Lag 0 is the present and lag k is k samples ago, so a positive lag means that the predictor
    comes before the response. Coefficients lie along ``<name>_lag`` (then any feature dims, for a
    predictor over ``(time, y, x)``). For a white stimulus the least-squares coefficients are the
    spike-triggered average up to scale (Chichilnisky 2001).

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample, *feature dims)`` at regular times.
    lags : int or (int, int), optional
        ``lags=25`` is lags 0, 1, ..., 24; ``(start, stop)`` is lags start, ..., stop - 1, where
        negative lags look into the predictor's future.
    window : float or (float, float), optional
        The same in seconds, rounded to whole samples: ``window=0.025`` at 1 ms is ``lags=25``.
    name, prior
        As in `Linear`.

    Raises
    ------
    ModelError
        Neither or both of lags and window, or no lag at all.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Lagged("stimulus", lags=25, prior=bg.ridge(4.0))
    Lagged('stimulus', lags=25, prior=Normal(0.5))
    """

    variable: str
    lags: Lags = None
    window: Window = None
    name: str | None = None
    prior: CoefficientPrior | None = None

    def __post_init__(self) -> None:
        _check_name("Lagged variable", self.variable)
        _check_common(self)
        _check_lags(self, first=None)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or self.variable

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return (self.variable,)


@noun
class History:
    """The response's own past, from lag 1 on: eta[t] += sum over k >= 1 of y[t - k] * w[k].

    It makes refractoriness, bursting and adaptation part of the model (Truccolo et al. 2005,
    equation 4). Coefficients lie along ``<name>_lag``.

    Parameters
    ----------
    lags : int or (int, int), optional
        ``lags=20`` is lags 1, ..., 20; ``(start, stop)`` is lags start, ..., stop - 1, start >= 1.
    window : float or (float, float), optional
        The same in seconds, rounded to whole samples: ``window=0.02`` at 1 ms is ``lags=20``.
    name : str, optional
        Name of the coefficients, ``"history"`` by default.
    prior
        As in `Linear`.

    Raises
    ------
    ModelError
        Neither or both of lags and window, or a lag below 1.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.History(window=0.02)
    History(window=0.02)
    """

    lags: Lags = None
    window: Window = None
    name: str | None = None
    prior: CoefficientPrior | None = None

    def __post_init__(self) -> None:
        _check_common(self)
        _check_lags(self, first=1)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or "history"

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads, besides the response."""
        return ()


@noun
class Group:
    """Effects that vary between groups: eta += b[g(i)] + sum over slopes x of x * b_x[g(i)].

    In a formula it is ``(1 | factor)``, with slopes ``(1 + x | factor)``. The levels' effects share
    a scale that is learned from them (partial pooling; Gelman & Hill 2007, chapter 12):
    b ~ Normal(0, scale), one scale for the intercepts and one for each slope, named
    ``<name>_scale``. Coefficients lie along ``<name>_level``, with slopes along ``<name>_effect``
    (``"intercept"``, then the slopes) first.

    Parameters
    ----------
    factor : str
        A variable (or the coordinate ``"trial"``) with one label per sample: words or whole
        numbers.
    slopes : str or tuple of str
        Variables over the samples whose slopes vary too.
    correlated : bool
        Whether the effects of a level are correlated; only False is available.
    name : str, optional
        Name of the coefficients; the factor's own by default.
    prior : prior, optional
        By default ``Normal(HalfNormal(2.5 sd(y)/sd(x)))`` on the scale of a gaussian response,
        2.5/sd(x) elsewhere, with sd(x) = 1 for intercepts; not the model's ``prior``.

    Raises
    ------
    ModelError
        No factor, a slope named twice, correlated effects, or slopes under a `RandomWalk` whose
        scale is learned.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Group("subject", slopes="dose")
    Group('subject', slopes=('dose',))
    >>> bg.Group("session", prior=bg.Normal(bg.Exponential(0.5)))
    Group('session', prior=Normal(Exponential(0.5)))
    """

    factor: str
    slopes: str | tuple[str, ...] = ()  # kept as a tuple
    correlated: bool = False
    name: str | None = None
    prior: CoefficientPrior | None = None

    def __post_init__(self) -> None:
        _check_name("Group factor", self.factor)
        slopes: Any = (self.slopes,) if isinstance(self.slopes, str) else self.slopes
        if not isinstance(slopes, Iterable) or is_unordered(slopes):
            raise ModelError(
                f"Group slopes must be names of variables, got {shown(slopes)}; write slopes=['x', "
                "'z']."
            )
        slopes = tuple(slopes)
        for one in slopes:
            _check_name("Group slope", one)
        put(self, slopes=tuple(map(str, slopes)))
        if len(set(self.slopes)) < len(slopes) or self.factor in slopes:
            raise ModelError(f"Group({self.factor!r}, slopes={slopes!r}) names a variable twice.")
        if "intercept" in self.slopes:
            raise ModelError(
                f"Group({self.factor!r}): the slope 'intercept' is named as the varying intercepts "
                "are; rename the variable."
            )
        if self.correlated is not False:
            raise ModelError(
                f"Group({self.factor!r}): correlated effects are not available; leave "
                "correlated=False, or add an LKJ prior to bg.to_pymc(model, data)."
            )
        _check_common(self)
        if slopes and isinstance(self.prior, RandomWalk) and learned_scale(self.prior) is not None:
            raise ModelError(
                f"Group({self.factor!r}): a RandomWalk learns one scale for the whole term, and "
                "intercepts and slopes differ in their units; give it a number for each effect, or "
                "take another prior."
            )

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or self.factor

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return (self.factor, *self.slopes)


type Term = Linear | Lagged | History | Group
TERMS = (Linear, Lagged, History, Group)
FURTHEST_LAG = 1_000_000  # samples; beyond, a unit of time was mistaken


def lag_range(term: Lagged | History, step: float | None) -> range:
    """Return the lags of a term as a range of whole samples.

    ``step`` is the time between samples in seconds, needed for a ``window`` only.
    """
    first = 1 if isinstance(term, History) else 0
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
    if isinstance(term, History) and start < first:
        raise ModelError(
            f"term {term.label!r}: window={window!r} starts at lag {start}, and history at lag 1; "
            f"start it at {step:.4g} s or later."
        )
    return range(start, stop)


def _check_reach(term: Lagged | History, start: float, stop: float) -> None:
    if max(abs(start), abs(stop)) > FURTHEST_LAG:
        raise ModelError(
            f"term {term.label!r} reaches from lag {start} to {stop}, further than "
            f"{FURTHEST_LAG:,} samples; lags= is in samples and window= in seconds."
        )


def _check_common(term: Term) -> None:
    kind = type(term).__name__
    put_plain_strings(term)
    if term.name is not None:
        _check_name(f"{kind} name", term.name)
    if term.prior is not None and not isinstance(term.prior, COEFFICIENT_PRIORS):
        allowed = ", ".join(prior.__name__ for prior in COEFFICIENT_PRIORS)
        raise ModelError(
            f"term {term.label!r}: prior must be one of {allowed} (or ridge, lasso, elastic_net, "
            f"smooth), got {shown(term.prior)}{prior_hint(term.prior)}."
        )


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ModelError(f"{what} must be a non-empty string, got {shown(name)}.")


def _check_lags(term: Lagged | History, first: int | None) -> None:
    what = f"{type(term).__name__} {term.label!r}"
    if (term.lags is None) == (term.window is None):
        raise ModelError(f"{what} needs one of lags= (samples) or window= (seconds).")
    if term.lags is not None:
        put(term, lags=_whole_lags(what, term.lags, first))
    else:
        put(term, window=_seconds(what, term.window, first))


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
