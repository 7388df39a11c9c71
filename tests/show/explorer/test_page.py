"""The explorer's page: inert, whole, small, labelled; in notebooks and from the shell."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.show.explorer.explorer import Explorer, drawn


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, *tags):
        return [attrs for tag, attrs in self.found if tag in tags]


@pytest.fixture(scope="module")
def page():
    return bg.explorer().html


def test_the_page_is_small_and_asks_for_nothing(page):
    assert len(page.encode()) < 300_000
    elements = Elements(page)
    assert not re.findall(r"https?:|//[a-z]+\.|url\(|@import|fetch\(|XMLHttpRequest|eval\(", page)
    for attrs in (attrs for _, attrs in elements.found):
        assert not {"src", "href", "onclick", "style"} & set(attrs)


def test_its_policy_allows_its_own_style_and_scripts_and_nothing_else(page):
    metas = Elements(page).of("meta")
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    for tag, n in (("style", 1), ("script", 2)):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        assert len(texts) == n
        for text in texts:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_every_control_has_a_label_and_every_picture_words(page):
    elements = Elements(page)
    labelled = {attrs["for"] for attrs in elements.of("label")}
    fields = {attrs["id"] for attrs in elements.of("input", "select")}
    assert fields == labelled
    canvases = elements.of("canvas")
    assert len(canvases) == 5
    assert all(attrs["aria-label"] and attrs["role"] for attrs in canvases)
    ids = [attrs["id"] for _, attrs in elements.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in (attrs for _, attrs in elements.found):
        for name in ("aria-labelledby", "aria-describedby", "aria-controls"):
            assert attrs.get(name) in {None, *ids}
    script_ids = set(re.findall(r'\$\("([a-z-]+)"\)', page))
    assert script_ids <= {*ids, *(f"tab-{kind}" for kind in ("linear", "logistic"))}


def test_a_notebook_shows_the_page_and_a_picture_told_in_words(page):
    bundle, metadata = Explorer(page)._repr_mimebundle_()
    elements = Elements(bundle["text/html"])
    (frame,) = elements.of("iframe")
    assert frame["srcdoc"] == page
    assert frame["sandbox"] == "allow-scripts"
    (still,) = elements.of("img")
    assert "on the axis" in still["alt"]
    assert metadata["image/png"]["alt"] == still["alt"]
    assert base64.b64decode(bundle["image/png"])[:8] == b"\x89PNG\r\n\x1a\n"
    assert page not in bundle["text/plain"]


def test_the_picture_has_the_data_of_the_page(call):
    asked = {"kind": "linear", "seed": 24, "n": 10, "correlation": 0.6, "noise": 1.0}
    ours = call("draw", asked | {"truth": [1.2, 0.3]})
    x, y = drawn(24, 10, 0.6, 1.0, (1.2, 0.3))
    assert np.allclose(x, ours["x"], atol=1e-12)
    assert np.allclose(y, ours["y"], atol=1e-12)


def test_the_words_of_the_picture_are_true():
    x, y = drawn(24, 10, 0.6, 1.0, (1.2, 0.3))
    model = bg.GLM("y", bg.Linear("x", prior=bg.Laplace(0.25)), dispersion=1.0, intercept=None)
    assert bg.fit_map(model, {"x": x, "y": y})["map"]["x"].values[1] == 0.0
    assert abs(bg.fit(model, {"x": x, "y": y})["posterior"]["x"].mean(("chain", "draw"))[1]) > 0.02


def test_files_are_written_whole_and_named_as_pages(tmp_path, page, capsys):
    there = tmp_path / "page.html"
    there.write_text("earlier")
    assert bg.explorer(there).html == page
    assert there.read_text(encoding="utf-8") == page
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
    assert main(["explore", "--out", str(tmp_path / "other.html")]) == 0
    assert "no network" in capsys.readouterr().out
    assert (tmp_path / "other.html").read_text(encoding="utf-8") == page
    assert main(["explore", "--out", str(tmp_path / "none" / "x.html")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["page.txt", "page", "", "a\0b.html", "none/page.html", 3.5])
def test_places_for_no_page_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bg.DataError):
        bg.explorer(name)
    assert not list(tmp_path.iterdir())
