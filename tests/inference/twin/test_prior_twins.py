"""Priors that PyMC lacks: their twins against the native records, and their draws."""

import numpy as np
import pymc as pm
import pytest
from scipy import integrate, stats

import bayesglm as bg
from bayesglm.inference.twin.priors import PRIOR_TWINS
from bayesglm.numerics.priors.table import PRIORS

RATIOS = np.array([1e-12, 0.05, 0.5, 0.8, 0.999, 1.0 - 1e-12])


def twin(shape, **parameters):
    """Return a PyMC model of one elastic net named w, on dims that have no labels."""
    coords = {f"dim_{axis}": range(length) for axis, length in enumerate(shape)}
    with pm.Model(coords=coords) as made:
        full = {key: np.broadcast_to(value, shape) for key, value in parameters.items()}
        PRIOR_TWINS["ElasticNet"]("w", dims=tuple(coords), **full)
    return made


@pytest.mark.parametrize("shape", [(), (6,), (2, 6)], ids=str)
def test_the_elastic_net_twin_has_the_native_density_and_gradient(shape):
    rng = np.random.default_rng(0)
    parameters = {
        "scale": np.exp(rng.normal(size=shape)),
        "ratio": RATIOS if shape else np.array(0.3),
        "loc": rng.normal(size=shape),
    }
    made = twin(shape, **parameters)
    assert made.named_vars_to_dims["w"] == tuple(f"dim_{axis}" for axis in range(len(shape)))
    prior = PRIORS["ElasticNet"]
    both = made.compile_fn(
        [made.logp(sum=False)[0], made.dlogp()], mode="FAST_COMPILE", point_fn=False
    )
    for x in (parameters["loc"], *parameters["scale"] * rng.normal(size=(3, *shape)) * 3.0):
        density, gradient = both(x)
        np.testing.assert_allclose(density, prior.log_density(x, **parameters), rtol=1e-10)
        np.testing.assert_allclose(
            gradient, np.ravel(prior.gradient(x, **parameters)), rtol=1e-10, atol=1e-300
        )


def test_the_elastic_net_twin_starts_at_its_mode():
    loc = np.array([0.5, -2.0])
    point = twin((2,), scale=0.3, ratio=0.5, loc=loc).initial_point(0)
    np.testing.assert_array_equal(point["w"], loc)


def cdf(parameters):
    """The cdf of the native density, integrated on a grid that has a node at the kink."""
    steps = np.concatenate([[0.0], np.geomspace(1e-9, 45.0, 40_000)]) * parameters["scale"]
    grid = parameters["loc"] + np.concatenate([-steps[:0:-1], steps])
    density = np.exp(PRIORS["ElasticNet"].log_density(grid, **parameters))
    below = integrate.cumulative_trapezoid(density, grid, initial=0.0)
    assert below[-1] == pytest.approx(1.0, abs=1e-6)
    return lambda x: np.interp(x, grid, below)


def test_draws_of_the_elastic_net_twin_follow_its_density():
    """So many draws that cdfs 0.006 apart are told apart at p < 1e-6: twelve tests, no chance."""
    n, scale, loc = 200_000, 0.4, 1.5
    made = twin((len(RATIOS), n), scale=scale, ratio=RATIOS[:, None], loc=loc)
    draws = pm.draw(made["w"], random_seed=1, mode="FAST_COMPILE")
    for ratio, drawn in zip(RATIOS, draws, strict=True):
        signed = cdf({"scale": scale, "ratio": ratio, "loc": loc})
        assert stats.kstest(drawn, signed).pvalue > 1e-6
        # The size alone too: an error in it is halved in the signed draws.
        sizes = stats.kstest(np.abs(drawn - loc), lambda x, of=signed: 2 * of(loc + x) - 1)
        assert sizes.pvalue > 1e-6


def test_prior_predictive_draws_of_an_elastic_net_are_seeded_and_differ():
    made = twin((3,), scale=0.4, ratio=0.5, loc=0.0)
    draws = [
        pm.sample_prior_predictive(
            50, model=made, random_seed=seed, compile_kwargs={"mode": "FAST_COMPILE"}
        ).prior["w"]
        for seed in (1, 1, 2)
    ]
    assert draws[0].dims == ("chain", "draw", "dim_0")
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.any(draws[0].values == draws[2].values)
    assert len(np.unique(draws[0])) == 150


SQUARES = {
    bg.Precision(bg.Gamma(1.5, 2.0)): stats.gengamma(1.5, -2.0, scale=2.0**0.5),
    bg.Variance(bg.Gamma(0.7, 2.0)): stats.gengamma(0.7, 2.0, scale=2.0**-0.5),
}


@pytest.mark.parametrize("above", SQUARES, ids=repr)
def test_draws_of_scales_follow_what_is_said_of_their_squares(above):
    kind, numbers = above.in_numbers
    with pm.Model(coords={"place": range(50_000)}) as made:
        full = {key: np.full(50_000, value) for key, value in numbers.items()}
        PRIOR_TWINS[kind]("s", dims=("place",), **full)
    assert [variable.name for variable in made.value_vars] == ["s_log__"]
    drawn = pm.draw(made["s"], random_seed=1, mode="FAST_COMPILE")
    assert stats.kstest(drawn, SQUARES[above].cdf).pvalue > 1e-4
