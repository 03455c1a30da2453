// SPDX-License-Identifier: Apache-2.0
// The admin page: listens to /admin/events, asks for the rest, and draws. No state but what is
// on the screen; a page that is reloaded shows the same.
"use strict";

const $ = id => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// ---- asking -------------------------------------------------------------------------------

const door = {
  token: sessionStorage.getItem("weir-token") || "",
  open(refused) {
    $("door").hidden = false; $("page").hidden = true;
    $("refused").textContent = refused ? "That is not the token." : "";
    $("token").focus();
  },
};

class Locked extends Error {}

async function ask(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (door.token) headers.Authorization = "Bearer " + door.token;
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401) throw new Locked();
  return answer;
}

const askJson = async path => { const a = await ask(path); return a.ok ? a.json() : null; };

// ---- writing ------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  // A style is set by its own door: as an attribute, what lets in this page's style alone forbids it.
  for (const [name, value] of Object.entries(attributes)) if (name === "style") e.style.cssText = value; else e.setAttribute(name, value);
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}

const replace = (id, ...children) => $(id).replaceChildren(...children);
const whole = n => Math.round(n).toLocaleString("en-US");
const percent = (part, all, digits = 1) => all > 0 ? (100 * part / all).toFixed(digits) + " %" : "–";
const share = p => (100 * p).toFixed(p > 0 && p < 0.001 ? 2 : 1) + " %";
const ms = v => v === null || v === undefined ? "–" : v < 10 ? v.toFixed(2) + " ms" : v < 1000 ? v.toFixed(0) + " ms" : (v / 1000).toFixed(2) + " s";
const dollars = v => v === 0 ? "$0" : "$" + v.toFixed(v < 1 ? 4 : 2);
const bytes = n => n < 1048576 ? (n / 1024).toFixed(0) + " KiB" : (n / 1048576).toFixed(1) + " MiB";
const rate = r => r < 10 ? r.toFixed(1) : whole(r);
const span = s => s >= 172800 ? whole(s / 86400) + " days" : s >= 7200 ? whole(s / 3600) + " hours" : whole(s / 60) + " minutes";
const clock = t => new Date(t).toLocaleTimeString("en-GB");

function mark(word, kind) { return element("span", { class: "mark " + kind }, word.replaceAll("_", " ")); }

// ---- this moment --------------------------------------------------------------------------

const moments = []; // overviews of the last ten seconds, for rates

function since(first, last, model, member) {
  const before = first.models.find(m => m.model === model);
  const now = last.models.find(m => m.model === model);
  return now ? now[member] - (before ? before[member] : 0) : 0;
}

function sum(overview, member) { return overview.models.reduce((all, m) => all + m[member], 0); }

function showTiles(first, now, seconds) {
  const requests = sum(now, "requests") - sum(first, "requests");
  const tiles = [
    ["requests/s", rate(seconds ? requests / seconds : 0)],
    ["hit rate", percent(sum(now, "hits"), sum(now, "requests"))],
    ["errors", percent(sum(now, "errors"), sum(now, "requests"), 2)],
    ["saved", dollars(sum(now, "saved_usd"))],
    ["spent", dollars(sum(now, "cost_usd"))],
    ["under way", whole(now.in_flight)],
    ["in memory", bytes(now.cache.bytes)],
    ["Redis", now.redis_up === null ? "off" : now.redis_up ? "up" : "away"],
  ];
  replace("tiles", ...tiles.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function showModels(first, now, seconds) {
  replace("model-rows", ...now.models.map(m => {
    const r = seconds ? since(first, now, m.model, "requests") / seconds : 0;
    const cells = [rate(r), percent(m.hits, m.requests), percent(m.errors, m.requests, 2),
      ms(m.p50_ms), ms(m.p95_ms), ms(m.p99_ms), dollars(m.cost_usd), dollars(m.saved_usd)];
    return element("tr", {}, element("th", { scope: "row", class: "left" }, m.model), ...cells.map(c => element("td", {}, c)));
  }));
  if (now.models.length === 0) replace("model-rows", element("tr", {}, element("td", { colspan: 9, class: "left soft" }, "No requests yet.")));
}

function showUpstreams(now) {
  const rows = [];
  for (const u of now.upstreams) for (const e of u.endpoints) {
    const kind = !e.healthy ? "bad" : e.state === "closed" || e.state === "healthy" ? "good" : "warn";
    rows.push(element("tr", {},
      element("th", { scope: "row", class: "left" }, u.name), element("td", { class: "left" }, e.url + (e.address ? " · " + e.address : "")),
      element("td", {}, mark(e.healthy ? e.state === "closed" ? "healthy" : e.state : e.state, kind)),
      element("td", {}, e.in_flight + (e.limit ? " of " + e.limit : "")), element("td", {}, whole(u.waiting)), element("td", {}, ms(e.latency_ms))));
  }
  replace("upstream-rows", ...rows);
}

function showMoment(now) {
  moments.push(now);
  while (moments.length > 10) moments.shift();
  const first = moments[0], seconds = (now.now_ms - first.now_ms) / 1000;
  $("status").textContent = `${now.ready ? "ready" : "draining"} · ${now.version} · ${clock(now.now_ms)}`;
  showTiles(first, now, seconds);
  showModels(first, now, seconds);
  showUpstreams(now);
  showChanges(now.changes || []);
}

// ---- predictions and alarms ---------------------------------------------------------------

const STATES = { ok: "good", suspected: "warn", confirmed: "bad", insufficient_data: "soft", no_baseline: "soft" };
const MOST_BARS = 12;

function bars(values, moved) {
  const most = Math.max(...values.map(v => Math.max(v.after || 0, v.before || 0)), 1e-9);
  const width = p => `width:${(100 * (p || 0) / most).toFixed(1)}%`;
  return element("div", { class: "bars" }, ...values.slice(0, MOST_BARS).flatMap(v => {
    const kind = moved.has(v.value) ? " moved" : "";
    const words = v.before === undefined ? share(v.after) : share(v.before) + " → " + share(v.after);
    return [element("span", { class: "line" + kind, style: "display:contents" },
      element("span", { class: "name", title: v.value }, v.value),
      element("span", { class: "track", "aria-hidden": "true" }, element("i", { class: "n", style: width(v.after) }), v.before === undefined ? null : element("i", { class: "b", style: width(v.before) })),
      element("span", { class: "share" }, words))];
  }));
}

function card(title, under, state, values, moved) {
  return element("article", { class: "card" }, element("header", {}, element("h3", {}, title), state), element("p", { class: "soft" }, under), bars(values, new Set(moved)));
}

function showDrift(drift) {
  const p = drift.promise, list = drift.histograms_list;
  $("promise").textContent = `At most ${share(p.probability)} chance of any false alarm in ${span(p.per_s)} over ${whole(drift.histograms)} histograms: an alarm when ln M reaches ${drift.threshold === null ? "–" : drift.threshold.toFixed(1)}. Bars: now, and thin below it the baseline.`;
  replace("cards", ...list.map(h => card(
    `${h.model} · ${h.prediction}${h.segment ? " · " + h.segment : ""}`,
    `${h.version} · ${whole(h.n)} answers · ` + (h.reason || (h.baseline ? `score ${(h.score || 0).toFixed(2)} of 1` : "no baseline yet")),
    mark(h.state, STATES[h.state] || "soft"), h.values.map(v => h.baseline ? v : { value: v.value, after: v.after }),
    h.baseline && ["suspected", "confirmed"].includes(h.state) ? h.moved.map(m => m.value) : [])));
}

function showCounts(predictions) {
  const sources = predictions.filter(p => p.source === "fresh");
  $("promise").textContent = "Counted since the start; drift is not watched here.";
  replace("cards", ...sources.map(p => card(`${p.model} · ${p.prediction}`, `${p.version} · ${whole(p.count)} fresh answers`, null,
    Object.entries(p.values).map(([value, n]) => ({ value, after: n / p.count })), [])));
}

async function acknowledge(id) {
  await ask(`/admin/alarms/${encodeURIComponent(id)}/acknowledge`, { method: "POST" });
  await readDrift();
}

function showAlarms(alarms) {
  if (alarms.length === 0) return replace("alarm-list", element("p", { class: "calm" }, "None. Models answer as they did."));
  replace("alarm-list", ...alarms.map(a => {
    const button = element("button", {}, "Acknowledge");
    button.addEventListener("click", () => acknowledge(a.id));
    const moved = (a.evidence && a.evidence.moved || []).map(m => `${m.value} ${share(m.before)} → ${share(m.after)}`).join(", ");
    const live = a.state === "firing" || a.state === "pending";
    return element("article", { class: `alarm ${a.severity} ${a.state}` },
      element("header", {}, element("h3", {}, `${a.model} · ${a.prediction}${a.segment ? " · " + a.segment : ""}`), mark(`${a.severity}, ${a.state}`, live ? "bad" : "soft")),
      element("p", {}, moved), element("p", { class: "soft" }, `since ${new Date(a.since_ms).toLocaleString("en-GB")} · baseline ${a.baseline || ""}`), live ? button : null);
  }));
}

// One side of a change: names with their shares, or a number's low, middle and high.
function sideWords(side, unit) {
  if (side.values) return side.values.map(v => `${v.value} ${share(v.share)}`).join(", ") || "none";
  return side.n === undefined ? "–" : `median ${brief(side.p50)}${unit}, tenths ${brief(side.p10)} and ${brief(side.p90)}${unit}, of ${whole(side.n)} answers`;
}

const DAY = 86400000;

// What is older than the course cannot be looked at, and wants its date.
function changeTime(since) {
  if (Date.now() - since > DAY) return element("span", { class: "soft" }, new Date(since).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }));
  const button = element("button", { class: "time", title: "What changed then?" }, at(since));
  button.addEventListener("click", () => { choose(since); $("moved").scrollIntoView({ block: "nearest" }); });
  return button;
}

function changeItem(c) {
  const unit = c.kind === "latency" ? " s" : "", side = (name, of) => [element("dt", {}, name), element("dd", {}, bdi(sideWords(of, unit)))];
  return element("article", { class: "alarm change" }, element("h3", {}, changeTime(c.since_ms), " ", bdi(c.model), " · ", bdi(c.sentence)),
    element("dl", { class: "sides" }, ...side("before", c.before), ...side("after", c.after)),
    element("p", { class: "soft" }, "version ", bdi(c.version), ...(c.upstream ? [" · upstream ", bdi(c.upstream)] : []), ` · noticed at ${clock(c.at_ms)}`));
}

// They come each second: what is there stays, and with it the button that somebody is about to press.
function showChanges(changes) {
  const ids = changes.map(c => c.id).join();
  if ($("change-list").dataset.ids === ids) return;
  $("change-list").dataset.ids = ids;
  if (changes.length === 0) replace("change-list", element("p", { class: "calm" }, "None noticed. (Where drift.changes is off, none is looked for.)"));
  else replace("change-list", ...changes.map(changeItem));
}

async function readDrift() {
  const [drift, alarms] = await Promise.all([askJson("/admin/drift"), askJson("/admin/alarms")]);
  if (drift && drift.histograms_list && drift.histograms_list.length) showDrift(drift);
  else { const counts = await askJson("/admin/predictions"); if (counts) showCounts(counts.predictions); }
  showAlarms(alarms ? alarms.alarms : []);
}

// ---- living -------------------------------------------------------------------------------

async function listen() {
  const answer = await ask("/admin/events", { headers: { Accept: "text/event-stream" } });
  if (!answer.ok) throw new Error("status " + answer.status);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2))
      for (const line of rest.slice(0, end).split("\n"))
        if (line.startsWith("data: ")) showMoment(JSON.parse(line.slice(6)));
  }
}

const pause = ms => new Promise(done => setTimeout(done, ms));

async function every(ms, work) {
  for (;; await pause(ms)) try { await work(); } catch (e) { if (e instanceof Locked) return; }
}

async function live() {
  $("door").hidden = true; $("page").hidden = false;
  every(5000, readCourse);
  every(3000, readDrift);
  for (;; await pause(1000)) {
    try { await listen(); } catch (e) { if (e instanceof Locked) return door.open(door.token !== ""); }
    moments.length = 0;
    $("status").textContent = "gone; asking again";
  }
}

$("door").addEventListener("submit", event => {
  event.preventDefault();
  door.token = $("token").value;
  sessionStorage.setItem("weir-token", door.token);
  live();
});
openCourse();
live();
