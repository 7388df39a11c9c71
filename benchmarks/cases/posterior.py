"""posterior: effective draws per second of a logistic and a Poisson regression."""

from typing import Any

from benchmarks.peers.posterior import FIT, FIT_MCMC, REFERENCE, SAMPLERS
from benchmarks.sampling import contest, refer, replicate_verdict
from benchmarks.work import Spec

WORK = (
    "Posterior of a regression with Normal(0, 2.5) on the intercept and Normal(0, 1) on the "
    "coefficients, n=10,000, p=20 standard normal predictors: four chains of 1,000 draws, after "
    "the warm-up that each sampler chooses. Every run is the first call of a fresh process, "
    "building and compiling included, imports apart; once with nothing on disk that was compiled "
    "before, once with what earlier processes left there. ESS is ArviZ's in the bulk, the smallest "
    "over the 21 scalars; of importance draws also no more than Kish's size of the weights and the "
    "number of distinct draws."
)
BARS = {FIT.name: 20.0, FIT_MCMC.name: 5.0}


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sample both families."""
    n = 1000 if quick else 10_000
    contests, verdicts = [], []
    for family in ("bernoulli", "poisson"):
        spec = Spec("dense", family, n, 20)
        reference = refer(spec, REFERENCE)
        for on_disk, said in ((False, "nothing on disk"), (True, "compiled code on disk")):
            title = f"{family}, n={n:,}, p=20: first call, {said}"
            contests.append(contest(title, spec, SAMPLERS, reference, on_disk, BARS, quick))
        verdicts.append(replicate_verdict(spec, FIT, reference))
        verdicts[-1]["bar"] = f"{family}: {verdicts[-1]['bar']}"
    return contests, verdicts
