// What the checks read of a page.
const channels = (text) => {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
};
const over = ([r, g, b, a], under) => [r, g, b].map((one, k) => a * one + (1 - a) * under[k]);
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    layers.unshift(channels(getComputedStyle(one).backgroundColor));
  }
  return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
};
// Relative luminance and contrast of WCAG 2.2.
const luminance = (colour) => {
  const [r, g, b] = colour.map((one) => one / 255).map((one) =>
    one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const place = (one) => `${one.tagName.toLowerCase()}${one.className && `.${one.className}`}`;
const poor = () => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.data.trim();
    if (!text || !element.getClientRects().length || element.closest("script, svg")) continue;
    const look = getComputedStyle(element);
    const paper = behind(element);
    const ratio = contrast(over(channels(look.color), paper), paper);
    const size = parseFloat(look.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(look.fontWeight) >= 700);
    const least = large ? 3 : 4.5;
    if (ratio < least) found.push({ ratio, least, text: text.slice(0, 40), where: place(element) });
  }
  return found;
};
const held = (cell) => cell.dataset.v ?? (cell.textContent);
const cells = (name) => [...document.getElementById(name).querySelectorAll("tbody tr")].map((row) =>
  [...row.cells].map((cell) => held(cell).replace("Infinity", "inf")));
const column = (name, k) => cells(name).map((row) => row[k]);
const key = (one) => [one.tagName, one.id, one.getAttribute("href"), one.getAttribute("aria-label"),
  ...Object.values(one.dataset), one.closest("[id]")?.id, one.textContent.slice(0, 20),
  [...document.querySelectorAll(one.tagName)].indexOf(one)].join(" ");
const focus = () => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const look = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const shown = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && box.width > 0;
  return { key: key(one), shown };
};
const reachable = () => [...document.querySelectorAll("a[href], button, summary, main .scroll")]
  .filter((one) => one.checkVisibility() && !one.closest("dialog") && one.tabIndex === 0)
  .map(key);
