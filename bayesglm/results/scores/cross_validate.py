"""Scores of held-out folds in a tidy table: any scoring, models side by side, priors nested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import ModelError, tell
from bayesglm.inference.problem.asked import check_counts, check_seed
from bayesglm.inference.problem.samples import labels_of
from bayesglm.results.criteria import CHAINS
from bayesglm.results.scores.folds import check_folds
from bayesglm.results.scores.pools import Pooled
from bayesglm.results.scores.scored_models import Asked, Folded, scored_models, tuning_asked
from bayesglm.spec.given import check_is_model, verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
METHODS = ("map", "auto")
ALL = "all"  # what stands in the place of a fold for all of them
OWN = ("model", "score", "fold", "value", "se", "n")  # the table's columns


@verb_of_models
def cross_validate(
    model: GLM | Mapping[str, GLM],
    data: Any,
    by: str | None = None,
    folds: int = 10,
    scoring: Any = None,
    method: str = "map",
    tune: Mapping[str, Any] | bool | None = None,
    seed: int = 0,
    *,
    draws: int = 1000,
) -> pd.DataFrame:
    """Score what a model predicts of held-out folds, by any score, in a tidy table.

    Each fold is predicted from the rows outside it. ``method="map"`` predicts by their MAP
    estimate, as scikit-learn and glmnet do, at the cost of one MAP for each fold; models that
    differ only in how strong their penalties are go through each fold as one path.
    ``method="auto"`` predicts by their posterior: probabilities and means are averaged over its
    draws. As in `kfold`, columns and default priors are those of all the data, and priors that
    ``tune`` chooses those of the other folds.

    Parameters
    ----------
    model : GLM, or mapping of names to them
        Several models are scored on the same folds, and the table says which is which.
    data, seed
        As in `fit`.
    by, folds
        As in `kfold`: what is left out together.
    scoring : str, function, sequence or mapping of names to these
        By default all that are usual for the responses. The scores, each over held-out rows i:

        - ``"elpd"``: sum_i log p(y_i), in nats; of ``"auto"`` as `kfold` has it, of ``"map"`` at
          the estimate. ``"log_score"``: its mean.
        - ``"deviance"``: the mean deviance of the predicted mean without the dispersion, as
          scikit-learn's ``mean_poisson_deviance``; of labels -2 log p, twice its ``log_loss``.
        - ``"accuracy"``, ``"brier"`` (of two labels the squared error of the chance of yes, else
          summed over the labels), ``"auc"`` (of two labels; the mean over the folds): of labels.
        - ``"squared_error"``, ``"rmse"``, ``"crps"`` (by draws of the response): of numbers.
        - ``"bits_per_spike"``: of events, as `bits_per_spike` has it of `kfold`.

        A function ``f(observed, predicted)`` gets the responses of a fold as numbers (labels by
        their place among the levels) and their predicted means: of two labels the chance of the
        second, of more ``(rows, levels)`` chances. It returns a number, or one for each row.
    method : {"map", "auto"}
    tune : mapping or True, optional
        Choose the scales of priors anew in each fold, by the other folds alone (nested
        cross-validation: Varma & Simon 2006, BMC Bioinformatics 7:91), with these arguments of
        `tune_prior` (``term``, ``method``, ``scales``, ``by``, ``scoring`` ...); True has its
        defaults. A column ``<term>_scale`` says what was chosen.
    draws : int
        Posterior draws of each fit of ``"auto"``, in each of four chains.

    Returns
    -------
    pandas.DataFrame
        For each score a row of all folds, whose ``fold`` is ``"all"``, and one of each fold, from 1
        on: ``value``, its standard error ``se``, and ``n``, the samples that it is of (the sum of
        their weights). A column ``model`` names the models of a mapping, and one called as their
        dim the neurons of a population, each of which has rows of its own. Losses are losses: of
        deviance, brier, squared_error, rmse and crps less is better.

    Raises
    ------
    ModelError
        A scoring that is none, or says nothing of the responses (accuracy of counts); a function
        that returns neither a number nor one for each row; with ``"map"`` models that have no MAP
        (learned scales: give ``tune=``, or take ``"auto"``).
    DataError
        As in `kfold`; folds that are impossible to predict or to judge.

    Warns
    -----
    BayesGLMWarning
        Models that are scored on different samples; folds with one label, of which there is no
        ``"auc"``: it is NaN, and left out of the mean.

    Notes
    -----
    With influences u_i of the rows on a score, which sum to zero, the standard error is

        se = sqrt(sum_g (sum_{i in g} u_i)^2),

    g being rows that are left out by one label of ``by``, else single rows. Of means
    u_i = w_i (s_i - mean) / sum w; of a root mean square those of the mean over twice the root; of
    sums, and of bits per spike, what a g adds beyond the average one; of ``auc`` those of DeLong et
    al. (1988). A function that returns one number has no influences: its ``se`` is the standard
    deviation over the K folds over sqrt(K). That folds share the rows from which they learn is left
    aside (Bengio & Grandvalet 2004, JMLR 5:1089).

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_choices(200, 5)
    >>> model = bg.GLM("choice", bg.Linear("spikes", prior=bg.ridge(1.0)), family="bernoulli")
    >>> table = bg.cross_validate(model, ds, folds=4, scoring=["accuracy", "brier"])
    >>> table[table["fold"] == "all"]
          score fold   value       se    n
    0  accuracy  all   0.745  0.03082  200
    5     brier  all  0.1785  0.01513  200
    """
    from bayesglm.inference.tree.shown import Shown

    if not is_among(method, METHODS):
        raise ModelError(
            f"unknown method {shown(method)}; the methods are {', '.join(METHODS)}."
            f"{closest(method, METHODS)}"
        )
    draws, _ = check_counts(draws, CHAINS)
    asked = Asked(
        by, check_folds(by, folds), scoring, method, tuning_asked(tune), check_seed(seed), draws
    )
    models = _models(model, data)
    scored = scored_models(models, data, asked)
    _tell_of_other_samples(scored)
    rows: list[dict[str, Any]] = []
    for name in models:
        first = {"model": name} if isinstance(model, Mapping) else {}
        rows += [first | row for row in _rows(scored[name])]
    table = Shown(rows)
    n_folds = int(table["fold"].iloc[-1])
    said = {"method": method, "by": str(by), "folds": n_folds, "seed": asked.seed}
    table.attrs = said | ({} if method == "map" else {"draws": CHAINS * draws})
    return table


def _models(model: GLM | Mapping[str, GLM], data: Any) -> dict[str, GLM]:
    """Return the models by name, checked to be some; a single one has none."""
    if isinstance(model, (list, tuple)):
        raise ModelError("several models need names; write {'name': GLM(...), 'other': GLM(...)}.")
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if not models:
        raise ModelError("the mapping of models is empty; write {'name': GLM(...), ...}.")
    for name, one in models.items():
        check_is_model(one, data)
        if name is None or name != name:
            raise ModelError(f"a model is called {name}; give it a name in words.")
    responses: dict[str, Any] = {}
    for name, one in models.items():
        responses.setdefault(one.response, name)
    if len(responses) > 1:
        told = " and ".join(f"{name!r} predicts {one!r}" for one, name in responses.items())
        raise ModelError(f"{told}; scores of different responses do not compare. Score each alone.")
    return models


def _tell_of_other_samples(scored: Mapping[str, Folded]) -> None:
    """Warn of models that leave out other samples than the first, those without a full past say."""
    (first, one), *others = scored.items()
    rows = one.problems[0].design.predictors.rows
    for name, other in others:
        own = other.problems[0].design.predictors.rows
        if not np.array_equal(own, rows):
            tell(
                f"models {first!r} and {name!r} are scored on different samples, {len(rows)} and "
                f"{len(own)} of them (lags reach back to where there are none, or values are "
                "missing), so that their scores do not compare; give them the same samples, or "
                "edges='zero'."
            )
            return


def _rows(one: Folded) -> Iterator[dict[str, Any]]:
    """Run through the rows of the table of one model."""
    plan, n_folds = one.problems[0].plan, int(one.fold_of.max()) + 1
    labels = None if plan.labels is None else labels_of(one.problems)
    if plan.population in OWN:
        raise ModelError(
            f"the dim {plan.population!r} of the responses is called as a column of the table; "
            f"rename it: data.rename({{{plan.population!r}: '...'}})."
        )
    for neuron, problem in enumerate(one.problems):
        own = {} if labels is None else {str(plan.population): labels[neuron]}
        counts = _sizes(problem.design.weights, problem.design.predictors.rows)
        for name, judged in one.scores.items():
            first = {**own, "score": name}
            of_all = judged.of_neuron(neuron, one.codes)
            none = dict.fromkeys(one.scales.get(0, {}), np.nan)
            yield first | _row(ALL, of_all, counts) | none
            for fold in range(n_folds):
                pooled = judged.of_fold(fold, neuron, one.codes)
                of_fold = _row(fold + 1, pooled, counts[one.fold_of == fold])
                yield first | of_fold | one.scales.get(fold, {})


def _sizes(weights: Array | None, rows: Array) -> Array:
    """Return how often each row counts, in whole numbers where it has no weight."""
    return np.ones(len(rows), dtype=np.int64) if weights is None else weights[rows]


def _row(fold: int | str, pooled: Pooled, counts: Array) -> dict[str, Any]:
    n = counts.sum().item()
    return {"fold": fold, "value": pooled.value, "se": pooled.error, "n": n}
