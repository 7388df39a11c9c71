"""Families whose responses are seen only between bounds, which are known of each.

With A the responses below < y <= upto, of counts both bounds included,

    log p(y | A) = log p(y) - log P(A)

Source: Klein & Moeschberger (2003), Survival Analysis, 3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from bayesglm.numerics.families.censored import Records, endless
from bayesglm.numerics.families.expansions import derivatives_of, expansion_of
from bayesglm.numerics.families.intervals import expected_between, log_mass, variance_between
from bayesglm.numerics.families.nodes import Asked, draw_between
from bayesglm.numerics.families.peaks import peak
from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask


def bounds(below: Array, upto: Array, trials: Array | None) -> Records:
    """Return bounds, and numbers of trials if any, as truncated families take them for trials.

    >>> bounds(np.zeros(2), np.ones(2), None)["upto"].tolist()
    [1.0, 1.0]
    """
    names = ["below", "upto"] if trials is None else ["below", "upto", "trials"]
    records = np.empty(np.shape(below), np.dtype([(name, np.float64) for name in names]))
    for name, values in zip(names, (below, upto, trials), strict=False):
        records[name] = values
    return records


@lru_cache(maxsize=64)  # families of models that are in use at a time: few
def truncated(family: Family, seen: Family) -> Family:
    """Return the family between bounds, its y as those of ``seen``, which may be `censored`.

    In place of trials its functions take `bounds`. Means, draws and chances are those between them.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> plain = FAMILIES["exponential", "log"]
    >>> family, known = truncated(plain, plain), bounds(np.ones(1), np.array([np.inf]), None)
    >>> family.log_likelihood(np.array([3.0]), np.zeros((1, 1)), (), known).tolist()
    [-2.0]
    >>> family.mean(np.zeros((1, 1)), (), known).round(6).tolist()
    [2.0]
    """
    between = _Between(family, seen)
    return replace(
        seen,
        kernel=between.kernel,
        constant=lambda y, known: seen.constant(y, trials_of(known)),
        saturated=between.saturated,
        mean=between.mean,
        variance=between.variance,
        draw=between.draw,
        cdf=between.cdf,
        survival=between.survival,
        valid=between.valid,
        push=None if seen.push is None else between.push,
        # Of a canonical link: a family between bounds is still one of exponential form.
        log_concave=seen is family and (family.quadratic or family.changes is not None),
        quadratic=False,
        exponential_rate=None,
        fused=None,
        changes=None,
        tails=None,
        concave_mass=False,
        panjer=None,
        averaged=None,
        absorbed=None,
        filled=None if seen.filled is None else between.filled,
    )


def trials_of(known: Records) -> Array | None:
    """Return the numbers of trials beside bounds, if any."""
    return known["trials"] if "trials" in (known.dtype.names or ()) else None


@dataclass(frozen=True)
class _Between:
    """The functions of a family between bounds."""

    family: Family
    seen: Family

    def _mass(self, eta: Array, phi: Sequence, known: Records, order: int) -> Derivatives:
        return log_mass(
            self.family, known["below"], known["upto"], eta, phi, trials_of(known), order
        )

    def kernel(
        self, y: Records, eta: Array, phi: Sequence, known: Records, order: int
    ) -> Derivatives:
        """Return the kernel less the log chance of all that could be seen."""
        of_y = expansion_of(self.seen.kernel(y, eta, phi, trials_of(known), order))
        of_all = expansion_of(self._mass(eta, phi, known, order))
        with np.errstate(invalid="ignore"):
            less = of_y.each(np.subtract, of_all)
        # Where no response could be seen at all, this one could not.
        value = np.where(np.isneginf(of_all.value), -np.inf, less.value)
        return derivatives_of(less._replace(value=value), len(eta))

    def saturated(self, y: Records, phi: Sequence, known: Records) -> Array:
        """Return the largest kernel over the mean's eta, found where its slope changes its sign.

        Where the kernel rises to a limit without end, it is next to that.
        """

        def kernel(u: Array, order: int) -> Derivatives:
            return self.kernel(y, self.family.domain.place(u)[None], phi, known, order)

        best = peak(lambda u: kernel(u, 1).eta[0], np.zeros(len(y)))
        return kernel(best, 0).value

    def filled(self, y: Records, eta: Array, phi: Sequence, known: Records) -> Array:
        """Return what is expected of responses that are seen as intervals between the bounds."""
        assert self.seen.filled is not None
        return self.seen.filled(y, eta, phi, trials_of(known))

    def mean(self, eta: Array, phi: Sequence, known: Records) -> Array:
        """Return the means between the bounds."""
        return expected_between(self.family, _asked(eta, phi, known))

    def variance(self, eta: Array, phi: Sequence, known: Records) -> Array:
        """Return the variances between the bounds."""
        return variance_between(self.family, _asked(eta, phi, known))

    def draw(self, rng: np.random.Generator, eta: Array, phi: Sequence, known: Records) -> Array:
        """Draw responses between the bounds."""
        return draw_between(self.family, _asked(eta, phi, known), rng)

    def cdf(self, y: Records, eta: Array, phi: Sequence, known: Records) -> Array:
        """P(Y <= y), of what could be seen."""
        upto = np.minimum(y, known["upto"])
        return self._share(known["below"], upto, eta, phi, known)

    def survival(self, y: Records, eta: Array, phi: Sequence, known: Records) -> Array:
        """P(Y > y), of what could be seen."""
        below = np.maximum(y, known["below"])
        return self._share(below, known["upto"], eta, phi, known)

    def _share(self, below: Array, upto: Array, eta: Array, phi: Sequence, known: Records) -> Array:
        """Return the chance of an interval as a share of that between the bounds."""
        inside = np.less(below, upto)
        some = log_mass(
            self.family,
            np.where(inside, below, known["below"]),
            np.where(inside, upto, known["upto"]),
            eta,
            phi,
            trials_of(known),
            0,
        )
        return np.where(inside, np.exp(some.value - self._mass(eta, phi, known, 0).value), 0.0)

    def valid(self, y: Records, known: Records) -> Mask:
        """Say which responses could be seen."""
        upto = y["upto"] if y.dtype.names else y
        held = np.greater(upto, known["below"]) & np.less_equal(upto, known["upto"])
        return held & self.seen.valid(y, trials_of(known))

    def push(self, y: Records, known: Records) -> Array:
        """Return where responses push the mean's eta.

        A count at one of its bounds pushes there without end.
        """
        assert self.seen.push is not None
        pushed = np.asarray(self.seen.push(y, trials_of(known)), dtype=np.float64)
        if self.family.words.discrete and not y.dtype.names:
            up, down = endless(self.family)
            pushed = np.where(y == known["upto"], up, pushed)
            pushed = np.where(y == known["below"] + 1.0, down, pushed)
        return pushed


def _asked(eta: Array, phi: Sequence, known: Records) -> Asked:
    return Asked(known["below"], known["upto"], eta, phi, trials_of(known))
