"""One question, one number: how well a fit predicts a new row, a new group or a new time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import stored_data
from bayesglm.results.scores.constant_rate import beside_constant_rate
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.folds import Sets, check_folds
from bayesglm.results.scores.kfold import folds_scored, labelled_sets
from bayesglm.results.scores.ladder.climb import RUNGS, Climbed, Means, climb
from bayesglm.results.scores.ladder.grouped import (
    Together,
    doubts_of_levels,
    group_units,
    together_by,
)
from bayesglm.results.scores.ladder.units import row_units
from bayesglm.results.scores.ladder.words import doubts_of, table_of, why_of
from bayesglm.results.scores.log_likelihood import finished_draws, posterior_problems
from bayesglm.results.scores.loo import relative_efficiency
from bayesglm.results.scores.sampling import Sampling, as_fit
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

    from bayesglm.results.scores.ladder.told import Scored, ScoredFolds

Array = np.ndarray
NEWS = ("row", "group", "time")


def score(
    fit: xr.DataTree,
    new: str | None = None,
    by: str | None = None,
    folds: int = 10,
    refits: int = 20,
    seed: int = 0,
) -> ELPDData:
    """Score a fit for what is new: the elpd of rows, groups or stretches of time it has not seen.

    Rows, or groups, are left out one by one, by as much work as each of them needs:

    1. importance weights 1 / p(y_i | theta) of the fit's draws, Pareto-smoothed (PSIS; Vehtari,
       Gelman & Gabry 2017), where their k-hat is below 0.5, so that they have a variance (0.4 where
       scales are learned, whose tails are longer than draws of them tell). What the
       draws' means err by is taken off by functions of known mean (zero-variance controls; Mira,
       Solgi & Imparato 2013), which of a few parameters leaves a tenth of the error or less; of a
       row in a `Group` whose weights fail, the effects of its level are integrated out;
    2. where they fail, the ratio of evidences

           log p(y_i | y_-i) = log Z(y) - log Z(y_-i),

       which no draw has to reach y_i for. The fit's own draws serve in both, moved by an affine
       map T to the posterior without y_i,

           Z(y_-i) / Z(y) = mean over draws of p(T theta, y_-i) |det T| / p(theta, y),

       so that their errors cancel. T is that of the modes and curvatures with and without y_i, the
       second found by Newton's method from the first (a refit), or of weighted moments (Paananen,
       Piironen, Buerkner & Vehtari 2021), which each half of the draws tells for the other. Where
       twenty or more fail, one pool of draws of a mixture of all the posteriors without each
       serves them together (Silva & Zanella 2022);
    3. what still fails, k-hat above min(1 - 1/log10(S), 0.7), is told by a posterior of the other
       data, drawn as `fit` does, and a bridge between it and the fit (Meng & Wong 1996).

    Of a gaussian response with the identity link under normal priors none of these is needed: the
    coefficients are integrated out in closed form, and sigma by a trapezoidal rule.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    new : {"row", "group", "time"}, optional
        ``"row"``: a new sample beside those of the fit. ``"group"``: a new level of ``by``, its
        rows jointly; if they are levels of a `Group`, their effects are integrated out. ``"time"``:
        blocks of time, left out whole (`kfold`). By default what ``by`` says: a row without it,
        ``"time"`` of time, else a group.
    by : str, optional
        Of a group: a `Group` of the model, or a label of the samples that the fit holds (one of
        the data's coordinates, or a variable of the model); without it the model's own group, if
        there is one. Of time: as in `kfold`, ``"time"`` by default.
    folds : int
        Of time, and of groups whose samples hold whole levels of others, whose effects only refits
        can forget.
    refits : int
        The most posteriors that are drawn anew, of each neuron; one of a single row or group takes
        as long as the fit.
    seed : int
        Of folds, and of draws beyond the fit's own.

    Returns
    -------
    arviz_stats ELPDData
        Kind ``loo``, of time ``loo_kfold``, with what was done in words: ``why``, ``doubts``, and
        the table ``rungs`` of what each rung told, how much it moved the sum, and its Monte-Carlo
        error; ``mcse`` is that of ``elpd``, all estimates being made of the same draws.
        ``pareto_k`` are the k-hats behind the values, ``influence_pareto_k`` those of the first
        weights: how much each row weighs in the posterior. Neither is the ``khat`` of the fit's
        attributes, which tells how well its algorithm did.

    Raises
    ------
    DataError
        A fit without a posterior; an unknown ``new``; no group, or several and no ``by``; a label
        that the fit does not hold; as in `kfold`.

    Warns
    -----
    BayesGLMWarning
        Of rows or groups whose k-hat is too high after the last rung. All other doubts are in
        ``doubts``: dependent samples, history, grouped samples that are asked by row, levels whose
        fixed coefficients no other level tells.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> scored = bg.score(fitted)
    >>> scored.n_data_points, scored.doubts
    (40, ())
    """
    if new is not None and new not in NEWS:
        raise DataError(f"new must be 'row', 'group' or 'time', got {shown(new)}.")
    new = _said_by(by) if new is None else new
    seed, refits = check_seed(seed), whole_number("refits", refits, 0)
    folds = check_folds(by, folds)
    problems = posterior_problems(fit)
    if new == "time":
        by = by or "time"
        return _by_folds(fit, problems, by, folds, seed, _why_of_folds(problems[0], by))
    kept, means = finished_draws(fit, problems), _means(fit, refits, seed)
    if new == "row":
        if by is not None:
            raise DataError(
                f"by={by!r} says which samples belong together, and new='row' leaves out each "
                f"alone; write new={_said_by(by)!r}."
            )
        climbed = [climb(row_units(one), means) for one in kept]
        return _told(fit, problems, kept, climbed, None)
    together = together_by(problems[0], by)
    of_groups = [group_units(one, together) for one in kept]
    known = [one for one in of_groups if one is not None]
    if len(known) < len(kept):
        doubts = doubts_of_levels(problems[0], together)
        return _by_folds(fit, problems, together.by, folds, seed, _WHOLE_LEVELS, doubts)
    return _told(fit, problems, kept, [climb(one, means) for one in known], together)


def _said_by(by: str | None) -> str:
    """Return what is new where ``by`` alone says it."""
    if by is None:
        return "row"
    return "time" if by == "time" else "group"


def _why_of_folds(problem: Problem, by: str) -> str:
    """Say what a fold of ``by`` is, and by which samples it is told."""
    plan = problem.plan
    if by not in ("time", plan.sample_dim):
        return (
            f"The samples of each {by!r} are left out together, in folds that are dealt at random, "
            "and told by posteriors of the others."
        )
    if by == "time" and "time" in coords_over(plan.dataset, plan.sample_dim):
        return _TIME
    return (
        "Blocks of samples in their order are left out whole, and told by posteriors of those "
        "before and after."
    )


_TIME = (
    "Blocks of time are left out whole, and told by posteriors of what came before and after; "
    "lfo(model, data) tells the future from the past alone."
)
_WHOLE_LEVELS = (
    "Samples left out together hold all those of some level of another group, whose effect the "
    "fit's draws have from them; so they are left out in folds, and posteriors are drawn of the "
    "others."
)


def _means(fit: xr.DataTree, refits: int, seed: int) -> Means:
    reff = relative_efficiency(fit["posterior"].to_dataset())
    sampling = _sampling(fit, seed)
    return Means(sampling.chains, reff, sampling, refits, seed)


def _sampling(fit: xr.DataTree, seed: int) -> Sampling:
    """Return what draws posteriors as large as the fit's."""
    sizes = fit["posterior"].sizes
    return as_fit(sizes["draw"], sizes["chain"], seed)


def _by_folds(
    fit: xr.DataTree,
    problems: list[Problem],
    by: str,
    folds: int,
    seed: int,
    why: str,
    doubts: tuple[str, ...] = (),
) -> ScoredFolds:
    """Return the scores of folds, each by the posterior of the others."""
    from bayesglm.results.scores.ladder.told import ScoredFolds

    kept, sampling = finished_draws(fit, problems), _sampling(fit, seed)
    scores = folds_scored(problems, stored_data(fit), by, folds, sampling, kept)
    own = {one.name: getattr(scores, one.name) for one in fields(scores)}
    own["elpd_i"] = scores.elpd_i.assign_attrs(why=why, doubts=" ".join(doubts))
    return ScoredFolds(**own, why=why, doubts=doubts)


def _told(
    fit: xr.DataTree,
    problems: list[Problem],
    kept: Sequence[Kept],
    climbed: Sequence[Climbed],
    together: Together | None,
) -> Scored:
    """Return what was told as ArviZ's own type, labelled by rows or by sets of them."""
    from bayesglm.results.scores.ladder.told import Scored

    sets: Sets | None = None if together is None else together.sets
    by = "" if together is None else together.by
    scored = labelled_sets(problems, sets, by)
    rungs = table_of(climbed)
    mcse = float(np.sqrt(sum(one.errors()[1] ** 2 for one in climbed)))
    what = f"each sample of {problems[0].plan.model.response!r}"
    if together is not None:
        what = f"each {by!r}, its samples jointly"
        what += "" if together.group is None else ", its effects integrated out"
    why = why_of(climbed, rungs, what, mcse)
    doubts = doubts_of(dict(fit.attrs), kept, climbed, together is None)
    if together is not None:
        doubts += doubts_of_levels(problems[0], together)
    failing = sum(len(one.failing) for one in climbed)
    if failing:
        tell(doubts[0])

    def columns(name: str) -> Array:
        return np.stack([getattr(one, name) for one in climbed], axis=-1)

    elpd_i, cost = columns("elpd"), columns("cost")
    elpd, se, p = summed(elpd_i, cost)
    attrs: dict[str, Any] = {"why": why, "doubts": " ".join(doubts), "mcse": mcse}
    codes = None if sets is None else sets.codes
    beside = beside_constant_rate(
        problems, scored(elpd_i, "elpd_i"), lambda events: events.rate_of_others(codes), codes
    )
    return Scored(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=kept[0].n_draws,
        n_data_points=elpd_i.size,
        scale="log",
        warning=bool(failing),
        good_k=climbed[0].limit,
        elpd_i=beside.assign_attrs(attrs),
        pareto_k=scored(columns("khat"), "pareto_k"),
        influence_pareto_k=scored(columns("influence"), "influence_pareto_k"),
        p_loo_i=scored(cost, "p_loo_i"),
        mcse_i=scored(columns("error"), "mcse_i"),
        rung_i=scored(np.array(RUNGS)[columns("rung")], "rung_i"),
        rungs=rungs,
        mcse=mcse,
        why=why,
        doubts=doubts,
    )
