// SPDX-License-Identifier: Apache-2.0
// What happened, on one axis of time: traffic, latency, failures, money and what was said, of
// the model, version and segment that a person picks; and what moved about a chosen moment.
// Names come from anywhere, so they are only ever written as text.
"use strict";

const MINUTE = 60000;
const POINTS = 180;      // of one chart: more than a phone has room for
const MOST_SERIES = 6;   // of one prediction's shares; the rest is drawn as one
const MOST_ROWS = 14;    // of what changed
const MOST_VERSIONS = 8; // that are asked about, one by one
const NOISE = 3;         // standard deviations below which a change says little
const MOST_SEGMENTS = 24;   // that are asked about, one by one
const SEGMENT_ROWS = 8;     // of them all
const SEGMENT_NOISE = 4.5;  // a thousand rows are looked at: of so many, three deviations find three by chance
const SEGMENT_MORE = 1.25;  // times the whole's effect: what moved by less moved with the whole
const SEGMENT_FACTOR = 0.3; // of what is no share: two bins of latency are 0.35, and one is chance
const LEAST = 0.005;        // an effect that would be shown as none

const course = {
  charts: {}, marks: [], chosen: null, byHand: false, words: [], answer: null, hasChanges: true,
  tick: MINUTE, versions: [], segments: [], compared: "",
};

// The key below a chart is ours; that of dygraphs would write style attributes, which are forbidden here.
Dygraph.PLUGINS = Dygraph.PLUGINS.filter(part => part !== Dygraph.Plugins.Legend);

const at = t => new Date(t).toLocaleTimeString("en-GB", course.tick < MINUTE ? {} : { hour: "2-digit", minute: "2-digit" });
const bdi = text => element("bdi", {}, text);
const sumOf = (points, member) => points.reduce((all, p) => all + p[member], 0);

// ---- asking -------------------------------------------------------------------------------

const picked = () => ({ model: $("model").value, version: $("version").value, segment: $("segment").value });

async function askCourse(query) {
  const words = Object.entries(query).filter(([, v]) => v !== "").map(([k, v]) => k + "=" + encodeURIComponent(v));
  return askJson("/admin/history?" + words.join("&"));
}

// ---- choices ------------------------------------------------------------------------------

function offer(id, names, words = n => n) {
  const select = $(id), chosen = select.value;
  if (select.dataset.names === names.join("\n")) return;
  select.dataset.names = names.join("\n");
  select.replaceChildren(...(id === "said" ? [] : [element("option", { value: "" }, "all")]),
    ...names.map(n => element("option", { value: n, dir: "auto" }, words(n) || "none")));
  if (names.includes(chosen)) select.value = chosen;
}

// A segment stands in escapes; a broken one is shown as it is.
function plainSegment(text) { try { return decodeURIComponent(text); } catch { return text; } }

function offerSeries(series) {
  const { model } = picked(), own = series.filter(s => !model || s.model === model);
  const unique = of => [...new Set(own.map(of))].filter(n => n !== "").sort();
  offer("model", [...new Set(series.map(s => s.model))].sort());
  offer("version", unique(s => s.version));
  offer("segment", unique(s => s.segment), plainSegment);
  course.versions = unique(s => s.version);
  course.segments = unique(s => s.segment);
}

const USUAL = ["finish_reason", "refusal", "output_tokens", "input_tokens", "latency", "cost"];

// What somebody has named stands first, then fields, then what every model has.
function offerPredictions(names) {
  const place = n => USUAL.includes(n) ? 100 + USUAL.indexOf(n) : n.startsWith("field:") ? 50 : 0;
  offer("said", names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1)));
}

// ---- marks --------------------------------------------------------------------------------

async function readMarks() {
  const [alarms, changes] = await Promise.all([
    askJson("/admin/alarms"), course.hasChanges ? askJson("/admin/changes") : null]);
  course.hasChanges = changes !== null;
  course.marks = [
    ...(alarms ? alarms.alarms : []).map(a => ({ at: a.began_ms || a.since_ms, kind: "alarm", model: a.model,
      words: `${a.severity} alarm: ${a.prediction}${a.segment ? " · " + plainSegment(a.segment) : ""}` })),
    ...(changes ? changes.changes : []).map(c => ({ at: c.since_ms, kind: "change", model: c.model,
      words: c.sentence })),
  ].sort((a, b) => b.at - a.at);
}

function seenMarks() {
  const { model } = picked(), { from_ms, to_ms } = course.answer;
  return course.marks.filter(m => (!model || m.model === model) && m.at >= from_ms && m.at <= to_ms);
}

function showMarks() {
  const marks = seenMarks();
  replace("marks", ...marks.slice(0, 8).map(m => {
    const button = element("button", { class: "time" }, at(m.at));
    button.addEventListener("click", () => choose(m.at));
    return element("li", { class: m.kind }, button, " ", bdi(m.model), " · ", bdi(m.words));
  }));
  if (!course.byHand && marks.length > 0 && course.chosen !== marks[0].at) choose(marks[0].at, false);
}

// Behind the lines of each chart: alarms, changes, and the moment that is looked at.
function drawMarks(canvas, area, chart) {
  const line = (t, hue, dash, width = 1.5) => {
    const x = chart.toDomXCoord(t);
    if (x < area.x || x > area.x + area.w) return;
    canvas.strokeStyle = color(hue); canvas.setLineDash(dash); canvas.lineWidth = width;
    canvas.beginPath(); canvas.moveTo(x, area.y); canvas.lineTo(x, area.y + area.h); canvas.stroke();
  };
  canvas.save();
  for (const m of seenMarks()) line(m.at, m.kind === "alarm" ? "bad" : "violet", [], m.at === course.chosen ? 5 : 1.5); // to be seen beside the other
  if (course.chosen) line(course.chosen, "ink", [4, 3]);
  canvas.restore();
}

// ---- charts -------------------------------------------------------------------------------

function showKey(id, lines, values, time) {
  replace(id + "-key", ...(time ? [element("span", { class: "when" }, at(time))] : []), ...lines.map(([name, hue], i) =>
    element("span", {}, element("i", { style: `background:${color(hue)}`, "aria-hidden": "true" }), bdi(name),
      values && values[i] !== null && values[i] !== undefined ? " " + brief(values[i]) : "")));
}

const brief = n => n === 0 ? "0" : Math.abs(n) >= 1000 ? whole(n) : String(Number(n.toPrecision(3)));

// New objects each time: dygraphs writes into those that it is given.
const axes = (y = {}) => ({ y: { axisLabelWidth: 48, ...y }, x: { drawGrid: false, axisLabelFormatter: t => at(t) } });

// Where a scale of powers has its labels: 1, 10, 100, and 2 and 5 between them where there is room.
function decades(least, high) {
  const low = Math.max(least, 1e-3), steps = high / low > 300 ? [1] : [1, 2, 5], all = [];
  for (let ten = 10 ** Math.floor(Math.log10(low)); ten <= high; ten *= 10)
    for (const v of steps.map(s => s * ten)) if (v >= low && v <= high) all.push({ v, label: v >= 1000 ? brief(v / 1000) + " s" : brief(v) });
  return all;
}

// `lines` are [name, colour]; a row is [time, value of each line]. Dygraph itself gets no names.
function chart(id, lines, rows, options = {}) {
  const last = rows.filter(r => r.slice(1).some(v => v !== null)).at(-1);
  const key = (time, points) => showKey(id, lines, rows.find(r => +r[0] === time)?.slice(1), points && time);
  const look = { labels: ["time", ...lines.map((_, i) => "s" + i)], colors: lines.map(l => color(l[1])),
    gridLineColor: color("line"), axisLineColor: color("line"), strokeWidth: 1.6, includeZero: !options.logscale,
    connectSeparatedPoints: false, drawPoints: rows.length < 3, highlightCircleSize: 3, animatedZooms: false,
    dateWindow: [course.answer.from_ms, course.answer.to_ms], interactionModel: { click: clickChart },
    axes: axes(),
    underlayCallback: drawMarks, highlightCallback: (_, t, points) => key(t, points), unhighlightCallback: () => showKey(id, lines), ...options };
  // A chart whose lines are others is made anew: what dygraphs keeps of the old ones shows.
  if (course.charts[id] && course.charts[id].lines !== lines.length) { course.charts[id].destroy(); delete course.charts[id]; }
  if (course.charts[id]) course.charts[id].updateOptions({ file: rows, ...look });
  else (course.charts[id] = new Dygraph($(id), rows, look)).lines = lines.length;
  showKey(id, lines);
  $(id).setAttribute("aria-label", $(id).previousElementSibling.textContent.trim() + ": " +
    (last ? `at ${at(last[0])} ` + lines.map(([name], i) => `${name} ${last[i + 1] === null ? "none" : brief(last[i + 1])}`).join(", ") : "nothing yet"));
}

function clickChart(event, chart) {
  const [x] = chart.eventToDomCoords(event);
  const time = chart.toDataXCoord(x);
  if (time) choose(Math.round(time / course.tick) * course.tick);
}

// A row for each step: where nothing was counted, zeros or gaps; what is not settled is a gap.
function rowsOf(of, empty) {
  const { points, from_ms, to_ms, step_ms, settled_ms } = course.answer, gap = empty.map(() => null);
  const known = new Map(points.map(p => [p.at_ms, p])), rows = [];
  for (let t = from_ms; t < to_ms; t += step_ms) rows.push([new Date(t), ...(known.has(t) ? of(known.get(t)) : t + step_ms <= settled_ms ? empty : gap)]);
  return rows;
}

const SOURCES = [["fresh", "blue"], ["cached", "good"], ["coalesced", "teal"], ["degraded", "warn"], ["failed", "bad"]];
const HUES = ["blue", "warn", "good", "violet", "bad", "teal", "soft"];

function drawSaid() {
  const name = $("said").value, totals = new Map();
  for (const p of course.answer.points) for (const [value, n] of Object.entries(p.said?.[name] || {})) totals.set(value, (totals.get(value) || 0) + n);
  const values = [...totals].sort((a, b) => b[1] - a[1]).map(v => v[0]);
  const own = values.slice(0, values.length > MOST_SERIES + 1 ? MOST_SERIES : values.length);
  const lines = own.map((v, i) => [v, HUES[i]]);
  if (own.length < values.length) lines.push([`${values.length - own.length} others`, "soft"]);
  if (lines.length === 0) lines.push(["nothing said yet", "soft"]);
  chart("shares", lines, rowsOf(p => {
    const said = p.said?.[name] || {}, all = Object.values(said).reduce((a, n) => a + n, 0);
    if (!all) return lines.map(() => null);
    const shares = own.map(v => 100 * (said[v] || 0) / all);
    while (shares.length < lines.length) shares.push(Math.max(0, 100 - shares.reduce((a, s) => a + s, 0)));
    return shares;
  }, lines.map(() => null)), { valueRange: [0, 101] });
}

function drawCourse() {
  if (!course.answer) return;
  const { points, step_ms } = course.answer, minutes = step_ms / MINUTE;
  const classes = [...new Set(points.flatMap(p => Object.keys(p.errors)))].sort();
  chart("requests", SOURCES, rowsOf(p => SOURCES.map(s => p[s[0]] / minutes), SOURCES.map(() => 0)), { stackedGraph: true, fillAlpha: .25 });
  chart("latency", [["p50", "good"], ["p95", "blue"], ["p99", "warn"]], rowsOf(p => [p.p50_ms, p.p95_ms, p.p99_ms], [null, null, null]), points.some(p => p.p50_ms) ? { logscale: true, axes: axes({ ticker: decades }) } : {});
  const lines = [["failed", "bad"], ...(classes.length > 1 ? classes.map((c, i) => [c.replaceAll("_", " "), HUES[i % 4]]) : []), ["refused", "soft"]];
  chart("errors", lines, rowsOf(p => [p.failed, ...(classes.length > 1 ? classes.map(c => p.errors[c] || 0) : []), p.refused].map(n => 100 * n / p.requests), lines.map(() => null)));
  chart("money", [["spent", "warn"], ["saved", "good"]], rowsOf(p => [p.spent_usd / minutes, p.saved_usd / minutes], [0, 0]));
  drawSaid();
  $("hours").textContent = points.length === 0 ? "Nothing was asked in this time." :
    `${whole(sumOf(points, "requests"))} requests from ${at(course.answer.from_ms)} to ${at(course.answer.to_ms)}` +
    (course.answer.gateways > 1 ? `, of ${course.answer.gateways} gateways together.` : ".");
}

async function readCourse() {
  const span = Number($("span").value) * MINUTE;
  const range = { to: Math.ceil(Date.now() / course.tick) * course.tick, step: Math.max(course.tick, span / POINTS) };
  range.from = range.to - span;
  const all = await askCourse({ ...range, step: span, ...picked(), prediction: "*" });
  if (!all) return;
  course.tick = all.tick_ms;
  offerSeries(all.series);
  offerPredictions([...new Set(all.points.flatMap(p => Object.keys(p.said)))]);
  const answer = await askCourse({ ...range, ...picked(), prediction: $("said").value });
  await readMarks();
  if (!answer) return;
  course.answer = answer;
  showMarks();
  drawCourse();
  if (course.chosen) await compare();
}

// ---- what changed -------------------------------------------------------------------------

function choose(time, byHand = true) {
  const local = new Date(time - new Date(time).getTimezoneOffset() * MINUTE).toISOString();
  course.chosen = time;
  course.byHand = course.byHand || byHand;
  $("moment").step = course.tick < MINUTE ? 1 : 60;
  $("moment").value = local.slice(0, course.tick < MINUTE ? 19 : 16);
  for (const chart of Object.values(course.charts)) chart.updateOptions({});
  if (byHand) compare().catch(() => {});
}

const EMPTY = { requests: 0, fresh: 0, cached: 0, coalesced: 0, degraded: 0, failed: 0, refused: 0, cancelled: 0, errors: {}, p50_ms: null, p95_ms: null, p99_ms: null, spent_usd: 0, saved_usd: 0, said: {} };

// The same span on both sides; what is not over yet shortens both.
async function askSides(query) {
  const step = Math.min(Number($("sides").value) * MINUTE, Math.floor((course.answer.settled_ms - course.chosen) / course.tick) * course.tick);
  const t = Math.floor(course.chosen / course.tick) * course.tick;
  if (step < course.tick) return null;
  const answer = await askCourse({ from: t - step, to: t + step, step, ...query });
  if (!answer) return null;
  const side = from => answer.points.find(p => p.at_ms === from) || EMPTY;
  return { before: side(t - step), after: side(t), step };
}

// A share's change: Cohen's h, and how many standard deviations of it that is.
function shareRow(name, a, n, b, m, noise = NOISE) {
  const h = 2 * Math.asin(Math.sqrt(b / m)) - 2 * Math.asin(Math.sqrt(a / n));
  return { name, before: `${share(a / n)}`, after: `${share(b / m)}`, counts: `${whole(a)} of ${whole(n)} → ${whole(b)} of ${whole(m)}`,
    effect: Math.abs(h), up: h > 0, sure: Math.abs(h) / Math.sqrt(1 / n + 1 / m) >= noise };
}

// What is no share changes by a factor.
function factorRow(name, a, b, words, counts, sure) {
  const change = Math.log(b / a);
  return { name, before: words(a), after: words(b), counts, effect: Math.abs(change), up: change > 0, sure, factor: true };
}

const answered = p => p.requests - p.refused - p.cancelled;

function movedRows({ before: b, after: a }, noise = NOISE) {
  const rows = [], n = answered(b), m = answered(a), counts = `${whole(n)} → ${whole(m)}`;
  if (b.requests && a.requests)
    rows.push(factorRow("traffic", b.requests, a.requests, v => whole(v) + " requests", `${whole(b.requests)} → ${whole(a.requests)}`,
      Math.abs(Math.sqrt(a.requests) - Math.sqrt(b.requests)) * Math.SQRT2 >= noise));
  if (n && m) {
    const enough = few => Math.min(n, m) >= few * (noise / NOISE) ** 2;
    for (const p of ["p50", "p95", "p99"]) {
      const few = p === "p99" ? 1000 : p === "p95" ? 200 : 20; // ten values or more lie beyond it
      if (b[p + "_ms"] && a[p + "_ms"] && b[p + "_ms"] !== a[p + "_ms"]) rows.push(factorRow("latency " + p, b[p + "_ms"], a[p + "_ms"], ms, counts, enough(few)));
    }
    for (const [s] of SOURCES) if (b[s] || a[s]) rows.push(shareRow(`requests: ${s}`, b[s], n, a[s], m, noise));
    for (const e of new Set([...Object.keys(b.errors), ...Object.keys(a.errors)])) rows.push(shareRow(`error: ${e.replaceAll("_", " ")}`, b.errors[e] || 0, n, a.errors[e] || 0, m, noise));
    for (const [member, name] of [["spent_usd", "spent a request"], ["saved_usd", "saved a request"]])
      if (b[member] && a[member]) rows.push(factorRow(name, b[member] / n, a[member] / m, v => "$" + v.toPrecision(3), counts, enough(20)));
  }
  for (const prediction of new Set([...Object.keys(b.said), ...Object.keys(a.said)])) {
    const was = b.said[prediction] || {}, is = a.said[prediction] || {};
    const all = said => Object.values(said).reduce((sum, v) => sum + v, 0);
    if (all(was) && all(is)) for (const v of new Set([...Object.keys(was), ...Object.keys(is)])) rows.push(shareRow(`${prediction}: ${v}`, was[v] || 0, all(was), is[v] || 0, all(is), noise));
  }
  return rows;
}

async function versionRows(query, { before, after }) {
  if (query.version || course.versions.length < 2 || !before.requests || !after.requests) return [];
  const sides = await Promise.all(course.versions.slice(0, MOST_VERSIONS).map(version => askSides({ ...query, version })));
  return sides.map((s, i) => s && shareRow(`version ${course.versions[i]}`, s.before.requests, before.requests, s.after.requests, after.requests)).filter(r => r);
}

const strongest = (x, y) => y.sure - x.sure || y.effect - x.effect;
const movedWith = (whole, row) => whole && whole.sure && whole.up === row.up && row.effect < SEGMENT_MORE * whole.effect;

// Each segment by itself: what moved in one plan alone is a little thing in the whole, or none.
async function segmentRows(query, all, rows) {
  if (query.segment) return [];
  const segments = course.segments.slice(0, MOST_SEGMENTS), known = new Map(rows.map(r => [r.name, r]));
  const sides = await Promise.all(segments.map(segment => askSides({ ...query, segment, prediction: "*" })));
  return sides.flatMap((s, i) => {
    if (!s) return [];
    const own = movedRows(s, SEGMENT_NOISE).filter(r => r.name !== "traffic");
    if (all.before.requests && all.after.requests) own.push(shareRow("share of requests", s.before.requests, all.before.requests, s.after.requests, all.after.requests, SEGMENT_NOISE));
    return own.filter(r => r.sure && r.effect > (r.factor ? SEGMENT_FACTOR : LEAST) && !movedWith(known.get(r.name), r)).map(r => ({ ...r, segment: segments[i] }));
  }).sort(strongest).slice(0, SEGMENT_ROWS);
}

function segmentWords() {
  const all = course.segments.length;
  return all === 0 || picked().segment ? "" : ` A segment has a row where it moved otherwise than the whole${all > MOST_SEGMENTS ? `, of the first ${MOST_SEGMENTS} of ${all} segments` : ""}.`;
}

function showMoved(rows) {
  const most = Math.max(...rows.map(r => r.effect), 1e-9);
  replace("moved-rows", ...rows.sort(strongest).map(r => element("tr", r.sure ? {} : { class: "unsure" },
    element("th", { scope: "row", class: "left" }, bdi(r.name), r.segment ? element("span", { class: "where" }, "in ", bdi(plainSegment(r.segment))) : null), element("td", {}, r.before), element("td", {}, r.after),
    element("td", { class: "left effect" }, element("span", { class: "meter", "aria-hidden": "true" }, element("i", { class: r.up ? "up" : "down", style: `width:${(100 * r.effect / most).toFixed(0)}%` })),
      (r.up ? "▲ " : "▼ ") + r.effect.toFixed(2) + (r.sure ? "" : " · may be chance")),
    element("td", { class: "soft" }, r.counts))));
  if (!$("moved-rows").children.length) replace("moved-rows", element("tr", {}, element("td", { colspan: 5, class: "left soft" }, "Nothing moved.")));
}

function showSides({ before, after, step }) {
  const minutes = step / MINUTE, length = minutes >= 1 ? `${brief(minutes)} minutes` : `${brief(minutes * 60)} seconds`;
  $("moved-about").textContent = `${length} before it (${whole(before.requests)} requests) beside ${length} after (${whole(after.requests)}). ` +
    "The largest effect stands first: of shares Cohen's h, of the rest the logarithm of the factor." + segmentWords();
}

// False: there is nothing to compare so far, or somebody has asked for another comparison meanwhile.
async function compareSides(isAsked) {
  const query = picked(), sides = await askSides({ ...query, prediction: "*" });
  if (!isAsked()) return false;
  $("moved-title").textContent = `What changed at ${at(course.chosen)}`;
  if (!sides) {
    $("moved-about").textContent = "There is nothing after it yet.";
    replace("moved-rows");
    return false;
  }
  showSides(sides);
  const moved = movedRows(sides), versions = await versionRows(query, sides), segments = await segmentRows(query, sides, moved);
  if (!isAsked()) return false;
  showMoved([...[...moved, ...versions].filter(r => r.effect > LEAST).sort(strongest).slice(0, MOST_ROWS), ...segments]);
  return true;
}

// Once for each minute that is settled, and not each time that the charts are drawn: it asks much.
async function compare() {
  if (!course.chosen || !course.answer) return;
  const key = JSON.stringify([picked(), course.chosen, $("sides").value, course.answer.settled_ms, course.versions, course.segments]);
  if (course.compared === key) return;
  course.compared = key;
  let done = false;
  try { done = await compareSides(() => course.compared === key); } finally { if (!done && course.compared === key) course.compared = ""; }
}

// ---- hands --------------------------------------------------------------------------------

function openCourse() {
  const again = () => readCourse().catch(() => {});
  for (const id of ["model", "version", "segment", "span", "said"]) $(id).addEventListener("change", again);
  $("sides").addEventListener("change", () => compare().catch(() => {}));
  $("moment").addEventListener("change", () => { const t = new Date($("moment").value).getTime(); if (t) choose(t); });
  dark.addEventListener("change", drawCourse);
}
