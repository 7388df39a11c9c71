"""Kernels whose window ends too early, and bases too coarse for a refractory period."""

import warnings

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.results.kernel_warnings import warn_of_edges

N, STEP = 6000, 0.001


@pytest.fixture(scope="module")
def data():
    """A stimulus that acts for 40 samples, and spikes never within 2 samples of each other."""
    rng = np.random.default_rng(2)
    stimulus = rng.normal(size=(N, 2))
    drive = np.convolve(stimulus[:, 0], 0.4 * np.exp(-np.arange(40) / 20.0))[:N] - 1.2
    spikes = np.zeros(N, dtype=np.uint8)
    for t in range(N):
        silent = spikes[max(t - 2, 0) : t].any()
        spikes[t] = not silent and rng.random() < 1.0 / (1.0 + np.exp(-drive[t]))
    return xr.Dataset(
        {"spikes": ("time", spikes), "stimulus": (("time", "side"), stimulus)},
        coords={"time": STEP * np.arange(N)},
    )


def glm(*terms):
    return bg.GLM("spikes", terms, family="bernoulli", prior=bg.Normal(1.0))


def test_a_window_that_ends_too_early_is_told(data):
    term = bg.Lagged("stimulus", lags=8, basis=bg.boxcar(4))
    fit = bg.fit_laplace(glm(term), data, draws=200, chains=2)
    with pytest.warns(
        bg.BayesGLMWarning,
        match=r"kernel of 'stimulus' is not back at zero at the end of its window \(1 of 2 of them"
        r", furthest that of side 0\): 0\.\d+ at lag 7, 7 ms, \d+\.\d sds away",
    ):
        bg.kernels(fit)
    named = data.assign_coords(side=np.array(["left", "right"], dtype=object))
    with pytest.warns(bg.BayesGLMWarning, match=r"furthest that of side 'left'\)"):
        bg.kernels(bg.fit_laplace(glm(term), named, draws=200, chains=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bg.plot_kernels(fit)  # which does not tell it again
    longer = glm(bg.Lagged("stimulus", lags=100, basis=bg.log_raised_cosine(6)))
    quiet(bg.fit_laplace(longer, data, draws=200, chains=2))


def test_of_many_kernels_chance_is_not_told():
    """Of 400 kernels the furthest by chance is beyond 3 sds more often than not."""
    ends = np.random.default_rng(0).normal(size=(2, 20, 20))
    ends = 3.3 * ends / np.abs(ends).max()

    def node(ends):
        link = np.stack([ends[0], *np.zeros((8, 20, 20)), ends[1]])
        names = [f"cell {k}" for k in range(20)]
        return xr.Dataset(
            {
                "link": (("lag", "cell", "source"), link),
                "link_sd": (("lag", "cell", "source"), np.ones(link.shape)),
            },
            coords={"lag": np.arange(-1, 9), "cell": names, "source": names},
        )

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_edges("coupling", node(ends))
    ends[1, 3, 7], ends[0, 2, 4] = 6.0, -5.0
    told = (
        r"at the end .* \(2 of 400 of them, furthest that of cell 'cell 3', source 'cell 7'\): 6 "
    )
    with pytest.warns(bg.BayesGLMWarning, match=told) as caught:
        warn_of_edges("coupling", node(ends))
    assert len(caught) == 1
    with pytest.warns(bg.BayesGLMWarning, match="3.3 sds away"):
        warn_of_edges("one", node(ends / ends.max() * 3.3).isel(cell=3, source=7))


def test_what_leads_up_to_an_event_is_looked_at_as_well(data):
    late = data.assign(spikes=data["spikes"].roll(time=-6, roll_coords=False))
    term = bg.Event("stimulus", lags=(-8, 60), basis=bg.bspline(12), name="early")
    fit = bg.fit_laplace(glm(term), late, draws=200, chains=2)
    inside = bg.Event("stimulus", lags=(-4, 60), basis=bg.bspline(12), name="early")
    with pytest.warns(bg.BayesGLMWarning, match="at the start of its window .* at lag -4, -4 ms"):
        bg.kernels(bg.fit_laplace(glm(inside), late, draws=200, chains=2))
    quiet(fit)


def test_a_basis_too_coarse_for_the_refractory_period_is_told(data):
    coarse = glm(bg.History(lags=40, basis=bg.raised_cosine(3)))
    with pytest.warns(
        bg.BayesGLMWarning,
        match=r"basis of 'history' is too coarse for the first lags: 0 events came 1 samples after "
        r"another, and the model foresees \d{2,3}\..*log_raised_cosine",
    ):
        bg.kernels(bg.fit_map(coarse, data))
    for fine in (bg.log_raised_cosine(10, stretch=200.0), None):
        quiet(bg.fit_map(glm(bg.History(lags=40, basis=fine)), data))


def quiet(fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bg.kernels(fit)
