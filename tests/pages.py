"""Pages of reports as a parser of HTML reads them, for the tests."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote
from xml.etree import ElementTree

VOID = {"meta", "link", "img"}
# Attributes by which a browser fetches, runs or leads anywhere.
ADDRESSES = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background"}


@dataclass
class Element:
    """An element of a page: its tag, attributes, children and text of its own."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def every(self, tag=None):
        """Yield the elements inside, in the order of the page, all or those of a tag."""
        for child in self.children:
            if tag in (None, child.tag):
                yield child
            yield from child.every(tag)

    @property
    def words(self):
        """All text inside."""
        return self.text + "".join(child.words for child in self.children)


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> inside <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].text += data


def parsed(page):
    """Return a page as a tree; fails where an element is not closed in its place."""
    assert page.startswith("<!doctype html>")
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert [one.tag for one in builder.open] == [""]
    return builder.open[0]


def text_of(path):
    """Return a page that was written."""
    return path.read_text(encoding="utf-8")


def titles(page):
    """Return the titles of a page's sections."""
    return [one.words for one in parsed(page).every("h2")]


def drawings(page):
    """Return the figures of a page, as trees of their elements; what is no XML raises."""
    sources = [one.attributes["src"] for one in parsed(page).every("img")]
    return [
        ElementTree.fromstring(unquote(one.removeprefix("data:image/svg+xml,"))) for one in sources
    ]


def policy_of(tree):
    """Return the rules of a page's Content-Security-Policy, by their names."""
    (told,) = (
        one.attributes["content"]
        for one in tree.every("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    return dict(rule.strip().split(" ", 1) for rule in told.split(";"))


def assert_self_contained(page):
    """Nothing that a browser would fetch, and no style or script but those the policy names."""
    tree = parsed(page)
    policy = policy_of(tree)
    assert policy.keys() == {
        *("default-src", "style-src", "script-src", "img-src", "base-uri", "form-action")
    }
    assert (policy["default-src"], policy["img-src"]) == ("'none'", "data:")
    scripts = [one for one in tree.every("script") if not one.attributes]
    for rule, own in (("style-src", list(tree.every("style"))), ("script-src", scripts)):
        (element,) = own
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert policy[rule] == f"'sha256-{digest}'"
        assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttp|import\(", element.text)
    for one in tree.every():
        assert one.tag not in {"iframe", "object", "embed", "base", "form", "audio", "video"}
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"]
        for name in ADDRESSES & one.attributes.keys():
            assert re.match("data:|#", one.attributes[name])
    others = [one.attributes for one in tree.every("script") if one.attributes]
    assert others == [{"type": "application/json", "id": "data"}]


def assert_well_formed(page):
    """Elements closed in their places, ids told apart, headings in order, figures XML."""
    tree = parsed(page)
    ids = [one.attributes["id"] for one in tree.every() if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    for one in tree.every():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert one.attributes.get(name, ids[0]) in ids
        if one.tag == "a":
            assert one.attributes["href"].removeprefix("#") in ids
    levels = [int(one.tag[1]) for one in tree.every() if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    for figure in (one for one in tree.every("figure") if list(one.every("img"))):
        (image,), (caption,) = figure.every("img"), figure.every("figcaption")
        assert image.attributes["alt"].strip()
        assert image.attributes["alt"] not in caption.words
    drawings(page)
