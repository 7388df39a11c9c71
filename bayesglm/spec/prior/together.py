"""Priors of coefficients that hang together: walks, groups, one scale above them all."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.apart import Normal
from bayesglm.spec.prior.positive import SCALE_PRIORS, HalfStudentT, ScalePrior, prior_of
from bayesglm.spec.prior.traits import Shown, Traits, check_scale


@noun
class RandomWalk(Shown):
    """Intrinsic Gaussian Markov random field: neighbours are alike (a smoothness penalty).

    log p(w) = -w'Qw/(2 scale**2) - r/2 * log(2 pi scale**2) + log pdet(Q)/2, where Q is the
    Kronecker sum over ``dims`` of D'D, D takes the differences of the given order along one dim,
    r is the rank of Q and pdet the product of its non-zero eigenvalues (Rue & Held 2005, chapter
    3). So it is the penalty lam/2 times the sum of squared differences, lam = 1/scale**2. It is
    improper: constants (for order 2 also straight lines, and so on, along each dim) are free.

    Parameters
    ----------
    scale : float, array or prior
        Standard deviation of a difference, in units of the coefficient. An array must broadcast
        against the coefficient's dims (a population's first) and not vary along smoothed dims. A
        prior of a scale, as in `Normal`, makes it a parameter to be learned, one for the whole
        term, named ``<term>_scale``.
    order : int
        1 to 4: differences of neighbours, differences of these, and so on.
    dims : str or tuple of str, optional
        Dims of the coefficient to smooth along; all of them by default. ``"lag"`` is the term's
        own lag dim, ``<term>_lag``.
    free : Normal, optional
        Of a `Spline` alone, whose differences are penalised with order 2: the prior of the straight
        line that these leave free; scaled by the data at the first fit where it is not given.

    Raises
    ------
    ModelError
        A scale as in `Normal`, an order that is not 1, 2, 3 or 4, dims that are no names, or a
        ``free`` that is no Normal of given scale.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.RandomWalk(0.5, order=2, dims="lag")
    RandomWalk(0.5, order=2, dims='lag')
    >>> bg.RandomWalk(0.5) == bg.smooth(4.0)
    True
    >>> bg.RandomWalk(bg.HalfNormal(1.0))
    RandomWalk(HalfNormal(1.0))
    """

    traits: ClassVar[Traits] = Traits(
        power=2.0,
        one_scale=True,
        needs_dims=True,
        has_free=True,
        measure="the sum of squared differences",
    )

    scale: Number | ScalePrior
    order: int = 1
    dims: str | tuple[str, ...] | None = None
    free: Normal | None = None

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        free = self.free
        if free is not None and not (isinstance(free, Normal) and prior_of(free.scale) is None):
            raise ModelError(
                f"RandomWalk free must be a Normal whose scale is a number, got {shown(free)}."
            )
        put(self, order=_checked_order(self.order), dims=checked_dims("RandomWalk dims", self.dims))


@noun
class Horseshoe(Shown):
    """Regularised horseshoe: nearly all coefficients close to zero, the others left alone.

    w_j ~ Normal(0, tau * local_j * sqrt(slab / (slab + tau**2 local_j**2))) with
    local_j ~ HalfStudentT(1, df=1), tau ~ HalfStudentT(scale, df=1) and slab, the largest variance
    of any coefficient, ~ InverseGamma(slab_df/2, slab_df/2 * slab_scale**2) (Piironen & Vehtari
    2017, equations 2.8 and 2.9). Every coefficient's scale is learned, so there is no MAP.

    Parameters
    ----------
    scale : float
        Scale of tau, which is named ``<term>_scale``; `Horseshoe.from_sparsity` chooses it by the
        number of coefficients that are expected to matter.
    slab_scale, slab_df : float
        How far the large coefficients may reach: a Student t of this scale and these degrees of
        freedom. The variance is the parameter ``<term>_slab``, the local scales ``<term>_local``.

    Raises
    ------
    ModelError
        A number that is not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Horseshoe(0.1)
    Horseshoe(0.1)
    """

    traits: ClassVar[Traits] = Traits(has_scale=False)

    scale: float
    slab_scale: float = 2.0
    slab_df: float = 4.0

    def __post_init__(self) -> None:
        for key in ("scale", "slab_scale", "slab_df"):
            value = frozen_number(f"Horseshoe {key}", getattr(self, key), positive=True)
            if isinstance(value, tuple):
                raise ModelError(f"Horseshoe {key} must be one number, got {shown(value)}.")
            put(self, **{key: value})

    @classmethod
    def from_sparsity(cls, p0: float, p: int, n: float, sigma: float = 1.0) -> Horseshoe:
        """Return the prior under which about ``p0`` of ``p`` coefficients matter.

        scale = p0/(p - p0) * sigma/sqrt(n) (Piironen & Vehtari 2017, equation 3.12): where tau is
        that, and columns have the sd 1, p0 is the prior mean of the number of coefficients that the
        data of ``n`` samples would leave as they are.

        Parameters
        ----------
        p0 : float
            Number of coefficients expected to matter, above 0 and below p.
        p : int
            Number of all.
        n : float
            Number of samples.
        sigma : float
            Residual standard deviation of a response, on the scale of eta: of a gaussian one sigma,
            of others the pseudo standard deviation as `R2D2` has it, 2 for a logit about even odds.
            Columns of another sd than 1 want it divided by that.

        Raises
        ------
        ModelError
            Numbers that are not positive and finite, a p that is no whole number, or p0 not below.

        Examples
        --------
        >>> import bayesglm as bg
        >>> bg.Horseshoe.from_sparsity(p0=5, p=45, n=100)
        Horseshoe(0.0125)
        """
        numbers = {"p0": p0, "p": p, "n": n, "sigma": sigma}
        for key, value in numbers.items():
            checked = frozen_number(f"Horseshoe.from_sparsity {key}", value, positive=True)
            if isinstance(checked, tuple):
                raise ModelError(
                    f"Horseshoe.from_sparsity {key} must be one number, got {shown(value)}."
                )
            numbers[key] = checked
        if not float(numbers["p"]).is_integer():
            raise ModelError(
                f"Horseshoe.from_sparsity p is a number of coefficients, got {shown(p)}."
            )
        if numbers["p0"] >= numbers["p"]:
            raise ModelError(
                f"Horseshoe.from_sparsity p0 must be below p, the number of all coefficients, got "
                f"p0={shown(p0)} and p={shown(p)}; where all may matter take a Normal prior."
            )
        odds = numbers["p0"] / (numbers["p"] - numbers["p0"])
        return cls(odds * numbers["sigma"] / numbers["n"] ** 0.5)

    @property
    def above(self) -> HalfStudentT:
        """The prior of tau."""
        return HalfStudentT(self.scale, df=1.0)


@noun
class GroupLasso(Shown):
    """Prior of groups of coefficients: a group is zero as a whole, or its members all enter.

    log p(w_g) = -lam sqrt(q) |w_g| - log Z for every group g of q coefficients, with lam = 1/scale,
    |w_g| the Euclidean length, and Z = 2 pi**(q/2) Gamma(q)/Gamma(q/2)/(lam sqrt(q))**q. It is the
    penalty lam * sum over groups of sqrt(q) |w_g| (Yuan & Lin 2006, equation 2.1; as a prior: Kyung
    et al. 2010); for groups of one it is `Laplace`. Whole groups can be exactly zero at the mode;
    the posterior holds no exact zeros.

    Parameters
    ----------
    scale : float, array or prior
        1/lam, in units of the coefficients; an array broadcasts against the coefficient's dims (a
        population's first), and is the same for all members of a group. A prior of a scale, as in
        `Normal`, makes it a parameter to be learned, one for the whole term, named
        ``<term>_scale``.
    by : str or tuple of str, optional
        Dims of the coefficient whose entries each are a group of their own, the other dims being
        its members; without it the whole term is one group. ``"lag"`` is the term's own lag dim,
        ``<term>_lag``. In a population each neuron has groups of its own.

    Raises
    ------
    ModelError
        A scale as in `Normal`, or ``by`` that is no name of a dim.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.GroupLasso(0.5, by="lag")
    GroupLasso(0.5, by='lag')
    >>> bg.GroupLasso(0.5) == bg.group_lasso(2.0)
    True
    """

    traits: ClassVar[Traits] = Traits(
        power=1.0, one_scale=True, of_length=True, measure="the sum of √size·‖w‖ over its groups"
    )

    scale: Number | ScalePrior
    by: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        put(self, by=checked_dims("GroupLasso by", self.by))


def _checked_order(order: Any) -> int:
    order = order.tolist() if hasattr(order, "tolist") else order
    if isinstance(order, bool) or not isinstance(order, Integral) or order not in (1, 2, 3, 4):
        raise ModelError(f"RandomWalk order must be 1, 2, 3 or 4, got {shown(order)}.")
    return int(order)


def checked_dims(what: str, dims: Any) -> str | tuple[str, ...] | None:
    """Return names of dims as they are kept; ModelError where they are none."""
    if dims is None:
        return None
    dims = dims.tolist() if hasattr(dims, "tolist") else dims
    names = dims if isinstance(dims, (tuple, list)) else (dims,)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ModelError(
            f"{what} must be a name or several names of the coefficient's dims ('lag' is "
            f"the term's own lag dim), or None for all of them, got {shown(dims)}."
        )
    kept = tuple(map(str, names))
    if len(set(kept)) < len(kept):
        raise ModelError(f"{what} {kept!r} name a dim twice.")
    return kept if len(kept) > 1 else kept[0]
