"""coupled: populations whose neurons read one another's past."""

from statistics import median
from typing import Any

from benchmarks.peers.coupled import SAMPLER, SIMULATOR, SOLVERS
from benchmarks.race import Row, race
from benchmarks.solver import Solver
from benchmarks.verdict import ours, ratio_verdict, verdict
from benchmarks.work import Spec
from benchmarks.worker import Worker

WORK = (
    "Poisson neurons under ridge(1), flat intercepts. Four cells in 144,051 bins: 25 lags of a "
    "white stimulus, 20 of a cell's own past and 20 of each other's: MAP of all, and posterior. "
    "100 neurons in 60,000 bins of 1 ms: 20 lags of every neuron's past in 8 raised cosines, 801 "
    "coefficients a neuron: MAP of all; then 60 s of these simulated, their own spikes fed back. "
    "Peers are given the stimulus and the counts, and build the design."
)
_LIMIT_S = 900.0
_RUNS = 3
_CELLS_S, _POSTERIOR_S, _SIMULATED_S, _MOST_MB = 3.0, 15.0, 3.0, 2048


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race both populations; draw from the one, simulate the other."""
    cells = Spec("coupled", "poisson", 14_405 if quick else 144_051, 25, 4)
    n, neurons = (10_000, 20) if quick else (60_000, 100)
    many = Spec("coupled", "poisson", n, 0, neurons, functions=8)
    of_cells = race(cells, SOLVERS, limit=_LIMIT_S, fresh=True)
    of_many = race(many, SOLVERS, limit=_LIMIT_S, fresh=True)
    drawn, simulated = _alone(SAMPLER, cells), _alone(SIMULATOR, many)
    peak = ours(of_many).get("peak_mb")
    light = verdict(
        f"under {_MOST_MB} MB",
        "failed" if peak is None else f"{peak} MB",
        peak is not None and peak < _MOST_MB,
    )
    title = f"{cells.many} cells, {cells.n:,} bins"
    past = f"{many.many} neurons, {many.n:,} bins"
    return [
        {
            "title": f"MAP, {title}",
            "rows": of_cells,
            "verdicts": [_within(ours(of_cells), _CELLS_S), _ahead(of_cells)],
        },
        {
            "title": f"Posterior, {title}, 4 x 1,000 draws",
            "rows": [drawn],
            "verdicts": [_within(drawn, _POSTERIOR_S)],
        },
        {"title": f"MAP, {past}", "rows": of_many, "verdicts": [_ahead(of_many), light]},
        {
            "title": f"Simulation, {past}",
            "rows": [simulated],
            "verdicts": [_within(simulated, _SIMULATED_S)],
        },
    ], []


def _ahead(rows: list[Row]) -> dict[str, Any]:
    return ratio_verdict(rows, 1.0, "faster than nemos", lambda name: name.startswith("nemos"))


def _within(row: Row, most: float) -> dict[str, Any]:
    seconds = row.get("median_s")
    figure = "failed" if seconds is None else f"{seconds:.3g} s"
    return verdict(f"under {most:g} s", figure, seconds is not None and seconds < most)


def _alone(solver: Solver, spec: Spec) -> Row:
    """Return a row of what nobody else does."""
    worker = Worker(solver, spec)
    replies = [worker.fit({"seed": seed}, _LIMIT_S) for seed in range(_RUNS)]
    worker.stop()
    if replies[-1].fault:
        return {"solver": solver.name, "status": f"failed: {replies[-1].fault}"}
    return {
        "solver": solver.name,
        "status": "timed",
        "seconds": [one.seconds for one in replies],
        "median_s": median(one.seconds for one in replies),
        "peak_mb": round(max(one.peak_mb for one in replies)),
        "cpu_s": median(one.cpu_s for one in replies),
    }
