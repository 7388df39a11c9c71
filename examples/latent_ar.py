"""A neuron that is not driven by its stimulus alone: a kernel beside a latent drive.

Counts of spikes follow a flickering stimulus, and beside it something slow that nobody recorded:
arousal, attention, an input from elsewhere. Left out, it makes counts more variable than any
Poisson rate allows, and the kernel's bands narrower than they should be. Here it is a latent AR(1)
process that is added to the linear predictor (Macke et al. 2011, NeurIPS 24; Smith & Brown 2003,
Neural Computation 15, 965-991):

    spikes[t] ~ Poisson(exp(eta[t] + drive[t]))
    drive[t]  = level + rho (drive[t-1] - level) + sd sqrt(1 - rho^2) noise[t]

where eta, a kernel over the stimulus's recent past, is one call of `bayesglm.linear_predictor`
inside the PyMC model. The drive varies around the level of the log rate, which so has no partner to
trade with, as an intercept beside it would have. Run it, which takes less than a minute:

    python examples/latent_ar.py
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import arviz as az
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pytensor.compile.mode import Mode

import bayesglm as bg

BIN = 0.05  # seconds
TRUTH = {
    "level": 1.5,
    "stimulus": np.array([0.1, 0.4, 0.25, 0.05, -0.15]),
    "rho": 0.9,
    "sd": 0.6,
}

ENCODING = bg.GLM(
    "spikes",
    bg.Lagged("stimulus", lags=len(TRUTH["stimulus"]), prior=bg.Normal(0.5)),
    family="poisson",
    intercept=None,
)


def simulate(n: int = 400, seed: int = 0) -> xr.Dataset:
    """Return counts in bins, the stimulus, and the drive, which a model does not see."""
    rng = np.random.default_rng(seed)
    stimulus, noise = rng.normal(size=(2, n))
    rho, drive = TRUTH["rho"], np.zeros(n)
    drive[0] = TRUTH["sd"] * noise[0]
    for t in range(1, n):
        drive[t] = rho * drive[t - 1] + TRUTH["sd"] * np.sqrt(1.0 - rho**2) * noise[t]
    eta = TRUTH["level"] + np.convolve(stimulus, TRUTH["stimulus"])[:n] + drive
    series = {"spikes": rng.poisson(np.exp(eta)), "stimulus": stimulus, "drive": drive}
    variables = {name: ("time", values) for name, values in series.items()}
    return xr.Dataset(variables, coords={"time": BIN * np.arange(n)})


def build(data: xr.Dataset) -> pm.Model:
    """Return the model: the linear predictor of the stimulus, a latent drive, Poisson counts."""
    with pm.Model() as model:
        eta = bg.linear_predictor(ENCODING, data)
        used = np.isin(data["time"].values, model.coords["time"])  # those with a full past
        level = pm.Normal("level", 0.0, 2.0)
        rho = pm.Beta("rho", 8.0, 2.0)
        sd = pm.HalfNormal("sd", 1.0)
        drive = pm.AR(
            "drive",
            [level * (1.0 - rho), rho],
            sigma=sd * pt.sqrt(1.0 - rho**2),
            constant=True,
            init_dist=pm.Normal.dist(level, sd),
            steps=int(used.sum()) - 1,
            dims="time",
        )
        pm.Poisson("spikes", pt.exp(eta + drive), observed=data["spikes"].values[used], dims="time")
    return model


def sample(model: pm.Model, draws: int = 500, chains: int = 2, seed: int = 0) -> xr.Dataset:
    """Return the posterior of kernel and drive."""
    with model, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = pm.sample(
            draws,
            tune=draws,
            chains=chains,
            cores=1,
            random_seed=seed,
            nuts_sampler="pymc",
            compile_kwargs={"mode": Mode(linker="cvm", optimizer="fast_run")},
            progressbar=False,
            compute_convergence_checks=False,
        )
    return fitted["posterior"].to_dataset()


def main() -> None:
    """Simulate, sample, and print what comes out beside what was put in."""
    data = simulate()
    posterior = sample(build(data))
    print(az.summary(posterior, var_names=["level", "stimulus", "rho", "sd"]))
    drive = posterior["drive"].mean(("chain", "draw"))
    alike = np.corrcoef(drive, data["drive"].sel(time=drive["time"]))[0, 1]
    print(f"\nThe drive that nobody recorded is found with a correlation of {alike:.2f}.")
    alone = bg.fit(replace(ENCODING, intercept=bg.Normal(2.0)), data)
    widths = [
        one["stimulus"].std(("chain", "draw")).mean().item() for one in (posterior, alone.posterior)
    ]
    print(f"sd of the kernel: {widths[0]:.3f}; {widths[1]:.3f} for a model that knows of no drive.")


if __name__ == "__main__":
    main()
