"""What a browser must find of the explorer, as it is moved by hands, keys and addresses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import bayesglm as bg
from browser import checks
from tests.two_weights import PRIORS, data_of, model_of, on_a_grid

MOST_BYTES, MOST_LOADING, MOST_SCRIPT = 300_000, 1000.0, 16.0  # bytes, ms, ms a frame
CLOSE = 1.5e-3  # three decimals are on show, and what is shown is right to 1e-3
SETTLED = 350  # milliseconds after which a state is computed in full, and told
STATES = [
    f"kind={kind}&prior={prior}&scale={scale}&n={n}&correlation={correlation}&seed={seed}&noise=0.8"
    for kind in ("linear", "logistic")
    for prior in PRIORS
    for scale, n, correlation, seed in ((0.2, 12, 0.6, 3), (1.5, 30, -0.9, 8))
]
SHOWN = {  # how the page calls what is summed
    "mean": "posterior mean",
    "low": "94% interval from",
    "high": "to",
    "positive": "P(w > 0)",
    "small": "P(|w| < 0.1)",
}
# What an address may say that no page wrote.
HOSTILE = (
    "#kind=<script>&prior=__proto__&scale=NaN&n=1e99&noise=-3&seed=zzz&moved=0,1",
    "#moved=" + "0,1e999,2,3;" * 500,
    "#scale=Infinity&n=-5&correlation=7&more=constructor",
    "#%00%ff&&&===;;;",
    "#moved=-1,0,0,0;99,1,1,1;1.5,0,0,0;toString,1,1,1&prior=toString",
)


def explorer(path: Path) -> None:
    """The page on which priors, noise and data are moved."""
    bg.explorer(path)


def keeps_its_size(page: Any) -> Iterator[str]:
    """The page is small, and there in less than a second."""
    size = Path(page.url.split("#")[0].removeprefix("file://")).stat().st_size
    if size >= MOST_BYTES:
        yield f"the page holds {size} bytes"
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    if not 0 < loaded < MOST_LOADING:
        yield f"the page was there after {loaded:.0f} ms"


def follows_every_control(page: Any) -> Iterator[str]:
    """Each control, moved by a key, changes the picture, the address and what is said of it."""
    for name in ("scale", "noise", "n", "correlation"):
        before = _seen(page)
        page.focus(f"#{name}")
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        yield from _changed(page, before, f"the slider {name!r}")
    for family in [*PRIORS, "horseshoe", "flat"][::-1]:
        before = _seen(page)
        page.select_option("#family", family)
        yield from _changed(page, before, f"the prior {family!r}")
    for name in ("redraw", "add", "remove", "reset"):
        before = _seen(page)
        page.click(f"#{name}")
        yield from _changed(page, before, f"the button {name!r}")
    for button in page.query_selector_all("#situations button, [data-more], [role=tab]"):
        page.evaluate("location.hash = '#prior=normal&scale=0.7&more=none'")
        page.wait_for_timeout(SETTLED)
        words = button.inner_text()
        before = page.evaluate("[more.toDataURL(), seen.innerText, data.toDataURL()]")
        button.click()
        page.wait_for_timeout(SETTLED)
        after = page.evaluate("[more.toDataURL(), seen.innerText, data.toDataURL()]")
        if before == after and "Shrinkage" not in words and "Linear" not in words:
            yield f"{words!r} changes nothing"


def moves_its_points(page: Any) -> Iterator[str]:
    """Points are dragged by pointers, moved by keys, added and removed."""
    _go(page, "#kind=linear&n=6")
    box = page.query_selector("#data").bounding_box()
    first = page.evaluate("explorerState().places[0]")
    at = (box["x"] + first[0], box["y"] + first[1])
    before = _point(page, 0)
    page.mouse.move(*at)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(at[0] - 5 * step, at[1] + 3 * step)
    page.mouse.up()
    page.wait_for_timeout(SETTLED)
    dragged = _point(page, 0)
    if not (dragged[0] < before[0] and dragged[2] < before[2]):
        yield f"a point that is dragged left and down goes from {before} to {dragged}"
    if "moved=0" not in page.url:
        yield "the address does not hold a point that was dragged"
    page.focus("#data")
    for key in ("PageDown", "ArrowUp", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_timeout(SETTLED)
    if not page.inner_text("#point").startswith("Point 2 of 6"):
        yield f"Page Down leads to {page.inner_text('#point')!r}"
    if "moved=0" not in page.url or ";1," not in page.url:
        yield "arrow keys do not move the second point"
    page.keyboard.press("Delete")
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.wait_for_timeout(SETTLED)
    if page.evaluate("explorerState().state.n") != 7:
        yield "Delete and + do not remove and add points"


def keeps_its_state(page: Any) -> Iterator[str]:
    """An address leads to the state that wrote it; a hostile one to a state that is one."""
    for state in STATES[:3]:
        _go(page, f"#{state}&moved=1,0.5,-0.25,1;3,1,2,0")
        held, written = _seen(page), page.evaluate("location.hash")
        _go(page, "#")
        _go(page, written)
        if _seen(page) != held:
            yield f"{written} does not lead back"
    for hostile in HOSTILE:
        _go(page, hostile)
        state = page.evaluate("explorerState().state")
        is_one = (
            state["kind"] in ("linear", "logistic")
            and 0.01 <= state["scale"] <= 32
            and 0.1 <= state["noise"] <= 4
            and 0 <= state["n"] <= 60
            and abs(state["correlation"]) <= 0.95
        )
        if not is_one or re.search(r"NaN|undefined|Infinity|\[object", page.inner_text("body")):
            yield f"{hostile[:60]} leads to {json.dumps(state)[:200]}"


def shows_right_numbers(page: Any) -> Iterator[str]:
    """What is on show is the MAP of `fit_map`, and the posterior of a sum over a fine grid."""
    for state in STATES:
        _go(page, f"#{state}")
        problem = page.evaluate("explorerState().problem")
        shown, summed = _table(page), on_a_grid(problem)
        exact = {"MAP": bg.fit_map(model_of(problem), data_of(problem))["map"]["x"].values}
        exact |= {words: summed[name] for name, words in SHOWN.items()}
        for name, values in exact.items():
            if np.abs(shown[name] - values).max() > CLOSE:
                yield f"{state}: {name} is {values}, and {shown[name]} is on show"


def says_what_situations_promise(page: Any) -> Iterator[str]:
    """What the name of a situation promises is so."""
    promised = {
        "Lasso": "exactly 0",
        "Ridge": "one point",
        "too narrow": "outside its 94% interval",
        "almost alike": "long ridge",
        "Student t": "far from its centre",
        "Separation, no": "no maximum likelihood",
        "Separation, a": "no maximum likelihood",
    }
    for button in page.query_selector_all("#situations button"):
        button.click()
        page.wait_for_timeout(SETTLED)
        words, seen = button.inner_text(), page.inner_text("#seen")
        for name, promise in promised.items():
            if name in words and promise not in seen:
                yield f"{words!r} is told as {seen!r}"
        if page.get_attribute("#plane", "aria-label").find(seen.split("\n")[0]) < 0:
            yield f"{words!r}: the plane is read out without what is seen"


def is_fluent(page: Any) -> Iterator[str]:
    """Frames of a sweep of a slider take less script than a sixtieth of a second, in the median."""
    for state in (
        STATES[2],
        STATES[-2],
        "prior=horseshoe&n=60",
        "kind=logistic&n=60&prior=laplace",
    ):
        _go(page, f"#{state}")
        took = page.evaluate(
            """async () => {
              const took = [], slider = document.getElementById("scale");
              for (let k = 0; k < 60; k++) {
                slider.value = -1.5 + 0.04 * k;
                slider.dispatchEvent(new Event("input"));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                took.push(explorerState().frame);
              }
              return took;
            }"""
        )
        print(f"  {state}: {median(took):.1f} ms of script a frame, {max(took):.1f} at most")
        if median(took) >= MOST_SCRIPT:
            yield f"{state}: a frame takes {median(took):.1f} ms of script"


def switches_theme(page: Any) -> Iterator[str]:
    """The button changes the theme, and says to which it leads."""
    paper = "getComputedStyle(document.body).backgroundColor"
    before, words = page.evaluate(paper), page.inner_text("#theme")
    page.click("#theme")
    if page.evaluate(paper) == before or page.inner_text("#theme") == words:
        yield "the theme stays as it was"
    page.click("#theme")


OF_A_WINDOW = (checks.fits_its_window, checks.can_be_read, keeps_its_size)
OF_A_PAGE = (
    checks.is_used_by_keyboard,
    switches_theme,
    follows_every_control,
    moves_its_points,
    keeps_its_state,
    says_what_situations_promise,
    shows_right_numbers,
    is_fluent,
)


def _go(page: Any, address: str) -> None:
    page.evaluate("(one) => { location.hash = '#x'; location.hash = one; }", address)
    page.wait_for_timeout(SETTLED)


def _seen(page: Any) -> dict[str, Any]:
    page.wait_for_timeout(SETTLED)
    seen = page.evaluate(
        "({table: table.innerText, seen: seen.innerText, picture: plane.toDataURL()})"
    )
    return seen | {"address": page.evaluate("location.hash")}


def _changed(page: Any, before: dict[str, Any], what: str) -> Iterator[str]:
    after = _seen(page)
    for name in ("picture", "address"):
        if after[name] == before[name]:
            yield f"{what} leaves the {name} as it was"


def _point(page: Any, k: int) -> list[float]:
    problem = page.evaluate("explorerState().problem")
    return [*problem["x"][k], problem["y"][k]]


def _table(page: Any) -> dict[str, np.ndarray]:
    rows = page.evaluate(
        "[...table.tBodies[0].rows].map((row) => [...row.cells].map((one) => one.innerText))"
    )
    shown = {name: [one.replace("\u2212", "-") for one in cells] for name, *cells in rows}
    return {
        name: np.array([float("nan") if one == "none" else float(one) for one in cells])
        for name, cells in shown.items()
    }
