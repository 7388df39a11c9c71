"""The bridge: penalties of other libraries as priors, and priors as their penalties."""

from __future__ import annotations

from typing import Any

from bayesglm.spec.bridge.reading import read
from bayesglm.spec.bridge.writing import written


def penalty_to_prior(convention: str, **settings: Any) -> Any:
    """Return the prior that is the penalty of another library, exactly.

    The MAP estimate under it, by `fit_map`, is what the library finds. The conventions, and what
    each minimises, are in CONVENTIONS.md, which is made of the records that this function reads.

    Parameters
    ----------
    convention : str
        Whose settings they are: ``"sklearn.Ridge"``, ``"glmnet"``, ``"statsmodels.OLS"``, ...
    **settings
        The library's own, by its own names, R's with or without their dots (``lambda_``,
        ``penalty_factor``); those that do not move the optimum may stand among them, as in
        ``**estimator.get_params()``. Beside them what the penalty depends on: ``n``, the number of
        samples (with weights their sum), where the loss is a mean; where it is a sum of squares or
        of deviances ``sigma``, the sd of gaussian noise, or ``phi``, the dispersion of any family
        (sigma² of gaussian, 1/alpha of gamma, 1/lam of inverse_gaussian responses); where columns
        are standardised ``sds``, theirs with 1/n, and ``sd_y``, the response's; ``size``, the
        number of members of each group; ``by``, ``order`` and ``dims`` of the prior; ``constant``,
        whether the first column is a constant (True), where the intercept is penalised as one.

    Returns
    -------
    prior
        That of the coefficients. Where columns are standardised its scale is an array.

    Raises
    ------
    ModelError
        A convention or a setting that is not known, a penalty that is negative or none, something
        that is missing, or a setting that no prior says.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.penalty_to_prior("sklearn.LogisticRegression", C=0.25)
    Normal(0.5)
    >>> bg.penalty_to_prior("sklearn.Lasso", alpha=0.1, n=50, sigma=2.0)
    Laplace(0.8)
    >>> bg.penalty_to_prior("glmnet", lambda_=0.1, alpha=1.0, family="poisson", n=50, sds=[1, 2])
    Laplace((0.2, 0.1))
    """
    return read(convention, settings).prior


def prior_to_penalty(prior: Any, convention: str, **known: Any) -> dict[str, Any]:
    """Return the settings of another library under which it finds the MAP estimate of a prior.

    Parameters
    ----------
    prior
        Of the coefficients: `Normal`, `Laplace`, `ElasticNet`, `HalfNormal`, `Exponential`,
        `GroupLasso`, `RandomWalk` or `Flat`.
    convention : str
        As in `penalty_to_prior`.
    **known
        What the penalty depends on, as there: ``n``, ``sigma`` or ``phi``, ``size``; the library's
        setting of the family; ``sds`` (and ``sd_y``) for settings of standardised columns, without
        which they are those of columns as they are. ``intercept``, the prior of the intercept
        (`Flat`), None where there is none; ``columns``, the number of coefficients, where one that
        is not penalised stands among others.

    Returns
    -------
    dict
        Arguments of the library's call, by its own names; numbers by column are lists, of which
        libraries that ask for arrays take ``numpy.array``.

    Raises
    ------
    ModelError
        As `penalty_to_prior`; a prior that is no penalty of the library, such as one of another
        form, around another centre, or with a scale that is learned.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.prior_to_penalty(bg.Normal(0.5), "sklearn.Ridge", sigma=2.0)
    {'alpha': 16.0}
    >>> bg.prior_to_penalty(bg.Laplace(0.8), "sklearn.Lasso", n=50, sigma=2.0)
    {'alpha': 0.1}
    """
    return written(prior, convention, known)
