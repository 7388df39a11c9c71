"""The HTML page of a report as its readers have it: inert, whole, and sorted by value."""

import io
import json
import math
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from blocks import figure_of, page_of, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from pages import assert_self_contained, assert_well_formed, drawings, parsed, titles

from bayesglm.show.figures import new_figure
from bayesglm.show.report.page.drawing import png, svg
from bayesglm.show.report.page.html import html
from bayesglm.show.report.page.tables import FORMULAS, csv_file, csv_of
from bayesglm.show.report.parts import Code, Number, Page, Picture, Section, Table
from bayesglm.show.text import printable

HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "a;=1", "a,b", 'say "x"'),
    *("</script><script>alert(1)</script>", "<!--", "]]>", "&lt;", '" onload="x', "{{7*7}}"),
    *("n" * 200, "שלום", "\u202eevil", "\U0001f600", "bell\x07", "\ud800", "a\nb", "a|b", "'", ""),
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))


def page_text(page):
    """Return a page as it is written to a file."""
    return html(page, "r_files").content.decode("utf-8")


def data_of(page):
    """Return what the page's script reads."""
    (element,) = (one for one in parsed(page).every("script") if one.attributes.get("id") == "data")
    return json.loads(element.text)


@pytest.fixture(scope="module")
def drawn():
    return page_text(page_of("age", figure_of("age"), n_rows=9, most=4))


def test_every_block_stands_on_a_page_that_needs_nothing_else(drawn):
    assert_well_formed(drawn)
    assert_self_contained(drawn)
    assert titles(drawn) == ["age", "age"]
    assert len(drawings(drawn)) == 2
    tree = parsed(drawn)
    links = [one.attributes["href"] for one in next(tree.every("nav")).every("a")]
    assert links == [f"#{one.attributes['id']}" for one in tree.every("h2")]
    levels = [one.tag for one in next(tree.every("section")).every() if one.tag[1:] in set("234")]
    assert levels == ["h2", "h3", "h4", "h4"]


@given(names)
@settings(max_examples=60, deadline=None)
def test_names_are_inert_on_a_page(name):
    page = page_text(page_of(name))
    assert_well_formed(page)
    assert_self_contained(page)
    tree = parsed(page)
    told = printable(name).replace("\r", "\n")
    for tag in ("title", "h1", "h2", "dt", "dd", "caption"):
        found = next(tree.every(tag)).words
        assert found == (f"About {told}" if tag == "caption" else told)
    assert next(tree.every("pre")).text.removeprefix("\n") == f"{told}\n{told}".removeprefix("\n")


@given(st.lists(st.tuples(names, st.floats() | names), min_size=1, max_size=5), names)
def test_csv_comes_back_from_pandas_and_holds_no_formula(rows, head):
    cells = tuple(
        (name, Number(other, "?") if isinstance(other, float) else other) for name, other in rows
    )
    table = Table(("name", head), cells)
    read = pd.read_csv(
        io.BytesIO(csv_file(table)), header=None, dtype=str, keep_default_na=False
    ).to_numpy()
    assert read.shape == (len(rows) + 1, 2)
    for row, found in zip((table.head, *cells), read, strict=True):
        for cell, text in zip(row, found, strict=True):
            if not isinstance(cell, Number):
                assert text in (printable(cell), f"'{printable(cell)}")
                assert not text.startswith(FORMULAS)
            elif math.isnan(cell.value):
                assert text == ""
            else:
                assert float(text) == pytest.approx(cell.value, rel=1e-9)


def test_numbers_are_numbers_and_text_is_quoted_in_csv():
    rows = (("=1", Number(-0.5, "−1")), ("b;=1", Number(3.0, "3")), ("c", Number(1 / 3, "0.3")))
    assert csv_of(Table(("-a", "b"), rows)).splitlines() == [
        '"\'-a","b"',
        '"\'=1",-0.5',
        '"b;=1",3',
        '"c",0.3333333333',
    ]
    assert csv_file(Table(("a",), (("é",),))).startswith(b"\xef\xbb\xbf")
    assert not csv_file(Table(("a",), (("e",),))).startswith(b"\xef\xbb\xbf")


def test_long_tables_say_what_they_leave_to_the_script_and_the_file(drawn):
    table = table_of("age", 9, 4)
    element = next(one for one in parsed(drawn).every("div") if one.attributes.get("id"))
    assert element.attributes["id"] == "table-1"
    rows = list(next(element.every("tbody")).every("tr"))
    assert len(rows) == 4
    assert "4 of 9 rows." in element.words
    told = data_of(drawn)["table-1"]
    assert told["csv"] == csv_of(table)
    shown = [[cell.words for cell in row.children] for row in rows]
    shown += [[one[0] for one in row] for row in told["more"]]
    texts = [[getattr(cell, "text", cell) for cell in row] for row in table.rows]
    assert shown == texts
    values = [row.children[1].attributes["data-v"] for row in rows]
    values += [row[1][2] for row in told["more"]]
    looks = [cell.attributes.get("class", "") for cell in rows[0].children]
    assert looks == [one[1] for one in told["more"][0]] == ["short", "n", ""]
    expected = [row[1].value for row in table.rows]
    np.testing.assert_equal(
        [float(one.replace("Infinity", "inf") or "nan") for one in values], expected
    )
    short = page_text(page_of("age"))
    assert "rows." not in short
    assert data_of(short)["table-1"]["more"] == []


def test_figures_carry_their_numbers_where_they_have_any(drawn):
    assert data_of(drawn)["picture-1"]["csv"] == csv_of(table_of("age", 9, 4))
    page = page_text(Page("a", (Section("b", (Picture(figure_of("c"), "d"),)),)))
    assert data_of(page) == {}
    buttons = [one.attributes for one in parsed(page).every("button")]
    assert not [one for one in buttons if "data-csv" in one]
    assert [one["data-large"] for one in buttons if "data-large" in one] == ["picture-1"]
    (image,) = parsed(page).every("img")
    assert image.attributes["alt"] == "Figure 1, which its caption describes."
    assert (image.attributes["width"], image.attributes["height"]) == ("864", "192")


def test_checks_are_told_by_shape_and_word_and_colour(drawn):
    lights = next(
        one for one in parsed(drawn).every("div") if one.attributes.get("class") == "lights"
    )
    told = [
        (one.attributes["class"], next(one.every("span")).words.strip())
        for one in lights.every("li")
    ]
    assert told == [("green", "fine"), ("amber", "take care"), ("red", "problem")]
    shapes = [next(one.every("svg")).children[0] for one in lights.every("li")]
    assert len({(one.tag, one.attributes.get("d")) for one in shapes}) == 3


def test_pages_are_moved_sideways_inside_on_a_phone(drawn):
    tree = parsed(drawn)
    for one in tree.every("div"):
        inner = [child.tag for child in one.children]
        if set(inner) & {"table", "img"}:
            assert one.attributes["class"] == "scroll"
            assert (one.attributes["tabindex"], one.attributes["role"]) == ("0", "region")
            assert one.attributes["aria-label"]
    held = sum(
        len(one.children) for one in tree.every("div") if one.attributes.get("class") == "scroll"
    )
    assert held == len([*tree.every("table"), *tree.every("img")])
    assert "width=device-width" in drawn


def test_long_code_is_folded_and_whole():
    short, long = Code("short", "a\n" * 20), Code("long", "a\n" * 21)
    tree = parsed(page_text(Page("p", (Section("s", (short, long)),))))
    (folded,) = (one for one in next(tree.every("main")).every("details"))
    assert next(folded.every("summary")).words == "long (21 lines)"
    assert next(folded.every("pre")).words == "a\n" * 21
    assert "open" not in folded.attributes
    assert [one.words for one in tree.every("pre")] == ["a\n" * 20, "a\n" * 21]


def dense_figure(n):
    figure, axes = new_figure(1, 2, 2.0)
    rng = np.random.default_rng(0)
    axes[0, 0].scatter(*rng.normal(size=(2, n)))
    axes[0, 1].plot([0, 1], [0, 1])
    axes[0, 0].set_title("cells")
    axes[0, 0].axline((0, 0), slope=1)
    return figure


def test_crowded_panels_are_dots_and_others_lines():
    figure = dense_figure(5000)
    dense, sparse = svg(figure), svg(dense_figure(50))
    assert dense.count(b"<image") == 1
    assert sparse.count(b"<image") == 0
    assert dense.count(b"<use ") < 200
    assert len(dense) < 60_000
    assert not any(one.get_rasterized() for one in figure.findobj())


def test_svg_is_small_and_looks_the_same():
    """Numbers are those of Matplotlib to a hundredth of a point, and nothing is left out."""
    figure = figure_of("déjà vu -- 3", 200)
    raw = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "bayesglm"}):
        figure.savefig(raw, format="svg", metadata={"Date": None})
    whole, small = raw.getvalue().decode(), svg(figure).decode()
    assert len(small) < 0.6 * len(whole)
    assert "déjà" not in small

    def points(text):
        paths = re.findall(r' d="([^"]*)"', text)
        places = re.findall(r' [xy]="([^"]*)"', text)
        return [[float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", path)] for path in paths], [
            float(one) for one in places
        ]

    (paths, places), (exact, exact_places) = points(small), points(whole)
    assert len(paths) == len(exact)
    for path, other in zip(paths, exact, strict=True):
        np.testing.assert_allclose(path, other, rtol=0, atol=0.0051)
    np.testing.assert_allclose(places, exact_places, rtol=0, atol=0.0051)
    marks = r"<use [^>]*style=[^>]*/>"
    assert len(re.findall(marks, whole)) > 200
    assert len(re.findall(marks, small)) < 20
    assert small.count("<use ") == whole.count("<use ")
    assert imread(io.BytesIO(png(figure))).shape[:2] == (384, 1728)


def test_lines_of_one_look_are_one_path_where_they_hide_nothing():
    def paths(alpha):
        figure, axes = new_figure(1, 1, 2.0)
        axes[0, 0].vlines(np.arange(30.0), 0, 1, alpha=alpha)
        return [d for d in re.findall(r' d="([^"]*)"', svg(figure).decode()) if d.count("M") == 30]

    (joined,) = paths(None)
    assert len(re.findall("[0-9.]+", joined)) == 30 * 4
    assert paths(0.5) == []
