"""Public recordings that courses are taught with, fetched where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.datasets.fetching import Remote, fetched
from bayesglm.datasets.simulated import CELLS
from bayesglm.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

# The sums are those that the course publishes beside the addresses.
RETINA = Remote(
    "RGCdata.mat",
    "https://osf.io/mzujs/download",
    "1b2977453020bce5319f2608c94d38d0",
    "simulate_retina",
)
STEINMETZ = Remote(
    "W1D4_steinmetz_data.npz",
    "https://osf.io/r9gh8/download",
    "d19716354fed0981267456b80db07ea8",
    "simulate_choices",
)


def retina() -> xr.Dataset:
    """Fetch 20 minutes of four primate ganglion cells that see full-field binary white noise.

    Recorded by Valerie Uzzell in the laboratory of E.J. Chichilnisky (Uzzell & Chichilnisky 2004,
    J Neurophysiol 92:780-789; Pillow et al. 2005, J Neurosci 25:11003-11013): two OFF and two ON
    parasol cells, as Neuromatch Academy distributes them in its course. The authors grant the data
    for teaching only: they are no part of this package, and whoever wants them for research or
    publication asks Jonathan Pillow. `simulate_retina` has their shape, no conditions, and the
    truth.

    The file is fetched once by pooch (``pip install 'bayesglm[fetch]'``), checked against the MD5
    sum that the course publishes, and kept in the user's cache, or in the folder that the
    environment variable ``BAYESGLM_DATA`` names. A copy that lies there needs neither pooch nor a
    network.

    Returns
    -------
    xarray.Dataset
        Dims ``time`` (144,051 bins of about 1/120 s; centres, in s) and ``cell``. ``stimulus
        (time)``: intensity. ``spikes (time, cell)``: counts, uint8.

    Raises
    ------
    DataError
        No network and no copy, pooch missing, or a file with another sum.
    """
    return read_retina(fetched(RETINA))


def read_retina(path: Path) -> xr.Dataset:
    """Read the course's file of the retina."""
    import xarray as xr
    from scipy.io import loadmat

    file = loadmat(path)
    missing = [name for name in ("Stim", "SpCounts", "dtStim") if name not in file]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}: it is not the course's file.")
    step = float(file["dtStim"].item())
    counts = np.asarray(file["SpCounts"]).astype(np.uint8)
    return xr.Dataset(
        {
            "stimulus": ("time", np.asarray(file["Stim"], dtype=float).ravel()),
            "spikes": (("time", "cell"), counts),
        },
        coords={
            "time": ("time", (np.arange(len(counts)) + 0.5) * step, {"units": "s"}),
            "cell": list(CELLS),
        },
        attrs={
            "reference": "Uzzell & Chichilnisky (2004), J Neurophysiol 92:780-789",
            "licence": "granted by E.J. Chichilnisky and J. Pillow for teaching only",
            "source": RETINA.url,
        },
    )


def steinmetz() -> xr.Dataset:
    """Fetch the choices of a mouse and the rates of 691 neurons in 276 trials.

    One session of Steinmetz et al. (2019), Nature 576:266-273, as Neuromatch Academy distributes it
    in its course on logistic regression. Fetched, checked and kept as `retina` says;
    `simulate_choices` has its shape, and the truth.

    Returns
    -------
    xarray.Dataset
        Dims ``obs`` (trials) and ``neuron``. ``choice (obs)``: 0 or 1. ``spikes (obs, neuron)``:
        firing rates, normalised for each neuron.

    Raises
    ------
    DataError
        No network and no copy, pooch missing, or a file with another sum.
    """
    return read_steinmetz(fetched(STEINMETZ))


def read_steinmetz(path: Path) -> xr.Dataset:
    """Read the course's file of choices."""
    import xarray as xr

    with np.load(path) as file:
        missing = [name for name in ("choices", "spikes") if name not in file]
        if missing:
            raise DataError(f"{path} lacks {', '.join(missing)}: it is not the course's file.")
        choices, spikes = file["choices"], file["spikes"]
    return xr.Dataset(
        {
            "choice": ("obs", choices.ravel().astype(np.int64)),
            "spikes": (("obs", "neuron"), spikes.astype(float)),
        },
        coords={"neuron": np.arange(spikes.shape[1])},
        attrs={
            "reference": "Steinmetz et al. (2019), Nature 576:266-273",
            "source": STEINMETZ.url,
        },
    )
