"""lags: a long recording, with a stimulus's past and the response's own."""

from statistics import median
from typing import Any

from benchmarks.peers.lags import MATERIALISED, SAMPLER, SOLVERS
from benchmarks.race import Row, race
from benchmarks.verdict import ours, ratio_verdict, verdict
from benchmarks.work import Spec
from benchmarks.worker import Worker

WORK = (
    "MAP and posterior of spikes in 1,200,000 bins: 30 lags of a white stimulus and 50 of the "
    "response's own past, Poisson, ridge penalty of 1. Peers materialise the design (0.77 GB), "
    "which is counted. Memory above the data is the peak during a fit over what its process held "
    "before: interpreter, libraries and data are left out."
)
_LIMIT_S = 600.0
_RUNS = 3
_MOST_MAP_MB = 300
_MOST_FIT_MB = 1000
_MOST_FIT_CPU_S = 40


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race the MAP in fresh processes, then draw."""
    spec = Spec("lags", "poisson", 120_000 if quick else 1_200_000, 30, 50)
    title = f"{spec.n:,} bins, {spec.p} + {spec.many} lags"
    rows = race(spec, SOLVERS, limit=_LIMIT_S, fresh=True)
    plain = "no slower than on the materialised design, which was made before the clock starts"
    verdicts = [
        _light(ours(rows), "MAP", _MOST_MAP_MB),
        ratio_verdict(rows, 1.0, plain, MATERIALISED.__eq__),
        ratio_verdict(rows, 1.0, "faster than the fastest peer", lambda name: "bayes" not in name),
    ]
    drawn = _draw(spec)
    cpu = drawn.get("cpu_s")
    spent = verdict(
        f"posterior in under {_MOST_FIT_CPU_S} s of processor time",
        "failed" if cpu is None else f"{cpu:.1f} s",
        cpu is not None and cpu < _MOST_FIT_CPU_S,
    )
    return [
        {"title": f"MAP, {title}", "rows": rows, "verdicts": verdicts},
        {
            "title": f"Posterior, {title}, 4 x 1,000 draws",
            "rows": [drawn],
            "verdicts": [spent, _light(drawn, "posterior", _MOST_FIT_MB)],
        },
    ], []


def _light(row: Row, what: str, most: int) -> dict[str, Any]:
    above = row.get("above_mb")
    figure = "unknown" if above is None else f"{above:.0f} MB"
    met = None if above is None else above < most
    return verdict(f"{what} in under {most} MB above the data", figure, met)


def _draw(spec: Spec) -> Row:
    """Return a row of the posterior's time and memory."""
    replies = []
    for seed in range(_RUNS):
        worker = Worker(SAMPLER, spec)
        replies.append(worker.fit({"seed": seed}, _LIMIT_S))
        worker.stop()
    if replies[-1].fault:
        return {"solver": SAMPLER.name, "status": f"failed: {replies[-1].fault}"}
    above = [one.above_mb for one in replies if one.above_mb is not None]
    return {
        "solver": SAMPLER.name,
        "status": "timed",
        "seconds": [one.seconds for one in replies],
        "median_s": median(one.seconds for one in replies),
        "peak_mb": round(max(one.peak_mb for one in replies)),
        "cpu_s": median(one.cpu_s for one in replies),
        "above_mb": max(above, default=None),
    }
