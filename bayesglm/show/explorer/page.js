"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const FAMILIES = { normal: "Normal", laplace: "Laplace", student_t: "Student t",
    elastic_net: "elastic net", horseshoe: "horseshoe", flat: "flat" };
  const RANGES = { scale: [0.01, 31.7], noise: [0.1, 4], n: [0, 60], correlation: [-0.95, 0.95], seed: [0, 99999] };
  const START = { kind: "linear", family: "laplace", scale: 0.25, noise: 1, n: 10, correlation: 0.6,
    seed: 24, more: "shrinkage", moved: {} };
  const SITUATIONS = [
    ["A zero that is none", { kind: "linear", family: "laplace", scale: 0.25, noise: 1, n: 10, correlation: 0.6, seed: 24 }],
    ["Ridge: mode is mean", { kind: "linear", family: "normal", scale: 0.5, noise: 1, n: 10, correlation: 0.6, seed: 24 }],
    ["Too narrow a prior", { kind: "linear", family: "normal", scale: 0.1, noise: 0.5, n: 40, correlation: 0, seed: 24 }],
    ["Twins: predictors alike", { kind: "linear", family: "normal", scale: 2, noise: 1, n: 25, correlation: 0.95, seed: 5 }],
    ["Of two minds: Student t", { kind: "linear", family: "student_t", scale: 0.05, noise: 1, n: 10, correlation: 0.9, seed: 7 }],
    ["Separated, no prior", { kind: "logistic", family: "flat", scale: 1, n: 8, correlation: 0, seed: 127, more: "steps" }],
    ["Separated, a proper prior", { kind: "logistic", family: "normal", scale: 2.5, n: 8, correlation: 0, seed: 127, more: "steps" }],
  ];
  const TRUTHS = { linear: [1.2, 0.3], logistic: [2, -0.5] };
  const REACH = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128];
  const SIDE = 72, SCALES = Array.from({ length: 41 }, (_, k) => 10 ** (-2 + 3.5 * k / 40));
  let state = { ...START, moved: {} }, now = null, reach = 2, chosen = 0, idle = 0, frame = 0;
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
    const problem = problemOf(), began = performance.now();
    const out = { problem, map: explorer.map(problem), mle: explorer.mle(problem), fast,
      separated: explorer.separated(problem), posterior: explorer.posterior(problem, { fast }) };
    if (!fast || !now || now.key !== pathKey()) {
      out.path = fast && (state.kind === "logistic" || state.family === "student_t") ? null : explorer.path(problem, SCALES);
    } else out.path = now.path;
    out.key = pathKey();
    out.took = performance.now() - began;
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

  const text = (v) => String(Number(v.toPrecision(3)));

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

  function contour(values, at, level, move) { // marching squares; values rows x, columns y
    const n = at.length, paths = [];
    const cut = (a, b, u, v) => u + (v - u) * Math.min(1, Math.max(0, (level - a) / (b - a)));
    for (let i = 0; i < n - 1; i++) {
      for (let j = 0; j < n - 1; j++) {
        const a = values[i * n + j], b = values[(i + 1) * n + j], c = values[(i + 1) * n + j + 1], d = values[i * n + j + 1];
        const points = [];
        if ((a < level) !== (b < level)) points.push([cut(a, b, at[i], at[i + 1]), at[j]]);
        if ((b < level) !== (c < level)) points.push([at[i + 1], cut(b, c, at[j], at[j + 1])]);
        if ((c < level) !== (d < level)) points.push([cut(d, c, at[i], at[i + 1]), at[j + 1]]);
        if ((d < level) !== (a < level)) points.push([at[i], cut(a, d, at[j], at[j + 1])]);
        for (let k = 0; k + 1 < points.length; k += 2) paths.push([points[k], points[k + 1]]);
      }
    }
    for (const [p, q] of paths) move(p, q);
  }

  function lines(g, view, values, at, levels, style, width, dash) {
    g.strokeStyle = style; g.lineWidth = width; g.setLineDash(dash || []);
    g.beginPath();
    for (const level of levels) {
      contour(values, at, level, (p, q) => { g.moveTo(view.px(p[0]), view.py(p[1])); g.lineTo(view.px(q[0]), view.py(q[1])); });
    }
    g.stroke(); g.setLineDash([]);
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

  const shading = document.createElement("canvas");
  shading.width = shading.height = SIDE;

  function shade(g, view, post, levels) { // within 94% and 50%, as a small picture made large
    const small = shading.getContext("2d"), image = small.createImageData(SIDE, SIDE);
    const [red, green, blue] = colours.post.match(/[0-9a-f]{2}/gi).map((two) => Number.parseInt(two, 16));
    for (let i = 0; i < SIDE; i++) for (let j = 0; j < SIDE; j++) {
      const v = post[i * SIDE + j], alpha = v >= levels[0] ? 110 : v >= levels[1] ? 50 : 0;
      image.data.set([red, green, blue, alpha], 4 * ((SIDE - 1 - j) * SIDE + i));
    }
    small.putImageData(image, 0, 0);
    g.drawImage(shading, view.px(-reach), view.py(reach), view.px(reach) - view.px(-reach), view.py(-reach) - view.py(reach));
  }

  function drawPlane() {
    const b = board($("plane")), { g } = b;
    const view = axes(b, [-reach, reach], [-reach, reach], ["weight 1", "weight 2"]);
    const at = Float64Array.from({ length: SIDE }, (_, k) => -reach + 2 * reach * (k + 0.5) / SIDE);
    const { problem, posterior } = now, like = explorer.likelihoodOn(problem, at, at);
    const own = explorer.priorOn(problem.prior, at), prior = new Float64Array(SIDE * SIDE), post = new Float64Array(SIDE * SIDE);
    for (let i = 0; i < SIDE; i++) for (let j = 0; j < SIDE; j++) {
      prior[i * SIDE + j] = own[i] + own[j];
      post[i * SIDE + j] = prior[i * SIDE + j] + like[i * SIDE + j];
    }
    if (posterior) {
      shade(g, view, post, posterior.levels);
      lines(g, view, post, at, posterior.levels, colours.post, 1.6);
    }
    g.strokeStyle = colours.soft; g.lineWidth = 1.2; g.beginPath();
    g.moveTo(view.px(0), 0); g.lineTo(view.px(0), b.h); g.moveTo(0, view.py(0)); g.lineTo(b.w, view.py(0)); g.stroke();
    if (state.n) {
      const best = now.mle ? explorer.likelihoodOn(problem, [now.mle[0]], [now.mle[1]])[0] : like.reduce((p, q) => Math.max(p, q), -Infinity);
      lines(g, view, like, at, [best - 0.693, best - 2.813], colours.like, 1.3, [5, 4]);
    }
    if (state.family !== "flat") {
      for (const level of levelsOfPrior(problem.prior)) {
        curve(g, view, explorer.ring(problem.prior, -level, 3 * reach), colours.prior, 1.4);
      }
      if (now.map && !now.map.pole && (now.map.w[0] || now.map.w[1])) {
        curve(g, view, explorer.ring(problem.prior, explorer.penalty(problem.prior, now.map.w), 3 * reach), colours.region, 2.6);
      }
    }
    if (now.path) {
      g.strokeStyle = colours.map; g.lineWidth = 3; g.lineCap = "round"; g.setLineDash([0.1, 6]); g.beginPath();
      let on = false;
      for (const w of now.path) {
        if (!w) { on = false; continue; }
        if (on) g.lineTo(view.px(w[0]), view.py(w[1])); else g.moveTo(view.px(w[0]), view.py(w[1]));
        on = true;
      }
      g.stroke(); g.setLineDash([]); g.lineCap = "butt";
    }
    const truth = TRUTHS[state.kind];
    mark(g, view.px(truth[0]), view.py(truth[1]), "star", colours.truth);
    if (now.mle) mark(g, view.px(now.mle[0]), view.py(now.mle[1]), "square", colours.like);
    if (now.map && !now.map.pole) mark(g, view.px(now.map.w[0]), view.py(now.map.w[1]), "diamond", colours.map);
    if (posterior) mark(g, view.px(posterior.mean[0]), view.py(posterior.mean[1]), "circle", colours.post);
    g.restore();
  }

  function drawMarginal(id, j) {
    const b = board($(id)), { g } = b, p = now.posterior;
    const view0 = [-reach, reach];
    let top = 1;
    if (p) {
      const { x, density } = p.marginals[j], sorted = Array.from(density).sort((u, v) => v - u);
      top = state.family === "horseshoe" ? Math.max(sorted[Math.floor(sorted.length * 0.12)], 0.1) : sorted[0];
    }
    const view = axes(b, view0, [0, 1.12 * top], ["weight " + (j + 1), ""]);
    if (p) {
      const { x, density } = p.marginals[j];
      const trace = () => { g.beginPath(); g.moveTo(view.px(x[0]), view.py(0)); x.forEach((v, i) => g.lineTo(view.px(v), view.py(density[i]))); g.lineTo(view.px(x[x.length - 1]), view.py(0)); };
      g.fillStyle = colours.post; g.globalAlpha = 0.25; trace(); g.fill(); g.globalAlpha = 1;
      g.strokeStyle = colours.post; g.lineWidth = 2; trace(); g.stroke();
      g.lineWidth = 4; g.beginPath(); g.moveTo(view.px(p.low[j]), view.py(0) - 3); g.lineTo(view.px(p.high[j]), view.py(0) - 3); g.stroke();
      mark(g, view.px(p.mean[j]), view.py(0) - 4, "circle", colours.post);
    }
    if (now.map && !now.map.pole) mark(g, view.px(now.map.w[j]), view.py(0) - 8, "diamond", colours.map);
    mark(g, view.px(TRUTHS[state.kind][j]), view.py(0) - 10, "star", colours.truth);
    g.restore();
  }

  let dataView = null;
  const dataAxes = () => state.kind === "linear" ? { x: 0, y: 2 } : { x: 0, y: 1 };
  const pointOf = (k) => [...now.problem.x[k], now.problem.y[k]];

  function drawData() {
    const b = board($("data")), { g } = b, isLinear = state.kind === "linear";
    const high = isLinear ? Math.max(3, ...now.problem.y.map((v) => 1.1 * Math.abs(v))) : 3;
    const wide = Math.max(3, ...now.problem.x.map((v) => 1.08 * Math.abs(v[0])));
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
      curve(g, view, [[-6, -6], [6, 6]], colours.soft, 1, [3, 3]);
      curve(g, view, shrunk.points.map(([z, s]) => [z, s.mean]), colours.post, 2.5);
      if (prior.family !== "horseshoe") curve(g, view, shrunk.points.map(([z, s]) => [z, s.mode]), colours.map, 2.5);
      if (now.fast) return "";
      return `Shrinkage of one weight under ${priorName()}: a measurement of 3 becomes a mean of ${text(explorer.shrinkage(prior, 1, 3).mean)}`
        + (prior.family === "horseshoe" ? "." : ` and a mode of ${text(explorer.shrinkage(prior, 1, 3).mode)}.`);
    },
    path(b) {
      const { g } = b, path = now.path || [], view = axes(b, [SCALES[0], SCALES.at(-1)], [-reach, reach], ["scale of the prior (wider to the right)", "MAP"], true);
      for (const j of [0, 1]) {
        const points = path.map((w, k) => w && [SCALES[k], w[j]]).filter(Boolean);
        curve(g, view, points, j ? colours.prior : colours.map, 2.5);
        if (points.length) { g.fillStyle = j ? colours.prior : colours.map; g.textAlign = "right"; g.fillText("weight " + (j + 1), view.px(SCALES.at(-1)) - 4, view.py(points.at(-1)[1]) - 4); }
      }
      if (state.family !== "flat") curve(g, view, [[state.scale, -reach], [state.scale, reach]], colours.soft, 1.5, [4, 4]);
      const zeros = path.map((w) => w ? w.filter((v) => v === 0).length : 0);
      return `The MAP along the scale of the prior; at this scale ${state.family === "flat" || !now.map ? "there is none" : now.map.w.filter((v) => v === 0).length + " of 2 weights are exactly zero"}. Zeros along the path: ${zeros[0]} at the narrowest, ${zeros.at(-1)} at the widest.`;
    },
    steps(b) {
      const { g } = b, n = 3000, all = explorer.steps(now.problem, n), at = all.map((w, k) => [k + 1, Math.hypot(...w)]);
      const top = Math.max(1, ...at.map((p) => p[1])) * 1.1;
      const view = axes(b, [1, n], [0, top], ["steps of gradient ascent (no prior)", "size of the weights"], true);
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
    $("more").dataset.alt = label;
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
    window.explorerFrame = performance.now() - began;
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
        out.push(`The MAP sets weight ${zeros.join(" and weight ")} to exactly 0. The posterior does not: no single value has a probability, and weight ${j + 1} is above zero with ${percent(p.positive[j])}, within 0.1 of zero with ${percent(p.small[j])}; its mean is ${text(p.mean[j])}.`);
      } else out.push(`The MAP is ${pairText(m.w)}, the posterior mean ${pairText(p.mean)}: ${gap < 0.02 ? "one point, for the top of this posterior is its middle" : text(gap) + " posterior sds apart"}. Weight 2 is within 0.1 of zero with ${percent(p.small[1])}.`);
    }
    if (state.family === "horseshoe") out.push(`The horseshoe's density is infinite at zero, so it has no MAP to speak of; its posterior is proper: weight 2 is within 0.1 of zero with ${percent(p.small[1])}, and exactly zero with probability 0.`);
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
    $("more").setAttribute("aria-label", $("more").dataset.alt);
    nameData();
  }

  function nameData() {
    if (!state.n) { $("data").setAttribute("aria-label", "No data."); return; }
    const k = Math.min(chosen, state.n - 1), [a, b, y] = pointOf(k);
    $("data").setAttribute("aria-label", `${state.n} samples. Point ${k + 1}: predictors ${text(a)} and ${text(b)}, response ${state.kind === "logistic" ? (y ? "yes" : "no") : text(y)}.`);
  }

  function table() {
    const p = now.posterior, cell = (v) => v === null || v === undefined ? "none" : (Math.abs(v) < 5e-4 && v !== 0 ? v.toExponential(1) : v.toFixed(3)).replace("-", "\u2212");
    const rows = [0, 1].map((j) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row"; head.textContent = j + 1;
      const values = [cell(TRUTHS[state.kind][j]), cell(now.mle && now.mle[j]), cell(now.map && !now.map.pole ? now.map.w[j] : null), cell(p && p.mean[j]),
        p ? `${cell(p.low[j])} to ${cell(p.high[j])}` : "none", cell(p && p.positive[j]), cell(p && p.small[j])];
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
    $("scale-out").textContent = state.family === "flat" ? "none" : text(state.scale) + (lam ? ` = ${lam}` : "");
    $("scale").setAttribute("aria-valuetext", $("scale-out").textContent);
    $("noise-out").textContent = text(state.noise);
    $("n-out").textContent = state.n;
    $("correlation-out").textContent = text(state.correlation).replace("-", "\u2212");
    $("noise-label").hidden = state.kind === "logistic";
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const on = tab.dataset.kind === state.kind;
      tab.setAttribute("aria-selected", on); tab.tabIndex = on ? 0 : -1;
    }
    $("board").setAttribute("aria-labelledby", "tab-" + state.kind);
    for (const one of document.querySelectorAll("[data-more]")) one.setAttribute("aria-pressed", one.dataset.more === state.more);
    $("data-help").textContent = state.kind === "linear" ? "Drag a point: predictor 1 and the response follow. Larger dots have a larger predictor 2."
      : "Drag a point: both predictors follow. Circles are yes, squares no; a click flips. The line is the boundary of the posterior mean.";
  }

  function key() {
    const parts = [["posterior (50%, 94%)", "post"], ["likelihood (dashed)", "like"], ["prior", "prior"], ["constraint region", "region"],
      ["◆ MAP and its path", "map"], ["● posterior mean", "post"], ["■ maximum likelihood", "like"], ["★ truth", "truth"]];
    $("key").replaceChildren(...parts.map(([words, name]) => {
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.className = "c-" + name; item.append(swatch, words);
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

  let held = -1, travelled = 0;
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
  });
  $("data").addEventListener("pointercancel", () => { held = -1; });

  function flip(k) {
    const p = pointOf(k);
    set({ moved: { ...state.moved, [k]: [p[0], p[1], 1 - p[2]] } });
  }

  $("data").addEventListener("keydown", (event) => {
    if (!state.n) return;
    chosen = Math.min(chosen, state.n - 1);
    const step = event.shiftKey ? 0.5 : 0.1, p = pointOf(chosen), y = p[dataAxes().y];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) moveTo(chosen, [p[0] + moves[event.key][0], y + moves[event.key][1]]);
    else if (event.key === "PageDown") { chosen = (chosen + 1) % state.n; plan(); }
    else if (event.key === "PageUp") { chosen = (chosen + state.n - 1) % state.n; plan(); }
    else if (event.key === "Enter" && state.kind === "logistic") flip(chosen);
    else if (event.key === "Delete" || event.key === "Backspace") {
      const { [chosen]: gone, ...rest } = state.moved;
      set({ moved: rest });
    } else return;
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
    $("theme").textContent = dark ? "Light" : "Dark"; $("theme").setAttribute("aria-pressed", dark);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { themed(); plan(); });
  addEventListener("hashchange", () => { state = read(location.hash); plan(); });
  addEventListener("resize", plan);
  themed(); key();
  state = read(location.hash);
  show(false); tell();
  window.explorerState = () => ({ state, problem: now.problem, map: now.map, mle: now.mle, posterior: now.posterior, took: now.took });
  document.documentElement.classList.add("alive");
})();
