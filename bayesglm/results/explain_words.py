"""Explanations in words: every sentence that is said of a prior is made here."""

from __future__ import annotations

import numpy as np

from bayesglm.results.explain_facts import Decided, Effect, Interval, Region, Swing, Told

PRIOR, BELIEF, REGION, SHARE, DATA = "prior", "belief", "region", "decided", "data"
EVEN = 0.05  # of its length, by which an interval that is told as "up to" may lie off its centre
BEYOND = 1e308  # what the floats do not hold stands at their end, to rounding
ALIKE, UNRELATED = 0.5, 0.85  # roughness, below and above which neighbours are said to be so
RARE = 1e-4  # share of a prior, below which no percentage says it well: chosen
FAR = 6.0  # sds, beyond which only heavy tails reach: chosen
SURE = ", with 94% prior probability"


def said(told: Told) -> list[tuple[str, str]]:
    """Return what is said of one prior, each part with its heading."""
    penalty = f"; {told.penalty}" if told.penalty else ""
    parts = [(PRIOR, f"{told.prior}{penalty}"), (BELIEF, belief_told(told))]
    if told.region is not None:
        parts.append((REGION, _region(told.region)))
    if told.decided is not None:
        parts.append((SHARE, _decided(told.decided)))
        parts.append((DATA, _contradiction(told.decided)))
    return [(heading, text) for heading, text in parts if text]


def belief_told(told: Told, sure: str = SURE) -> str:
    """Say what a prior believes; ``sure`` are the words that say how probable that is."""
    sentences = [_effect(one, sure if k == 0 else "") for k, one in enumerate(told.effects)]
    if told.swing is not None:
        sentences += _swing(told.swing)
    if told.interval is not None:
        sentences.append(f"{told.about} lies {_between(told.interval)}{sure}")
    if told.spread is not None:
        sentences.append(f"that is an sd of responses about their mean {_between(told.spread)}")
    if told.unsaid:
        sentences.append(told.unsaid)
    return "; ".join(sentences)


def _effect(effect: Effect, sure: str) -> str:
    reading, (low, high) = effect.reading, effect.change
    even = abs(low + high) <= EVEN * (high - low)
    if reading.multiplied:
        factor = (
            f"changes {reading.multiplied} by a factor of up to {_factor(high)}"
            if even
            else f"multiplies {reading.multiplied} by {_factor(low)} to {_factor(high)}"
        )
        return f"{effect.of} {factor}{sure}{_from(effect)}"
    if effect.value is None or reading.base is None:
        by = f"up to {_number(high)}" if even else f"{_number(low)} to {_number(high)}"
        return f"{effect.of} moves the linear predictor by {by} ({reading.unit}){sure}"
    down, up = reading.base - effect.value[0], effect.value[1] - reading.base
    if abs(up - down) <= EVEN * (up + down):
        return f"{effect.of} moves {reading.noun} by up to {_number(up)}{sure}"
    to = f"from {_number(reading.base)} to {_number(effect.value[0])} .. {_number(effect.value[1])}"
    return f"{effect.of} moves {reading.noun} {to}{sure}"


def _from(effect: Effect) -> str:
    """Say where the mean, or what else the linear predictor is that of, gets from its base."""
    if effect.value is None or effect.reading.base is None:
        return ""
    low, high = map(_number, effect.value)
    return f" ({effect.reading.noun} from {_number(effect.reading.base)} to {low} .. {high})"


def _swing(swing: Swing) -> list[str]:
    what = swing.reading.multiplied
    if what:
        moved = f"it changes {what} by a factor of {_factor(swing.typical)}"
        most = _factor(swing.most)
    else:
        moved = f"it moves the linear predictor by {_number(swing.typical)}"
        most = _number(swing.most)
    told = [f"{swing.over} {moved} (median), and below {most} with 94%"]
    if swing.turns is not None:
        typical, most_turns = swing.turns
        told.append(f"the curve turns {typical:.0f} times (median), and {most_turns:.0f} at most")
    if swing.rough is not None:
        told.append(_roughness(swing.neighbours, swing.rough))
    return told


def _roughness(neighbours: str, rough: float) -> str:
    name = "lags" if neighbours == "lags" else f"places along {neighbours}"
    if rough > UNRELATED:
        return f"neighbouring {name} differ as unrelated ones do, so it may be as rough as noise"
    alike = "are alike: they" if rough < ALIKE else ""
    told = f"differ by {_number(rough)} of what unrelated ones would"
    return " ".join(part for part in ("neighbouring", name, alike, told) if part)


def _region(region: Region) -> str:
    if region.norm is None:
        bound = f"whose penalty is at most {_number(region.penalty)}"
    else:
        bound = f"with {region.measure} at most {_number(region.norm)}"
    whole = "it is" if region.size == 1 else f"{region.zeros} of {region.size} coefficients are"
    held = f"; {whole} exactly at the centre there"
    return f"the MAP is the best fit {bound}{held if region.zeros else ''}"


def _decided(decided: Decided) -> str:
    parts = []
    if np.isfinite(decided.edf):
        share = 1.0 - decided.edf / decided.size
        parts.append(
            f"effective parameters: {_number(decided.edf)} of {decided.size} (the prior decides "
            f"{share:.0%})"
        )
    if np.isfinite(decided.posterior_sd):
        before = f"{_number(decided.prior_sd)} before" if np.isfinite(decided.prior_sd) else ""
        parts.append(f"sd {before}{', ' if before else ''}{_number(decided.posterior_sd)} after")
    return "; ".join(parts)


def _contradiction(decided: Decided) -> str:
    if not np.isfinite(decided.tail):
        return ""
    chance = f"{decided.tail:.1g}" if decided.tail < RARE else f"{100.0 * decided.tail:.2g}%"
    chance = "less than 1e-12" if decided.tail < 1e-12 else chance
    # Of heavy tails an sd, which is that of the middle 94%, says little.
    if np.isfinite(decided.away) and (decided.contradicted or abs(decided.away) < FAR):
        out = f"{abs(decided.away):.1f} prior sds from the centre"
        where = f"{decided.furthest} lies {out}, beyond which is {chance} of the prior"
    else:
        where = f"{chance} of the prior lies further out than {decided.furthest}"
    if decided.contradicted:
        return f"they contradict it: {where}. Look at the data, or take a wider prior"
    return f"they agree with it: {where}"


def _between(ends: Interval) -> str:
    return f"between {_number(ends[0])} and {_number(ends[1])}"


def _factor(change: float) -> str:
    with np.errstate(over="ignore"):
        return _number(float(np.exp(change)))


def _number(value: float) -> str:
    """Write two digits, and whole numbers whole; what floating point does not hold is any size."""
    if abs(value) > BEYOND:
        return "any size"
    return f"{value:.0f}" if 100.0 <= abs(value) < 1e5 else f"{value:.2g}"
