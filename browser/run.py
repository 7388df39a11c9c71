"""Open reports and the explorer in a headless Chromium: `python -m browser.run [NAME ...]`."""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browser import checks, explorer
from browser.reports import REPORTS

PAGES = REPORTS | {"explorer": explorer.explorer}
SHOTS = Path(__file__).parent / "shots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HEIGHT = 900  # of a window, in pixels


def main() -> None:
    """Check all reports, or those that are named; leaves with status 1 where one is at fault."""
    parser = argparse.ArgumentParser(prog="python -m browser.run", description=__doc__)
    parser.add_argument("pages", nargs="*", help=f"some of {', '.join(PAGES)}")
    asked = parser.parse_args().pages or list(PAGES)
    unknown = [name for name in asked if name not in PAGES]
    if unknown:
        parser.error(f"no page is called {unknown[0]!r}; there are {', '.join(PAGES)}")
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        sys.exit(
            "no Chromium is on the PATH; install one (on Debian: apt-get install chromium) and "
            "run this again."
        )
    from playwright.sync_api import sync_playwright

    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir()
    faults = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in asked:
            path, began = SHOTS / f"{name}.html", time.perf_counter()
            PAGES[name](path)
            size = path.stat().st_size / 1e6
            print(f"{name}: {size:.2f} MB in {time.perf_counter() - began:.1f} s", flush=True)
            for fault in dict.fromkeys(check(browser, path, name in REPORTS)):
                faults += 1
                print(f"  {fault}", flush=True)
        browser.close()
    print(f"{faults} faults; pictures of every page are in {SHOTS}")
    sys.exit(bool(faults))


def check(browser: Any, path: Path, is_report: bool) -> Iterator[str]:
    """Yield what is at fault with a page, in every window and theme."""
    every = checks if is_report else explorer
    for theme in checks.THEMES:
        for width in checks.WIDTHS:
            yield from _in_window(browser, path, theme, width, every)
    if not is_report:
        return  # without a script there is nothing to move
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    yield from checks.reads_without_script(page)
    context.close()


def _in_window(browser: Any, path: Path, theme: str, width: int, every: Any) -> Iterator[str]:
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=theme, accept_downloads=True
    )
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.classList.contains('alive')")
    page.screenshot(path=SHOTS / f"{path.stem}-{theme}-{width}.png", full_page=True)
    where = f"{theme}, {width} px"
    for one in every.OF_A_WINDOW:
        yield from (f"{where}: {fault}" for fault in one(page))
    if (theme, width) in (
        (checks.THEMES[0], checks.WIDTHS[-1]),
        (checks.THEMES[1], checks.WIDTHS[0]),
    ):
        page.pdf(path=SHOTS / f"{path.stem}-{theme}.pdf")
        for one in every.OF_A_PAGE:
            yield from (f"{where}: {fault}" for fault in one(page))
        yield from (f"{where}, sorted: {fault}" for fault in checks.fits_its_window(page))
    yield from (f"{where}: {fault}" for fault in checks.quiet(said, asked, path.as_uri()))
    context.close()


if __name__ == "__main__":
    main()
