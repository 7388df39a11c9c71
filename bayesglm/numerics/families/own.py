"""Records of families and links of one's own, from functions of mu in NumPy's formulas.

With mu = g^-1(eta) and its derivatives put on a jet, the log density's own are those in eta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.jets import Jet, composed, seeded
from bayesglm.numerics.families.links import DIRECTIONS, MEANS, Array, Curve, Domain
from bayesglm.numerics.families.peaks import peak
from bayesglm.numerics.families.record import (
    Derivatives,
    Dispersion,
    Family,
    Mask,
    Spread,
    of_one_channel,
)
from bayesglm.numerics.theta.transforms import LOG, UNIT
from bayesglm.spec.own import OwnDispersion, OwnFamily, OwnLink

TRANSFORMS = {"log": LOG, "logit": UNIT}
FAR = 40.0  # eta at which it is asked whether a likelihood still rises: mu is 4e-18, or 1 less it


def _of_share(link: BinaryLink) -> Curve:
    def derivatives(eta: Array, order: int) -> tuple[Any, ...]:
        return (link.probability(eta), *link.slopes(eta))[: order + 1]

    return Curve(link.probability, derivatives, link.domain)


# mu = g^-1(eta) under every link, those of one's own among them.
CURVES: dict[str, Curve] = {
    **{name: _of_share(link) for name, link in BINARY_LINKS.items()},
    **DIRECTIONS,
    **MEANS,
}

# Where mu reaches an end of its range, under links that go beyond.
ENDS: dict[str, Callable[[float], float]] = {
    "identity": lambda mu: mu,
    "log": lambda mu: math.log(mu) if mu > 0.0 else -math.inf,
}

# eta = g(mu) of default links: what another mean is under them.
PLACES: dict[str, Callable[[Any], Any]] = {
    "identity": lambda mu: mu,
    "log": np.log,
    "logit": lambda mu: np.log(mu) - np.log1p(-mu),
    "tan_half": lambda mu: np.tan(0.5 * mu),
}


def curve_of(own: OwnLink) -> Curve:
    """Return a link of one's own as a function of eta with its derivatives."""
    return _differentiated(own.mean, _domain(*own.domain))


def _differentiated(function: Callable[[Any], Any], domain: Domain) -> Curve:
    """Return a formula of eta as one that has its derivatives."""

    def derivatives(eta: Array, order: int) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            if order == 0:
                return (function(eta),)
            return _filled(function(seeded((eta,), order)[0]), np.shape(eta))[: order + 1]

    return Curve(lambda eta: derivatives(eta, 0)[0], derivatives, domain)


def _filled(jet: Jet, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return value, slope and bend of a function of one variable."""
    bend = jet.second[0][0] if jet.second else None
    return _full(jet.value, shape), _full(jet.first[0], shape), _full(bend, shape)


def _full(part: Any, shape: tuple[int, ...]) -> Array:
    """Return a part in its whole shape; one that is zero everywhere as zeros."""
    if part is None:
        return np.zeros(shape)
    return part if np.shape(part) == shape else np.array(np.broadcast_to(part, shape))


def _domain(low: float, high: float) -> Domain:
    if low < 0.0 < high:
        return Domain(low, high)
    middle = low + 1.0 if high == math.inf else high - 1.0 if low == -math.inf else (low + high) / 2
    return Domain(low, high, middle)


@dataclass(frozen=True)
class _Own:
    """The functions of a family of one's own under one link, as the record has them."""

    family: OwnFamily
    curve: Curve

    def asked(self, function: Callable[..., Any], *given: Any, phi: Sequence, trials: Any) -> Any:
        """Call one of the user's functions with the arguments that it takes."""
        with np.errstate(all="ignore"):
            return function(*given, *phi, *self._counted(trials))

    def kernel(self, y: Array, eta: Array, phi: Sequence, trials: Any, order: int) -> Derivatives:
        """Return log p, and as many of its derivatives as are asked for."""
        shape = np.broadcast_shapes(*map(np.shape, (y, eta, *phi, *self._counted(trials))))
        density = partial(self.asked, self.family.log_density, trials=trials)
        mu = self.curve.derivatives(eta, order)
        if order == 0:
            return Derivatives(_full(density(y, mu[0], phi=phi), shape))
        variable, *beside = seeded((eta, *phi), order)
        with np.errstate(all="ignore"):
            jet = density(y, composed(mu, variable), phi=beside)
        first = [_full(part, shape) for part in jet.first]
        value, of_eta, of_phi = _full(jet.value, shape), first[0], tuple(first[1:])
        if order == 1:
            return Derivatives(value, of_eta, phi=of_phi)
        bends = [[_full(part, shape) for part in row] for row in jet.second]
        return Derivatives(
            value,
            of_eta,
            bends[0][0],
            of_phi,
            tuple(bends[0][1:]),
            tuple(tuple(row[1:]) for row in bends[1:]),
        )

    def _counted(self, trials: Any) -> tuple[Any, ...]:
        return (trials,) if self.family.has_trials else ()

    def of_mu(self, function: Callable[..., Any], *before: Any) -> Callable[..., Any]:
        """Return a function of mu as one of (eta, phi, trials)."""

        def of_eta(eta: Array, phi: Sequence, trials: Any) -> Any:
            return self.asked(function, *before, self.curve.value(eta), phi=phi, trials=trials)

        return of_eta

    def mean(self, eta: Array, phi: Sequence, trials: Any) -> Array:
        """Return E[y]: mu itself where nothing else is said."""
        if self.family.mean is not None:
            return np.asarray(self.of_mu(self.family.mean)(eta, phi, trials))
        mu = self.curve.value(eta)
        return mu * trials if self.family.has_trials else mu

    def draw(self, rng: np.random.Generator, eta: Array, phi: Sequence, trials: Any) -> Array:
        """Draw responses."""
        drawn = self.of_mu(self.family.draw, rng)(eta, phi, trials)
        return np.asarray(drawn, dtype=np.float64)

    def cdf(self, y: Array, eta: Array, phi: Sequence, trials: Any) -> Array:
        """P(Y <= y)."""
        assert self.family.cdf is not None
        return self.of_mu(self.family.cdf, y)(eta, phi, trials)

    def survival(self, y: Array, eta: Array, phi: Sequence, trials: Any) -> Array:
        """P(Y > y)."""
        if self.family.survival is None:
            return 1.0 - self.cdf(y, eta, phi, trials)
        return self.of_mu(self.family.survival, y)(eta, phi, trials)

    def valid(self, y: Array, trials: Any) -> Mask:
        """Say which responses the family has."""
        mask = self.asked(self.family.valid, y, phi=(), trials=trials)
        return np.asarray(mask, dtype=bool) & np.isfinite(y)

    def saturated(self, y: Array, phi: Sequence, trials: Any) -> Array:
        """Return the largest log density over mu, looked for where nothing says it."""
        if self.family.saturated is not None:
            return self.asked(self.family.saturated, y, phi=phi, trials=trials)
        like = np.zeros(np.broadcast_shapes(*map(np.shape, (y, *phi, *self._counted(trials)))))
        best = peak(lambda u: self._slope(y, u, phi, trials), like)
        return self.kernel(y, self.curve.domain.place(best), phi, trials, 0).value

    def _slope(self, y: Array, u: Any, phi: Sequence, trials: Any) -> Array:
        return self.kernel(y, self.curve.domain.place(u), phi, trials, 1).eta

    def push(self, y: Array, trials: Any) -> Array:
        """Say to which end the likelihood of each response still rises far out."""
        phi, (low, high, _) = [one.first for one in self.family.dispersions], self.curve.domain
        up, down = (self._slope(y, np.full(np.shape(y), u), phi, trials) for u in (FAR, -FAR))
        rises = np.greater(up, 0.0) & (high == math.inf)
        falls = np.less(down, 0.0) & (low == -math.inf)
        return np.where(rises, 1.0, np.where(falls, -1.0, 0.0))


def family_records(own: OwnFamily) -> dict[tuple[str, str], Family]:
    """Return the records of a family of one's own, one a link."""
    return {(own.name, link): _record(own, link) for link in own.links}


def _record(own: OwnFamily, link: str) -> Family:
    curve = _kept_in(own, link)
    functions = _Own(own, curve)
    has_cdf = own.cdf is not None
    return of_one_channel(
        functions.kernel,
        functions.mean,
        name=own.name,
        link=link,
        constant=lambda y, trials: 0.0,
        saturated=functions.saturated,
        draw=functions.draw,
        cdf=functions.cdf if has_cdf else None,
        survival=functions.survival if has_cdf else None,
        survival_rounds=own.survival is None,
        valid=functions.valid,
        support=own.support,
        dispersions=tuple(map(_dispersion, own.dispersions)),
        domain=curve.domain,
        log_concave=link in own.concave_links,
        push=functions.push,
    )


def _kept_in(own: OwnFamily, link: str) -> Curve:
    """Return a link's mean, on those eta alone at which mu lies in its range."""
    curve, (low, high) = CURVES[link], own.mu_range
    mu = curve.value(curve.domain.place(np.linspace(-FAR, FAR, 81)))
    if np.all((mu >= low) & (mu <= high)):
        return curve
    if link not in ENDS:
        raise ModelError(
            f"family {own.name!r}: link {link!r} takes mu beyond ({low:g}, {high:g}), its "
            f"mu_range, as to {float(mu[(mu < low) | (mu > high)][0]):.3g}; leave the link out."
        )
    return curve._replace(domain=_domain(*map(ENDS[link], (low, high))))


def _dispersion(own: OwnDispersion) -> Dispersion:
    def default(spread: Spread) -> tuple[str, dict[str, Any]]:
        prior = own.prior(*spread) if callable(own.prior) else own.prior
        return type(prior).__name__, dict(vars(prior))

    return Dispersion(
        default=default,
        start=lambda y: own.first,
        transform=TRANSFORMS[own.link],
        needs_spread=callable(own.prior),
        limits=own.limits,
    )


def under(own: OwnLink, family: Family) -> Family:
    """Return a family of the package, the record of its default link, under one's own link.

    With h(eta) the default link of the mean, l'(eta) = l' h' and l''(eta) = l'' h'^2 + l' h''.
    """
    if family.link not in PLACES or len(family.channels) > 1:
        raise ModelError(
            f"link {own.name!r}: family {family.name!r} takes no link of one's own; leave it out "
            "of families=."
        )
    place, domain = PLACES[family.link], _domain(*own.domain)
    h = _differentiated(lambda eta: place(own.mean(eta)), domain)
    below, above = h.value(domain.place(np.array([-0.5, 0.5])))
    sign = 1.0 if below < above else -1.0

    def kernel(y: Array, eta: Array, phi: Sequence, trials: Any, order: int) -> Derivatives:
        moved, *slopes = h.derivatives(eta, order)
        d = family.kernel(y, moved[None], phi, trials, order)
        if order == 0:
            return d
        in_h, crossed = d.eta[0], tuple(one[0] * slopes[0] for one in d.eta_phi)
        if order == 1:
            return d._replace(eta=in_h * slopes[0])
        bend = d.eta_eta[0, 0] * slopes[0] ** 2 + in_h * slopes[1]
        return d._replace(eta=in_h * slopes[0], eta_eta=bend, eta_phi=crossed)

    def push(y: Array, trials: Any) -> Array:
        assert family.push is not None
        side = sign * family.push(y, trials)
        is_open = np.where(side > 0.0, domain.high == math.inf, domain.low == -math.inf)
        return np.where(is_open, side, 0.0)

    record = of_one_channel(
        kernel,
        _moved(h, family.mean, 0),
        name=family.name,
        link=own.name,
        constant=family.constant,
        saturated=family.saturated,
        draw=_moved(h, family.draw, 1),
        cdf=None if family.cdf is None else _moved(h, family.cdf, 1),
        survival=None if family.survival is None else _moved(h, family.survival, 1),
        valid=family.valid,
        support=family.support,
        dispersions=family.dispersions,
        domain=domain,
        push=None if family.push is None else push,
    )
    if family.variance is None:
        return record
    variance = _moved(h, family.variance, 0)
    return replace(record, variance=lambda eta, phi, trials: variance(eta[0], phi, trials))


def _moved(h: Curve, function: Callable[..., Array], place: int) -> Callable[..., Array]:
    """Return a function of another eta, its argument at some place, as one of this."""

    def of_eta(*given: Any) -> Array:
        before, eta, after = given[:place], given[place], given[place + 1 :]
        return function(*before, h.value(eta)[None], *after)

    return of_eta
