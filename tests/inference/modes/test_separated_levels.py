"""Separation of responses with levels: refused where a linear program finds it, else estimated."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog

import bayesglm as bg

LEVELS = ["a", "b", "c"]
SHORT = {
    "complete": ("aaaabbbbcccc", np.arange(12.0)),
    "one level split from two that overlap": ("abababcccc", np.r_[0:6, 10:14]),
    "the first level split": ("aaaabcbcbc", np.r_[0:4, 10:16]),
    "touching at ties": ("aaabbbbccc", [0, 1, 2, 2, 3, 4, 5, 5, 6, 7]),
    "one tie is not enough": ("aabbbcabcc", [0, 1, 1, 2, 3, 3, 1, 3, 4, 5]),
    "overlap": ("abcabcabcabc", np.arange(12.0)),
    "the middle one alone": ("aabbbacacc", [0, 1, 5, 5, 5, 2, 0, 1, 9, 2]),
}
FAMILIES = {
    "categorical": {},
    "ordinal": {"levels": LEVELS, "dispersion": bg.Flat()},
    "multinomial": {},
}


def counted(words):
    return (np.array(list(words))[:, None] == LEVELS).astype(float)


def directions_of(family, counts, x):
    """Return what may not fall, as lines in directions: slopes and intercepts, or cutpoints."""
    lines = []
    columns = np.column_stack([np.ones(len(x)), x])
    for row, one in zip(counts, columns, strict=True):
        if family == "ordinal":
            y = int(row.argmax())
            upper, lower = np.zeros(3), np.zeros(3)
            upper[0], lower[0] = -one[1], one[1]
            if y < 2:
                upper[1 + y] = 1.0
                lines.append(upper)
            if y > 0:
                lower[y] = -1.0
                lines.append(lower)
            continue
        for k, other in permutations(range(3), 2):
            gain = np.zeros((3, 2))
            gain[k], gain[other] = one, -one
            if row[k]:
                lines.append(gain[1:].reshape(-1))
    return np.array(lines)


def is_separated(family, counts, x):
    lines = directions_of(family, counts, x)
    found = linprog(-lines.sum(axis=0), A_ub=-lines, b_ub=np.zeros(len(lines)), bounds=(-1.0, 1.0))
    return -found.fun > 1e-7


def check(family, counts, x):
    """Assert that separated data are refused, and that others have a maximum."""
    words = np.array(LEVELS)[counts.argmax(axis=1)]
    y = counts if family == "multinomial" else words
    model = bg.GLM("y", "x", family=family, prior=bg.Flat(), **FAMILIES[family])
    if is_separated(family, counts, x):
        with pytest.raises(bg.DataError, match=r"the data are separated.*Give the term a proper"):
            bg.fit_map(model, {"y": y, "x": x})
        return True
    fit = bg.fit_map(model, {"y": y, "x": x})
    assert fit.attrs["gradient_norm"] < 1e-4
    return False


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("family", FAMILIES)
def test_short_examples(family, name):
    words, x = SHORT[name]
    check(family, counted(words), np.asarray(x, dtype=float))


@pytest.mark.parametrize("family", FAMILIES)
def test_random_few(family):
    rng, separated = np.random.default_rng(12), 0
    for _ in range(12):
        x = rng.integers(0, 4, 9).astype(float)
        words = rng.permutation(np.array(list("aaabbbccc")))
        words = np.where(rng.random(9) < 0.7, np.sort(words)[np.argsort(np.argsort(x))], words)
        if len(set(words)) < 3 or np.ptp(x) == 0.0:
            continue
        counts = counted(words)
        if family == "multinomial":
            counts[rng.integers(0, 9)] += rng.multinomial(1, [1 / 3] * 3)
        separated += check(family, counts, x)
    assert 0 < separated < 12


@pytest.mark.parametrize("family", FAMILIES)
def test_one_response_on_the_other_side_is_enough_for_an_estimate(family):
    rng = np.random.default_rng(2)
    x = np.sort(rng.normal(size=300))
    counts = np.eye(3)[np.digitize(x, [-0.5, 0.5])]
    for row, level in ((20, 1), (110, 0), (150, 2), (280, 1)):
        counts[row] = np.eye(3)[level]
    assert not check(family, counts, x)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_proper_prior_has_a_mode_all_the_same(family):
    counts, x = counted(SHORT["complete"][0]), SHORT["complete"][1]
    y = counts if family == "multinomial" else np.array(LEVELS)[counts.argmax(axis=1)]
    options = {**FAMILIES[family], "prior": bg.Normal(2.5)}
    if family == "ordinal":
        options["dispersion"] = bg.Normal(5.0)
    else:
        options["intercept"] = bg.Normal(5.0)
    fit = bg.fit_map(bg.GLM("y", "x", family=family, **options), {"y": y, "x": x})
    assert fit.attrs["gradient_norm"] < 1e-4
