"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const FAMILIES = { normal: "Normal", laplace: "Laplace", student_t: "Student t",
    elastic_net: "elastic net", horseshoe: "horseshoe", flat: "flat" };
  const RANGES = { scale: [0.01, 31.7], noise: [0.1, 4], n: [0, 60], correlation: [-0.95, 0.95], seed: [0, 99999] };
  const START = { kind: "linear", family: "laplace", scale: 0.25, noise: 1, n: 10, correlation: 0.6,
    seed: 24, more: "shrinkage", moved: {} };
  const SITUATIONS = [
    ["Lasso: a zero, and yet none", { family: "laplace", scale: 0.25, n: 10, correlation: 0.6, seed: 24 }],
    ["Ridge: mode is mean", { family: "normal", scale: 0.5, n: 10, correlation: 0.6, seed: 24 }],
    ["A prior that is too narrow", { family: "normal", scale: 0.1, noise: 0.5, n: 40, correlation: 0, seed: 24 }],
    ["Predictors almost alike", { family: "normal", scale: 2, n: 25, correlation: 0.95, seed: 5 }],
    ["Student t: mode far from mean", { family: "student_t", scale: 0.05, n: 10, correlation: 0.9, seed: 284 }],
    ["Separation, no prior", { kind: "logistic", family: "flat", scale: 1, n: 10, correlation: 0, seed: 49, more: "steps" }],
    ["Separation, a proper prior", { kind: "logistic", family: "normal", scale: 2.5, n: 10, correlation: 0, seed: 49, more: "steps" }],
  ];
  const TRUTHS = { linear: [1.2, 0.3], logistic: [2, -0.5] };
  const REACH = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128];
  const SCALES = Array.from({ length: 41 }, (_, k) => 10 ** (-2 + 3.5 * k / 40));
  let state = { ...START, moved: {} }, now = null, reach = 2, chosen = 0, idle = 0, frame = 0, took = 0;
  const priorLevels = {};

  // ---- state and address ------------------------------------------------------------------------

  const clamp = (v, [low, high]) => Math.min(high, Math.max(low, v));

  function read(hash) { // whatever an address says, a state that is one
    const next = { ...START, moved: {} }, given = new URLSearchParams(hash.replace(/^#/, ""));
    if (["linear", "logistic"].includes(given.get("kind"))) next.kind = given.get("kind");
    if (Object.hasOwn(FAMILIES, given.get("prior") || "")) next.family = given.get("prior");
    if (["shrinkage", "path", "steps"].includes(given.get("more"))) next.more = given.get("more");
    for (const name of Object.keys(RANGES)) {
      const v = Number.parseFloat(given.get(name));
      if (Number.isFinite(v)) next[name] = clamp(v, RANGES[name]);
    }
    next.n = Math.round(next.n); next.seed = Math.round(next.seed);
    for (const one of (given.get("moved") || "").split(";").slice(0, 60)) {
      const [k, a, b, y] = one.split(",").map(Number);
      if (Number.isInteger(k) && k >= 0 && k < 60 && [a, b, y].every((v) => Number.isFinite(v) && Math.abs(v) < 100)) {
        next.moved[k] = [a, b, next.kind === "logistic" ? Number(y > 0.5) : y];
      }
    }
    return next;
  }

  const short = (v) => Number(v.toPrecision(4));

  function write() {
    const out = new URLSearchParams({ kind: state.kind, prior: state.family, scale: short(state.scale),
      noise: short(state.noise), n: state.n, correlation: short(state.correlation), seed: state.seed, more: state.more });
    const moved = Object.entries(state.moved).map(([k, v]) => [k, ...v.map(short)].join(",")).join(";");
    if (moved) out.set("moved", moved);
    return "#" + out.toString().replaceAll("%2C", ",").replaceAll("%3B", ";");
  }

  function set(change) {
    state = { ...state, ...change };
    plan();
  }

  function plan() {
    clearTimeout(idle);
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; show(true); });
    idle = setTimeout(() => {
      if (frame) { cancelAnimationFrame(frame); frame = 0; }
      show(false);
      try { history.replaceState(null, "", write()); } catch (refused) { /* within a frame */ }
      tell();
    }, 160);
  }

  // ---- what is computed -------------------------------------------------------------------------

  function problemOf() {
    const data = explorer.draw({ kind: state.kind, seed: state.seed, n: state.n, correlation: state.correlation,
      noise: state.noise, truth: TRUTHS[state.kind] });
    for (const [k, [a, b, y]] of Object.entries(state.moved)) {
      if (k < state.n) { data.x[k] = [a, b]; data.y[k] = y; }
    }
    return { kind: state.kind, noise: state.noise, ...data,
      prior: { family: state.family, scale: state.scale, df: 3, ratio: 0.5 } };
  }

  function compute(fast) {
    const problem = problemOf();
    const map = explorer.map(problem), mle = explorer.mle(problem);
    const out = { problem, map, mle, fast, separated: explorer.separated(problem),
      posterior: explorer.posterior(problem, { fast, map, mle }) };
    if (!fast || !now || now.key !== pathKey()) {
      out.path = fast && (state.kind === "logistic" || state.family === "student_t") ? null : explorer.path(problem, SCALES);
    } else out.path = now.path;
    out.key = pathKey();
    return out;
  }

  const pathKey = () => JSON.stringify([state.kind, state.family, state.noise, state.n, state.correlation, state.seed, state.moved]);

  function levelsOfPrior(prior) {
    if (!priorLevels[prior.family]) {
      const alone = { kind: "linear", x: [], y: [], noise: 1, prior: { ...prior, scale: 1 } };
      priorLevels[prior.family] = explorer.posterior(alone).levels;
    }
    return priorLevels[prior.family];
  }

  // ---- drawing ----------------------------------------------------------------------------------

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  let colours = {};

  function board(canvas) { // a canvas in CSS pixels, cleared
    const box = canvas.getBoundingClientRect(), ratio = Math.min(3, window.devicePixelRatio || 1);
    const w = Math.max(80, box.width), h = Math.max(60, box.height);
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, w, h);
    g.font = "12px system-ui, sans-serif";
    return { g, w, h };
  }

  function ticks(low, high, most) {
    const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) out.push(Math.abs(v) < 1e-9 * step ? 0 : v);
    return out;
  }

  const text = (v) => String(Number(v.toPrecision(3))).replace("-", "\u2212");

  function axes(b, x, y, labels, logX) { // returns the functions to pixels
    const { g, w, h } = b, left = labels[1] ? 46 : 12, right = 10, top = 8, bottom = 34;
    const fx = logX ? Math.log10 : (v) => v;
    const px = (v) => left + (fx(v) - fx(x[0])) / (fx(x[1]) - fx(x[0])) * (w - left - right);
    const py = (v) => h - bottom - (v - y[0]) / (y[1] - y[0]) * (h - top - bottom);
    g.strokeStyle = colours.line; g.fillStyle = colours.soft; g.lineWidth = 1;
    g.textAlign = "center"; g.textBaseline = "top";
    const alongX = logX ? ticks(fx(x[0]), fx(x[1]), Math.max(2, w / 80)).filter(Number.isInteger).map((p) => 10 ** p) : ticks(x[0], x[1], Math.max(3, w / 70));
    for (const v of alongX) {
      g.beginPath(); g.moveTo(px(v), top); g.lineTo(px(v), h - bottom); g.stroke();
      g.fillText(text(v), px(v), h - bottom + 4);
    }
    if (labels[1]) {
      g.textAlign = "right"; g.textBaseline = "middle";
      for (const v of ticks(y[0], y[1], Math.max(3, h / 50))) {
        g.beginPath(); g.moveTo(left, py(v)); g.lineTo(w - right, py(v)); g.stroke();
        g.fillText(text(v), left - 5, py(v));
      }
      g.save(); g.translate(10, (h - bottom) / 2); g.rotate(-Math.PI / 2); g.textAlign = "center";
      g.fillText(labels[1], 0, 0); g.restore();
    }
    g.textAlign = "center"; g.textBaseline = "bottom";
    g.fillText(labels[0], (left + w - right) / 2, h - 2);
    g.save(); g.beginPath(); g.rect(left, top, w - left - right, h - top - bottom); g.clip();
    return { px, py, inverse: (a, c) => [x[0] + (a - left) / (w - left - right) * (x[1] - x[0]), y[0] + (h - bottom - c) / (h - top - bottom) * (y[1] - y[0])] };
  }

  function evenly(low, high) { // fewer places while a finger moves, where sums over choices cost time
    const side = now.fast && state.kind === "logistic" ? 41 : 97;
    return Float64Array.from({ length: side }, (_, k) => low + (high - low) * k / (side - 1));
  }

  /* One contour by marching squares: its pieces by the edges of cells on which they end. Rows of the
     values are places `px` (in pixels), columns `py`. */
  function pieces(values, px, py, level) {
    const n = py.length, found = [], byEdge = new Map();
    const cut = (a, b, u, v) => u + (v - u) * Math.min(1, Math.max(0, (level - a) / (b - a)));
    const add = (from, to) => {
      for (const end of [from, to]) {
        if (byEdge.has(end[0])) byEdge.get(end[0]).push(found.length); else byEdge.set(end[0], [found.length]);
      }
      found.push([from, to]);
    };
    for (let i = 0; i < px.length - 1; i++) {
      for (let j = 0; j < n - 1; j++) {
        const at = i * n + j, a = values[at], b = values[at + n], c = values[at + n + 1], d = values[at + 1];
        if ((a < level) === (b < level) && (b < level) === (c < level) && (c < level) === (d < level)) continue;
        const ends = []; // an edge is told by its first corner, and whether it goes along a row
        if ((a < level) !== (b < level)) ends.push([2 * at, cut(a, b, px[i], px[i + 1]), py[j]]);
        if ((b < level) !== (c < level)) ends.push([2 * (at + n) + 1, px[i + 1], cut(b, c, py[j], py[j + 1])]);
        if ((c < level) !== (d < level)) ends.push([2 * (at + 1), cut(d, c, px[i], px[i + 1]), py[j + 1]]);
        if ((d < level) !== (a < level)) ends.push([2 * at + 1, px[i], cut(a, d, py[j], py[j + 1])]);
        for (let k = 0; k + 1 < ends.length; k += 2) add(ends[k], ends[k + 1]);
      }
    }
    return { found, byEdge };
  }

  // Pieces are drawn one after another, so that dashes go round.
  function trace(g, { found, byEdge }) {
    const used = new Uint8Array(found.length);
    const follow = (end) => {
      for (;;) {
        const next = byEdge.get(end[0]).find((m) => !used[m]);
        if (next === undefined) return;
        used[next] = 1;
        end = found[next][found[next][0][0] === end[0] ? 1 : 0];
        g.lineTo(end[1], end[2]);
      }
    };
    for (let k = 0; k < found.length; k++) {
      if (used[k]) continue;
      used[k] = 1;
      const [from, to] = found[k];
      g.moveTo(from[1], from[2]); g.lineTo(to[1], to[2]); follow(to);
      g.moveTo(from[1], from[2]); follow(from);
    }
  }

  function lines(g, view, { values, xs, ys }, levels, style, width, dash) {
    const px = Array.from(xs, view.px), py = Array.from(ys, view.py);
    g.strokeStyle = style; g.lineWidth = width; g.setLineDash(dash || []); g.beginPath();
    for (const level of levels) trace(g, pieces(values, px, py, level));
    g.stroke(); g.setLineDash([]);
  }

  // Each density is drawn on a grid of its own size, so that narrow ones are drawn as well.
  function likelihoodGrid(problem, box) {
    const [xs, ys] = box.map(([low, high]) => evenly(low, high));
    return { values: explorer.likelihoodOn(problem, xs, ys), xs, ys };
  }

  function posteriorGrid(problem, posterior) {
    const box = [0, 1].map((j) => {
      const wide = 0.6 * (posterior.high[j] - posterior.low[j]);
      return [Math.max(-reach, posterior.low[j] - wide), Math.min(reach, posterior.high[j] + wide)];
    });
    const grid = likelihoodGrid(problem, box), px = explorer.priorOn(problem.prior, grid.xs), py = explorer.priorOn(problem.prior, grid.ys);
    const n = py.length;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) grid.values[i * n + j] += px[i] + py[j];
    return grid;
  }

  function likelihoodBox(problem) { // around the best point, of numbers; else the whole plane
    const whole = [[-reach, reach], [-reach, reach]];
    if (!now.mle || problem.kind !== "linear") return whole;
    let a = 0, b = 0, c = 0;
    for (const [u, v] of problem.x) { a += u * u; b += u * v; c += v * v; }
    return [c, a].map((one, j) => {
      const wide = 3 * problem.noise * Math.sqrt(one / (a * c - b * b)), at = now.mle[j];
      return [Math.max(-reach, at - wide), Math.min(reach, at + wide)];
    }).map(([low, high], j) => high > low ? [low, high] : whole[j]);
  }

  const shade = document.createElement("canvas");
  function shaded(g, view, { values, xs, ys }) { // the density, darkest at its top
    const side = xs.length;
    if (shade.width !== side) shade.width = shade.height = side;
    const brush = shade.getContext("2d"), image = brush.createImageData(side, side);
    const rgb = [1, 3, 5].map((k) => parseInt(colours.post.slice(k, k + 2), 16));
    let top = -Infinity;
    for (const v of values) if (v > top && v < Infinity) top = v;
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      const at = 4 * ((side - 1 - j) * side + i);
      image.data[at] = rgb[0]; image.data[at + 1] = rgb[1]; image.data[at + 2] = rgb[2];
      image.data[at + 3] = 165 * Math.exp(Math.min(0, 0.55 * (values[i * side + j] - top)));
    }
    brush.putImageData(image, 0, 0);
    const halfX = (view.px(xs[1]) - view.px(xs[0])) / 2, halfY = (view.py(ys[0]) - view.py(ys[1])) / 2;
    g.imageSmoothingEnabled = true;
    g.drawImage(shade, view.px(xs[0]) - halfX, view.py(ys[side - 1]) - halfY,
      view.px(xs[side - 1]) - view.px(xs[0]) + 2 * halfX, view.py(ys[0]) - view.py(ys[side - 1]) + 2 * halfY);
  }

  function mark(g, x, y, shape, style) {
    g.save(); g.translate(x, y); g.fillStyle = style; g.strokeStyle = colours.paper; g.lineWidth = 1.5;
    g.beginPath();
    if (shape === "circle") g.arc(0, 0, 6, 0, 7);
    else if (shape === "square") g.rect(-5, -5, 10, 10);
    else if (shape === "diamond") { g.moveTo(0, -8); g.lineTo(8, 0); g.lineTo(0, 8); g.lineTo(-8, 0); g.closePath(); }
    else for (let k = 0; k < 10; k++) {
      const r = k % 2 ? 4 : 9, a = Math.PI * (k / 5 - 0.5);
      g.lineTo(r * Math.cos(a), r * Math.sin(a));
    }
    g.closePath(); g.fill(); g.stroke(); g.restore();
  }

  function reachOf() {
    const wanted = [0.2, ...TRUTHS[state.kind].map(Math.abs)];
    if (now.posterior) for (const j of [0, 1]) wanted.push(Math.abs(now.posterior.low[j]), Math.abs(now.posterior.high[j]));
    const most = 1.15 * Math.max(...wanted);
    if (now.mle) wanted.push(...now.mle.map((v) => Math.min(Math.abs(v), 2.5 * most)));
    const need = 1.15 * Math.max(...wanted);
    return REACH.find((r) => r >= need) || REACH.at(-1);
  }

  let liked = {}; // the likelihood does not move with the prior
  function drawPlane() {
    const b = board($("plane")), { g } = b, { problem, posterior, map } = now, prior = problem.prior;
    const view = axes(b, [-reach, reach], [-reach, reach], ["weight 1", "weight 2"]);
    const grid = posterior && posteriorGrid(problem, posterior);
    if (grid) shaded(g, view, grid);
    g.strokeStyle = colours.soft; g.lineWidth = 1.2; g.beginPath();
    g.moveTo(view.px(0), 0); g.lineTo(view.px(0), b.h); g.moveTo(0, view.py(0)); g.lineTo(b.w, view.py(0)); g.stroke();
    if (state.family !== "flat") {
      for (const level of levelsOfPrior(prior)) curve(g, view, explorer.ring(prior, -level, 3 * reach), colours.prior, 1.4);
    }
    if (state.n) {
      const box = likelihoodBox(problem), key = JSON.stringify([problem.kind, problem.x, problem.y, problem.noise, box, now.fast]);
      if (liked.key !== key) liked = { key, grid: likelihoodGrid(problem, box) };
      const like = liked.grid;
      const best = now.mle ? explorer.likelihoodOn(problem, [now.mle[0]], [now.mle[1]])[0] : like.values.reduce((p, q) => Math.max(p, q), -Infinity);
      lines(g, view, like, [best - 0.693, best - 2.813], colours.like, 1.5, [5, 4]);
    }
    if (grid) lines(g, view, grid, posterior.levels, colours.post, 1.8);
    if (state.family !== "flat" && map && !map.pole && (map.w[0] || map.w[1])) {
      curve(g, view, explorer.ring(prior, explorer.penalty(prior, map.w), 3 * reach), colours.region, 2.6);
    }
    drawPath(g, view);
    const truth = TRUTHS[state.kind];
    mark(g, view.px(truth[0]), view.py(truth[1]), "star", colours.truth);
    if (now.mle) mark(g, view.px(now.mle[0]), view.py(now.mle[1]), "square", colours.like);
    if (posterior) mark(g, view.px(posterior.mean[0]), view.py(posterior.mean[1]), "circle", colours.post);
    if (map && !map.pole) mark(g, view.px(map.w[0]), view.py(map.w[1]), "diamond", colours.map);
    g.restore();
  }

  function drawPath(g, view) { // of the MAP, where it is one
    if (!now.path || state.family === "horseshoe" || state.family === "flat") return;
    g.strokeStyle = colours.map; g.lineWidth = 2.6; g.lineCap = "round"; g.setLineDash([0.1, 5]); g.beginPath();
    let on = false;
    for (const w of now.path) {
      if (!w) { on = false; continue; }
      if (on) g.lineTo(view.px(w[0]), view.py(w[1])); else g.moveTo(view.px(w[0]), view.py(w[1]));
      on = true;
    }
    g.stroke(); g.setLineDash([]); g.lineCap = "butt";
  }

  function marginalRange(j) {
    const p = now.posterior, truth = TRUTHS[state.kind][j];
    if (!p) return [-reach, reach];
    const wide = 0.35 * (p.high[j] - p.low[j]), at = now.map && !now.map.pole ? [now.map.w[j]] : [];
    const low = Math.min(0, truth, p.low[j], ...at) - wide, high = Math.max(0, truth, p.high[j], ...at) + wide;
    return [low, high];
  }

  function drawMarginal(id, j) {
    const b = board($(id)), { g } = b, p = now.posterior, range = marginalRange(j);
    let top = 1;
    if (p) {
      const { density } = p.marginals[j], sorted = Array.from(density).sort((u, v) => v - u);
      top = state.family === "horseshoe" ? Math.max(sorted[Math.floor(sorted.length * 0.12)], 0.1) : sorted[0];
    }
    const view = axes(b, range, [0, 1.4 * top], ["weight " + (j + 1), ""]), base = view.py(0);
    if (p) {
      const { x, density } = p.marginals[j], spots = Array.from(x, (v, k) => [v, density[k]]);
      const area = (points) => { g.beginPath(); g.moveTo(view.px(points[0][0]), base); for (const [v, d] of points) g.lineTo(view.px(v), view.py(d)); g.lineTo(view.px(points.at(-1)[0]), base); };
      g.fillStyle = colours.post; g.globalAlpha = 0.22; area(spots); g.fill();
      const near = spots.filter(([v]) => Math.abs(v) <= 0.1);
      if (near.length > 1) { g.globalAlpha = 0.45; area(near); g.fill(); }
      g.globalAlpha = 1; g.strokeStyle = colours.post; g.lineWidth = 2; area(spots); g.stroke();
      g.lineWidth = 4; g.beginPath(); g.moveTo(view.px(p.low[j]), base - 5); g.lineTo(view.px(p.high[j]), base - 5); g.stroke();
    }
    const upright = (v, shape, style) => {
      g.strokeStyle = style; g.lineWidth = 1.4; g.beginPath(); g.moveTo(view.px(v), base); g.lineTo(view.px(v), 22); g.stroke();
      mark(g, view.px(v), 18, shape, style);
    };
    upright(TRUTHS[state.kind][j], "star", colours.truth);
    if (now.map && !now.map.pole) upright(now.map.w[j], "diamond", colours.map);
    if (p) mark(g, view.px(p.mean[j]), base - 6, "circle", colours.post);
    g.restore();
    $(id + "-mass").textContent = p ? massAtZero(j) : "No posterior: nothing bounds the weight.";
  }

  function massAtZero(j) { // a continuous posterior has none at a single value
    const p = now.posterior, isZero = now.map && !now.map.pole && now.map.w[j] === 0;
    return `${percent(p.positive[j])} above zero, ${percent(p.small[j])} within 0.1 of it (dark); exactly zero: 0%${isZero ? ", though the MAP is 0" : ""}.`;
  }

  let dataView = null, dataReach = null, held = -1; // held: the point under the finger
  const dataAxes = () => state.kind === "linear" ? { x: 0, y: 2 } : { x: 0, y: 1 };
  const pointOf = (k) => [...now.problem.x[k], now.problem.y[k]];

  function drawData() {
    const b = board($("data")), { g } = b, isLinear = state.kind === "linear";
    if (held < 0 || !dataReach) { // a view that changed under a finger would run away with it
      dataReach = [Math.max(3, ...now.problem.x.map((v) => 1.08 * Math.abs(v[0]))),
        Math.max(3, ...now.problem.y.map((v, k) => 1.1 * Math.abs(isLinear ? v : now.problem.x[k][1])))];
    }
    const [wide, high] = dataReach;
    dataView = axes(b, [-wide, wide], [-high, high], ["predictor 1", isLinear ? "response" : "predictor 2"]);
    for (let k = 0; k < state.n; k++) {
      const p = pointOf(k), x = dataView.px(p[0]), y = dataView.py(p[dataAxes().y]);
      const size = isLinear ? 5 + 1.2 * Math.max(-2, Math.min(2, p[1])) : 6;
      g.fillStyle = isLinear ? colours.post : p[2] ? colours.post : colours.map;
      g.globalAlpha = 0.85; g.beginPath();
      if (!isLinear && !p[2]) g.rect(x - 5, y - 5, 10, 10); else g.arc(x, y, size, 0, 7);
      g.fill(); g.globalAlpha = 1;
      if (state.moved[k]) { g.strokeStyle = colours.ink; g.lineWidth = 1.5; g.stroke(); }
      if (k === chosen && document.activeElement === $("data")) {
        g.strokeStyle = colours.link; g.lineWidth = 2.5; g.beginPath(); g.arc(x, y, size + 5, 0, 7); g.stroke();
      }
    }
    if (!isLinear && now.posterior) { // the boundary of the mean weights
      const [u, v] = now.posterior.mean;
      g.strokeStyle = colours.ink; g.lineWidth = 1.5; g.beginPath();
      const far = 50 / (Math.hypot(u, v) || 1);
      g.moveTo(dataView.px(-v * far), dataView.py(u * far)); g.lineTo(dataView.px(v * far), dataView.py(-u * far)); g.stroke();
    }
    g.restore();
  }

  function curve(g, view, points, style, width, dash) {
    g.strokeStyle = style; g.lineWidth = width; g.setLineDash(dash || []); g.beginPath();
    points.forEach(([x, y], k) => k ? g.lineTo(view.px(x), view.py(y)) : g.moveTo(view.px(x), view.py(y)));
    g.stroke(); g.setLineDash([]);
  }

  function legend(g, parts, left = 58, top = 20) {
    g.textAlign = "left"; g.textBaseline = "middle";
    parts.forEach(([words, style], k) => {
      g.fillStyle = style; g.fillRect(left, top - 1 + 17 * k, 16, 3); g.fillText(words, left + 22, top + 1 + 17 * k);
    });
  }

  const shrunk = {};
  const MORE = {
    shrinkage(b) {
      const { g } = b, prior = now.problem.prior, n = now.fast ? 24 : 60;
      const key = [prior.family, short(prior.scale), n].join();
      if (shrunk.key !== key) {
        shrunk.key = key;
        shrunk.points = Array.from({ length: n + 1 }, (_, k) => -6 + 12 * k / n).map((z) => [z, explorer.shrinkage(prior, 1, z)]);
      }
      const view = axes(b, [-6, 6], [-6, 6], ["measurement (noise of sd 1)", "estimate"]);
      legend(g, [["mean", colours.post], ...(prior.family === "horseshoe" ? [] : [["MAP", colours.map]]), ["no shrinkage", colours.soft]]);
      curve(g, view, [[-6, -6], [6, 6]], colours.soft, 1, [3, 3]);
      curve(g, view, shrunk.points.map(([z, s]) => [z, s.mean]), colours.post, 2.5);
      if (prior.family !== "horseshoe") curve(g, view, shrunk.points.map(([z, s]) => [z, s.mode]), colours.map, 2.5);
      if (now.fast) return null;
      return `Shrinkage of one weight under ${priorName()}: a measurement of 3 becomes a mean of ${text(explorer.shrinkage(prior, 1, 3).mean)}`
        + (prior.family === "horseshoe" ? "." : ` and a mode of ${text(explorer.shrinkage(prior, 1, 3).mode)}.`);
    },
    path(b) {
      const { g } = b, isPath = state.family !== "flat" && state.family !== "horseshoe", path = isPath && now.path || [];
      const view = axes(b, [SCALES[0], SCALES.at(-1)], [-reach, reach], ["scale of the prior (wider to the right)", "MAP"], true);
      for (const j of [0, 1]) curve(g, view, path.map((w, k) => w && [SCALES[k], w[j]]).filter(Boolean), j ? colours.prior : colours.map, 2.5);
      legend(g, [["weight 1", colours.map], ["weight 2", colours.prior]]);
      if (!isPath) return state.family === "flat" ? "A flat prior has no scale to move along." : "The horseshoe has no MAP: its density is infinite at zero, whatever its scale.";
      curve(g, view, [[state.scale, -reach], [state.scale, reach]], colours.soft, 1.5, [4, 4]);
      const zeros = (w) => w ? w.filter((v) => v === 0).length : 0;
      return `The MAP along the scale of the prior: ${zeros(now.map?.w)} of 2 weights are exactly zero at this scale (dashed), ${zeros(path[0])} at the narrowest, ${zeros(path.at(-1))} at the widest.`;
    },
    steps(b) {
      const { g } = b, n = 3000, all = explorer.steps(now.problem, n), at = all.map((w, k) => [k + 1, Math.hypot(...w)]);
      const top = Math.max(1, ...at.map((p) => p[1])) * 1.1;
      const view = axes(b, [1, n], [0, top], ["steps of gradient ascent (no prior)", "size of the weights"], true);
      legend(g, [["without a prior", colours.like], ...(now.map && !now.map.pole ? [["MAP", colours.map]] : [])], b.w - 120, b.h - 70);
      curve(g, view, at, colours.like, 2.5);
      if (now.map && !now.map.pole) curve(g, view, [[1, Math.hypot(...now.map.w)], [n, Math.hypot(...now.map.w)]], colours.map, 2, [5, 4]);
      const last = at.at(-1)[1], before = at[Math.floor(n / 10)]?.[1] ?? last;
      return now.separated ? `Without a prior the weights run away: their size is ${text(before)} after ${n / 10} steps, ${text(last)} after ${n.toLocaleString("en")}.`
        : `Without a prior the weights settle at a size of ${text(last)}.`;
    },
  };

  function drawMore() {
    const b = board($("more")), label = MORE[state.more](b);
    b.g.restore();
    if (label !== null) $("more-said").textContent = label; // words wait for the hand to rest
  }

  function show(fast) {
    const began = performance.now();
    now = compute(fast);
    reach = reachOf();
    colours = Object.fromEntries(["paper", "ink", "soft", "line", "link", "post", "prior", "like", "map", "region", "truth"].map((c) => [c, colour(c)]));
    drawPlane();
    drawMarginal("first", 0); drawMarginal("second", 1);
    drawData(); drawMore();
    table(); controls();
    took = performance.now() - began;
  }

  // ---- words ------------------------------------------------------------------------------------

  const priorName = () => state.family === "flat" ? "a flat prior" : `${FAMILIES[state.family]}(${text(state.scale)})`;
  const percent = (p) => p > 0.999 ? "over 99.9%" : p < 0.001 ? "under 0.1%" : (100 * p).toFixed(p > 0.99 || p < 0.01 ? 1 : 0) + "%";
  const pairText = (w) => `(${text(w[0])}, ${text(w[1])})`;

  function sentences() {
    const out = [], p = now.posterior, m = now.map;
    if (state.n === 0) out.push("There are no data: the posterior is the prior.");
    if (now.separated) out.push("The data are separated: a direction tells every yes from every no, so the likelihood rises for ever along it and there is no maximum likelihood estimate.");
    else if (!now.mle && state.n) out.push("The samples lie along one line, or are too few: the likelihood has no single best point.");
    if (!p) {
      out.push("With a flat prior there is no posterior either: nothing bounds the weights. Choose a proper prior.");
      return out;
    }
    if (m && !m.pole) {
      const zeros = m.w.map((v, j) => v === 0 ? j + 1 : 0).filter(Boolean);
      const gap = Math.hypot((m.w[0] - p.mean[0]) / p.sd[0], (m.w[1] - p.mean[1]) / p.sd[1]);
      if (zeros.length) {
        const j = zeros.at(-1) - 1;
        out.push(`The MAP sets weight ${zeros.join(" and weight ")} to exactly 0. The posterior does not: no single value has a probability, and weight ${j + 1} is above zero with probability ${percent(p.positive[j])}, and within 0.1 of zero with ${percent(p.small[j])}; its mean is ${text(p.mean[j])}.`);
      } else out.push(`The MAP is ${pairText(m.w)}, the posterior mean ${pairText(p.mean)}: ${gap < 0.02 ? "one point, for the top of this posterior is its middle" : text(gap) + " posterior sds apart"}. Weight 2 is within 0.1 of zero with probability ${percent(p.small[1])}.`);
    }
    if (state.family === "horseshoe") out.push(`The horseshoe's density is infinite at zero, so it has no MAP to speak of; its posterior is proper: weight 2 is within 0.1 of zero with probability ${percent(p.small[1])}, and exactly zero with probability 0.`);
    if (state.family === "student_t" && m) {
      const away = Math.max(...[0, 1].map((j) => Math.abs(m.w[j] - p.mean[j]) / p.sd[j]));
      if (away > 0.5) out.push("This posterior is of two minds: its highest point is far from its centre of mass.");
    }
    const truth = TRUTHS[state.kind], outside = [0, 1].filter((j) => truth[j] < p.low[j] || truth[j] > p.high[j]);
    out.push(outside.length ? `The true weight ${outside.map((j) => j + 1).join(" and ")} lies outside its 94% interval.` : "Both true weights lie inside their 94% intervals.");
    if (Math.abs(state.correlation) > 0.8 && state.n > 2) out.push("The predictors are nearly one: their sum is well known, their difference is not, and the posterior is a long ridge.");
    if (state.family !== "flat" && now.mle && m && !m.pole) {
      const kept = Math.hypot(...m.w) / Math.hypot(...now.mle);
      if (kept < 0.3) out.push(`The prior rules: the MAP keeps ${percent(kept)} of the maximum likelihood estimate.`);
      else if (kept > 0.97) out.push("The data rule: the prior hardly moves the estimate.");
    }
    return out;
  }

  function tell() {
    const said = sentences();
    $("seen").replaceChildren(...said.map((one) => Object.assign(document.createElement("p"), { textContent: one })));
    const p = now.posterior;
    $("plane").setAttribute("aria-label", `The plane of two weights under ${priorName()}, ${state.n} samples. ${said.join(" ")}`);
    for (const [id, j] of [["first", 0], ["second", 1]]) {
      $(id).setAttribute("aria-label", p ? `Posterior of weight ${j + 1}: mean ${text(p.mean[j])}, 94% from ${text(p.low[j])} to ${text(p.high[j])}.` : `No posterior of weight ${j + 1}.`);
    }
    $("more").setAttribute("aria-label", $("more-said").textContent);
    nameData();
  }

  function nameData() {
    const k = Math.min(chosen, state.n - 1), [a, b, y] = state.n ? pointOf(k) : [];
    const point = state.n ? `Point ${k + 1} of ${state.n}: predictors ${text(a)} and ${text(b)}, response ${state.kind === "logistic" ? (y ? "yes" : "no") : text(y)}.` : "There are no data.";
    $("data").setAttribute("aria-label", `The data. ${point}`);
    $("point").textContent = point;
    $("remove").disabled = !state.n; $("add").disabled = state.n >= RANGES.n[1];
  }

  function table() {
    const p = now.posterior, cell = (v) => v === null || v === undefined ? "none" : (Math.abs(v) < 5e-4 && v !== 0 ? v.toExponential(1) : v.toFixed(3)).replace("-", "\u2212");
    const both = (one) => [0, 1].map(one), m = now.map && !now.map.pole ? now.map.w : null;
    const rows = [["truth", TRUTHS[state.kind].map(cell)], ["maximum likelihood", both((j) => cell(now.mle && now.mle[j]))],
      ["MAP", both((j) => cell(m && m[j]))], ["posterior mean", both((j) => cell(p && p.mean[j]))],
      ["94% interval from", both((j) => cell(p && p.low[j]))], ["to", both((j) => cell(p && p.high[j]))],
      ["P(w > 0)", both((j) => cell(p && p.positive[j]))], ["P(|w| < 0.1)", both((j) => cell(p && p.small[j]))]].map(([name, values]) => {
      const row = document.createElement("tr"), head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
      row.append(head, ...values.map((v) => Object.assign(document.createElement("td"), { textContent: v })));
      return row;
    });
    $("table").tBodies[0].replaceChildren(...rows);
  }

  function controls() {
    $("family").value = state.family;
    $("scale").value = Math.log10(state.scale);
    $("scale").disabled = state.family === "flat";
    for (const name of ["noise", "n", "correlation"]) $(name).value = state[name];
    const lam = { normal: `L2 penalty ${text(state.scale ** -2)}`, laplace: `L1 penalty ${text(1 / state.scale)}`, elastic_net: `L1 ${text(0.5 / state.scale)}, L2 ${text(0.5 * state.scale ** -2)}` }[state.family];
    $("scale-out").textContent = state.family === "flat" ? "none" : text(state.scale) + (lam ? ` (${lam})` : "");
    $("scale").setAttribute("aria-valuetext", $("scale-out").textContent);
    $("noise-out").textContent = text(state.noise);
    $("n-out").textContent = state.n;
    $("correlation-out").textContent = text(state.correlation);
    $("noise-label").hidden = state.kind === "logistic";
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const on = tab.dataset.kind === state.kind;
      tab.setAttribute("aria-selected", on); tab.tabIndex = on ? 0 : -1;
    }
    $("board").setAttribute("aria-labelledby", "tab-" + state.kind);
    for (const one of document.querySelectorAll("[data-more]")) one.setAttribute("aria-pressed", one.dataset.more === state.more);
    $("data-help").textContent = state.kind === "linear" ? "Drag a point, or double-click to add one. Larger dots have a larger predictor 2."
      : "Drag a point, click to flip it, double-click to add one. Circles are yes, squares no; the line is the boundary of the posterior mean.";
  }

  function key() {
    const parts = [["", "posterior (50%, 94%)", "post"], ["", "likelihood", "like"], ["", "prior (50%, 94%)", "prior"], ["", "constraint region", "region"],
      ["", "path of the MAP", "map"], ["\u25c6", "MAP", "map"], ["\u25cf", "posterior mean", "post"], ["\u25a0", "maximum likelihood", "like"], ["\u2605", "truth", "truth"]];
    $("key").replaceChildren(...parts.map(([sign, words, name]) => {
      const item = document.createElement("li"), swatch = document.createElement(sign ? "b" : "i");
      swatch.textContent = sign; swatch.setAttribute("aria-hidden", "true"); item.className = "c-" + name;
      item.append(swatch, Object.assign(document.createElement("span"), { textContent: words }));
      return item;
    }));
  }

  // ---- hands ------------------------------------------------------------------------------------

  function nearest(event) {
    const box = $("data").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = 26 * 26;
    for (let k = 0; k < state.n; k++) {
      const p = pointOf(k), d = (dataView.px(p[0]) - x) ** 2 + (dataView.py(p[dataAxes().y]) - y) ** 2;
      if (d < least) { least = d; best = k; }
    }
    return best;
  }

  function moveTo(k, values) {
    const p = pointOf(k), next = [...p];
    next[0] = clamp(values[0], [-9, 9]);
    next[dataAxes().y] = clamp(values[1], [-30, 30]);
    set({ moved: { ...state.moved, [k]: next } });
  }

  function add(values) { // beside the others; with no place given, in the middle
    if (state.n >= RANGES.n[1]) return;
    const [a, b] = values || [0.5, state.kind === "linear" ? 1 : 0.5];
    const point = state.kind === "linear" ? [clamp(a, [-9, 9]), state.correlation * a, clamp(b, [-30, 30])] : [clamp(a, [-9, 9]), clamp(b, [-9, 9]), 1];
    chosen = state.n;
    set({ n: state.n + 1, moved: { ...state.moved, [state.n]: point } });
  }

  function remove(k) { // the points after it move up, and stay as they are
    if (!state.n) return;
    const moved = {};
    for (let i = 0; i < state.n; i++) {
      if (i < k && state.moved[i]) moved[i] = state.moved[i];
      if (i > k) moved[i - 1] = pointOf(i);
    }
    chosen = Math.max(0, Math.min(k, state.n - 2));
    set({ n: state.n - 1, moved });
  }

  let travelled = 0;
  $("data").addEventListener("pointerdown", (event) => {
    held = nearest(event); travelled = 0;
    if (held >= 0) { chosen = held; $("data").setPointerCapture(event.pointerId); event.preventDefault(); $("data").focus(); }
  });
  $("data").addEventListener("pointermove", (event) => {
    if (held < 0) { $("data").style.cursor = nearest(event) >= 0 ? "grab" : "default"; return; }
    const box = $("data").getBoundingClientRect();
    travelled += Math.abs(event.movementX) + Math.abs(event.movementY);
    if (travelled > 2) moveTo(held, dataView.inverse(event.clientX - box.left, event.clientY - box.top));
  });
  $("data").addEventListener("pointerup", () => {
    if (held >= 0 && travelled <= 2 && state.kind === "logistic") flip(held);
    held = -1;
    plan();
  });
  $("data").addEventListener("pointercancel", () => { held = -1; });
  $("data").addEventListener("touchstart", (event) => { // a page scrolls where no point is touched
    if (nearest(event.touches[0]) >= 0) event.preventDefault();
  }, { passive: false });
  $("data").addEventListener("dblclick", (event) => {
    const box = $("data").getBoundingClientRect();
    if (nearest(event) < 0) add(dataView.inverse(event.clientX - box.left, event.clientY - box.top));
  });
  $("add").addEventListener("click", () => add(null));
  $("remove").addEventListener("click", () => remove(Math.min(chosen, state.n - 1)));

  function flip(k) {
    const p = pointOf(k);
    set({ moved: { ...state.moved, [k]: [p[0], p[1], 1 - p[2]] } });
  }

  $("data").addEventListener("keydown", (event) => {
    if (event.key === "+") { add(null); event.preventDefault(); return; }
    if (!state.n) return;
    chosen = Math.min(chosen, state.n - 1);
    const step = event.shiftKey ? 0.5 : 0.1, p = pointOf(chosen), y = p[dataAxes().y];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) moveTo(chosen, [p[0] + moves[event.key][0], y + moves[event.key][1]]);
    else if (event.key === "PageDown" || event.key === "]") { chosen = (chosen + 1) % state.n; plan(); }
    else if (event.key === "PageUp" || event.key === "[") { chosen = (chosen + state.n - 1) % state.n; plan(); }
    else if (event.key === "Enter" && state.kind === "logistic") flip(chosen);
    else if (event.key === "Delete" || event.key === "Backspace") remove(chosen);
    else return;
    event.preventDefault();
  });
  for (const type of ["focus", "blur"]) $("data").addEventListener(type, () => now && drawData());

  $("family").addEventListener("change", (event) => set({ family: event.target.value }));
  $("scale").addEventListener("input", (event) => set({ scale: clamp(10 ** event.target.value, RANGES.scale) }));
  for (const name of ["noise", "n", "correlation"]) $(name).addEventListener("input", (event) => set({ [name]: Number(event.target.value) }));
  $("redraw").addEventListener("click", () => set({ seed: (state.seed * 7919 + 104729) % 100000, moved: {} }));
  $("reset").addEventListener("click", () => set({ ...START, moved: {} }));
  $("share").addEventListener("click", async () => {
    const address = location.href.split("#")[0] + write();
    try { await navigator.clipboard.writeText(address); $("shared").textContent = "Copied."; } catch (refused) { location.hash = write(); $("shared").textContent = "It is in the address bar."; }
  });
  for (const one of document.querySelectorAll("[data-more]")) one.addEventListener("click", () => set({ more: one.dataset.more }));
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => set({ kind: tab.dataset.kind, moved: {} }));
    tab.addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const other = tabs[1 - tabs.indexOf(tab)];
      other.focus(); other.click(); event.preventDefault();
    });
  }
  $("situations").replaceChildren(...SITUATIONS.map(([name, what]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.addEventListener("click", () => set({ ...START, moved: {}, ...what }));
    return button;
  }));
  $("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    themed(); plan();
  });
  function themed() {
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    $("theme").textContent = dark ? "Light theme" : "Dark theme";
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { themed(); plan(); });
  addEventListener("hashchange", () => { state = read(location.hash); plan(); });
  addEventListener("resize", plan);
  themed(); key();
  state = read(location.hash);
  show(false); tell();
  // What a browser's checks ask: the state, its numbers, milliseconds of the last frame, places of points.
  window.explorerState = () => ({ state, problem: now.problem, frame: took,
    places: now.problem.x.map((x, k) => [dataView.px(x[0]), dataView.py(pointOf(k)[dataAxes().y])]) });
  document.documentElement.classList.add("alive");
})();
