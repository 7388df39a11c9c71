"""Every link function against the mean of a family that has the link."""

import numpy as np
import pytest

from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import LINK_NAMES

# A family of one channel for each link.
OWN = {link: family for (name, link), family in FAMILIES.items() if not family.n_levels}


@pytest.mark.parametrize("link", list(LINK_NAMES))
def test_link_functions_undo_means(link):
    function = LINK_FUNCTIONS[link]
    means = np.array([0.01, 0.2, 0.5, 0.9])
    if function.high > 1.0:
        means = np.r_[means, 1.5, 3.0]
    eta = np.array([function.eta(mean) for mean in means])
    phi = [1.0] * len(OWN[link].dispersions)
    np.testing.assert_allclose(OWN[link].mean(eta[None], phi, None), means, rtol=1e-12)
    assert np.all(np.diff(eta) < 0.0) == function.falls
    assert np.all(np.diff(eta) != 0.0)
    assert function.low <= 0.0
