"use strict";
/* Two weights: their priors, likelihoods and posteriors. Plain functions of plain arrays, without a
   page: the same numbers as bayesglm's fit_map and a grid posterior.

   A problem is {kind: "linear"|"logistic", x: [[x1, x2], ...], y: [...], noise (sd, linear),
   prior: {family, scale, df, ratio}}; there is no intercept. Families, z = w / scale:
     flat         0
     normal       -z^2 / 2                               Normal(scale)
     laplace      -|z|                                   Laplace(scale)
     student_t    -(df + 1)/2 log(1 + z^2 / df)          StudentT(scale, df)
     elastic_net  -ratio |z| - (1 - ratio) z^2 / 2       ElasticNet(scale, ratio)
     horseshoe    log(exp(u) E1(u)), u = z^2 / 2         Normal(0, scale * local), local ~
                  half-Cauchy: the horseshoe whose global scale is fixed (Carvalho, Polson & Scott
                  2010, Biometrika 97:465). Its density is infinite at zero. */
const explorer = (() => {
  const LEVELS = [1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 0.004, 0.012, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3,
    0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.94, 0.97, 0.988, 0.996,
    0.999, 0.9999, 0.99999, 1 - 1e-7, 1 - 1e-9];
  const GAUSS = [[-Math.sqrt(0.6), 5 / 18], [0, 8 / 18], [Math.sqrt(0.6), 5 / 18]];
  const MOST = 85; // of half a linear predictor: beyond, a sample's chance is below e^-85
  const KINKED = { laplace: 1, elastic_net: 1 };

  // ---- priors ----------------------------------------------------------------------------------

  function expE1(u) { // exp(u) E1(u) for u > 0
    if (u < 1) {
      let sum = -0.57721566490153286 - Math.log(u), term = 1;
      for (let k = 1; k < 40; k++) { term *= -u / k; sum -= term / k; }
      return Math.exp(u) * sum;
    }
    let b = u + 1, c = 1e300, d = 1 / b, h = d; // Lentz's continued fraction
    for (let k = 1; k < 300; k++) {
      const a = -k * k;
      b += 2; d = 1 / (a * d + b); c = b + a / c;
      const step = c * d;
      h *= step;
      if (Math.abs(step - 1) < 1e-15) break;
    }
    return h;
  }

  function logGamma(x) { // Lanczos
    const g = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
      -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
      1.5056327351493116e-7];
    if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
    let sum = g[0];
    for (let k = 1; k < 9; k++) sum += g[k] / (x - 1 + k);
    const t = x + 6.5;
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }

  function erfcx(x) { // exp(x^2) erfc(x), x >= 0
    if (x > 5) {
      let sum = 1, term = 1;
      for (let k = 1; k < 20; k++) {
        const next = -term * (2 * k - 1) / (2 * x * x);
        if (Math.abs(next) > Math.abs(term)) break;
        term = next; sum += term;
      }
      return sum / (x * Math.sqrt(Math.PI));
    }
    let sum = x, term = x; // exp(x^2) (1 - erf x), erf by its series
    for (let k = 1; k < 120; k++) { term *= 2 * x * x / (2 * k + 1); sum += term; }
    return Math.exp(x * x) - 2 / Math.sqrt(Math.PI) * sum;
  }

  function logNorm(prior) { // minus the log of the constant of one weight's density
    const s = Math.log(prior.scale), r = prior.ratio;
    switch (prior.family) {
      case "flat": return 0;
      case "normal": return -s - 0.5 * Math.log(2 * Math.PI);
      case "laplace": return -s - Math.log(2);
      case "student_t": return logGamma((prior.df + 1) / 2) - logGamma(prior.df / 2) - s
        - 0.5 * Math.log(prior.df * Math.PI);
      case "elastic_net": return -s - 0.5 * Math.log(2 * Math.PI / (1 - r))
        - Math.log(erfcx(r / Math.sqrt(2 * (1 - r))));
      default: return -s - 0.5 * Math.log(2 * Math.PI ** 3);
    }
  }

  function penaltyOfOne(prior, w) { // minus the log density, but for the constant
    const z = w / prior.scale;
    switch (prior.family) {
      case "flat": return 0;
      case "normal": return z * z / 2;
      case "laplace": return Math.abs(z);
      case "student_t": return (prior.df + 1) / 2 * Math.log1p(z * z / prior.df);
      case "elastic_net": return prior.ratio * Math.abs(z) + (1 - prior.ratio) * z * z / 2;
      default: return -Math.log(expE1(Math.max(z * z / 2, 1e-300)));
    }
  }

  const penalty = (prior, w) => penaltyOfOne(prior, w[0]) + penaltyOfOne(prior, w[1]);
  const logPrior = (prior, w) => 2 * logNorm(prior) - penalty(prior, w);

  function smoothSlopes(prior, w) { // slope and curvature of the smooth part of the penalty
    const s2 = prior.scale * prior.scale;
    switch (prior.family) {
      case "normal": return [w / s2, 1 / s2];
      case "elastic_net": return [(1 - prior.ratio) * w / s2, (1 - prior.ratio) / s2];
      case "student_t": {
        const q = prior.df * s2 + w * w;
        return [(prior.df + 1) * w / q, (prior.df + 1) * (prior.df * s2 - w * w) / (q * q)];
      }
      default: return [0, 0];
    }
  }

  const kink = (prior) => prior.family === "laplace" ? 1 / prior.scale
    : prior.family === "elastic_net" ? prior.ratio / prior.scale : 0;

  /* A level set of the penalty: points around zero, as far as `most` where it goes on. */
  function ring(prior, level, most) {
    return Array.from({ length: 241 }, (_, k) => {
      const u = Math.cos(2 * Math.PI * k / 240), v = Math.sin(2 * Math.PI * k / 240);
      let low = 0, high = most;
      for (let step = 0; step < 45; step++) {
        const r = (low + high) / 2;
        if (penalty(prior, [r * u, r * v]) < level) low = r; else high = r;
      }
      return [low * u, low * v];
    });
  }

  // ---- likelihoods -----------------------------------------------------------------------------

  function moments(problem) {
    const m = { a: 0, b: 0, c: 0, d: 0, e: 0, n: problem.y.length };
    for (let k = 0; k < m.n; k++) {
      const [u, v] = problem.x[k], y = problem.y[k];
      m.a += u * u; m.b += u * v; m.c += v * v; m.d += u * y; m.e += v * y;
    }
    return m;
  }

  const softplus = (t) => t > 0 ? t + Math.log1p(Math.exp(-t)) : Math.log1p(Math.exp(t));

  function logLikelihood(problem, w) {
    let sum = 0;
    for (let k = 0; k < problem.y.length; k++) {
      const eta = problem.x[k][0] * w[0] + problem.x[k][1] * w[1], y = problem.y[k];
      if (problem.kind === "linear") {
        const r = (y - eta) / problem.noise;
        sum -= r * r / 2 + Math.log(problem.noise) + 0.5 * Math.log(2 * Math.PI);
      } else sum -= softplus(y ? -eta : eta);
    }
    return sum;
  }

  function misfit(problem, w) { // {value, slope, curvature} of minus the log likelihood
    const s = [0, 0], h = [0, 0, 0];
    let value = 0;
    for (let k = 0; k < problem.y.length; k++) {
      const [u, v] = problem.x[k], eta = u * w[0] + v * w[1], y = problem.y[k];
      let r, c;
      if (problem.kind === "linear") {
        const s2 = problem.noise * problem.noise;
        r = (eta - y) / s2; c = 1 / s2; value += (eta - y) * (eta - y) / (2 * s2);
      } else {
        const p = 1 / (1 + Math.exp(-eta));
        r = p - y; c = p * (1 - p); value += softplus(y ? -eta : eta);
      }
      s[0] += u * r; s[1] += v * r;
      h[0] += u * u * c; h[1] += u * v * c; h[2] += v * v * c;
    }
    return { value, slope: s, curvature: h };
  }

  /* Whether some direction gives no choice the wrong sign, and some the right one: the data are then
     separated, and the likelihood rises for ever along it. In the plane the directions to try are
     those at right angles to a sample, and the samples themselves. */
  function separating(problem) {
    const towards = problem.x.map((x, k) => problem.y[k] ? x : [-x[0], -x[1]])
      .filter((t) => t[0] || t[1]);
    const candidates = [];
    for (const t of towards) candidates.push(t, [-t[1], t[0]], [t[1], -t[0]]);
    for (let k = 0; k + 1 < candidates.length && towards.length > 1; k += 3) {
      const next = candidates[(k + 3) % candidates.length];
      candidates[k] = [candidates[k][0] + next[0], candidates[k][1] + next[1]];
    }
    for (const d of candidates) {
      let least = Infinity, most = -Infinity;
      for (const t of towards) {
        const along = (d[0] * t[0] + d[1] * t[1]) / (Math.hypot(...d) * Math.hypot(...t) || 1);
        least = Math.min(least, along); most = Math.max(most, along);
      }
      if (least > -1e-12 && most > 1e-12) return d;
    }
    return null;
  }

  const separated = (problem) => problem.kind === "logistic" && separating(problem) !== null;

  function isDegenerate(problem) { // fewer than two directions with data
    const m = moments(problem);
    return m.a * m.c - m.b * m.b <= 1e-10 * m.a * m.c || m.n < 2;
  }

  // ---- modes -----------------------------------------------------------------------------------

  /* Newton's steps on misfit + smooth penalty + slopes of fixed signs, over the weights of `free`. */
  function descend(problem, prior, start, free, signs) {
    const l1 = kink(prior);
    const cost = (w) => misfit(problem, w).value + penaltyOfOneSmooth(prior, w, signs, l1);
    let w = start.slice(), value = cost(w);
    for (let iteration = 0; iteration < 200; iteration++) {
      const m = misfit(problem, w), g = [0, 0], h = m.curvature.slice();
      for (const j of free) {
        const [slope, curvature] = smoothSlopes(prior, w[j]);
        g[j] = m.slope[j] + slope + l1 * signs[j];
        h[2 * j] += curvature;
      }
      let move = [0, 0];
      if (free.length === 1) {
        const j = free[0];
        if (h[2 * j] === 0) return null;
        move[j] = -g[j] / Math.abs(h[2 * j]);
      } else {
        let det = h[0] * h[2] - h[1] * h[1], ridge = 0;
        const trace = Math.abs(h[0]) + Math.abs(h[2]);
        if (!(det > 1e-14 * trace * trace) || h[0] <= 0) {
          if (trace === 0) return null;
          const gap = Math.hypot(h[0] - h[2], 2 * h[1]), least = (h[0] + h[2] - gap) / 2;
          ridge = Math.max(0, 1e-6 * trace - least) + (least < 0 ? Math.abs(least) : 0);
          det = (h[0] + ridge) * (h[2] + ridge) - h[1] * h[1];
        }
        move = [-((h[2] + ridge) * g[0] - h[1] * g[1]) / det,
          -((h[0] + ridge) * g[1] - h[1] * g[0]) / det];
      }
      let share = 1, after = w, next = value;
      for (let half = 0; half < 60; half++, share /= 2) {
        const trial = [w[0] + share * move[0], w[1] + share * move[1]], at = cost(trial);
        if (at <= value) { after = trial; next = at; break; }
      }
      const moved = Math.max(Math.abs(after[0] - w[0]), Math.abs(after[1] - w[1]));
      w = after; value = next;
      if (moved <= 1e-13 * (1 + Math.abs(w[0]) + Math.abs(w[1]))) break;
      if (Math.abs(w[0]) + Math.abs(w[1]) > 1e8) return null;
    }
    return w;
  }

  function penaltyOfOneSmooth(prior, w, signs, l1) {
    let sum = 0;
    for (let j = 0; j < 2; j++) {
      sum += penaltyOfOne(prior, w[j]) + l1 * (signs[j] * w[j] - Math.abs(w[j]));
    }
    return sum;
  }

  function mle(problem) {
    if (isDegenerate(problem) || separated(problem)) return null;
    return descend(problem, { family: "flat", scale: 1 }, [0, 0], [0, 1], [0, 0]);
  }

  function map(problem) {
    const prior = problem.prior;
    if (prior.family === "horseshoe") return { w: [0, 0], pole: true };
    if (prior.family === "flat") {
      const w = mle(problem);
      return w && { w, pole: false };
    }
    const cost = (w) => misfit(problem, w).value + penalty(prior, w);
    const found = [];
    const add = (w) => { if (w) found.push(w); };
    if (KINKED[prior.family]) {
      add([0, 0]);
      for (const sign of [-1, 1]) {
        add(descend(problem, prior, [0, 0], [0], [sign, 0]));
        add(descend(problem, prior, [0, 0], [1], [0, sign]));
        for (const other of [-1, 1]) add(descend(problem, prior, [0, 0], [0, 1], [sign, other]));
      }
    } else {
      const likely = mle(problem), starts = [[0, 0]];
      if (prior.family === "student_t") {
        if (likely) starts.push(likely, [likely[0], 0], [0, likely[1]]);
        for (const j of [0, 1]) {
          const alone = descend(problem, { family: "normal", scale: 50 * prior.scale }, [0, 0], [j],
            [0, 0]);
          if (alone) starts.push(alone);
        }
      }
      for (const start of starts) add(descend(problem, prior, start, [0, 1], [0, 0]));
    }
    let best = null, least = Infinity;
    for (const w of found) {
      const at = cost(w);
      if (at < least - 1e-13 * Math.abs(least === Infinity ? 0 : least)) { least = at; best = w; }
    }
    return best && { w: best.map((v) => v === 0 ? 0 : v), pole: false };
  }

  const path = (problem, scales) => scales.map((scale) => {
    const found = map({ ...problem, prior: { ...problem.prior, scale } });
    return found && found.w;
  });

  /* The weights after each step without a prior: of gradient ascent, or of Newton. */
  function steps(problem, n, solver = "gradient") {
    let w = [0, 0];
    const all = [w.slice()], top = misfit(problem, w).curvature;
    const size = 1 / Math.max((top[0] + top[2] + Math.hypot(top[0] - top[2], 2 * top[1])) / 2, 1e-12);
    for (let k = 0; k < n; k++) {
      const m = misfit(problem, w), h = m.curvature, g = m.slope;
      if (solver === "newton") {
        const det = h[0] * h[2] - h[1] * h[1];
        if (!(det > 1e-300)) break;
        w = [w[0] - (h[2] * g[0] - h[1] * g[1]) / det, w[1] - (h[0] * g[1] - h[1] * g[0]) / det];
      } else w = [w[0] - size * g[0], w[1] - size * g[1]];
      if (!Number.isFinite(w[0] + w[1])) break;
      all.push(w.slice());
    }
    return all;
  }

  // ---- sums over the plane ---------------------------------------------------------------------

  function nodesOf(breaks) { // three Gauss points in each panel
    const n = breaks.length - 1, x = new Float64Array(3 * n), w = new Float64Array(3 * n);
    for (let k = 0; k < n; k++) {
      const half = (breaks[k + 1] - breaks[k]) / 2, middle = (breaks[k + 1] + breaks[k]) / 2;
      for (let g = 0; g < 3; g++) {
        x[3 * k + g] = middle + half * GAUSS[g][0];
        w[3 * k + g] = 2 * half * GAUSS[g][1];
      }
    }
    return { x, w };
  }

  /* The log likelihood, but for a constant, on a grid: rows x, columns y, one after another. */
  function likelihoodOn(problem, x, y) {
    const nx = x.length, ny = y.length, out = new Float64Array(nx * ny);
    if (problem.kind === "linear") {
      const m = moments(problem), s2 = problem.noise * problem.noise;
      for (let i = 0; i < nx; i++) {
        const own = (2 * m.d * x[i] - m.a * x[i] * x[i]) / (2 * s2), cross = m.b * x[i];
        for (let j = 0; j < ny; j++) {
          out[i * ny + j] = own + (2 * m.e * y[j] - m.c * y[j] * y[j] - 2 * cross * y[j]) / (2 * s2);
        }
      }
      return out;
    }
    const n = problem.y.length, second = new Float64Array(ny * n), first = new Float64Array(n);
    const clip = (t) => Math.exp(Math.max(-MOST, Math.min(MOST, t)));
    const sign = problem.y.map((one) => one ? -1 : 1);
    for (let j = 0; j < ny; j++) {
      for (let k = 0; k < n; k++) second[j * n + k] = clip(sign[k] * problem.x[k][1] * y[j]);
    }
    for (let i = 0; i < nx; i++) {
      for (let k = 0; k < n; k++) first[k] = clip(sign[k] * problem.x[k][0] * x[i]);
      for (let j = 0; j < ny; j++) {
        let product = 1, sum = 0;
        const at = j * n;
        let k = 0;
        for (; k + 3 < n; k += 4) { // four factors of e^170 at most are still a number
          product = (1 + first[k] * second[at + k]) * (1 + first[k + 1] * second[at + k + 1])
            * (1 + first[k + 2] * second[at + k + 2]) * (1 + first[k + 3] * second[at + k + 3])
            * product;
          if (product > 1e10) { sum += Math.log(product); product = 1; }
        }
        for (; k < n; k++) {
          product *= 1 + first[k] * second[at + k];
          if (product > 1e10) { sum += Math.log(product); product = 1; }
        }
        out[i * ny + j] = -sum - Math.log(product);
      }
    }
    return out;
  }

  const priorOn = (prior, x) => Float64Array.from(x, (w) => -penaltyOfOne(prior, w));

  function tabulate(problem, breaks) { // the posterior on panels: nodes, masses, marginals
    const [one, two] = breaks.map(nodesOf), nx = one.x.length, ny = two.x.length;
    const log = likelihoodOn(problem, one.x, two.x);
    const px = priorOn(problem.prior, one.x), py = priorOn(problem.prior, two.x);
    let top = -Infinity;
    for (let i = 0; i < nx; i++) {
      for (let j = 0; j < ny; j++) {
        const v = (log[i * ny + j] += px[i] + py[j]);
        if (v > top) top = v;
      }
    }
    const alongX = new Float64Array(nx), alongY = new Float64Array(ny);
    let total = 0;
    for (let i = 0; i < nx; i++) {
      for (let j = 0; j < ny; j++) {
        const d = log[i * ny + j] - top;
        if (d < -60) continue;
        const value = Math.exp(d), mass = value * one.w[i] * two.w[j];
        total += mass;
        alongX[i] += value * two.w[j];
        alongY[j] += value * one.w[i];
      }
    }
    for (let i = 0; i < nx; i++) alongX[i] /= total;
    for (let j = 0; j < ny; j++) alongY[j] /= total;
    return { axes: [one, two], along: [alongX, alongY], breaks, log, top, total };
  }

  function edges(table, j) { // the cumulative probability at each break
    const { w } = table.axes[j], density = table.along[j], n = table.breaks[j].length;
    const below = new Float64Array(n);
    for (let k = 0; k < n - 1; k++) {
      let mass = 0;
      for (let g = 3 * k; g < 3 * k + 3; g++) mass += density[g] * w[g];
      below[k + 1] = below[k] + mass;
    }
    return below;
  }

  function sorted(values, least, pinned = [0]) { // increasing, no other closer than `least`
    const all = [...new Set([...values, ...pinned])].filter(Number.isFinite).sort((p, q) => p - q);
    const out = [];
    for (const v of all) {
      const last = out[out.length - 1];
      if (out.length && v - last < least && !pinned.includes(v)) continue;
      while (out.length && v - out[out.length - 1] < least && !pinned.includes(out[out.length - 1])) {
        out.pop();
      }
      out.push(v);
    }
    return out;
  }

  function thinned(values, centre, unit) { // breaks whose distances grow away from 0 and the centre
    const all = sorted(values, 0), out = [];
    for (const v of all) {
      const room = 0.4 * Math.max(unit, Math.min(Math.abs(v), Math.abs(v - centre)) / 2);
      if (v === 0 || !out.length || v - out[out.length - 1] >= room) {
        if (v === 0 && out.length && v - out[out.length - 1] < 0.2 * unit) out.pop();
        out.push(v);
      }
    }
    return out;
  }

  function firstBreaks(problem, centre) {
    const prior = problem.prior, h = misfit(problem, centre).curvature, out = [];
    const heavy = prior.family === "student_t" || prior.family === "horseshoe";
    const det = h[0] * h[2] - h[1] * h[1];
    for (let j = 0; j < 2; j++) {
      const own = h[2 * j] > 0 ? 1 / Math.sqrt(h[2 * j]) : Infinity;
      const marginal = det > 0 ? Math.sqrt(h[2 - 2 * j] / det) : Infinity;
      const scales = [own, marginal];
      if (prior.family !== "flat") scales.push(prior.scale);
      const values = [0, centre[j]], use = scales.filter((s) => Number.isFinite(s) && s > 0);
      const far = heavy ? [0.4, 1, 2.5, 6, 15, 60, 400, 3000, 1e5] : [0.4, 1, 2.5, 6, 15, 45];
      for (const s of use) for (const c of [0, centre[j]]) for (const f of far) values.push(c - f * s, c + f * s);
      out.push(thinned(values, centre[j], Math.min(...use)));
    }
    return out;
  }

  function nextBreaks(problem, table, small, fast) {
    return [0, 1].map((j) => {
      const below = edges(table, j), at = table.breaks[j], values = [0, small, -small];
      let k = 0;
      for (let which = 0; which < LEVELS.length; which += fast ? 2 : 1) {
        const level = LEVELS[which];
        while (k < below.length - 2 && below[k + 1] < level) k++;
        const mass = below[k + 1] - below[k];
        const share = mass > 0 ? Math.min(1, Math.max(0, (level - below[k]) / mass)) : 0;
        values.push(at[k] + share * (at[k + 1] - at[k]));
      }
      const low = Math.min(...values.slice(3)), high = Math.max(...values.slice(3));
      if (problem.prior.family === "horseshoe") {
        for (let p = 0; p < 8; p++) {
          for (const s of [1, -1]) values.push(s * problem.prior.scale * 10 ** -p);
        }
      } else for (const s of [0.02, 0.1, 0.3, 1, -0.02, -0.1, -0.3, -1]) values.push(s * problem.prior.scale);
      const width = high - low || 1;
      const inside = values.filter((v) => v === 0 || Math.abs(v) === small || (v >= low && v <= high));
      return sorted(inside, problem.prior.family === "horseshoe" ? 0 : 1e-5 * width, [0, small, -small]);
    });
  }

  function rough(table, j, level) { // a quantile, by the parabola through a panel's nodes
    const below = edges(table, j), at = table.breaks[j], density = table.along[j];
    let k = 0;
    while (k < below.length - 2 && below[k + 1] < level) k++;
    const [left, middle, right] = density.slice(3 * k, 3 * k + 3), r = GAUSS[2][0];
    const slope = (right - left) / (2 * r), bend = (right + left - 2 * middle) / (2 * r * r);
    const half = (at[k + 1] - at[k]) / 2;
    const upto = (u) => below[k] + half * (middle * (u + 1) + slope * (u * u - 1) / 2
      + bend * (u ** 3 + 1) / 3);
    let low = -1, high = 1;
    for (let step = 0; step < 40; step++) {
      const u = (low + high) / 2;
      if (upto(u) < level) low = u; else high = u;
    }
    return at[k] + half * (low + 1);
  }

  function quantile(problem, table, j, level) { // by Newton's steps on exact marginals
    const below = edges(table, j), at = table.breaks[j], other = table.axes[1 - j];
    let k = 0;
    while (k < below.length - 2 && below[k + 1] < level) k++;
    const density = (points) => {
      const grid = j === 0 ? likelihoodOn(problem, points, other.x) : likelihoodOn(problem, other.x, points);
      const prior = priorOn(problem.prior, points), rest = priorOn(problem.prior, other.x);
      return Array.from(points, (_, i) => {
        let sum = 0;
        for (let m = 0; m < other.x.length; m++) {
          const v = j === 0 ? grid[i * other.x.length + m] : grid[m * points.length + i];
          sum += Math.exp(v + prior[i] + rest[m] - table.top) * other.w[m];
        }
        return sum / table.total;
      });
    };
    let q = rough(table, j, level);
    for (let step = 0; step < 6; step++) {
      const part = nodesOf([at[k], q]), values = density([...part.x, q]);
      let upto = below[k];
      for (let g = 0; g < 3; g++) upto += values[g] * part.w[g];
      const move = (level - upto) / values[3];
      if (!Number.isFinite(move)) break;
      const next = Math.min(at[k + 1], Math.max(at[k], q + move));
      if (Math.abs(next - q) < 1e-9 * (at[k + 1] - at[k])) { q = next; break; }
      q = next;
    }
    return q;
  }

  /* Mean, sd, quantiles, probabilities and marginals of the posterior; null where it is improper.
     With `fast` in one round on fewer panels, to move with a finger: three digits or so. `map` and
     `mle` are taken where they are known. */
  function posterior(problem, options = {}) {
    const prior = problem.prior, small = options.small || 0.1;
    const likely = options.mle === undefined ? mle(problem) : options.mle;
    if (prior.family === "flat" && !likely) return null;
    const mode = options.map === undefined ? map(problem) : options.map;
    const centre = mode && !mode.pole ? mode.w : likely || [0, 0];
    let table = tabulate(problem, firstBreaks(problem, centre));
    for (let round = 0; round < 3; round++) {
      table = tabulate(problem, nextBreaks(problem, table, small, options.fast));
      const most = Math.max(...[0, 1].map((j) => {
        const below = edges(table, j);
        return Math.max(...below.slice(1).map((v, k) => v - below[k]));
      }));
      if (options.fast || round > 0 || most < 0.12) break;
    }
    const out = { mean: [], sd: [], low: [], high: [], positive: [], small: [], marginals: [] };
    for (let j = 0; j < 2; j++) {
      const { x, w } = table.axes[j], density = table.along[j], below = edges(table, j);
      let mean = 0, square = 0;
      for (let i = 0; i < x.length; i++) mean += x[i] * density[i] * w[i];
      for (let i = 0; i < x.length; i++) square += (x[i] - mean) ** 2 * density[i] * w[i];
      const at = (v) => below[table.breaks[j].indexOf(v)];
      out.mean.push(mean);
      out.sd.push(Math.sqrt(square));
      for (const [name, level] of [["low", 0.03], ["high", 0.97]]) {
        out[name].push(options.fast ? rough(table, j, level) : quantile(problem, table, j, level));
      }
      out.positive.push(1 - at(0));
      out.small.push(at(small) - at(-small));
      out.marginals.push({ x, density });
    }
    out.levels = levelsOf(table, [0.5, 0.94]);
    out.top = table.top;
    return out;
  }

  function levelsOf(table, shares) { // heights of the log density around which shares lie
    const [one, two] = table.axes, ny = two.x.length, cells = [];
    for (let i = 0; i < one.x.length; i++) {
      for (let j = 0; j < ny; j++) {
        const d = table.log[i * ny + j] - table.top;
        if (d > -30) cells.push([d, Math.exp(d) * one.w[i] * two.w[j]]);
      }
    }
    cells.sort((p, q) => q[0] - p[0]);
    const out = [];
    let sum = 0, k = 0;
    for (const share of shares) {
      while (k < cells.length - 1 && sum + cells[k][1] < share * table.total) sum += cells[k++][1];
      out.push(cells[k][0] + table.top);
    }
    return out;
  }

  /* Mode and mean of one weight that was measured once, z, with noise of this sd. */
  function shrinkage(prior, noise, z) {
    const one = { kind: "linear", x: [[1, 0]], y: [z], noise, prior };
    if (prior.family === "flat") return { mode: z, mean: z };
    const mode = prior.family === "horseshoe" ? 0 : map(one).w[0];
    const breaks = sorted([0, z, mode, ...[0.3, 1, 2, 3, 4.5, 6, 8].flatMap((f) => [z - f * noise, z + f * noise,
      mode - f * noise, mode + f * noise, f * prior.scale, -f * prior.scale]),
      ...(prior.family === "horseshoe" ? [1, 2, 3, 4, 5, 6, 7].flatMap((p) => [prior.scale * 10 ** -p, -prior.scale * 10 ** -p]) : [])]
      .filter((v) => v >= Math.min(0, z) - 9 * noise && v <= Math.max(0, z) + 9 * noise), 0);
    const { x, w } = nodesOf(breaks);
    const log = Array.from(x, (v) => -penaltyOfOne(prior, v) - (v - z) ** 2 / (2 * noise * noise));
    const top = Math.max(...log);
    let total = 0, sum = 0;
    for (let i = 0; i < x.length; i++) {
      const mass = Math.exp(log[i] - top) * w[i];
      total += mass; sum += mass * x[i];
    }
    return { mode, mean: sum / total };
  }

  // ---- data ------------------------------------------------------------------------------------

  function generator(seed) { // mulberry32: the same numbers on every machine
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /* Draw data: with more samples the first ones stay, and all move smoothly with the rest. */
  function draw({ kind, seed, n, correlation, noise, truth }) {
    const uniform = generator(seed), x = [], y = [];
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    for (let k = 0; k < n; k++) {
      const u = normal(), v = normal(), e = normal(), chance = uniform();
      const one = [u, correlation * u + Math.sqrt(1 - correlation * correlation) * v];
      const eta = one[0] * truth[0] + one[1] * truth[1];
      x.push(one);
      y.push(kind === "linear" ? eta + noise * e : chance < 1 / (1 + Math.exp(-eta)) ? 1 : 0);
    }
    return { x, y };
  }

  return { penalty, logPrior, logLikelihood, mle, separated, separating, map, path, steps, posterior,
    shrinkage, draw, ring, likelihoodOn, priorOn };
})();
