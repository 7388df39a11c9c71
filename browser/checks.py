"""What a browser must find of a report: each check returns the faults that it found, in words."""

import csv
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WIDTHS = (390, 800, 1400)  # pixels: a phone, a small window, a desk
PAPER = 673  # pixels: A4 between margins of 16 mm
THEMES = ("light", "dark")
PAUSE = 120  # milliseconds: Chromium refuses more than ten downloads in a second
LEAST_SCALE = 0.7  # of a figure, whose smallest letters are ten points: nine pixels
READ = (Path(__file__).parent / "read.js").read_text(encoding="utf-8")


def quiet(said: list[str], asked: list[str], address: str) -> Iterator[str]:
    """Nothing is complained of, and nothing but the page is fetched."""
    yield from (f"the console says: {one}" for one in said)
    for one in asked:
        if one != address and not one.startswith(("data:", "blob:")):
            yield f"the page asks for {one}"


def fits_its_window(page: Any) -> Iterator[str]:
    """Nothing forces the page sideways, and figures are drawn, and large enough to be read."""
    found = page.evaluate(
        """() => ({wide: document.documentElement.scrollWidth, window: innerWidth,
        pictures: [...document.querySelectorAll("main img")].map((one) => ({
          drawn: one.complete && one.naturalWidth > 0,
          shown: one.clientWidth / Number(one.getAttribute("width")) }))})"""
    )
    if found["wide"] > found["window"]:
        yield f"the page is {found['wide']} px wide in a window of {found['window']}"
    for k, one in enumerate(found["pictures"], start=1):
        if not one["drawn"]:
            yield f"figure {k} is not drawn"
        if one["shown"] < LEAST_SCALE:
            yield f"figure {k} is drawn at {one['shown']:.2f} of its size"


def tells_its_figures(page: Any) -> Iterator[str]:
    """What is read out in place of a figure says more than its caption."""
    found = page.evaluate(
        """() => [...document.querySelectorAll("main figure.picture")].map((one) =>
          [one.id, one.querySelector("img").alt, one.querySelector("figcaption").innerText])"""
    )
    for name, alt, caption in found:
        if not alt or "which its caption describes" in alt or alt in caption:
            yield f"{name} is read out as {alt!r}"


def can_be_read(page: Any) -> Iterator[str]:
    """Text stands out from what is behind it, by WCAG 2.2 (1.4.3, AA)."""
    for one in page.evaluate(f"{READ}; poor()"):
        low = f"contrast {one['ratio']:.2f}, below {one['least']}"
        yield f"{low}, of {one['text']!r} ({one['where']})"


def sorts_by_value(page: Any) -> Iterator[str]:
    """Each heading sorts all rows, up and down, as the CSV has their values; NaN is last."""
    for table in page.query_selector_all(".table"):
        name = table.get_attribute("id")
        head, *rows = _csv_of(page, name)
        most = page.evaluate("(name) => JSON.parse(data.textContent)[name].most", name)
        for k, title in enumerate(head):
            texts = [row[k] for row in rows]
            values = [float(one or "nan") for one in texts if not one or _is_number(one)]
            for sign, told in ((1, "ascending"), (-1, "descending")):
                table.query_selector_all("thead button")[k].click()
                heading = table.query_selector_all("thead th")[k]
                if heading.get_attribute("aria-sort") != told:
                    yield f"{name}: column {title!r} is not told to be {told}"
                if len(values) < len(rows):
                    continue  # of words, whose order is that of the reader's language
                shown = page.evaluate(f"{READ}; (one) => column(one[0], one[1])", [name, k])
                expected = sorted(values, key=lambda one, sign=sign: (one != one, sign * one))
                if not _same([float(one or "nan") for one in shown], expected[:most]):
                    yield f"{name}: column {title!r} is not sorted {told}: {shown[:5]}"


def downloads(page: Any) -> Iterator[str]:
    """What is downloaded is what the page holds, every row of it."""
    for button in page.query_selector_all("[data-csv]"):
        name = button.get_attribute("data-csv")
        with page.expect_download() as caught:
            button.click()
        page.wait_for_timeout(PAUSE)
        got = Path(caught.value.path()).read_text(encoding="utf-8-sig", newline="")
        held = page.evaluate("(name) => JSON.parse(data.textContent)[name].csv", name)
        if got != held or caught.value.suggested_filename != f"{name}.csv":
            yield f"{name}: the download is not what the page holds"
    for table in page.query_selector_all(".table"):
        name = table.get_attribute("id")
        every = table.query_selector("[data-all]")
        if every is not None:
            every.click()
        rows = _csv_of(page, name)[1:]
        shown = page.evaluate(f"{READ}; (name) => cells(name)", name)
        if len(shown) != len(rows):
            yield f"{name}: {len(shown)} rows are shown, {len(rows)} downloaded"
        left = sorted(map(_row, rows))
        if left != sorted(map(_row, shown)):
            other = next(one for one in sorted(map(_row, shown)) if one not in left)
            yield f"{name}: {other} is shown, and not in the download"


def copies(page: Any) -> Iterator[str]:
    """Text in letters of one width can be taken along."""
    for summary in page.query_selector_all("main summary"):
        summary.click()
    for button in page.query_selector_all("[data-copy]"):
        button.click()
        name = button.get_attribute("data-copy")
        taken = page.evaluate("getSelection().toString()").rstrip("\n")
        text = page.evaluate("(name) => document.querySelector(`#${name} pre`).innerText", name)
        if taken != text.rstrip("\n") or button.inner_text() != "Copied":
            yield f"{name} is not copied"


def switches_theme(page: Any) -> Iterator[str]:
    """The button changes the theme, says to which it leads, and the page remembers."""
    paper = "getComputedStyle(document.body).backgroundColor"
    before, words = page.evaluate(paper), page.inner_text("#theme")
    page.click("#theme")
    after = page.evaluate(paper)
    if before == after or page.inner_text("#theme") == words:
        yield "the theme stays as it was"
    page.reload()
    if page.evaluate(paper) != after:
        yield "the theme is forgotten"
    page.click("#theme")


def is_used_by_keyboard(page: Any) -> Iterator[str]:
    """Tab reaches every button and link, what has the focus shows it, Esc closes what opened."""
    page.evaluate("document.activeElement.blur()")
    seen, last = set(), ""
    for _ in range(2000):
        page.keyboard.press("Tab")
        one = page.evaluate(f"{READ}; focus()")
        if one is None or one["key"] in seen:
            break
        seen.add(one["key"])
        last = one["key"]
        if not one["shown"]:
            yield f"the focus does not show on {one['key']}"
    for key in page.evaluate(f"{READ}; reachable()"):
        if key not in seen:
            yield f"Tab does not reach {key} (the last was {last})"
    button = page.query_selector("[data-large]")
    if button is not None:
        button.focus()
        page.keyboard.press("Enter")
        if not page.evaluate("document.querySelector('dialog').open"):
            yield "Enter does not enlarge a figure"
        page.keyboard.press("Escape")
        is_back = page.evaluate("(one) => document.activeElement === one", button)
        if page.evaluate("document.querySelector('dialog').open") or not is_back:
            yield "Esc does not lead back from a figure"


def prints(page: Any) -> Iterator[str]:
    """On paper nothing is cut at its side, no button stands, and the paper is white."""
    window = page.viewport_size
    page.set_viewport_size({"width": PAPER, "height": window["height"]})
    page.emulate_media(media="print")
    found = page.evaluate(
        """() => ({paper: getComputedStyle(document.body).backgroundColor,
        buttons: [...document.querySelectorAll("button.live")].filter((one) =>
          one.getClientRects().length).length,
        cut: [...document.querySelectorAll("main .scroll")].filter((one) =>
          one.scrollWidth > one.clientWidth + 1).map((one) => one.getAttribute("aria-label"))})"""
    )
    page.emulate_media(media="screen")
    page.set_viewport_size(window)
    if found["paper"] != "rgb(255, 255, 255)":
        yield f"the paper is {found['paper']}"
    if found["buttons"]:
        yield f"{found['buttons']} buttons are printed"
    yield from (f"{one} is wider than the paper" for one in found["cut"])


def reads_without_script(page: Any) -> Iterator[str]:
    """Without its script the page shows all its text, and no button that does nothing."""
    found = page.evaluate(
        """() => {
          const every = (names) => [...document.querySelectorAll(names)];
          const stands = (one) => one.getClientRects().length > 0;
          return {dead: every("main button, header button").filter(stands).length,
            hidden: every("main section, p, table, img").filter((one) => !stands(one)).length};
        }"""
    )
    if found["dead"]:
        yield f"{found['dead']} buttons do nothing without the script"
    if found["hidden"]:
        yield f"{found['hidden']} blocks are hidden without the script"


# Of a page in one window, in this order: the last ones change what is shown.
OF_A_WINDOW: tuple[Callable[[Any], Iterator[str]], ...] = (fits_its_window, can_be_read)
OF_A_PAGE: tuple[Callable[[Any], Iterator[str]], ...] = (
    tells_its_figures,
    prints,
    is_used_by_keyboard,
    switches_theme,
    sorts_by_value,
    downloads,
    copies,
)


def _csv_of(page: Any, name: str) -> list[list[str]]:
    held = page.evaluate("(name) => JSON.parse(data.textContent)[name].csv", name)
    return list(csv.reader(io.StringIO(held)))


def _row(cells: list[str]) -> tuple[str, ...]:
    """Return a row by which it is told from others: numbers by value, text without its guard."""
    return tuple(
        f"{float(one):.6g}" if _is_number(one) else one.removeprefix("'").strip() for one in cells
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _same(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(
        a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-8)
        for a, b in zip(one, other, strict=True)
    )
