"""A prior of the share of variance that a term explains."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.traits import Shown, Traits
from bayesglm.spec.prior.unit import Beta


@noun
class R2D2(Shown):
    """Prior of the share of variance that a term explains, dealt out over its coefficients.

    With R2 = V/(V + sigma**2), V being the variance of the term's part of eta, and p coefficients
    of columns with the standard deviations ``predictor_sd``:

    - R2 ~ Beta(mean * precision, (1 - mean) * precision), named ``<term>_r2``,
    - share ~ Dirichlet(concentration, ..., concentration), named ``<term>_share``,
    - w_j ~ Normal(0, sigma * sqrt(R2/(1 - R2) * share_j) / predictor_sd_j)

    (Zhang, Naughton, Bondell & Reich 2022, section 2, with normal coefficients and any shares as in
    Aguilar & Bürkner 2023, equations 6 to 11: brms's ``mean_R2``, ``prec_R2`` and ``cons_D2``).
    Means of products of different coefficients are zero, so V has the mean sigma**2 R2/(1 - R2)
    however the columns correlate. Every coefficient's scale is learned, so there is no MAP.

    Parameters
    ----------
    mean : float
        Mean of R2, between 0 and 1.
    concentration : float
        Of the shares: below 1 few coefficients have most of the variance, far above 1 all have as
        much. A term of one coefficient has it all.
    precision : float
        How firmly R2 is near its mean; 2 with a mean of 1/2 is uniform.
    sigma : float or array, optional
        Standard deviation of what the term does not explain, on the scale of eta. Without it that
        is the model's own ``sigma`` where eta has the unit of a response with one (gaussian and
        student_t with the identity link), learned or fixed. Elsewhere it is a number that the data
        decide at the first fit, and that stands in the stored model: of responses that are
        thresholds of a latent variable its standard deviation (pi/sqrt(3) for the logit), of others
        the pseudo standard deviation of Piironen & Vehtari (2017, section 3.3), I**-0.5 with I the
        information of one response about eta where all have the mean response, which for counts
        with the log link is mean(y)**-0.5. For terms of other parameters than the mean it is 1.
    predictor_sd : float or array, optional
        Standard deviation of each column, in the coefficient's shape or one that broadcasts to it
        (a population's first); measured at the first fit, and written into the stored model, where
        it is not given. Lags of one predictor have that predictor's.

    Raises
    ------
    ModelError
        A mean outside (0, 1), or another number that is not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.R2D2(0.3, 1.0, precision=4.0)
    R2D2(0.3, concentration=1.0, precision=4.0)
    >>> bg.R2D2(0.5).above
    Beta(1.0, 1.0)
    """

    traits: ClassVar[Traits] = Traits(
        has_scale=False, one_scale=True, learned="r2", of_variance=True
    )

    mean: float
    concentration: float = 0.5
    precision: float = 2.0
    sigma: Number | None = None
    predictor_sd: Number | None = None

    def __post_init__(self) -> None:
        for key in ("mean", "concentration", "precision"):
            value = frozen_number(f"R2D2 {key}", getattr(self, key), positive=True)
            if isinstance(value, tuple):
                raise ModelError(f"R2D2 {key} must be one number, got {shown(value)}.")
            put(self, **{key: value})
        if self.mean >= 1.0:
            raise ModelError(
                f"R2D2 mean is that of a share, between 0 and 1, got {shown(self.mean)}."
            )
        for key in ("sigma", "predictor_sd"):
            given: Any = getattr(self, key)
            if given is not None:
                put(self, **{key: frozen_number(f"R2D2 {key}", given, positive=True)})

    @property
    def above(self) -> Beta:
        """The prior of R2."""
        return Beta(self.mean * self.precision, (1.0 - self.mean) * self.precision)
