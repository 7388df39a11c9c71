"""mixed: thousands of groups, crossed effects, more coefficients than samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.peers import decoder, mixed
from benchmarks.peers.mixed_estimates import BINOMIAL, GLMMTMB, LINEAR, LME4
from benchmarks.quadrature import refer_crossed, refer_poisson
from benchmarks.race import Row
from benchmarks.sampling import (
    ERRORS,
    Reference,
    contest,
    effective,
    furthest,
    refer,
    replicate_verdict,
    summary,
)
from benchmarks.solver import Solver
from benchmarks.timing import in_turn, light, under
from benchmarks.verdict import verdict
from benchmarks.work import Drawn, Spec
from benchmarks.worker import Reply

WORK = (
    "Posteriors of mixed models: effects of levels ~ Normal(0, scale), scale ~ HalfNormal(1), "
    "LKJ(2) where intercepts and slopes correlate, Normal(0, 2.5) on the common intercept, "
    "Normal(0, 1) on coefficients, HalfNormal(1) on sigma; and of 691 coefficients from 276 labels "
    "under ridges, with Normal(0, 2.5) on the intercept. bayesglm's time is that of all it "
    "returns, 4 x 1,000 draws, in a process that fitted tiny data before; memory is that above the "
    "data, as in the case lags. lme4 and glmmTMB estimate scales and effects and return no "
    "posterior: their times, inside R, stand beside ours for comparison. Posteriors are held to "
    "those of 100,000 draws by NUTS (numpyro); those of thousands of levels, in what stands above "
    "these, to quadrature over each level's effect and, of crossed gaussian ones, to the closed "
    "form. Effective draws per second are counted as in the case posterior, compiled code on disk."
)
_LIMIT_S = 600.0
_MOST_MB = 1000
_LEAST_ESS = 1000
_MEANS, _SDS = 0.1, 0.05  # how far means may be off, in sds, and sds of the top, relative
_RIDGES = (0.1, 1.0, 10.0, 100.0)

type Contest = dict[str, Any]


def run(quick: bool) -> tuple[list[Contest], list[dict[str, Any]]]:
    """Fit groups, crossed effects, small models, and decoders."""
    contests: list[Contest] = []
    verdicts: list[dict[str, Any]] = []
    for part in (groups, crossed, small, decoders):
        of_part, on_part = part(quick)
        contests += of_part
        verdicts += on_part
    return contests, verdicts


def groups(quick: bool) -> tuple[list[Contest], list[dict[str, Any]]]:
    """Poisson counts: 500 and 5,000 groups of 10, and an effect of every row of 100,000."""
    share = 10 if quick else 1
    contests: list[Contest] = []
    for levels, rows_each, most_s in ((500, 10, 1.0), (5000, 10, 5.0), (100_000, 1, 20.0)):
        many = levels // share
        spec = Spec("mixed", "poisson", many * rows_each, 2, levels=(many,))
        what = f"{many:,} groups x {rows_each} rows" if rows_each > 1 else f"{many:,} rows' effects"
        # lme4 has no end on as many effects as rows.
        peers = (LME4, GLMMTMB) if rows_each > 1 else (GLMMTMB,)
        rows, replies = in_turn(spec, (mixed.FIT, *peers), _LIMIT_S)
        verdicts = [under(rows[0], most_s)]
        verdicts += [light(rows[0], _MOST_MB)] if rows_each == 1 else []
        verdicts.append(_near(replies[mixed.FIT.name], refer_poisson(spec)))
        contests.append({"title": f"poisson, {what}", "rows": rows, "verdicts": verdicts})
    many = 500 // share
    spec = Spec("mixed", "poisson", many * 10, 2, levels=(many,))
    reference = refer(spec, mixed.REFERENCE)
    title = f"poisson, {many} groups x 10 rows: effective draws"
    bars = {mixed.FIT.name: 20.0}
    contests.append(contest(title, spec, mixed.SAMPLERS, reference, True, bars, quick))
    replicates = replicate_verdict(spec, mixed.FIT, reference)
    return contests, [replicates | {"bar": f"{many} groups: {replicates['bar']}"}]


def crossed(quick: bool) -> tuple[list[Contest], list[dict[str, Any]]]:
    """Fit a gaussian response with two crossed groupings, and four coefficients."""
    n, levels = (7342, (297, 113)) if quick else (73_421, (2972, 1128))
    spec = Spec("mixed", "gaussian", n, 4, levels=levels)
    rows, replies = in_turn(spec, (mixed.FIT, mixed.MAP, LME4, GLMMTMB), _LIMIT_S)
    title = f"gaussian, n={n:,}, {levels[0]:,} x {levels[1]:,} crossed levels"
    near = _near(replies[mixed.FIT.name], refer_crossed(spec))
    verdicts = [under(rows[0], 20.0), _ahead(rows, LME4.name), near]
    return [{"title": title, "rows": rows, "verdicts": verdicts}], []


def small(quick: bool) -> tuple[list[Contest], list[dict[str, Any]]]:
    """Fit models of hundreds of rows, where every scalar is held to a long run."""
    works = (
        (
            "binomial, 15 herds",
            Spec("mixed", "binomial", 56, 3, levels=(15,)),
            2.0,
            (LME4, GLMMTMB, BINOMIAL),
            mixed.SAMPLERS,
        ),
        (
            "poisson, 403 rows in 118 broods in 63 places, an effect of every row",
            Spec("nested", "poisson", 403, 3, levels=(403, 118, 63)),
            2.0,
            (LME4, GLMMTMB),
            mixed.SAMPLERS,
        ),
        (
            "gaussian, correlated slopes of 18 subjects x 10 days",
            Spec("slopes", "gaussian", 180, 1, levels=(18,)),
            1.0,
            (LME4, GLMMTMB, LINEAR),
            mixed.OF_SLOPES,
        ),
    )
    contests: list[Contest] = []
    for title, spec, most_s, peers, samplers in works:
        rows, replies = in_turn(spec, (mixed.FIT, *peers), _LIMIT_S)
        reference = refer(spec, _shorter(mixed.REFERENCE) if quick else mixed.REFERENCE)
        top = mixed.n_top(spec)
        near = _near(replies[mixed.FIT.name], reference, top)
        verdicts = [under(rows[0], most_s), near]
        contests.append({"title": title, "rows": rows, "verdicts": verdicts})
        title = f"{title}: effective draws"
        contests.append(contest(title, spec, samplers, reference, True, {}, quick))
    return contests, []


def decoders(quick: bool) -> tuple[list[Contest], list[dict[str, Any]]]:
    """Fit labels with more columns than rows, under ridges and with the scale learned."""
    n, p = (60, 150) if quick else (276, 691)
    contests: list[Contest] = []
    for lam in (1.0,) if quick else _RIDGES:
        spec = Spec("decoder", "bernoulli", n, p, lam=lam)
        title = f"bernoulli, {n} x {p}, ridge({lam:g})"
        both = (decoder.FIT, decoder.FIT_MCMC)
        rows, replies = in_turn(spec, both, _LIMIT_S)
        reference = refer(spec, _shorter(decoder.REFERENCE) if quick else decoder.REFERENCE)
        verdicts = [under(row, 5.0) for row in rows]
        for solver in both:
            reply = replies[solver.name]
            verdicts += [_near(reply, reference, 1, solver.name), _worth(reply, solver.name)]
        contests.append({"title": title, "rows": rows, "verdicts": verdicts})
        if lam == 1.0:
            title = f"{title}: effective draws"
            contests.append(contest(title, spec, decoder.SAMPLERS, reference, True, {}, quick))
    spec = Spec("decoder", "bernoulli", n, p)
    rows, _ = in_turn(spec, (decoder.TUNE, decoder.LEARNED), _LIMIT_S)
    verdicts = [under(row, 10.0) for row in rows]
    title = f"bernoulli, {n} x {p}, scale chosen or learned"
    return [*contests, {"title": title, "rows": rows, "verdicts": verdicts}], []


def _shorter(solver: Solver) -> Solver:
    return solver._replace(ladder=({**solver.ladder[0], "draws": 2000},))


def _ahead(rows: Sequence[Row], peer: str) -> dict[str, Any]:
    """Say whether the posterior, or the mode, is there before a peer's estimate."""
    bar = f"before {peer.split(',')[0]}'s estimate"
    theirs = next(row for row in rows if row["solver"] == peer)
    mine = next(row for row in rows if row["solver"] == mixed.FIT.name)
    if theirs["status"] != "timed":
        return verdict(bar, f"{peer}: {theirs['status']}", None)
    if mine["status"] != "timed":
        return verdict(bar, f"{mixed.FIT.name}: {mine['status']}", False)
    ratio = theirs["median_s"] / mine["median_s"]
    return verdict(bar, f"the posterior {ratio:.3g} times as fast", ratio > 1.0)


def _near(
    reply: Reply, reference: Reference, top: int = 0, name: str = mixed.FIT.name
) -> dict[str, Any]:
    """Hold draws to a reference, of which draws may have more scalars behind it.

    Without ``top`` the reference's own errors decide; with it also how far means are off in all,
    and standard deviations of so many.
    """
    bar = f"{name}: means and sds those of the reference within {ERRORS:g} Monte-Carlo errors"
    if top:
        bar += f", means within {_MEANS:g} sd, sds of the top within {_SDS:.0%}"
    if reply.fault:
        return verdict(bar, reply.fault, False)
    drawn: Drawn = reply.found
    size = len(reference.mean)
    if drawn.draws.shape[-1] < size:
        return verdict(bar, "not all effects were kept", False)
    drawn = drawn._replace(draws=drawn.draws[..., :size])
    far, own = furthest(drawn, reference), summary(drawn.draws)
    off = float(np.max(np.abs(own.mean - reference.mean) / reference.sd))
    wide = float(np.max(np.abs(own.sd / reference.sd - 1.0)[: top or size]))
    met = far < ERRORS and (not top or (off < _MEANS and wide < _SDS))
    return verdict(bar, f"{far:.2g} errors, {off:.2g} sd, {wide:.1%}", met)


def _worth(reply: Reply, name: str) -> dict[str, Any]:
    bar = f"{name}: at least {_LEAST_ESS:,} effective draws of every coefficient"
    if reply.fault:
        return verdict(bar, reply.fault, False)
    least = effective(reply.found)
    return verdict(bar, f"{least:,.0f}", least >= _LEAST_ESS)
