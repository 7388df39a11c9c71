"""Effects of very many levels in a tree: marginals in a group of their own, the top beside them.

The group ``effects`` holds, of the group of the model that its attribute ``group`` names, the
variables ``<group>_mean``, ``<group>_sd`` and, along ``quantile``, ``<group>_quantile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesglm.inference.draws import PROBS, Draws, Effects
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labels_of
from bayesglm.inference.tree.inclusion import with_inclusion
from bayesglm.inference.tree.kept import Kept, block_number
from bayesglm.inference.tree.named import named_dataset, parameters

Array = np.ndarray


def _effects(problems: list[Problem], made: list[Draws]) -> tuple[str, list[Effects]]:
    """Return the name of the group that is redrawn, and its marginals for every neuron."""
    like = next(one.effects for one in made if one.effects is not None)
    (name,) = (name for name, where in problems[0].places.items() if where == like.place)
    return name, [one.effects or _marginals(one.theta, like) for one in made]


def _marginals(theta: Array, like: Effects) -> Effects:
    """Return those of effects that are drawn with the others, which then stand as they are."""
    own = theta[..., like.place].reshape(-1, like.mean.size)
    quantiles = np.nanquantile(own, PROBS, axis=0)
    return replace(
        like, mean=np.nanmean(own, axis=0), sd=np.nanstd(own, axis=0), quantiles=quantiles
    )


def _of_one_level(
    problems: list[Problem], made: list[Draws], name: str, effects: Sequence[Effects]
) -> tuple[list[Problem], list[Draws]]:
    """Return problems of one level of a group, and draws of all beside it: its effects are zero."""
    every = []
    for one, own in zip(made, effects, strict=True):
        k, place = own.shape[0], own.place
        is_whole = one.effects is None

        def beside(theta: Array, place=place, k=k, is_whole=is_whole) -> Array:
            rest = theta[..., place.stop if is_whole else place.start :]
            none = np.zeros((*theta.shape[:-1], k))
            return np.concatenate([theta[..., : place.start], none, rest], axis=-1)

        gaussian = one.gaussian
        if gaussian is not None:
            gaussian = replace(gaussian, raw=beside(gaussian.raw))
            if is_whole:
                rest = np.delete(np.arange(len(gaussian.mode)), place)
                covariance = gaussian.covariance[np.ix_(rest, rest)]
                gaussian = replace(gaussian, mode=gaussian.mode[rest], covariance=covariance)
        every.append(replace(one, theta=beside(one.theta), gaussian=gaussian))
    return [Kept(problem, np.zeros((0, 0)), name).one_level() for problem in problems], every


class Apart(NamedTuple):
    """Draws of all neurons, the effects of very many levels apart.

    ``whole`` are the problems of the fit. Where a group is ``redrawn``, ``effects`` are its
    marginals, and the draws are of ``problems`` of one level of it, which has no effects.
    """

    whole: list[Problem]
    problems: list[Problem]
    made: list[Draws]
    redrawn: str | None = None
    effects: Sequence[Effects] = ()

    @property
    def thetas(self) -> list[Array]:
        """The natural thetas ``(chain, draw, size)`` of each neuron."""
        pairs = zip(self.problems, self.made, strict=True)
        return [problem.natural_thetas(one.theta) for problem, one in pairs]

    def kept(self, seed: int) -> list[Kept]:
        """Return the draws of each neuron as they are kept; ``seed`` is that of redraws."""
        kept = []
        for k, (problem, theta) in enumerate(zip(self.whole, self.thetas, strict=True)):
            flat = theta.reshape(-1, theta.shape[-1])
            if self.redrawn is None:
                kept.append(Kept(problem, flat))
                continue
            top = np.delete(flat, self.problems[k].places[self.redrawn], axis=1)
            share = self.made[k].checks.get("level_acceptance", 0.0)
            own = Kept(problem, top, self.redrawn, self.effects[k].mean, (seed, problem.neuron))
            kept.append(replace(own, acceptance=float(share)))
        return kept

    def named(self, thetas: list[Array]) -> xr.Dataset:
        """Name thetas ``(chain, draw, size)`` of `problems`, without effects that are redrawn."""
        own = parameters(self.problems, thetas, ("chain", "draw"))
        own = with_inclusion(self.problems, thetas, own)
        return own if self.redrawn is None else own.drop_dims(f"{self.redrawn}_level")


def apart(problems: list[Problem], made: list[Draws]) -> Apart:
    """Take the effects of very many levels apart from the draws, if a neuron's are so kept."""
    if all(one.effects is None for one in made):
        return Apart(problems, problems, made)
    name, effects = _effects(problems, made)
    return Apart(problems, *_of_one_level(problems, made, name, effects), name, effects)


def kept_draws(problems: list[Problem], made: list[Draws], seed: int) -> list[Kept]:
    """Return draws of a sampler, or of weights, as they are kept."""
    return apart(problems, made).kept(seed)


def named_draws(kept: Sequence[Kept], chains: int) -> xr.Dataset:
    """Return draws by name, of ``chains`` chains: effects that are redrawn are not among them."""
    pairs = [one.first() for one in kept]
    problems = [problem for problem, _ in pairs]
    thetas = [theta.reshape(chains, -1, theta.shape[-1]) for _, theta in pairs]
    return Apart(problems, problems, [], kept[0].redrawn).named(thetas)


def effects_dataset(problems: list[Problem], name: str, every: Sequence[Effects]) -> xr.Dataset:
    """Return the group of the tree."""
    first, plan = problems[0], problems[0].plan
    block = first.design.predictors.named[block_number(first, name)]
    dims, coords = tuple(block.dims), dict[str, Any](block.coords)
    population: tuple[str, ...] = ()
    if plan.population is not None:
        population, coords[plan.population] = (plan.population,), labels_of(problems)

    def stacked(values: list[Array], lead: tuple[str, ...] = ()) -> Any:
        n_lead = len(lead)
        whole = np.stack([one.reshape(*one.shape[:n_lead], *block.shape) for one in values], n_lead)
        return ((*lead, *population, *dims), whole if population else whole.squeeze(n_lead))

    variables = {
        f"{name}_mean": stacked([one.mean for one in every]),
        f"{name}_sd": stacked([one.sd for one in every]),
        f"{name}_quantile": stacked([one.quantiles for one in every], ("quantile",)),
    }
    tree_group = named_dataset(variables, coords | {"quantile": np.array(PROBS)})
    return tree_group.assign_attrs(group=name)
