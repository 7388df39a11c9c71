"""The picture of a projection's path: its rows are the path's numbers, and its notes the fit's."""

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, legend_of, rendered

import bayesglm as bg
from bayesglm.show.project import MOST_SIZES


def tree_of(terms, difference, error, taken, share=None, **attrs):
    """Return a tree with the path of a projection, as `project` writes it."""
    sizes = {"term": ["", *terms], "elpd_diff": difference, "diff_se": error}
    told = {
        "n_forced": 0,
        "suggested_size": taken,
        "taken_size": taken,
        "why": "the model is small.",
        "search": "forward",
        "validated": "" if share is None else "10 folds",
    }
    path = xr.Dataset({name: ("size", values) for name, values in sizes.items()})
    if share is not None:
        path = path.assign_coords(candidate=list(terms))
        path["chosen_share"] = (("size", "candidate"), share)
    return xr.DataTree.from_dict({"/projection": path.assign_attrs(told | attrs)})


TERMS = ("x", "z", "g")
DIFFERENCE, ERROR = np.array([-8.0, -4.0, -1.0, 0.0]), np.array([4.0, 3.0, 2.0, 0.0])


def labels(ax):
    return [one.get_text() for one in ax.get_yticklabels()]


def dots(ax):
    """Return where the dots of the sizes stand."""
    (line,) = [one for one in ax.get_lines() if one.get_marker() == "o"]
    return line.get_xdata()


def note_of(figure):
    return figure._supxlabel.get_text()


def test_rows_are_sizes_named_by_the_term_that_comes_in(tmp_path):
    figure = rendered(bg.plot_project(tree_of(TERMS, DIFFERENCE, ERROR, 2)), tmp_path)
    (ax,) = figure.axes
    assert labels(ax) == ["no terms", "+ x", "+ z", "+ g"]
    np.testing.assert_array_equal(dots(ax), DIFFERENCE)
    for lines, times in zip(ax.collections, (2, 1), strict=True):
        ends = np.array(lines.get_segments())[:, :, 0]
        np.testing.assert_allclose(ends.T, [DIFFERENCE - times * ERROR, DIFFERENCE + times * ERROR])
    (span,) = ax.patches
    assert (span.get_y(), span.get_height()) == (1.5, 1.0)
    assert legend_of(figure)[1][:2] == ["reference", "model taken"]
    assert note_of(figure).startswith("The model is small. The search has seen the rows")
    assert_inside(figure)


def test_models_near_the_reference_have_a_panel_of_their_own(tmp_path):
    difference = np.array([-900.0, -400.0, -1.0, 0.0])
    figure = rendered(bg.plot_project(tree_of(TERMS, difference, ERROR, 2)), tmp_path)
    every, near = figure.axes
    low, high = near.get_xlim()
    assert -7.0 < low < -5.0
    assert 3.0 < high < 4.0
    np.testing.assert_array_equal(dots(near), difference)
    assert every.get_xlim()[0] < -900.0
    assert_inside(figure)


SHARE = np.array([[0, 0, 0], [0.8, 0.2, 0], [1, 0.7, 0.3], [1, 1, 1]])


def test_shares_of_folds_are_in_rows_of_their_terms(tmp_path):
    fit = tree_of(TERMS, DIFFERENCE, ERROR, 2, SHARE)
    figure = rendered(bg.plot_project(fit), tmp_path)
    _, ax = figure.axes
    (image,) = ax.get_images()
    np.testing.assert_allclose(image.get_array(), SHARE[1:].T)
    # The cell of row k and column s is drawn there, k along the terms and s along the sizes.
    assert image.get_extent() == [0.5, 3.5, 3.5, 0.5]
    written = {one.get_position(): one.get_text() for one in ax.texts}
    assert written[1, 1] == "80"
    assert written[2, 3] == "30"
    assert "10 folds" in ax.get_xlabel()
    assert "has seen" not in note_of(figure)
    assert_inside(figure)


def test_many_terms_are_shades_with_a_key_and_the_rest_is_named(tmp_path):
    n = 70
    names = [f"x{k}" for k in range(n)]
    share = np.tril(np.ones((n + 1, n)), -1)
    fit = tree_of(names, np.linspace(-9, 0, n + 1), np.ones(n + 1), 3, share)
    figure = rendered(bg.plot_project(fit), tmp_path)
    assert len(labels(figure.axes[0])) == MOST_SIZES
    assert note_of(figure).endswith(f"Not drawn: models of {MOST_SIZES} to {n} terms.")
    key = figure.axes[-1]
    assert labels(key) == ["0%", "50%", "100%"]


def test_names_are_inert_and_forced_terms_are_called_so(tmp_path):
    names = ["$\\frac{a}$", "n" * 200, "كلمة", "x\ny"]
    fit = tree_of(names, [-4.0, -3.0, -2.0, -1.0, 0.0], np.ones(5), 4, n_forced=2)
    figure = rendered(bg.plot_project(fit), tmp_path)
    named = labels(figure.axes[0])
    assert named[1].startswith("+ \\$")
    assert [one.endswith("(forced)") for one in named] == [False, True, True, False, False]
    assert max(map(len, named)) < 50
    assert_inside(figure)


def test_named_terms_were_not_searched(tmp_path):
    fit = tree_of(TERMS, DIFFERENCE, ERROR, 3, search="")
    assert "has seen" not in note_of(rendered(bg.plot_project(fit), tmp_path))


def test_one_size_alone(tmp_path):
    figure = rendered(bg.plot_project(tree_of((), [0.0], [0.0], 0)), tmp_path)
    assert labels(figure.axes[0]) == ["no terms"]


@pytest.mark.parametrize("given", [None, {"projection": 1}, xr.DataTree(), "fit"])
def test_something_else_is_refused(given):
    with pytest.raises(bg.DataError, match=r"plot_project\(project\(fit\)\)"):
        bg.plot_project(given)
