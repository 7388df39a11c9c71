"""Predictions of several models, mixed by weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import BayesGLMError, DataError, ModelError
from bayesglm.inference.problem.asked import check_seed
from bayesglm.inference.tree.kept import evenly
from bayesglm.inference.tree.opened import are_named, model_of
from bayesglm.results.predict import predict
from bayesglm.results.scores.compare import compare
from bayesglm.results.scores.pairing import check_fits
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
KINDS = ("mean", "response")
WHOLE = 1e-6  # by which weights may fall short of one: chosen, so that written ones pass
DRAWS = ("chain", "draw")
MODEL = "model"  # the coordinate of each draw of a mixture


def stack(
    fits: Mapping[str, xr.DataTree],
    data: Any = None,
    weights: Mapping[str, float] | pd.DataFrame | None = None,
    kind: str = "mean",
    seed: int = 0,
) -> xr.Dataset:
    """Predict by several models at once, each with its weight.

    The predictive distribution is the mixture sum_k w_k p(y | model k), of which ``draws`` are
    shares of each model's, evenly spaced among them; w are by default those of stacking (Yao,
    Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917).

    Parameters
    ----------
    fits : mapping of names to DataTrees
        Posterior fits of one response.
    data : Dataset, DataFrame or mapping, optional
        New data, as of `predict`; by default each fit's own, on the samples that all have.
    weights : mapping of names to numbers, or DataFrame, optional
        Weights that add up to one; or the table of `compare`, whose column ``weight`` they are, of
        these fits and of others without any weight (those of `external` cannot be mixed). By
        default those of ``compare(fits)``, by leave-one-out.
    kind : {"mean", "response"}
        As of `predict`: means, or new responses.
    seed : int
        Seed of ``"response"``.

    Returns
    -------
    xarray.Dataset
        Under the response's name the draws of the mixture ``(chain, draw, sample, ...)``, with one
        chain, as many as the smallest fit has; ``<response>_mean (sample, ...)``, the weighted mean
        of all draws of all models; and the coordinate ``model`` of each draw. The attribute
        ``weights`` says them in words. Labels, which have no mean, come without it.

    Raises
    ------
    DataError
        Fewer than two fits, fits without draws, of different responses or without common samples;
        weights of others, negative ones, or ones that do not add up to one; as `predict`.
    ModelError
        An unknown ``kind``; fits of different levels.

    Warns
    -----
    BayesGLMWarning
        As `compare`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fits = {
    ...     "x": bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data),
    ...     "nothing": bg.fit(bg.GLM("y", [], family="poisson"), data),
    ... }
    >>> half = bg.stack(fits, {"x": [0.0]}, weights={"x": 0.5, "nothing": 0.5})
    >>> one, other = (bg.predict(fit, {"x": [0.0]})["y"].mean() for fit in fits.values())
    >>> bool(np.isclose(half["y_mean"].item(), (one + other) / 2))
    True
    """
    if not is_among(kind, KINDS):
        raise ModelError(
            f"unknown kind {shown(kind)}; stack knows {', '.join(KINDS)}.{closest(kind, KINDS)}"
        )
    check_seed(seed)
    response = _check_fits(fits, data is None)
    shares = _weights(weights, fits)
    parts = {}
    for k, (name, share) in enumerate(shares.items()):
        if share > 0.0:
            try:
                parts[name] = predict(fits[name], data, kind=kind, seed=seed + k)[response]
            except BayesGLMError as error:
                raise type(error)(f"model {name!r}: {error}") from error
    return _mixed(_on_common(parts), shares, response)


def _check_fits(fits: Mapping[str, xr.DataTree], on_own: bool) -> str:
    """Return the response that all fits have; DataError where there is no such, or no draws."""
    if not are_named(fits, 2):
        raise DataError(
            "stack needs a mapping of at least two names to fits; write "
            "stack({'a': fit, 'b': other})."
        )
    _check_predict(fits)
    responses: dict[str, str] = {}
    for name, fit in fits.items():
        try:
            responses.setdefault(model_of(fit).response, name)
        except BayesGLMError as error:
            raise type(error)(f"model {name!r}: {error}") from error
        if "posterior" not in fit.children:
            raise DataError(
                f"model {name!r} has no draws; give posterior fits, of fit or fit_mcmc."
            )
    if len(responses) > 1:
        told = " and ".join(f"{name!r} predicts {one!r}" for one, name in responses.items())
        raise DataError(f"{told}; stack models of one response.")
    if MODEL in responses:
        raise ModelError(
            f"a response called {MODEL!r} has the name of the coordinate that says which model a "
            "draw is of; rename it in the data and the formulas."
        )
    if on_own:
        check_fits(fits)
    levels = {name: model_of(fit).levels for name, fit in fits.items()}
    first = next(iter(fits))
    for name, own in levels.items():
        if own != levels[first]:
            raise ModelError(
                f"{name!r} has the levels {own} and {first!r} {levels[first]}; fit both with the "
                "same levels=."
            )
    return next(iter(responses))


def _check_predict(fits: Mapping[str, Any]) -> None:
    """Raise DataError where a score is given, which tells how well something predicts, not what."""
    from arviz_stats.utils import ELPDData

    scores = [name for name, one in fits.items() if isinstance(one, ELPDData)]
    if scores:
        raise DataError(
            f"{scores[0]!r} is a score, which holds no predictions to mix; give the fit that it is "
            "of. What another method predicts can be compared, by external, but not stacked: leave "
            "it out."
        )


def _weights(given: Any, fits: Mapping[str, xr.DataTree]) -> dict[str, float]:
    """Return the weight of each fit; DataError where they are no weights of these fits."""
    table = compare(fits) if given is None else given
    from_table = isinstance(table, pd.DataFrame)
    if isinstance(table, pd.DataFrame):
        if "weight" not in table.columns:
            raise DataError("weights= takes the table of compare, and this one has no 'weight'.")
        table = table["weight"].to_dict()
        table = {name: one for name, one in table.items() if name in fits or abs(one) > WHOLE}
    if not isinstance(table, Mapping):
        raise DataError(f"weights= maps names of fits to numbers; got {shown(given)}.")
    for name in [*table, *fits]:
        if name not in fits or name not in table:
            where = "without a weight" if name in fits else "no fit"
            hint = "" if name in fits else closest(name, fits)
            remedy = "give each fit one weight"
            if from_table and name not in fits:
                remedy = (
                    f"weights of a table with other models are not those of {shown(list(fits))} "
                    "alone: compare these by themselves"
                )
            raise DataError(f"{name!r} is {where}; {remedy}.{hint}")
    try:
        weights = {name: float(table[name]) for name in fits}
    except (TypeError, ValueError) as error:
        raise DataError(f"weights= maps names of fits to numbers; got {shown(given)}.") from error
    total = sum(weights.values())
    if not (min(weights.values()) >= 0.0 and abs(total - 1.0) <= WHOLE):
        raise DataError(
            f"weights are not negative and add up to 1; got {shown(weights)}, in all {total:g}."
        )
    return {name: one / total for name, one in weights.items()}


def _on_common(parts: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return predictions on the samples that all have, by their labels."""
    import xarray as xr

    every = list(parts.values())
    rest = [{dim: one.sizes[dim] for dim in one.dims if dim not in DRAWS} for one in every]
    try:
        aligned = xr.align(*every, join="inner", exclude=DRAWS)
    except ValueError as error:
        told = "; ".join(f"{name!r} on {sizes}" for name, sizes in zip(parts, rest, strict=True))
        raise DataError(
            f"the models predict different samples, which have no labels to pair them: {told}. "
            "Give data=, or fit them to data with the same index."
        ) from error
    return dict(zip(parts, aligned, strict=True))


def _mixed(
    parts: dict[str, xr.DataArray], shares: Mapping[str, float], response: str
) -> xr.Dataset:
    """Return draws of the mixture of predictions, and the weighted mean of all."""
    import xarray as xr

    flat = {
        name: one.stack(one_draw=DRAWS).transpose("one_draw", ...).drop_vars(("one_draw", *DRAWS))
        for name, one in parts.items()
    }
    # Draws that an interruption left out are none.
    flat = {name: one.dropna("one_draw", how="all") for name, one in flat.items()}
    size = min(one.sizes["one_draw"] for one in flat.values())
    counts = _apportioned(np.array([shares[name] for name in flat]), size)
    taken = [
        one[evenly(np.arange(one.sizes["one_draw"]), count)]
        for one, count in zip(flat.values(), counts, strict=True)
    ]
    draws = xr.concat(taken, "one_draw", coords="minimal", compat="override", join="override")
    draws = draws.rename(one_draw="draw").expand_dims(chain=[0])
    known = {
        "draw": np.arange(size),
        MODEL: ("draw", np.repeat([str(name) for name in flat], counts)),
    }
    stacked = draws.assign_coords(known).to_dataset(name=response)
    if draws.dtype.kind in "fiu":
        means = (shares[name] * one.mean("one_draw", skipna=False) for name, one in flat.items())
        stacked[f"{response}_mean"] = sum(means)
    stacked.attrs["weights"] = ", ".join(f"{name}: {one:.6g}" for name, one in shares.items())
    return stacked


def _apportioned(shares: Array, size: int) -> Array:
    """Return whole numbers that add up to size, as near to the shares as they can be.

    By largest remainders (Hamilton's method).

    >>> _apportioned(np.array([0.5, 0.25, 0.25]), 7).tolist()
    [3, 2, 2]
    """
    exact = shares * size
    counts = np.floor(exact + 1e-9).astype(int)
    largest = np.argsort(counts - exact, kind="stable")[: size - counts.sum()]
    counts[largest] += 1
    return counts
