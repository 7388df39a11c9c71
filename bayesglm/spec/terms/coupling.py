"""The past of the other responses of a population."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.lag_bases import Basis
from bayesglm.spec.noun import noun
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
from bayesglm.spec.terms.term import Facts, Option, check_common, normal_prior

SOURCE = "source"  # the dim of those whose past is read


@noun
class Coupling:
    """The past of the others of a population, from lag 1 on: who drives whom, and when.

    eta[t, i] += sum over j != i and k >= 1 of y[t - k, j] * w[i, j, k] (Pillow et al. 2008, Nature
    454, equation 1). Coefficients are ``(<population dim>, source, <name>_lag)``, where ``source``
    has the population's labels: the entry of a unit with itself is NaN and no parameter, since its
    own past is what `History` is for. Units that share an input which the model does not know look
    coupled: a coupling filter is what one unit's past tells of another, and no synapse.

    Parameters
    ----------
    lags : int or (int, int), optional
        ``lags=20`` is lags 1, ..., 20; ``(start, stop)`` is lags start, ..., stop - 1, start >= 1.
    window : float or (float, float), optional
        The same in seconds, rounded to whole samples: ``window=0.02`` at 1 ms is ``lags=20``.
    basis : basis or array, optional
        As in `History`: functions of lag of which every kernel is made, such as
        ``raised_cosine(8)``; coefficients lie along ``<name>_basis`` then.
    name : str, optional
        Name of the coefficients, ``"coupling"`` by default.
    prior
        As in `Linear`. ``GroupLasso(scale, by="source")`` holds or drops the whole filter of each
        pair; arrays of scales are ``(population, source, lag)``, whose diagonal is not read;
        `RandomWalk` smooths along lags.

    Raises
    ------
    ModelError
        Neither or both of lags and window, a lag below 1, or no basis; in a fit, a response that
        is no population.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Coupling(lags=20, prior=bg.group_lasso(5.0, by="source"))
    Coupling(lags=20, prior=GroupLasso(0.2, by='source'))
    """

    lags: Lags = None
    window: Window = None
    basis: Basis = None
    name: str | None = None
    prior: CoefficientPrior | None = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("lag", "basis")
    facts: ClassVar = Facts(common_dims=(SOURCE,))
    is_lagged: ClassVar = True
    first_lag: ClassVar = 1
    reads_response: ClassVar = True
    takes_model_prior: ClassVar = True
    lag_range = range_of_lags
    symbol = symbol_along_lags
    default_prior = normal_prior
    option: ClassVar = Option("LAGS", "lags of the past of a population's other responses")

    def __post_init__(self) -> None:
        check_common(self)
        check_lags(self)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or "coupling"

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads, besides the response: none is."""
        return {}

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads, besides the response."""
        return ()

    def summand(self, response: str, index: str) -> str:
        """Write the sum over the others, and over lags or functions of lag."""
        return sum_over_lags(self, response, "s")

    @classmethod
    def from_text(cls, text: str) -> tuple[Coupling, ...]:
        """Read a number of lags.

        >>> Coupling.from_text("20")
        (Coupling(lags=20),)
        """
        lags = number_of_lags(text)
        if lags is None:
            raise ModelError(f"--coupling takes a number of lags, for example 20, got {text!r}.")
        return (cls(lags=lags),)
