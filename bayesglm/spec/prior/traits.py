"""What is said of every kind of prior, and the check of its scale."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.noun import put
from bayesglm.spec.numbers import frozen_number


class Traits(NamedTuple):
    """What others ask of a kind of prior.

    - `has_scale`: whether its ``scale`` is that of the coefficients.
    - `power`: the scale's in the weight of the one penalty that it is; None where there are more.
    - `measure`: what that penalty weighs, in words, w being the deviations from the centre.
    - `one_scale`: whether a scale that is learned is one for the whole term.
    - `needs_dims`: whether it says nothing of a single number.
    - `has_free`: whether it leaves directions free, for which it may hold a prior ``free``.
    - `correlates`: whether coefficients under it may correlate, as those of a multivariate normal.
    - `of_length`: whether it is one of the length of coefficients under one scale, and so the same
      in all orthonormal coordinates.
    - `bounded`: whether it is one of numbers between two ends.
    - `ends`: these, where they are the same for all of its kind.
    - `learned`: what the parameter that it learns above its coefficients is called, if it does.
    - `of_variance`: whether it is one of the variance that its term explains, for which it holds
      the standard deviations ``predictor_sd`` of the columns and ``sigma`` of the rest.
    - `of_field`: whether it is one of places, which are waves to the engine.
    """

    has_scale: bool = True
    power: float | None = None
    measure: str = ""
    one_scale: bool = False
    needs_dims: bool = False
    has_free: bool = False
    bounded: bool = False
    ends: tuple[float, float] | None = None
    of_length: bool = False
    correlates: bool = False
    learned: str = "scale"
    of_variance: bool = False
    of_field: bool = False


class Shown:
    """A prior as an object: a density, the penalty that it equals, its prox, and draws.

    Notebooks show it with its penalty. Priors of single coefficients, of scales and of dispersions
    take arrays ``x`` elementwise; arrays among their own numbers broadcast against x. Priors of
    several coefficients together (`RandomWalk`, `GaussianProcess`, `GroupLasso`) take a vector
    along the last axis of x, one group, or a walk or a process of entries one apart; what they call
    dims are those of a term, and are not known here. A scale that is learned is integrated out, by
    quadrature to 1e-10, as is all above a `Horseshoe`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> lasso = bg.lasso(2.0)
    >>> lasso.penalty([-1.0, 0.0, 3.0]).tolist()
    [2.0, 0.0, 6.0]
    >>> lasso.prox([-1.0, 0.1, 3.0], step=0.25).tolist()
    [-0.5, 0.0, 2.5]
    >>> lasso.sample(1000, seed=1).shape
    (1000,)
    >>> bg.GroupLasso(0.5).penalty([3.0, 4.0]).round(4)
    np.float64(14.1421)
    """

    def logpdf(self, x: Any) -> Any:
        """Return the log density at x, normalised; of an improper prior as its docstring says.

        Parameters
        ----------
        x : number or array of numbers
            Finite. Outside the support the log density is -inf.

        Returns
        -------
        float or array
            Elementwise, in the shape to which x and the prior's numbers broadcast; of several
            coefficients together without the last axis.

        Raises
        ------
        DataError
            An x that is no array of finite numbers.
        ModelError
            Numbers of the prior that do not fit the shape of x.

        Examples
        --------
        >>> import bayesglm as bg
        >>> bg.Normal(2.0).logpdf([0.0, 2.0]).round(4).tolist()
        [-1.6121, -2.1121]
        >>> float(bg.Normal(bg.Exponential(1.0)).logpdf(1.0).round(4))
        -2.1001
        """
        return _engine().logpdf(self, x)

    def penalty(self, x: Any) -> Any:
        """Return minus the log density at x, without its constant: zero where it is least.

        penalty(x) = max over z of logpdf(z) - logpdf(x): what is subtracted from the
        log-likelihood where it is maximised. Outside the support it is inf.

        Raises
        ------
        DataError, ModelError
            As `logpdf`; ModelError as well where the density has no bound.

        Examples
        --------
        >>> import bayesglm as bg
        >>> bg.ridge(4.0).penalty([0.0, 1.0]).tolist()
        [0.0, 2.0]
        """
        return _engine().penalty(self, x)

    def prox(self, x: Any, step: float) -> Any:
        """Return the proximal operator: argmin over z of step * penalty(z) + (z - x)**2 / 2.

        Where there are several, as under heavy tails, one of the least (Parikh & Boyd 2014,
        Proximal Algorithms, chapter 6). In the shape of x and of the prior's numbers.

        Parameters
        ----------
        x : number or array of numbers
            As in `logpdf`.
        step : float
            Positive.

        Raises
        ------
        DataError, ModelError
            As `penalty`; ModelError as well where no formula gives it: scales that are learned.

        Examples
        --------
        >>> import bayesglm as bg
        >>> bg.HalfNormal(1.0).prox([-2.0, 2.0], step=1.0).tolist()
        [0.0, 1.0]
        """
        return _engine().prox(self, x, step)

    def sample(self, n: int, seed: int = 0, size: int | tuple[int, ...] | None = None) -> Any:
        """Return exact draws ``(n, *size)``.

        Parameters
        ----------
        n : int
            How many draws.
        seed : int
            The same seed gives the same draws.
        size : int or tuple of int, optional
            The shape of each draw's coefficients, which share what is learned above them; by
            default that of the prior's own numbers, one coefficient if these are single numbers.
            Priors of several coefficients together need it.

        Raises
        ------
        DataError
            An n, a seed or a size that is no whole number, or too small.
        ModelError
            A prior that is improper, or one of several coefficients, of which no size is given.

        Examples
        --------
        >>> import bayesglm as bg
        >>> bg.Normal((0.1, 10.0)).sample(2, seed=1).round(2).tolist()
        [[0.03, 8.22], [0.03, -13.03]]
        >>> bg.Horseshoe(0.1).sample(4, size=3).shape
        (4, 3)
        """
        return _engine().sample(self, n, seed, size)

    @property
    def in_numbers(self) -> tuple[str, dict[str, Any]]:
        """The name of the record that computes it, and the numbers that this takes."""
        return type(self).__name__, dict(vars(self))

    def _repr_html_(self) -> str:
        from bayesglm.spec.cards import card, formula_part
        from bayesglm.spec.notation import prior_text

        return card(repr(self), [formula_part(f"w {prior_text('w', self)}")])


def _engine() -> Any:
    """Return the room of numerics that answers, on first use: a noun itself is inert."""
    from bayesglm.numerics.priors import objects

    return objects


def check_scale(prior: Any, learned: tuple[type, ...] = ()) -> None:
    """Freeze the scale of a prior that is being made; ModelError where it cannot be one.

    ``learned`` are the kinds of priors that the scale may have itself.
    """
    what, scale = type(prior).__name__, prior.scale
    if isinstance(scale, learned):
        if getattr(scale, "lower", 0.0) < 0.0:
            raise ModelError(
                f"{what} scale has the prior {scale!r}, and no scale is below zero; write a "
                f"{type(scale).__name__} that begins at 0."
            )
        return
    if hasattr(scale, "traits") and learned:
        kinds = ", ".join(kind.__name__ for kind in learned)
        raise ModelError(
            f"{what} scale has the prior {scale!r}; a scale that is learned takes a proper "
            f"prior of a positive parameter: {kinds}."
        )
    if hasattr(scale, "traits"):
        raise ModelError(
            f"{what} scale is itself a prior ({scale!r}), and that of a scale, of a dispersion or "
            "of a coefficient with a bound must be a number; tune_prior chooses one."
        )
    try:
        put(prior, scale=frozen_number(f"{what} scale", scale, positive=True))
    except ModelError as error:
        raise ModelError(f"{error}{_hint_of_order(prior)}") from None


def is_zero(value: object) -> bool:
    """Say whether a value is the number zero."""
    return isinstance(value, Real) and bool(value == 0)


def _hint_of_order(prior: Any) -> str:
    """Say how a prior is written of which mean and scale were given in the order of others."""
    what, loc = type(prior).__name__, getattr(prior, "loc", None)
    if isinstance(loc, Real) and is_zero(prior.scale) and bool(loc > 0):  # type: ignore[operator]
        return (
            f" The scale comes first, and priors are centred at zero unless loc= says otherwise: "
            f"write {what}({loc:g})."
        )
    return ""
