"""The model in mathematical notation: likelihood, priors, and the penalty each prior equals."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.numbers import Number, entries, number_text, pairs, range_text
from bayesglm.spec.prior.fields import LOCAL
from bayesglm.spec.priors import learned_beside, learned_correlation, learned_scale
from bayesglm.spec.response_levels import FIRST
from bayesglm.spec.seen import seen_text

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM
    from bayesglm.spec.terms.term import Term


def model_text(model: GLM) -> str:
    """Write a model over several lines: likelihood, linear predictor, priors and penalties."""
    index = "[t]" if any(term.is_lagged for term in model.every_term) else "[i]"
    parts = [f"{model.offset}{index}"] if model.offset else []
    parts += [f"log({model.exposure}){index}"] if model.exposure else []
    parts += ["intercept"] if model.intercept is not None else []
    parts += [term.summand(model.response, index) for term in model.terms]
    lines = [
        f"{model.response}{index} ~ {_likelihood_text(model, index)}",
        f"eta{index} = {' + '.join(parts) or '0'}",
    ]
    for name, one in model.predicted.items():
        parts = [f"{name}_intercept"]
        parts += [term.summand(model.response, index) for term in one.terms]
        family = FAMILY_NAMES[model.family]
        low, width = family.stretch_of(name)
        plain = f"{name}{index}"
        own = plain if (low, width) == (0.0, 1.0) else f"({plain} - {low:g})/{width:g}"
        lines.append(f"{family.link_of(name)}({own}) = {' + '.join(parts)}")
    lines += [
        f"{one.written:<21} {prior_text(one.held, one.prior)}" for one in every_parameter(model)
    ]
    lines += _levels_text(model)
    return "\n".join(line.rstrip() for line in lines)


def _likelihood_text(model: GLM, index: str) -> str:
    family = FAMILY_NAMES[model.family]
    mean = LINK_NAMES[model.link_name].mean.format(eta=family.eta.format(index=index))
    notation = family.notation
    for name in model.predicted:
        # Not a part of another name; to regular expressions ² is a letter.
        notation = re.sub(rf"(?<![\w{{]){name}(?![A-Za-z0-9_}}])", f"{name}{index}", notation)
    trials = f"{model.trials}{index}" if model.trials else f"Σₖ {model.response}{index}[k]"
    likelihood = notation.format(mu=mean, trials=trials, index=index)
    weighted = f"   (each sample counted {model.weights}{index} times)" if model.weights else ""
    return likelihood + seen_text(model, index) + weighted


class ParameterText(NamedTuple):
    """A parameter of a model: its name, how it is written, what its prior holds, and that prior.

    ``term`` is the label of the term whose coefficients it is. A prior whose numbers are all
    parameters themselves is written out.
    """

    name: str
    written: str
    held: str
    prior: Any
    term: str | None = None


def every_parameter(model: GLM) -> Iterator[ParameterText]:
    """Return every parameter of a model, in the order in which they are written."""
    if model.intercept is not None:
        yield _plain("intercept", model.intercept)
    yield from (_coefficients(term, model.prior_of(term)) for term in model.terms)
    family = FAMILY_NAMES[model.family]
    for name, one in model.predicted.items():
        of_all = LINK_NAMES[family.link_of(name)].mean.format(eta=f"{name}_intercept")
        low, width = family.stretch_of(name)
        of_all = of_all if (low, width) == (0.0, 1.0) else f"{low:g} + {width:g}·({of_all})"
        yield ParameterText(f"{name}_intercept", of_all, of_all, one.prior)
        yield from (_coefficients(term, term.prior) for term in one.terms)
    for term in model.every_term:
        prior, correlation = model.prior_of(term), learned_correlation(term)
        if term.pooled:
            yield _plain(f"{term.label}_mean", prior)
            yield _plain(f"{term.label}_scale", None if term.pooled is True else term.pooled)
            continue
        scale = learned_scale(prior)
        if prior is not None and scale is not None:
            yield _plain(f"{term.label}_{prior.traits.learned}", scale)
        for suffix, above in learned_beside(prior).items():
            yield _plain(f"{term.label}_{suffix}", above)
        if correlation is not None:
            yield _plain(f"{term.label}_correlation", correlation)
    for name in family.dispersions:
        if name not in model.predicted:
            yield _plain(name, model.dispersion_of(name))


def _plain(name: str, prior: Any) -> ParameterText:
    """Return a parameter that is written by its name."""
    return ParameterText(name, name, name, prior)


def _coefficients(term: Term, prior: Any) -> ParameterText:
    """Return a term's coefficients, or another symbol of it that its prior holds."""
    written = term.symbol()
    held = term.label if written.startswith(f"{term.label}[") else written
    if term.pooled:
        prior = f"Normal({term.label}_mean, {term.label}_scale²)"
    return ParameterText(held, written, held, prior, term.label)


def priors_by_name(model: GLM) -> dict[str, Any]:
    """Return the prior of each parameter, or the number at which it is fixed, by its name."""
    return {one.name: one.prior for one in every_parameter(model) if one.prior is not None}


def _levels_text(model: GLM) -> list[str]:
    """Write the levels of a response: in their order, or each with coefficients of its own."""
    labels = FAMILY_NAMES[model.family].labels
    if labels is None or (labels.most and model.levels is None):
        return []
    between = " < " if labels.ordered else ", "
    names = "of the data" if model.levels is None else between.join(map(str, model.levels))
    text = f"{'levels':<21} {names}"
    if not labels.each:
        return [text]
    if model.reference is None:
        return [text, f"{'':<21} each with its own eta; flat intercepts sum to zero"]
    first = "the first" if model.levels is None else f"{model.levels[0]}"
    name = first if model.reference == FIRST else str(model.reference)
    return [text, f"{'':<21} each with its own eta, but for {name}, whose eta is 0"]


def prior_text(symbol: str, prior: Any) -> str:
    """Write a prior of something called ``symbol``, and the penalty that it equals.

    >>> from bayesglm.spec.priors import Normal
    >>> prior_text("w", Normal(0.5))
    '~ Normal(0, 0.5²)     ridge(4) = 4/2 · Σ w²'
    """
    if prior is None:
        return "~ weakly informative, scaled by the data at the first fit"
    if isinstance(prior, str):
        return f"~ {prior}"
    if isinstance(prior, (float, tuple)):
        return f"= {number_text(prior)}"
    density = density_text(prior, f"{symbol}_{prior.traits.learned}")
    return f"~ {density:<19} {penalty_text(symbol, prior)}"


def penalty_text(symbol: str, prior: Any) -> str:
    """Write the penalty that a prior of something called ``symbol`` equals.

    >>> from bayesglm.spec.priors import Laplace
    >>> penalty_text("w", Laplace(0.5))
    'lasso(2) = 2 · Σ |w|'
    """
    if learned_scale(prior) is not None:
        return "its scale is learned"
    return PRIOR_NOTATION[type(prior).__name__][1](symbol, prior)


def density_text(prior: Any, scale: str | None = None) -> str:
    """Write the density of a prior; a scale that is learned by its name.

    >>> from bayesglm.spec.priors import HalfNormal, Normal
    >>> density_text(Normal(HalfNormal(1.0)), "g_scale")
    'Normal(0, g_scale²)'
    """
    density = PRIOR_NOTATION[type(prior).__name__][0](prior)
    return (
        density if learned_scale(prior) is None else density.format(scale or prior.traits.learned)
    )


def _scale_text(prior: Any) -> str:
    """Write a scale; one that is learned as the place of its name."""
    return "{}" if learned_scale(prior) is not None else number_text(prior.scale)


def _free_text(prior: Any) -> str:
    """Write the prior of what a walk leaves free, where it has one."""
    if prior.free is None:
        return ""
    return f", free {PRIOR_NOTATION[type(prior.free).__name__][0](prior.free)}"


def _deviation(symbol: str, loc: Number) -> str:
    if not any(entries(loc)):
        return symbol
    text = number_text(loc)
    return f"({symbol} + {text[1:]})" if text.startswith("-") else f"({symbol} - {text})"


def _weights(prior: Any, power: int) -> str:
    # Products overflow to inf where powers of floats raise.
    weights = [math.prod([1.0 / entry] * power) for entry in entries(prior.scale)]
    return range_text(min(weights), max(weights))


def _ridge(symbol: str, prior: Any) -> str:
    lam, square = _weights(prior, 2), f"{_deviation(symbol, prior.loc)}²"
    if lam.startswith("["):
        return f"ridge(lam) = 1/2 · Σ lam·{square}, lam = {lam}"
    return f"ridge({lam}) = {lam}/2 · Σ {square}"


def _lasso(symbol: str, prior: Any) -> str:
    lam, size = _weights(prior, 1), f"|{_deviation(symbol, prior.loc).strip('()')}|"
    if lam.startswith("["):
        return f"lasso(lam) = Σ lam·{size}, lam = {lam}"
    return f"lasso({lam}) = {lam} · Σ {size}"


def _elastic_net(symbol: str, prior: Any) -> str:
    deviation = _deviation(symbol, prior.loc)
    size, square = f"|{deviation.strip('()')}|", f"{deviation}²"
    both = list(pairs(prior.scale, prior.ratio))
    ones = [ratio / scale for scale, ratio in both]
    twos = [(1.0 - ratio) / scale / scale for scale, ratio in both]
    lam1, lam2 = range_text(min(ones), max(ones)), range_text(min(twos), max(twos))
    if "[" in lam1 + lam2:
        return (
            f"elastic_net(lam1, lam2) = Σ lam1·{size} + 1/2 · Σ lam2·{square}, "
            f"lam1 = {lam1}, lam2 = {lam2}"
        )
    return f"elastic_net({lam1}, {lam2}) = {lam1} · Σ {size} + {lam2}/2 · Σ {square}"


def _smooth(symbol: str, prior: Any) -> str:
    lam = _weights(prior, 2)
    power = "" if prior.order == 1 else "⁰¹²³⁴"[prior.order]
    square = f"(Δ{power} {symbol})²"
    names = (prior.dims,) if isinstance(prior.dims, str) else prior.dims
    along = f" along {', '.join(names)}" if names else ""
    if lam.startswith("["):
        return f"smooth(lam, order={prior.order}) = 1/2 · Σ lam·{square}{along}, lam = {lam}"
    return f"smooth({lam}, order={prior.order}) = {lam}/2 · Σ {square}{along}"


def _by(prior: Any) -> str:
    names = (prior.by,) if isinstance(prior.by, str) else prior.by
    return f", by {', '.join(names)}" if names else ""


def _group_lasso(symbol: str, prior: Any) -> str:
    lam = _weights(prior, 1)
    size = f"√size·‖{symbol}‖{' of each ' + _by(prior)[5:] if prior.by else ''}"
    if lam.startswith("["):
        return f"group_lasso(lam) = Σ lam·{size}, lam = {lam}"
    return f"group_lasso({lam}) = {lam} · Σ {size}"


def _process(prior: Any) -> str:
    lengths = [one if isinstance(one, float) else None for one in prior.lengths(1)]
    text = ", ".join("lengthscale" if one is None else f"{one:.4g}" for one in lengths)
    names = (prior.dims,) if isinstance(prior.dims, str) else prior.dims
    along = f" along {', '.join(names)}" if names else ""
    return f"GaussianProcess({_scale_text(prior)}², {text}{along})"


def _locality(prior: Any) -> str:
    if prior.unsaid:
        return f"ALD({', '.join(prior.unsaid)} by evidence)"
    numbers = ", ".join(number_text(getattr(prior, name)) for name in LOCAL)
    return f"ALD({_scale_text(prior)}², {numbers})"


def _of_locality(symbol: str, prior: Any) -> str:
    if prior.unsaid:
        return "tune_prior chooses its numbers"
    return f"penalty {symbol}'C⁻¹{symbol}/(2·{number_text(prior.scale)}²)"


def _of_process(symbol: str, prior: Any) -> str:
    if learned_beside(prior):
        return "its lengthscales are learned"
    return f"penalty {symbol}'K⁻¹{symbol}/(2·{number_text(prior.scale)}²)"


def _square(symbol: str, prior: Any) -> str:
    return f"penalty {symbol}²/(2·{number_text(prior.scale)}²)"


def _heavy(symbol: str, prior: Any) -> str:
    df = number_text(prior.df)
    return f"penalty ({df}+1)/2 · log(1 + {symbol}²/({df}·{number_text(prior.scale)}²))"  # -log t


def _heaviest(symbol: str, prior: Any) -> str:
    return f"penalty log(1 + {symbol}²/{number_text(prior.scale)}²)"


def _of_precision(symbol: str, prior: Any) -> str:
    return f"{symbol}⁻² ~ {density_text(prior.of)}, Jacobian 2·{symbol}⁻³"


def _of_variance(symbol: str, prior: Any) -> str:
    return f"{symbol}² ~ {density_text(prior.of)}, Jacobian 2·{symbol}"


def _two_normals(prior: Any) -> str:
    shares = list(entries(prior.probability))
    rest = range_text(1 - max(shares), 1 - min(shares))
    return (
        f"{rest}·Normal(0, {number_text(prior.spike)}²) + "
        f"{number_text(prior.probability)}·Normal(0, {number_text(prior.scale)}²)"
    )


def _of_two_normals(symbol: str, prior: Any) -> str:
    odds = [(1 - share) / share for share in entries(prior.probability)]
    ratios = [wide / narrow for wide, narrow in pairs(prior.scale, prior.spike)]
    rise = range_text(min(odds) * min(ratios), max(odds) * max(ratios))
    slab, spike = (f"{symbol}²/(2·{number_text(sd)}²)" for sd in (prior.scale, prior.spike))
    return f"penalty {slab} - log(1 + {rise}·exp({slab} - {spike}))"


def _of_correlation(symbol: str, prior: Any) -> str:
    if prior.eta == 1.0:
        return "no penalty"
    return f"penalty (1 - {number_text(prior.eta)})·log det {symbol}"


def _of_share(symbol: str, prior: Any) -> str:
    if prior.alpha == prior.beta == 1.0:
        return "no penalty"
    alpha, beta = number_text(prior.alpha), number_text(prior.beta)
    return f"penalty (1 - {alpha})·log({symbol}) and (1 - {beta})·log(1 - {symbol})"


def _of_explained(prior: Any) -> str:
    sigma = "sigma" if prior.sigma is None else number_text(prior.sigma)
    sd = "sd" if prior.predictor_sd is None else number_text(prior.predictor_sd)
    return f"R2D2({{}}, shares {number_text(prior.concentration)}, {sigma}/{sd})"


type Notation = tuple[Callable[[Any], str], Callable[[str, Any], str]]

PRIOR_NOTATION: dict[str, Notation] = {
    "Flat": (lambda prior: "Flat", lambda symbol, prior: "no penalty"),
    "Normal": (
        lambda prior: f"Normal({number_text(prior.loc)}, {_scale_text(prior)}²)",
        _ridge,
    ),
    "Laplace": (
        lambda prior: f"Laplace({number_text(prior.loc)}, {_scale_text(prior)})",
        _lasso,
    ),
    "ElasticNet": (
        lambda prior: (
            f"ElasticNet({number_text(prior.loc)}, {_scale_text(prior)}, "
            f"{number_text(prior.ratio)})"
        ),
        _elastic_net,
    ),
    "GroupLasso": (
        lambda prior: f"GroupLasso({_scale_text(prior)}{_by(prior)})",
        _group_lasso,
    ),
    "RandomWalk": (
        lambda prior: f"RandomWalk({prior.order}, {_scale_text(prior)}²{_free_text(prior)})",
        _smooth,
    ),
    "GaussianProcess": (_process, _of_process),
    "ALD": (_locality, _of_locality),
    "StudentT": (
        lambda prior: (
            f"StudentT({number_text(prior.df)}, {number_text(prior.loc)}, {_scale_text(prior)})"
        ),
        lambda symbol, prior: _heavy(_deviation(symbol, prior.loc), prior),
    ),
    "Cauchy": (
        lambda prior: f"Cauchy({number_text(prior.loc)}, {_scale_text(prior)})",
        lambda symbol, prior: _heaviest(_deviation(symbol, prior.loc), prior),
    ),
    "SpikeSlab": (_two_normals, _of_two_normals),
    "Horseshoe": (
        lambda prior: (
            f"Horseshoe({{}}, slab {number_text(prior.slab_df)}, {number_text(prior.slab_scale)}²)"
        ),
        _square,
    ),
    "R2D2": (_of_explained, _square),
    "HalfNormal": (lambda prior: f"HalfNormal({number_text(prior.scale)})", _square),
    "HalfStudentT": (
        lambda prior: f"HalfStudentT({number_text(prior.df)}, {number_text(prior.scale)})",
        _heavy,
    ),
    "Exponential": (
        lambda prior: f"Exponential({number_text(prior.scale)})",
        lambda symbol, prior: f"penalty {symbol}/{number_text(prior.scale)}",
    ),
    "Beta": (
        lambda prior: f"Beta({number_text(prior.alpha)}, {number_text(prior.beta)})",
        _of_share,
    ),
    "Uniform": (
        lambda prior: f"Uniform({prior.lower:.4g}, {prior.upper:.4g})",
        lambda symbol, prior: "no penalty",
    ),
    "Gamma": (
        lambda prior: f"Gamma({number_text(prior.shape)}, {number_text(prior.rate)})",
        lambda symbol, prior: (
            f"penalty {number_text(prior.rate)}·{symbol} and (1 - {number_text(prior.shape)})·"
            f"log({symbol})"
        ),
    ),
    "InverseGamma": (
        lambda prior: f"InverseGamma({number_text(prior.shape)}, {number_text(prior.scale)})",
        lambda symbol, prior: (
            f"penalty {number_text(prior.scale)}/{symbol} and ({number_text(prior.shape)} + 1)·"
            f"log({symbol})"
        ),
    ),
    "HalfCauchy": (lambda prior: f"HalfCauchy({number_text(prior.scale)})", _heaviest),
    "Precision": (lambda prior: f"Precision({density_text(prior.of)})", _of_precision),
    "Variance": (lambda prior: f"Variance({density_text(prior.of)})", _of_variance),
    "LKJ": (lambda prior: f"LKJ({number_text(prior.eta)})", _of_correlation),
}
