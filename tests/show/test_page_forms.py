"""Reports as Markdown and JSON, and as files: whole or not at all."""

import json
import math
import os
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from blocks import figure_of, page_of, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import bayesglm as bg
from bayesglm.show.report import writing
from bayesglm.show.report.page.machine import machine
from bayesglm.show.report.page.markdown import markdown
from bayesglm.show.report.page.tables import csv_file
from bayesglm.show.report.parts import Number, Page, Section
from bayesglm.show.report.writing import check_page, write_page
from bayesglm.show.text import printable

HOSTILE = [
    *("# a", "+ a", "- a", "12. a", "---", "===", "> a", "*a*", "_a_", "`a`", "```", "a|b", "$x$"),
    *(
        "<b>",
        "[a](b)",
        "![a](b)",
        "http://a.b",
        "www.a.b",
        "&amp;",
        "\\",
        "~~a~~",
        "a\n\nb",
        "    a",
    ),
    *("n" * 200, "שלום", "\u202eevil", "\U0001f600", "bell\x07", "\ud800", "a\\|b", "|", "`|`"),
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=30))


def one_line(text):
    return " ".join(printable(text).split())


def read_markdown(text):
    """Return what a reader of Markdown shows, as HTML that keeps links."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def inside(html, tag):
    """Return the text inside each element of a tag."""
    found = re.findall(f"<{tag}(?: [^>]*)?>(.*?)</{tag}>", html, re.DOTALL)
    return [unescape(re.sub("<[^>]*>", "", one)) for one in found]


@given(names)
@settings(max_examples=80, deadline=None)
def test_names_are_inert_in_markdown(name):
    told, html = one_line(name), read_markdown(markdown(page_of(name), "r").content.decode())
    assert inside(html, "h1") == [told]
    assert inside(html, "h2") == [told, told]
    assert inside(html, "p")[0] == told
    assert len(inside(html, "table")) == 2
    rows = inside(html, "tr")[1:4]
    assert [row.split("\n")[1] for row in rows] == [one_line(f"{name}{k}") for k in range(3)]
    assert inside(html, "code")[0] == f"{printable(name)}\n{printable(name)}\n"
    assert inside(html, "li")[:3] == [f"{told}: {told}", told, told]
    links = re.findall(r"(?:href|src)=\"([^\"]*)\"", html)
    assert all(one.startswith("r/table-") for one in links)
    assert not re.search("<(hr|blockquote|b|s)[ />]", html)
    assert html.count("<em>") == (6 if told else 0)
    assert html.count("<strong>") == 8


def test_markdown_shows_pictures_and_says_what_it_leaves_out():
    page = page_of("age", figure_of("age"), n_rows=9, most=4)
    written = markdown(page, "my report_files")
    text = written.content.decode()
    html = read_markdown(text)
    (source, alt) = re.search(r'<img src="([^"]*)" alt="([^"]*)"', html).groups()
    assert alt == "Seen: age!"
    folder, name = unquote(source).split("/")
    assert folder == "my report_files"
    assert written.beside[name].startswith(b"\x89PNG")
    assert "4 of 9 rows; " in text
    tables = {name for name in written.beside if name.startswith("table-1-")}
    assert [written.beside[name] for name in tables] == [csv_file(table_of("age", 9, 4))]
    addresses = {unquote(one).split("/")[1] for one in re.findall(r'(?:src|href)="([^"]*)"', html)}
    assert addresses == written.beside.keys()
    assert "●" in text
    assert "▲" in text
    assert "■" in text
    assert markdown(page, "my report_files") == written


@given(names)
@settings(max_examples=40, deadline=None)
def test_json_is_strict_and_holds_every_row(name):
    def refuse(constant):
        raise AssertionError(constant)

    text = machine(page_of(name, n_rows=9, most=4), "").content.decode()
    told = json.loads(text, parse_constant=refuse)
    assert told["format"] == "bayesglm report 1"
    blocks = told["sections"][0]["blocks"]
    kinds = [one["kind"] for one in blocks]
    assert kinds == ["paragraph", "code", "heading", "entry", "table", "notes", "checks"]
    assert blocks[0]["text"] == printable(name)
    for row, cells in zip(blocks[4]["rows"], table_of(name, 9).rows, strict=True):
        for found, cell in zip(row, cells, strict=True):
            if not isinstance(cell, Number):
                assert found == printable(cell)
            else:
                value = cell.value if math.isfinite(cell.value) else None
                assert found == {"value": value, "text": cell.text}


def test_json_holds_the_numbers_of_figures():
    (section,) = json.loads(machine(page_of("a", figure_of("a")), "").content)["sections"][:1]
    (figure,) = [one for one in section["blocks"] if one["kind"] == "figure"]
    (table,) = [one for one in section["blocks"] if one["kind"] == "table"]
    assert figure["data"]["rows"] == table["rows"]
    assert (figure["number"], figure["alt"]) == (1, "Seen: a!")


PAGE = page_of("a", figure_of("a"))
OTHER = page_of("b", figure_of("b"))


def standing(folder):
    """Return all files in a folder, hidden ones too, with what is in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["r.html", "r.md", "r.JSON", "ש\U0001f600.md", "a b#%.md", "-.md"])
def test_a_report_replaces_another_of_any_form(name, tmp_path):
    path = tmp_path / name
    write_page(path, OTHER)
    assert write_page(path, PAGE) == path
    first = standing(tmp_path)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    write_page(fresh / name, PAGE)
    assert standing(fresh) == first
    assert len(first) == (1 if path.suffix != ".md" else 7)
    if path.suffix == ".md":
        html = read_markdown(path.read_text(encoding="utf-8"))
        for link in re.findall(r'(?:src|href)="([^"]*)"', html):
            assert unquote(link) in first


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, bg.DataError])
@pytest.mark.parametrize("before", [True, False])
def test_an_interrupted_report_leaves_what_was_there(error, before, tmp_path, monkeypatch):
    path, page = tmp_path / "r.md", page_of("a")
    if before:
        write_page(path, page_of("b"))
    was, places = standing(tmp_path), sorted(tmp_path.iterdir())
    write = writing.replace_file
    for last in range(1, 5):
        calls = []

        def fail(target, content, calls=calls, last=last):
            calls.append(target)
            if len(calls) == last:
                raise error
            write(target, content)

        monkeypatch.setattr(writing, "replace_file", fail)
        if last <= 3:
            with pytest.raises(error):
                write_page(path, page)
            assert standing(tmp_path) == was
            assert sorted(tmp_path.iterdir()) == places
        else:
            write_page(path, page)
            assert calls[-1] == path


def test_paths_that_no_report_goes_to(tmp_path):
    for name in ("r", "r.pdf", "r.html.bak", ".html", ".md"):
        with pytest.raises(bg.DataError, match=r"\.html, \.md or \.json, by the ending"):
            check_page(tmp_path / name)
    with pytest.raises(bg.DataError, match="make it first"):
        check_page(tmp_path / "nowhere" / "r.md")
    (tmp_path / "d.html").mkdir()
    with pytest.raises(bg.DataError, match="is no file"):
        check_page(tmp_path / "d.html")
    (tmp_path / "f_files").write_text("mine")
    with pytest.raises(bg.DataError, match="f_files', which is no folder"):
        check_page(tmp_path / "f.md")
    (tmp_path / "g_files").mkdir()
    (tmp_path / "g_files" / "mine.txt").write_text("mine")
    with pytest.raises(bg.DataError, match=r"holds 'mine\.txt', which no report wrote"):
        write_page(tmp_path / "g.md", PAGE)
    assert not (tmp_path / "g.md").exists()
    assert check_page(tmp_path / "g.html") == tmp_path / "g.html"
    for given_path in (None, 3, "", "a\0.html"):
        with pytest.raises(bg.DataError, match="name of a file"):
            check_page(given_path)


@pytest.mark.parametrize("name", ["n" * 250 + ".md", "n" * 251 + ".html"])
def test_names_that_are_too_long_leave_nothing(name, tmp_path):
    with pytest.raises(bg.DataError, match="File name too long"):
        write_page(tmp_path / name, PAGE)
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / ("n" * 200 + Path(name).suffix)
    assert write_page(path, PAGE).exists()


def test_links_lead_to_the_report_and_its_folder_beside_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.md").symlink_to(tmp_path / "real" / "r.md")
    write_page(tmp_path / "link.md", PAGE)
    assert os.path.islink(tmp_path / "link.md")
    assert (tmp_path / "real" / "r_files").is_dir()
    assert "](r_files/" in (tmp_path / "real" / "r.md").read_text()


def test_an_empty_page_is_a_page(tmp_path):
    empty = Page("t", (Section("s", ()),))
    for ending in writing.WRITERS:
        path = write_page(tmp_path / f"r{ending}", empty)
        assert path.stat().st_size
    assert not (tmp_path / "r_files").exists()
