"""Priors as they are said: numbers kept, penalties bridged, everything else refused."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.spec.priors import learned_scale

LEARNABLE = [bg.Normal, bg.Laplace, bg.StudentT, bg.ElasticNet, bg.RandomWalk]
ABOVE = [bg.HalfNormal, bg.HalfStudentT, bg.Exponential]
SCALED = [*LEARNABLE, *ABOVE]
LAMBDAS = st.floats(1e-100, 1e100)


@given(LAMBDAS)
def test_ridge_is_a_normal(lam):
    prior = bg.ridge(lam)
    assert isinstance(prior, bg.Normal)
    assert prior.loc == 0.0
    assert math.isclose(prior.scale**-2, lam, rel_tol=1e-12)


@given(LAMBDAS)
def test_lasso_is_a_laplace(lam):
    prior = bg.lasso(lam)
    assert isinstance(prior, bg.Laplace)
    assert prior.loc == 0.0
    assert math.isclose(1 / prior.scale, lam, rel_tol=1e-12)


@given(LAMBDAS, LAMBDAS)
def test_elastic_net_is_both_penalties(lam1, lam2):
    prior = bg.elastic_net(lam1, lam2)
    scale, l1, l2 = (Fraction(x) for x in (prior.scale, lam1, lam2))
    # Ratios nearest to 0 and to 1 have run out of floats; what is left is the other penalty.
    if isinstance(prior, bg.Laplace):
        assert l2 < l1**2 / 10**15
        assert prior == bg.lasso(lam1)
        return
    assert isinstance(prior, bg.ElasticNet)
    ratio = Fraction(prior.ratio)
    assert prior.loc == 0.0
    assert abs(ratio / scale - l1) <= l1 / 10**15
    assert abs((1 - ratio) / scale**2 - l2) <= (l2 + l1**2) / 10**15


def test_an_elastic_net_of_one_penalty_is_the_other_prior():
    for lam in (0.3, 2.0, 1e-300, 1e300):
        assert bg.elastic_net(lam, 0) == bg.lasso(lam)
        assert bg.elastic_net(0, lam) == bg.ridge(lam)
    assert bg.elastic_net(0, 0.0) == bg.elastic_net(-0.0, 0) == bg.Flat()


EXTREMES = st.sampled_from([5e-324, 1e-300, 1e-154, 1.0, 1e154, 1e300, 1.7e308])


@given(EXTREMES | st.floats(1e-300, 1e300), EXTREMES | st.floats(1e-300, 1e300))
def test_any_two_penalties_are_a_prior(lam1, lam2):
    """The larger of the two penalties survives, however far apart they are."""
    prior = bg.elastic_net(lam1, lam2)
    scale = Fraction(prior.scale)
    ends = {bg.Normal: 0.0, bg.Laplace: 1.0}
    ratio = Fraction(prior.ratio if isinstance(prior, bg.ElasticNet) else ends[type(prior)])
    # Where the first of the two penalties reaches about one, so does what is said and kept.
    width = min(1 / Fraction(lam1), Fraction(lam2**-0.5))
    said = Fraction(lam1) * width + Fraction(lam2) / 2 * width**2
    kept = ratio / scale * width + (1 - ratio) / scale**2 / 2 * width**2
    assert abs(kept - said) <= said / 10**12


@given(LAMBDAS, st.integers(1, 4), st.sampled_from([None, "lag", ("y", "x")]))
def test_smooth_is_a_random_walk(lam, order, dims):
    prior = bg.smooth(lam, order, dims)
    assert prior == bg.RandomWalk(lam**-0.5, order=order, dims=dims)
    assert math.isclose(prior.scale**-2, lam, rel_tol=1e-12)
    assert (prior.order, prior.dims) == (order, dims)


@given(LAMBDAS, st.floats(-10, 10), st.floats(-10, 10))
def test_penalties_are_differences_of_log_density(lam, v, w):
    from bayesglm.numerics.priors.table import PRIORS

    w, v = np.float64(w), np.float64(v)
    for prior, penalty in [
        (bg.ridge(lam), lambda x: lam / 2 * x**2),
        (bg.lasso(lam), lambda x: lam * abs(x)),
        (bg.elastic_net(2 * lam, lam**2), lambda x: 2 * lam * abs(x) + lam**2 / 2 * x**2),
    ]:
        density = PRIORS[type(prior).__name__].log_density
        fall = density(v, **vars(prior)) - density(w, **vars(prior))
        size = penalty(w) + penalty(v) + abs(density(np.float64(0.0), **vars(prior)))
        assert abs(fall - (penalty(w) - penalty(v))) <= 1e-12 * size


def test_no_penalty_is_flat():
    assert bg.ridge(0) == bg.lasso(0.0) == bg.ridge(-0.0) == bg.Flat()
    assert bg.smooth(0) == bg.smooth(0.0, order=3, dims="lag") == bg.Flat()


PENALTIES = {
    "ridge(lam): lam": bg.ridge,
    "lasso(lam): lam": bg.lasso,
    "smooth(lam): lam": bg.smooth,
    "elastic_net(lam1, lam2): lam1": lambda lam: bg.elastic_net(lam, 1.0),
    "elastic_net(lam1, lam2): lam2": lambda lam: bg.elastic_net(0, lam),
}


@pytest.mark.parametrize("what", PENALTIES)
@pytest.mark.parametrize(
    ("lam", "message"),
    [
        (-1, "at least 0, got -1.0"),
        (np.inf, "finite"),
        (np.nan, "finite"),
        (True, "must be a number"),
        ("1", "must be a number"),
        (None, "must be a number"),
        ([1.0], "one number; use a prior with an array scale"),
        (bg.HalfNormal(1.0), "must be a number"),
    ],
)
def test_no_penalty(what, lam, message):
    with pytest.raises(bg.ModelError, match=rf"{re.escape(what)} .*{message}"):
        PENALTIES[what](lam)


@pytest.mark.parametrize("prior", SCALED)
@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), Fraction(2)],
    ids=lambda value: type(value).__name__,
)
def test_any_kind_of_number_is_kept_as_a_float(prior, value):
    made = prior(value)
    assert type(made.scale) is float
    assert made == prior(2.0)
    assert repr(made) == f"{prior.__name__}(2.0)"


@pytest.mark.parametrize("prior", SCALED)
def test_arrays_are_kept_as_nested_tuples(prior):
    made = prior(np.array([[1, 2], [3, 4]]))
    assert made.scale == ((1.0, 2.0), (3.0, 4.0))
    assert made == prior([[1.0, 2.0], (3, 4)])
    assert hash(made) == hash(prior([[1.0, 2.0], (3, 4)]))
    assert repr(made) == f"{prior.__name__}(((1.0, 2.0), (3.0, 4.0)))"


@pytest.mark.parametrize("prior", SCALED)
@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0, r"must be a positive, finite number \(or an array of them\), got 0.0"),
        (-1.0, "positive, finite number .*got -1.0"),
        (np.nan, "positive, finite number .*got nan"),
        (np.inf, "positive, finite number .*got inf"),
        (10**400, "finite number; 10+ is too large"),
        (True, "must be a number or an array of numbers, got True"),
        (np.array([True]), "got True"),
        ("wide", "got 'wide'"),
        (None, "got None"),
        (1j, "got 1j"),
        (Decimal(1), "must be a number"),
        ([], "empty array"),
        (np.empty((2, 0)), "empty array"),
        ([[1.0], [1.0, 2.0]], "ragged"),
        ([1.0, [2.0]], "ragged"),
        ([1.0, -2.0], "got -2.0"),
        ([1.0, "2"], "got '2'"),
        (bg.Flat(), "prior"),
        (bg.Normal(1.0), "prior"),
    ],
)
def test_no_scale(prior, scale, message):
    with pytest.raises(bg.ModelError, match=rf"{prior.__name__} scale.*{message}"):
        prior(scale)


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("prior", LEARNABLE)
def test_a_scale_may_be_a_prior(prior, above):
    made = prior(above(2))
    assert made.scale == above(2.0)
    assert learned_scale(made) == above(2.0)
    assert learned_scale(prior(2.0)) is None
    assert repr(made) == f"{prior.__name__}({above.__name__}(2.0))"
    assert len({made, prior(above(2.0)), prior(2.0), prior(above(3.0))}) == 3


@pytest.mark.parametrize("prior", LEARNABLE)
@pytest.mark.parametrize("above", [bg.Flat(), bg.Normal(1.0), bg.Horseshoe(1.0)], ids=repr)
def test_what_is_no_prior_of_a_scale(prior, above):
    message = (
        f"{prior.__name__} scale has the prior {above!r}; a scale that is learned takes a proper "
        "prior of a positive parameter: HalfNormal, HalfStudentT, Exponential"
    )
    with pytest.raises(bg.ModelError, match=re.escape(message)):
        prior(above)


@pytest.mark.parametrize("prior", ABOVE)
def test_scales_of_scales_are_numbers(prior):
    with pytest.raises(bg.ModelError, match=f"{prior.__name__} scale is itself a prior"):
        prior(bg.HalfNormal(1.0))


def test_a_horseshoe_is_three_numbers():
    made = bg.Horseshoe(1, slab_scale=np.float32(2), slab_df=np.array(4))
    assert made == bg.Horseshoe(1.0)
    assert repr(bg.Horseshoe(0.1, slab_df=7)) == "Horseshoe(0.1, slab_df=7.0)"
    assert learned_scale(made) == bg.HalfStudentT(1.0, df=1.0)


@pytest.mark.parametrize("key", ["scale", "slab_scale", "slab_df"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "must be a positive, finite number"),
        (np.inf, "must be a positive, finite number"),
        ([1.0, 2.0], r"must be one number, got \(1.0, 2.0\)"),
        (True, "must be a number"),
        (bg.HalfNormal(1.0), "must be a number"),
        (None, "must be a number"),
    ],
)
def test_no_horseshoe(key, value, message):
    with pytest.raises(bg.ModelError, match=f"Horseshoe {key} {message}"):
        bg.Horseshoe(**{"scale": 1.0, key: value})


def test_a_horseshoe_of_so_many_that_matter():
    expected = 3.0 / 37.0 * 2.0 / np.sqrt(250.0)
    assert bg.Horseshoe.from_sparsity(3, 40, 250, sigma=2).scale == pytest.approx(expected)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"p0": 0}, "p0 must be a positive, finite number"),
        ({"p0": 40}, "p0 must be below p, the number of all coefficients, got p0=40 and p=40"),
        ({"p": 4.5}, "p is a number of coefficients, got 4.5"),
        ({"p": [40, 41]}, "p must be one number"),
        ({"n": -1}, "n must be a positive, finite number"),
        ({"sigma": np.nan}, "sigma must be a positive, finite number"),
        ({"sigma": True}, "sigma must be a number"),
    ],
    ids=repr,
)
def test_no_such_sparsity(numbers, message):
    with pytest.raises(bg.ModelError, match=f"Horseshoe.from_sparsity {message}"):
        bg.Horseshoe.from_sparsity(**{"p0": 3, "p": 40, "n": 250, **numbers})


def test_a_share_of_variance_has_brms_numbers():
    made = bg.R2D2(0.25, 1.5, precision=8)
    assert learned_scale(made) == bg.Beta(2.0, 6.0)
    assert repr(bg.R2D2(0.5, sigma=2, predictor_sd=[1, 2])) == (
        "R2D2(0.5, sigma=2.0, predictor_sd=(1.0, 2.0))"
    )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"mean": 1.0}, "mean is that of a share, between 0 and 1, got 1.0"),
        ({"mean": 0.0}, "mean must be a positive, finite number"),
        ({"mean": [0.1, 0.2]}, "mean must be one number"),
        ({"concentration": -1}, "concentration must be a positive, finite number"),
        ({"precision": np.inf}, "precision must be a positive, finite number"),
        ({"sigma": 0.0}, "sigma must be a positive, finite number"),
        ({"predictor_sd": [1.0, np.nan]}, "predictor_sd must be a positive, finite number"),
        ({"concentration": bg.HalfNormal(1.0)}, "concentration must be a number"),
    ],
    ids=repr,
)
def test_no_share_of_variance(numbers, message):
    with pytest.raises(bg.ModelError, match=f"R2D2 {message}"):
        bg.R2D2(**{"mean": 0.5, **numbers})


@pytest.mark.parametrize("prior", [bg.Normal, bg.Laplace, bg.StudentT, bg.ElasticNet])
@pytest.mark.parametrize("loc", [np.nan, -np.inf, "left", None, True, [[1.0], []]])
def test_no_loc(prior, loc):
    with pytest.raises(bg.ModelError, match=f"{prior.__name__} loc"):
        prior(1.0, loc=loc)


def test_ratios_are_kept_as_floats_and_tuples():
    assert bg.ElasticNet(1.0) == bg.ElasticNet(1, ratio=Fraction(1, 2), loc=0)
    made = bg.ElasticNet([1, 2], np.array([[0.25], [0.75]]), loc=-1)
    assert made.ratio == ((0.25,), (0.75,))
    assert repr(made) == "ElasticNet((1.0, 2.0), ratio=((0.25,), (0.75,)), loc=-1.0)"
    for ratio in (5e-324, 1 - 2**-53):
        assert bg.ElasticNet(1.0, ratio).ratio == ratio


@pytest.mark.parametrize(
    ("ratio", "message"),
    [
        (0, r"above 0 and below 1, got 0.0; at 0 the prior is Normal\(scale\), at 1 Laplace"),
        (1, r"got 1.0; .*Laplace\(scale\): use those"),
        (-0.1, "got -0.1"),
        (1.5, "got 1.5"),
        ([0.5, 1.0], "got 1.0"),
        (np.nan, "finite number .*got nan"),
        (np.inf, "finite number .*got inf"),
        ("half", "got 'half'"),
        (None, "got None"),
        (True, "got True"),
        ([], "empty array"),
        ([[0.5], 0.5], "ragged"),
    ],
)
def test_no_ratio(ratio, message):
    with pytest.raises(bg.ModelError, match=f"ElasticNet ratio .*{message}"):
        bg.ElasticNet(1.0, ratio=ratio)


def test_random_walks_in_all_their_forms():
    walk = bg.RandomWalk(2.0, order=2, dims=("y", "x"))
    assert walk == bg.RandomWalk(2, np.int64(2), ["y", "x"])
    assert walk == bg.RandomWalk(2, np.array(2), np.array(["y", "x"]))
    assert repr(walk) == "RandomWalk(2.0, order=2, dims=('y', 'x'))"
    assert bg.RandomWalk(1.0) == bg.RandomWalk(1.0, order=1, dims=None)
    assert repr(bg.RandomWalk(1.0)) == "RandomWalk(1.0)"
    one = bg.RandomWalk(1.0, dims="lag")
    assert one == bg.RandomWalk(1.0, dims=("lag",)) == bg.RandomWalk(1.0, dims=np.str_("lag"))
    assert repr(one) == "RandomWalk(1.0, dims='lag')"
    assert type(one.dims) is str
    assert len({walk, one, bg.RandomWalk(1.0), bg.RandomWalk(1.0, dims=["lag"])}) == 3
    assert not hasattr(walk, "loc")


@pytest.mark.parametrize(
    "make", [lambda order: bg.RandomWalk(1.0, order), lambda k: bg.smooth(0, k)]
)
@pytest.mark.parametrize(
    "order",
    [0, 5, -1, 10**400, 1.0, 1.5, np.nan, True, "1", None, [1], [], np.array([1, 2]), 1j, b"1"],
)
def test_no_order(make, order):
    with pytest.raises(bg.ModelError, match=r"RandomWalk order must be 1, 2, 3 or 4, got"):
        make(order)


@pytest.mark.parametrize("make", [lambda d: bg.RandomWalk(1.0, 1, d), lambda d: bg.smooth(0, 1, d)])
@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ("", "must be a name or several .*'lag' is the term's own lag dim.* None for all.* got ''"),
        ((), r"got \(\)"),
        ([], r"got \[\]"),
        (0, "got 0"),
        (1.5, "got 1.5"),
        (True, "got True"),
        (("x", 1), r"got \('x', 1\)"),
        (("x", ""), "got"),
        ((("x", "y"),), "got"),
        ({"x": 1}, "got {'x': 1}"),
        (b"x", "got b'x'"),
        (np.array([0, 1]), r"got \[0, 1\]"),
        (("x", "y", "x"), r"'y', 'x'\) name a dim twice"),
    ],
)
def test_no_dims(make, dims, message):
    with pytest.raises(bg.ModelError, match=f"RandomWalk dims .*{message}"):
        make(dims)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"scale": 0}, "SpikeSlab scale must be a positive, finite number"),
        ({"spike": -1}, "SpikeSlab spike must be a positive, finite number"),
        (
            {"spike": 1},
            "below its scale, got a spike of 1 and a scale of 1: .* spike of 0.05",
        ),
        ({"scale": [2, 1], "spike": [[0.1], [1.5]]}, "a spike of 1.5 and a scale of 1:"),
        ({"probability": 0}, r"above 0 and below 1, got 0.0; at 0 the prior is Normal\(spike\)"),
        ({"probability": [0.5, 1]}, "got 1.0"),
        ({"probability": "half"}, "SpikeSlab probability must be a number"),
        ({"scale": bg.HalfNormal(1.0)}, r"SpikeSlab scale .* learned; got HalfNormal\(1.0\)"),
        ({"probability": bg.Beta(1, 9)}, "SpikeSlab probability is a number, .* cannot be learned"),
        ({"ratio": 0.1}, "takes scale, spike, probability, and no 'ratio'"),
    ],
)
def test_no_spike_and_slab(numbers, message):
    with pytest.raises(bg.ModelError, match=message):
        bg.SpikeSlab(**{"scale": 1.0, "spike": 0.1} | numbers)


def test_a_spike_needs_its_width():
    with pytest.raises(bg.ModelError, match=r"needs spike; write SpikeSlab\(scale, spike\)"):
        bg.SpikeSlab(1.0)


@pytest.mark.parametrize("df", [0, -1, np.nan, np.inf, "four", False])
def test_no_degrees_of_freedom(df):
    with pytest.raises(bg.ModelError, match="HalfStudentT df"):
        bg.HalfStudentT(1.0, df=df)
    with pytest.raises(bg.ModelError, match="StudentT df"):
        bg.StudentT(1.0, df=df)


def test_priors_compare_by_kind_and_number():
    assert bg.Normal(1.0) != bg.Laplace(1.0)
    assert bg.Normal(1.0) != bg.Normal(2.0)
    assert bg.Normal(1.0, loc=0) == bg.Normal(1)
    assert len({bg.Normal(1.0), bg.Normal(1.0), bg.Laplace(1.0), bg.HalfNormal(1.0)}) == 3
    assert bg.HalfStudentT(1.0) == bg.HalfStudentT(1.0, df=4)


@pytest.mark.parametrize("kind", [bg.Precision, bg.Variance])
@pytest.mark.parametrize("of", [1.0, "gamma", bg.HalfNormal(1.0), bg.Uniform(0, 1), bg.Gamma, None])
def test_no_square(kind, of):
    name = kind.__name__
    message = rf"{name} takes a Gamma or an InverseGamma, .*{name.lower()}, got .*; write {name}\("
    with pytest.raises(bg.ModelError, match=rf"{message}.* number, write ridge\(precision\)"):
        kind(of)


def test_squares_of_scales_say_their_jacobian():
    group = bg.Group("g", prior=bg.Normal(bg.Precision(bg.Gamma(0.01, 0.02))))
    model = bg.GLM("y", group, dispersion=bg.Variance(bg.InverseGamma(0.5, 0.5)))
    assert "~ Precision(Gamma(0.01, 0.02)) g_scale⁻² ~ Gamma(0.01, 0.02), Jacobian 2·g_scale⁻³" in (
        str(model)
    )
    assert "sigma² ~ InverseGamma(0.5, 0.5), Jacobian 2·sigma" in str(model)
    assert bg.GLM.from_json(model.to_json()) == model
    assert bg.Precision(bg.Gamma([1, 2], 3)).in_numbers[1] == {"shape": (1.0, 2.0), "scale": 3.0}


def test_uniform_scales_begin_at_zero_and_their_predictors_have_no_end():
    assert bg.Normal(bg.Uniform(0, 5)).scale == bg.Uniform(0.0, 5.0)
    with pytest.raises(bg.ModelError, match=r"no scale is below zero; write a Uniform that begins"):
        bg.Normal(bg.Uniform(-1, 5))
    with pytest.raises(
        bg.ModelError, match=r"'sigma' is positive, and Uniform\(-1.0, 5.0\) begins"
    ):
        bg.GLM("y", "x", dispersion=bg.Uniform(-1, 5))
    with pytest.raises(bg.ModelError, match=r"ends at 5, and 'sigma' has a linear predictor"):
        bg.GLM("y", "x", dispersion={"sigma": [bg.Uniform(0, 5), "x"]})
    with pytest.raises(bg.ModelError, match=r"other ends; write Uniform\(1.01, 1.99\)"):
        bg.GLM("y", "x", family="tweedie", dispersion={"p": bg.Uniform(0, 5)})
