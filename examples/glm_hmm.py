"""Mice that change their minds about the task: a GLM whose coefficients follow a hidden state.

A mouse sees a grating on the left or on the right and turns a wheel to say where. One psychometric
curve for all trials says that it errs now and then, whatever it sees. Ashwood et al. (2022, Nature
Neuroscience 25, 201-212) found another story in the order of the trials: for dozens of them in a
row the mouse is engaged and hardly errs, then for dozens it turns one way. They wrote this as a
hidden Markov model with a Bernoulli GLM in each state:

    choice[t] ~ Bernoulli(logit = eta[t, z[t]])          a GLM of its own for each state z
    z[t]      ~ Categorical(softmax(log A[z[t-1]] + drive[t]))

Each state's eta, and the drive by which fatigue moves a mouse from state to state, is one call of
`bayesglm.linear_predictor` inside one PyMC model: it brings priors, names, dims, and the history of
choices within a session. The states are summed out by the forward algorithm, so that NUTS sees
smooth parameters only; the backward one gives the gradient, and what we know of the states.

States have no names of their own: swap two of them, and the likelihood is the same. So chains
disagree on which state is number 0, and so may draws of one chain. What a state does names it:
in every draw the engaged one is that which follows the stimulus most, and of the others the one
that turns right less is called left. Run it, which takes about a minute:

    python examples/glm_hmm.py
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import arviz as az
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numba import njit
from pytensor.compile.mode import Mode
from pytensor.graph import Apply, Op

import bayesglm as bg

STATES = ("engaged", "left", "right")
NAMES = ("intercept", "contrast", "previous", "tired")

# What a mouse does in each state, and how states follow one another in a fresh mouse.
TRUTH = {
    "contrast": np.array([5.0, 0.8, 0.8]),
    "intercept": np.array([0.0, -1.8, 1.8]),
    "previous": np.array([0.2, 0.4, 0.4]),
    "tired": np.array([-0.8, 0.4, 0.4]),
    "transition": np.array([[0.96, 0.02, 0.02], [0.05, 0.93, 0.02], [0.05, 0.02, 0.93]]),
}

CHOICES = bg.GLM(
    "choice",
    [
        bg.Linear("contrast", prior=bg.Normal(3.0)),
        bg.History(lags=1, name="previous", prior=bg.Normal(1.0)),
    ],
    family="bernoulli",
    intercept=bg.Normal(2.0),
    edges="zero",  # the first choice of a session has no choice before it
)
# Only its terms count: into which states fatigue drives the mouse.
FATIGUE = bg.GLM(
    "choice", bg.Linear("tired", prior=bg.Normal(1.0)), family="bernoulli", intercept=None
)


class Simulated(NamedTuple):
    """Sessions of choices, ``(obs,)`` one after the other, and the states that nobody sees."""

    data: xr.Dataset
    states: np.ndarray


def simulate(n_sessions: int = 10, n_trials: int = 128, seed: int = 0) -> Simulated:
    """Return choices (1 is right) of a mouse at the coefficients of `TRUTH`."""
    rng = np.random.default_rng(seed)
    contrast = rng.choice([-1.0, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1.0], (n_sessions, n_trials))
    tired = np.linspace(-1.0, 1.0, n_trials)
    choice, states = np.zeros((2, n_sessions, n_trials), dtype=int)
    for session in range(n_sessions):
        state, previous = int(rng.integers(3)), 0
        for t in range(n_trials):
            if t > 0:
                odds = TRUTH["transition"][state] * np.exp(TRUTH["tired"] * tired[t])
                state = int(rng.choice(3, p=odds / odds.sum()))
            eta = TRUTH["intercept"][state] + TRUTH["contrast"][state] * contrast[session, t]
            eta += TRUTH["previous"][state] * previous
            previous = int(rng.random() < 1.0 / (1.0 + np.exp(-eta)))
            choice[session, t], states[session, t] = previous, state
    data = bg.as_dataset(
        {
            "choice": choice.ravel(),
            "contrast": contrast.ravel(),
            "tired": np.tile(tired, n_sessions),
            "trial": np.repeat(np.arange(n_sessions), n_trials),  # samples that belong together
        }
    )
    return Simulated(data, states.ravel())


def build(data: xr.Dataset) -> pm.Model:
    """Return the GLM-HMM, its states summed out."""
    n_sessions, numbers = len(np.unique(data["trial"])), range(len(STATES))
    coords = dict.fromkeys(("state", "next_state", "which"), numbers)
    coords["choice_made"] = range(data.sizes["obs"])
    with pm.Model(coords=coords) as model:
        eta = pt.stack([bg.linear_predictor(CHOICES, data, f"state{k}") for k in numbers], axis=-1)
        drive = pt.stack([bg.linear_predictor(FATIGUE, data, f"to{k}") for k in numbers], axis=-1)
        stays = 1.0 + 9.0 * np.eye(len(STATES))
        transition = pm.Dirichlet("transition", stays, dims=("state", "next_state"))
        odds = pt.log(transition) + drive[:, None, :]
        log_steps = odds - pt.logsumexp(odds, axis=-1, keepdims=True)
        side = np.where(data["choice"].values == 1, 1.0, -1.0)
        log_choice = -pt.softplus(-side[:, None] * eta)
        by_session = (n_sessions, -1, len(STATES))
        log_steps = log_steps.reshape((*by_session, len(STATES)))
        log_lik, state, _ = ForwardBackward()(log_choice.reshape(by_session), log_steps)
        pm.Potential("choices", log_lik)
        state = state.reshape((-1, len(STATES)))
        pm.Deterministic("state_probability", state, dims=("choice_made", "which"))
    return model


@njit
def forward_backward(log_choice, log_steps):
    """Return log P(choices), the probabilities of states, and those of pairs of neighbours.

    ``log_choice[s, t, j]`` is log P(choice[t] | z[t] = j) in session s, and ``log_steps[s, t, i,
    j]`` log P(z[t] = j | z[t-1] = i); a session starts in any state alike (Rabiner 1989).
    """
    n_sessions, n, k = log_choice.shape
    total, state, pair = 0.0, np.zeros((n_sessions, n, k)), np.zeros((n_sessions, n, k, k))
    for s in range(n_sessions):
        steps, past = np.exp(log_steps[s]), np.full((n, k), 1.0 / k)
        chance, size = np.zeros((n, k)), np.zeros(n)
        for t in range(n):
            best = log_choice[s, t].max()
            chance[t] = np.exp(log_choice[s, t] - best)
            before = past[t] if t == 0 else past[t - 1] @ steps[t]
            size[t] = (before * chance[t]).sum()
            past[t] = before * chance[t] / size[t]
            total += np.log(size[t]) + best
        future = np.ones(k)
        for t in range(n - 1, -1, -1):
            state[s, t] = past[t] * future
            if t > 0:
                ahead = chance[t] * future / size[t]
                pair[s, t] = past[t - 1].reshape(k, 1) * steps[t] * ahead
                future = steps[t] @ ahead
    return total, state, pair


class ForwardBackward(Op):
    """log P(choices) as an operation of PyTensor, and what we know of the states.

    No gradient has to be derived: by Fisher's identity that in log P(choice[t] | z[t] = j) is the
    probability of that state, and that in a transition's logarithm the probability of that pair.
    """

    def make_node(self, log_choice, log_steps):
        log_choice, log_steps = pt.as_tensor(log_choice), pt.as_tensor(log_steps)
        return Apply(self, [log_choice, log_steps], [pt.dscalar(), pt.dtensor3(), pt.dtensor4()])

    def perform(self, node, inputs, outputs):
        for cell, value in zip(outputs, forward_backward(*inputs), strict=True):
            cell[0] = np.asarray(value)

    def pullback(self, inputs, outputs, slopes):
        return [slopes[0] * outputs[1], slopes[0] * outputs[2]]


def sample(model: pm.Model, draws: int = 400, chains: int = 2, seed: int = 0) -> xr.Dataset:
    """Return the posterior, with the states of every draw under their names."""
    # In C, which for so small a graph is compiled in a fraction of the time that Numba takes.
    mode = Mode(linker="cvm", optimizer="fast_run")
    with model, warnings.catch_warnings():
        # Before the states have names, chains cannot agree.
        warnings.simplefilter("ignore")
        fitted = pm.sample(
            draws,
            tune=draws,
            chains=chains,
            cores=1,
            random_seed=seed,
            nuts_sampler="pymc",
            compile_kwargs={"mode": mode},
            progressbar=False,
            compute_convergence_checks=False,
        )
    return named(fitted["posterior"].to_dataset())


def named(posterior: xr.Dataset) -> xr.Dataset:
    """Return coefficients along ``state``, sorted in every draw by what the states do."""
    prefixes = dict.fromkeys(NAMES, "state") | {"tired": "to"}
    by_number = {
        name: xr.concat([posterior[f"{prefix}{k}_{name}"] for k in range(len(STATES))], "state")
        for name, prefix in prefixes.items()
    }
    by_number["previous"] = by_number["previous"].squeeze(drop=True)
    slope, bias = by_number["contrast"], by_number["intercept"]
    rank = xr.where(slope == slope.max("state"), -np.inf, bias).transpose(..., "state")
    order = xr.DataArray(rank.argsort(axis=-1).values, dims=rank.dims)
    by_name = {name: values.isel(state=order) for name, values in by_number.items()}
    by_name["state_probability"] = posterior["state_probability"].isel(which=order)
    by_name["transition"] = (
        posterior["transition"]
        .drop_vars(["state", "next_state"])
        .isel(state=order, next_state=order.rename(state="next_state"))
    )
    return xr.Dataset(by_name).assign_coords(state=list(STATES), next_state=list(STATES))


def main() -> None:
    """Simulate, sample, and print how what was put in comes out again."""
    simulated = simulate()
    posterior = sample(build(simulated.data))
    print(az.summary(posterior, var_names=[*NAMES, "transition"]))
    decoded = posterior["state_probability"].mean(("chain", "draw")).argmax("state").values
    right = np.mean(decoded == simulated.states)
    print(f"\n{right:.0%} of {len(decoded)} trials are decoded as the state that they were in.")


if __name__ == "__main__":
    main()
