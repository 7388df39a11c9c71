"""Fields of low rank: their prior, their modes, their posterior, and the factors that are told."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy.optimize import minimize

import bayesglm as bg
from bayesglm.inference.nuts.low_rank import whiten_confined
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.priors.low_rank import Chart, LowRank
from bayesglm.numerics.priors.normal import NORMAL

LAGS, SHAPE, SCALE = 6, (2, 3), 0.3
ENCODING = bg.GLM(
    "spikes",
    bg.Lagged("movie", lags=LAGS, rank=2, prior=bg.Normal(SCALE)),
    family="poisson",
    intercept=bg.Normal(1.0),
)


def truth():
    """Return a field ``(lag, y, x)`` of rank two."""
    lag, y, x = np.meshgrid(np.arange(LAGS), *map(np.arange, SHAPE), indexing="ij")
    first = np.exp(-0.5 * (lag - 2.0) ** 2) * (0.4 * y - 0.2 * x)
    return first + 0.25 * np.exp(-0.5 * (lag - 4.0) ** 2) * (x == 1)


def recorded(n=900, seed=3):
    rng = np.random.default_rng(seed)
    movie = rng.normal(size=(n, *SHAPE))
    eta = np.full(n, -0.4)
    for k, image in enumerate(truth()):
        eta[k:] += (movie[: n - k] * image).sum(axis=(1, 2))
    spikes = rng.poisson(np.exp(eta))
    variables = {"spikes": ("time", spikes), "movie": (("time", "y", "x"), movie)}
    variables["speed"] = ("time", rng.normal(size=n))
    return xr.Dataset(variables, coords={"time": np.arange(n) * 0.01})


@pytest.fixture(scope="module")
def data():
    return recorded()


@pytest.fixture(scope="module")
def posterior(data):
    return bg.fit(ENCODING, data, draws=500)


def test_the_prior_integrates_to_one_and_has_the_variance_that_is_said():
    chart, scale = Chart(np.array([0]), 2, 1), 0.7
    # Along b = tan(angle), and along s: periodic, and like a normal density, so trapezia are exact.
    angle = (np.arange(400) + 0.5) * np.pi / 400 - 0.5 * np.pi
    s = np.linspace(-9.0, 9.0, 400) * scale
    u = np.stack(np.meshgrid(np.tan(angle), s, indexing="ij"), axis=-1)
    field = chart.field(u)
    log_density = NORMAL.log_density(field, scale=scale).sum(axis=-1)
    log_density += chart.log_measure(u, scale)[0]
    mass = np.exp(log_density) / np.cos(angle)[:, None] ** 2 * (np.pi / 400) * (s[1] - s[0])
    assert mass.sum() == pytest.approx(1.0, rel=1e-9)
    assert (mass * field[..., 1] ** 2).sum() == pytest.approx(scale**2 / 2, rel=1e-9)


def test_of_full_rank_the_prior_is_that_of_numbers_apart():
    chart = Chart(np.arange(3), 3, 4)
    measure, slope = chart.log_measure(np.random.default_rng(0).normal(size=12), 0.7)
    assert measure == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.parametrize(("n_rows", "n_columns", "rank"), [(5, 3, 2), (3, 7, 1), (6, 6, 4)])
def test_slopes_of_charts(n_rows, n_columns, rank):
    rng = np.random.default_rng(rank)
    field = rng.normal(size=(n_rows, rank)) @ rng.normal(size=(rank, n_columns))
    chart = Chart.around(field, rank)
    u, pulled = chart.numbers(field), rng.normal(size=n_rows * n_columns)
    np.testing.assert_allclose(chart.field(u), field.ravel(), atol=1e-12)
    U, h = np.stack([u, rng.normal(size=chart.size)]), 1e-6
    for at, slope, of_measure in zip(
        U, chart.pull(U, np.stack([pulled, pulled])), chart.log_measure(U, 0.7)[1], strict=True
    ):
        steps = h * np.eye(chart.size)
        away = (chart.field(at + steps) - chart.field(at - steps)) @ pulled / (2 * h)
        np.testing.assert_allclose(slope, away, rtol=1e-6, atol=1e-7)
        ahead, behind = (chart.log_measure(at + way * steps, 0.7)[0] for way in (1.0, -1.0))
        np.testing.assert_allclose(of_measure, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


def test_draws_of_the_prior_have_the_rank_and_the_variance():
    drawn = LowRank(4, 5, 2).draw(
        NORMAL, np.random.default_rng(1), (4000, 20), {"scale": np.full(20, SCALE), "loc": 0.0}
    )
    assert np.linalg.svd(drawn.reshape(-1, 4, 5))[1][:, 2:].max() < 1e-12
    np.testing.assert_allclose(drawn.std(axis=0), SCALE * np.sqrt(2 / 4), rtol=0.06)


def test_the_mode_is_that_of_a_search_among_factors(data):
    fitted = bg.fit_map(ENCODING, data)
    (problem,) = open_problems(ENCODING, data)
    place, n_features = problem.places["movie"], int(np.prod(SHAPE))

    def theta_of(u):
        T, S = u[1 : 1 + 2 * LAGS].reshape(LAGS, 2), u[1 + 2 * LAGS :].reshape(2, n_features)
        theta = np.empty(problem.natural.size)
        theta[problem.places["intercept"]] = u[0]
        theta[place] = (T @ S).ravel()
        return theta, T, S

    def climb(u):
        theta, T, S = theta_of(u)
        found = problem.natural.evaluate(theta)
        G = found.gradient[place].reshape(LAGS, n_features)
        slopes = [found.gradient[problem.places["intercept"]], (G @ S.T).ravel(), (T.T @ G).ravel()]
        return -found.value, -np.concatenate(slopes)

    rng = np.random.default_rng(5)
    U, size, V = np.linalg.svd(truth().reshape(LAGS, -1), full_matrices=False)
    near = np.concatenate([[0.0], U[:, :2].ravel(), (size[:2, None] * V[:2]).ravel()])
    start = near + 0.1 * rng.normal(size=len(near))
    found = minimize(climb, start, jac=True, method="BFGS", options={"gtol": 1e-6})
    assert fitted.attrs["log_posterior"] == pytest.approx(-found.fun, abs=1e-6)
    W, _, _ = theta_of(found.x)
    np.testing.assert_allclose(fitted["map"]["movie"].values.ravel(), W[place], atol=1e-4)
    assert fitted.attrs["mode"] == "local"
    assert fitted.attrs["gradient_norm"] < 0.05


def test_a_unit_that_is_silent_at_first_has_a_mode():
    data = recorded(21_000)
    data["spikes"][:10_050] = 0
    fit = bg.fit_map(bg.GLM("spikes", ENCODING.terms, family="poisson"), data)
    assert np.corrcoef(fit["map"]["movie"].values.ravel(), truth().ravel())[0, 1] > 0.9


def test_factors_multiply_to_the_field_and_stand_in_order(posterior):
    draws = posterior["posterior"]
    time, space = draws["movie_time"], draws["movie_space"]
    assert time.dims == ("chain", "draw", "movie_rank", "movie_lag")
    field = xr.dot(time, space, dim="movie_rank").transpose(*draws["movie"].dims)
    np.testing.assert_allclose(field, draws["movie"], atol=1e-12)
    lengths = np.sqrt((time**2).sum("movie_lag"))
    np.testing.assert_allclose(lengths, 1.0)
    sizes = np.sqrt((space**2).sum(("y", "x")))
    assert (sizes.diff("movie_rank") <= 0.0).all()
    np.testing.assert_allclose(
        (time.isel(movie_rank=0) * time.isel(movie_rank=1)).sum("movie_lag"), 0.0, atol=1e-12
    )


def test_the_posterior_holds_the_truth_and_knows_more_than_that_of_any_field(data, posterior):
    draws = posterior["posterior"]["movie"]
    assert posterior.attrs["n_divergent"] == 0
    assert posterior.attrs["max_rhat"] < 1.02
    low, high = draws.quantile([0.03, 0.97], ("chain", "draw")).values
    inside = np.mean((low < truth()) & (truth() < high))
    assert inside > 0.8
    any_field = bg.GLM("spikes", bg.Lagged("movie", lags=LAGS, prior=bg.Normal(SCALE)), "poisson")
    wider = bg.fit(any_field, data)["posterior"]["movie"].std(("chain", "draw"))
    assert float(draws.std(("chain", "draw")).mean()) < 0.8 * float(wider.mean())


def test_the_posterior_is_that_of_an_importance_sample(data):
    # One feature row and rank one: few numbers, of which the posterior is nearly normal.
    small = data.isel(y=0, time=slice(0, 400))
    term = bg.Lagged("movie", lags=3, rank=1, prior=bg.Normal(SCALE))
    model = bg.GLM("spikes", term, family="poisson", intercept=bg.Normal(1.0))
    fitted = bg.fit_mcmc(model, small)["posterior"]
    (problem,) = open_problems(model, small)
    confined, coordinates = whiten_confined(problem)
    rng = np.random.default_rng(2)
    df, x = 8.0, rng.standard_normal((40_000, confined.size))
    x *= 1.1 * np.sqrt(df / rng.chisquare(df, len(x)))[:, None]
    u = coordinates.to_theta(x)
    squares = (x**2).sum(axis=1) / 1.1**2
    log_weight = confined.slopes(u)[0] + 0.5 * (df + confined.size) * np.log1p(squares / df)
    weight = np.exp(log_weight - log_weight.max())
    fields = confined.to_theta(u)[:, problem.places["movie"]]
    mean = np.average(fields, axis=0, weights=weight)
    sd = np.sqrt(np.average((fields - mean) ** 2, axis=0, weights=weight))
    found = fitted["movie"].values.reshape(-1, fields.shape[1])
    assert weight.sum() ** 2 / (weight**2).sum() > 10_000
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.08 * sd.max())
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.08)


def test_the_twin_has_the_same_prior_and_names():
    twin = bg.to_pymc(ENCODING, recorded(60))
    assert [one.name for one in twin.free_RVs] == ["intercept", "movie_direction", "movie_image"]
    asked = [twin[name] for name in ("movie", "movie_time", "movie_space")]
    plainly = Mode(linker="py", optimizer=None)
    field, time, space = pm.draw(asked, draws=3000, random_seed=1, mode=plainly)
    np.testing.assert_allclose(np.einsum("nrl,nryx->nlyx", time, space), field, atol=1e-12)
    np.testing.assert_allclose(field.std(axis=0), SCALE * np.sqrt(2 / LAGS), rtol=0.08)
    # As native draws of the prior, in the share that the stronger factor has of the whole.
    drawn = LowRank(LAGS, 6, 2).draw(
        NORMAL, np.random.default_rng(1), (3000, LAGS * 6), {"scale": SCALE, "loc": 0.0}
    )
    sizes = (np.linalg.svd(one.reshape(-1, LAGS, 6))[1] for one in (field, drawn))
    shares = [size[:, 0] ** 2 / (size**2).sum(axis=1) for size in sizes]
    np.testing.assert_allclose(*(np.quantile(one, [0.1, 0.5, 0.9]) for one in shares), rtol=0.02)


def test_verbs_take_fields_of_low_rank(data, posterior, tmp_path):
    bg.save(posterior, tmp_path / "field.nc")
    loaded = bg.load(tmp_path / "field.nc")
    xr.testing.assert_identical(
        loaded["posterior"].to_dataset(), posterior["posterior"].to_dataset()
    )
    kernel = bg.kernels(posterior)["movie"]
    assert kernel.sizes["lag"] == LAGS
    linear = bg.predict(posterior, data, kind="linear")["spikes"]
    assert linear.sizes["time"] == 900
    assert "movie_time[1, lag 2]" in bg.summary(posterior).index
    assert "movie_time[r,k]·movie_space[r]·movie[t-k]" in str(ENCODING)
    assert bg.GLM.from_json(ENCODING.to_json()) == ENCODING


def test_beside_noise_that_is_learned(data):
    fitted = bg.fit_map(of_rank(family="gaussian"), data)
    assert fitted.attrs["gradient_norm"] < 0.5
    assert 0.3 < float(fitted["map"]["sigma"]) < 3.0


def of_rank(rank=2, prior=None, family="poisson", **stated):
    return bg.GLM("spikes", bg.Lagged("movie", lags=LAGS, rank=rank, prior=prior), family, **stated)


def _interacting():
    product = bg.Interaction(bg.Lagged("movie", lags=LAGS, rank=2), "speed")
    return bg.GLM("spikes", product, "poisson")


def _under(prior):
    return bg.GLM("spikes", bg.Lagged("movie", lags=LAGS, rank=2), "poisson", prior=prior)


@pytest.mark.parametrize(
    ("verb", "model", "message"),
    [
        (bg.fit_map, lambda: of_rank(0), "rank must be a whole number"),
        (bg.fit_map, lambda: of_rank(True), "rank must be a whole number"),
        (bg.fit_map, lambda: of_rank(6), "rank of 6 at most"),
        (bg.fit_map, lambda: of_rank(prior=bg.lasso(1.0)), "is that of its factors"),
        (bg.fit_map, lambda: of_rank(prior=bg.Normal(bg.HalfNormal(1.0))), "of its factors"),
        (
            bg.fit_map,
            lambda: bg.GLM("spikes", bg.Lagged("movie", lags=9, rank=2), prior=bg.lasso(1.0)),
            "factors",
        ),
        (bg.fit_map, _interacting, "leave rank= out of it"),
        (bg.fit_map, lambda: _under(bg.lasso(1.0)), "is that of its factors"),
        (bg.fit_map, lambda: _under(bg.Normal(1.0, loc=0.5)), "is that of its factors"),
        (bg.fit_map, lambda: of_rank(family="categorical"), "one for each of several levels"),
        (bg.fit_laplace, of_rank, "the Laplace approximation of 'movie'"),
        (bg.tune_prior, of_rank, "the evidence of 'movie'"),
        (lambda m, d: bg.prior_path(m, d, [0.1, 1.0]), of_rank, "a path of modes of 'movie'"),
    ],
)
def test_what_a_rank_does_not_go_with(data, verb, model, message):
    with pytest.raises(bg.ModelError, match=message):
        verb(model(), data)
