"""A search done again in each fold, and scored on the rows of the fold that it has not seen.

The terms that a search takes are those that fit these very rows, noise and all, so that the rows
that have chosen a model flatter it. Here each fold's rows are told by models that the others chose:
the reference is the posterior of the other rows (as `kfold` finds it, without a new fit where
weights stand), its search and its projections are done without the fold, and the model of k terms
of each fold tells its rows (Piironen, Paasiniemi & Vehtari 2020, section 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.inference.problem.asked import whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import stored_data
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.path import Path
from bayesglm.results.projection.reference import Reference
from bayesglm.results.projection.scored import DRAWS, Scores, tell_of_dependence
from bayesglm.results.projection.search import search_path
from bayesglm.results.projection.units import Units
from bayesglm.results.scores.cross_scores import cross_scores
from bayesglm.results.scores.fold_scores import Fold, each_fold
from bayesglm.results.scores.folds import deal_folds, sets_by
from bayesglm.results.scores.held_out import log_mean
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.sampling import as_fit

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
FOLDS = 10  # where only what is left out together is named


class Search(NamedTuple):
    """How terms are searched: which may be taken, by what search, how many at most, which seed."""

    units: Units
    kind: str
    most: int | None
    seed: int

    def on(self, reference: Reference) -> Path:
        """Return the path that the search finds on the rows of a reference."""
        return search_path(reference, self.units, self.kind, self.most, self.seed)


class Validated(NamedTuple):
    """Scores of a search that was done again in each fold, and what each of them took.

    - `paths`: those of the folds.
    - `told`: in few words what the folds are.
    """

    scores: Scores
    paths: tuple[Path, ...]
    told: str

    def shares(self, candidates: tuple[str, ...]) -> Array:
        """Return the share ``(size, candidate)`` of folds whose model of a size has the term."""
        sizes = range(len(self.scores.elpd_i))
        each = [[np.isin(candidates, one.at(k)) for k in sizes] for one in self.paths]
        return np.mean(each, axis=0)


def validated_search(
    fit: xr.DataTree, reference: Reference, search: Search, folds: int | str
) -> Validated:
    """Search again in each fold, and score the models of every size on what the fold leaves out.

    ``folds`` is their number, dealt at random, or the name of what is left out together (as
    ``by`` of `kfold`), in ten folds. The search has the sizes of that of all rows.

    Raises
    ------
    DataError
        As in `kfold`.
    """
    by, n_folds = folds_asked(folds)
    problems, data = list(reference.problems), stored_data(fit)
    fold_of = deal_folds(problems[0], data, by, n_folds, search.seed)
    sets = sets_by(problems[0], data, by)
    sizes = fit["posterior"].sizes
    sampling = as_fit(sizes["draw"], sizes["chain"], search.seed, DRAWS)
    whole = reference.kept
    if by is None:
        tell_of_dependence(whole)
    of_folds = cross_scores(problems, fold_of, sampling, sets, whole)
    every = list(each_fold(fold_of, sets))
    paths, above = [], []
    with progress("project", len(every), "folds") as advance:
        for fold in every:
            drawn = [of_folds.drawn[fold.number, k].theta for k in range(len(problems))]
            path, own = _in_fold(problems, drawn, fold, search)
            paths.append(path)
            above.append(own)
            advance()
    elpd_i = np.empty((len(above[0]), *of_folds.elpd.shape))
    for fold, own in zip(every, above, strict=True):
        elpd_i[:, fold.places] = of_folds.elpd[fold.places] + own
    told = f"{len(every)} folds" if by is None else f"{len(every)} folds by {by!r}"
    return Validated(Scores(elpd_i, of_folds.elpd, of_folds.khat), tuple(paths), told)


def folds_asked(folds: Any) -> tuple[str | None, int]:
    """Return what is left out together, if that is named, and the number of folds."""
    if isinstance(folds, str):
        return folds, FOLDS
    return None, whole_number("validate_search", folds, 2)


def _in_fold(
    problems: list[Problem], drawn: list[Array], fold: Fold, search: Search
) -> tuple[Path, Array]:
    """Return the path of a fold, and how far its models lie above the reference.

    That is ``(size, row or set, neuron)``, of the log densities of what is left out.
    """
    n = min(map(len, drawn))
    thetas = tuple(one[:n] for one in drawn)
    weights = np.full(n, 1.0 / n)
    others = np.ones(problems[0].design.n_rows, dtype=bool)
    others[fold.rows] = False
    reference = Reference(tuple(problems), thetas, weights).on(others)
    held = [one.restrict(fold.rows) for one in problems]
    path = search.on(reference)
    models = [project_onto(reference, path.at(k)).thetas for k in range(len(path.terms) + 1)]
    densities = np.stack([_told(held, one, fold.sets) for one in (thetas, *models)])
    return path, densities[1:] - densities[0]


def _told(held: list[Problem], thetas: tuple[Array, ...], sets: Array | None) -> Array:
    """Return the log densities ``(row or set, neuron)`` of what is left out, by draws."""
    pairs = zip(held, thetas, strict=True)
    if sets is None:
        columns = [np.concatenate(each_pointwise(one.natural, own, log_mean)) for one, own in pairs]
    else:
        columns = [log_mean(_summed(pointwise(one.natural, own), sets)) for one, own in pairs]
    return np.stack(columns, axis=-1)


def _summed(values: Array, sets: Array) -> Array:
    """Return the sums ``(draws, sets)`` of log densities ``(draws, rows)``."""
    order = np.argsort(sets, kind="stable")
    starts = np.searchsorted(sets[order], np.arange(sets.max() + 1))
    return np.add.reduceat(values[:, order], starts, axis=1)
