"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = (() => { try { return localStorage; } catch { return {}; } })();
  const theme = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  if (/^(dark|light)$/.test(kept.bayesglm)) root.dataset.theme = kept.bayesglm;
  root.classList.add("alive");

  function switchTheme(button) {
    const name = () => { button.textContent = theme() === "dark" ? "Light theme" : "Dark theme"; };
    button.addEventListener("click", () => {
      root.dataset.theme = theme() === "dark" ? "light" : "dark";
      try { kept.bayesglm = root.dataset.theme; } catch { /* nothing is kept */ }
      name();
    });
    dark.addEventListener("change", name);
    name();
  }

  function download(name, text) {
    const link = document.createElement("a");
    const mark = /[^\x00-\x7f]/.test(text) ? "\ufeff" : "";
    link.href = URL.createObjectURL(new Blob([mark + text], { type: "text/csv" }));
    link.download = name + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function enlarge(image, dialog) {
    const place = dialog.querySelector("div");
    place.replaceChildren(image.cloneNode());
    dialog.showModal();
  }

  // The old command, since the new one is refused to pages that no safe server sent.
  function copy(text, button) {
    getSelection().selectAllChildren(text);
    if (document.execCommand("copy")) button.textContent = "Copied";
  }

  function rowOf(cells) {
    const row = document.createElement("tr");
    cells.forEach(([text, look, value], k) => {
      const made = document.createElement(k ? "td" : "th");
      if (!k) made.scope = "row";
      if (look) made.className = look;
      if (value !== undefined) made.dataset.v = value;
      made.textContent = text;
      row.append(made);
    });
    return row;
  }

  // Numbers come before words, by their values; what is neither comes last.
  const words = (cell) => cell.textContent.trim();
  const value = (cell) => Number((cell.dataset.v ?? words(cell).replace("\u2212", "-")) || NaN);
  const rank = (cell) => (value(cell) === value(cell) ? 0 : words(cell) && cell.dataset.v !== "" ? 1 : 2);
  function order(a, b, k, sign) {
    const [x, y] = [a.cells[k], b.cells[k]];
    if (rank(x) || rank(y)) {
      return rank(x) - rank(y) ||
        sign * words(x).localeCompare(words(y), undefined, { numeric: true });
    }
    return sign * (value(x) < value(y) ? -1 : value(x) > value(y) ? 1 : 0);
  }

  function sortable(place, data) {
    const body = place.querySelector("tbody");
    const heads = [...place.querySelectorAll("thead th")];
    const all = place.querySelector("[data-all]");
    let rows = null;
    let shown = data.most;
    const every = () => {
      rows ||= [...body.rows, ...data.more.map(rowOf)];
      return rows;
    };
    const show = () => body.replaceChildren(...every().slice(0, shown));
    if (all) all.addEventListener("click", () => {
      shown = Infinity;
      show();
      place.querySelector(".cut").remove();
      all.remove();
    });
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((one) => one.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        every().sort((a, b) => order(a, b, k, up ? 1 : -1));
        show();
      });
    });
  }

  // Only what can be moved sideways takes part in the keyboard's round; it fades where it goes on.
  function sideways(place) {
    const rest = place.scrollWidth - place.clientWidth;
    place.tabIndex = rest > 1 ? 0 : -1;
    place.classList.toggle("more", place.scrollLeft < rest - 1);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const dialog = document.querySelector("dialog");
    switchTheme(document.getElementById("theme"));
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
    for (const button of document.querySelectorAll("[data-csv]")) {
      const name = button.dataset.csv;
      button.addEventListener("click", () => download(name, data[name].csv));
    }
    for (const button of document.querySelectorAll("[data-large]")) {
      const image = document.getElementById(button.dataset.large).querySelector("img");
      button.addEventListener("click", () => enlarge(image, dialog));
      image.addEventListener("click", () => enlarge(image, dialog));
    }
    for (const button of document.querySelectorAll("[data-copy]")) {
      const text = document.getElementById(button.dataset.copy).querySelector("pre");
      button.addEventListener("click", () => copy(text, button));
    }
    for (const place of document.querySelectorAll(".table")) sortable(place, data[place.id]);
    const contents = document.querySelector("nav details");
    if (matchMedia("(max-width: 44rem)").matches) contents.open = false;
    addEventListener("beforeprint", () => {
      for (const one of document.querySelectorAll("details")) one.open = true;
    });
    const watch = new ResizeObserver((seen) => seen.forEach(({ target }) => sideways(target)));
    for (const place of document.querySelectorAll("main .scroll")) {
      watch.observe(place);
      place.addEventListener("scroll", () => sideways(place), { passive: true });
    }
  });
})();
