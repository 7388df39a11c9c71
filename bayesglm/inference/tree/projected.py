"""The tree of draws that were projected from those of a larger model, and its path.

The group ``projection`` is the path of models along which that was done; a tree that has it holds
no posterior of its own priors, whatever reads one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labels_of
from bayesglm.inference.tree.groups import tree_of
from bayesglm.inference.tree.named import lead_coords, named_dataset, parameters
from bayesglm.inference.tree.opened import PROJECTION

Array = np.ndarray
SIZE, CANDIDATE, ROW = "size", "candidate", "projected_row"  # dims of the path
ELPD, KHAT = "elpd_i", "pareto_k"  # of the model that was taken, row by row


def projected_tree(
    problems: list[Problem],
    thetas: Sequence[Array],
    kl: Array,
    path: xr.Dataset,
    attrs: dict[str, Any],
) -> xr.DataTree:
    """Make the tree of projected draws ``(chain, draw, size)``, with their divergences."""
    lead = ("chain", "draw")
    groups = {
        "posterior": parameters(problems, thetas, lead),
        "sample_stats": named_dataset({"kl": (lead, kl)}, lead_coords(lead, kl.shape)),
        PROJECTION: path,
    }
    return tree_of(problems, groups, attrs)


def path_dataset(
    problems: Sequence[Problem],
    of_sizes: dict[str, Array],
    of_rows: dict[str, Array],
    shares: Array | None,
    candidates: Sequence[str],
) -> xr.Dataset:
    """Return the group of a path: numbers of each size, and of each row of the taken model.

    Those of rows ``(row, neuron)`` keep the positions of these in the data; ``shares`` are
    ``(size, candidate)``.
    """
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    coords: dict[str, Any] = {
        SIZE: np.arange(len(next(iter(of_sizes.values())))),
        CANDIDATE: np.array(candidates, dtype=str),
        ROW: rows,
    }
    variables: dict[str, Any] = {name: (SIZE, values) for name, values in of_sizes.items()}
    if shares is not None:
        variables["chosen_share"] = ((SIZE, CANDIDATE), shares)
    if plan.population is not None:
        coords[plan.population] = labels_of(list(problems))
        variables |= {name: ((ROW, plan.population), values) for name, values in of_rows.items()}
    else:
        variables |= {name: (ROW, values[:, 0]) for name, values in of_rows.items()}
    return named_dataset(variables, coords)
