// SPDX-License-Identifier: MIT
// The dashboard: asks the API every two seconds with the token of this tab, and draws what it says.
// Nothing that comes from the API is ever read as markup: text goes into text nodes.
"use strict";

const PERIOD_MS = 2000, KEPT = 900, GEO_OLD_DAYS = 30, PURGES = 4;
const $ = id => document.getElementById(id);
const history = { t: [], out: [], up: [] };
const seenPurges = new Map();
let chart = null, timer = 0, lastCost = null, upstream = 0, liveOffload = null;

// ---- small helpers ----

function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

function svg(name, attributes = {}, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

function scaled(x, units, step = 1000) {
  let i = 0;
  while (Math.abs(x) >= step && i + 1 < units.length) { x /= step; i++; }
  return [x.toLocaleString("en", { maximumFractionDigits: x < 10 ? 2 : x < 100 ? 1 : 0 }), units[i]];
}

const rate = bytes => scaled(bytes * 8, ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"]);
const bytes = b => scaled(b, ["B", "kB", "MB", "GB", "TB", "PB"]).join(" ");
const percent = x => (100 * x).toLocaleString("en", { maximumFractionDigits: 2 }) + " %";

function money(x, currency) {
  try {
    return x.toLocaleString("en", { style: "currency", currency, maximumFractionDigits: x < 100 ? 2 : 0 });
  } catch {
    return x.toLocaleString("en", { maximumFractionDigits: 2 }) + " " + currency;
  }
}

function figure(id, [value, unit]) {
  $(id).replaceChildren(value + " ", el("small", {}, unit));
}

function meter(share) {
  const filled = el("span");
  filled.style.width = Math.min(100, 100 * share) + "%";
  return el("div", { class: "meter" }, filled);
}

function item(name, value, share) {
  return el("div", { class: "item" }, el("p", {}, el("span", { title: name }, name), el("span", {}, value)), meter(share));
}

const clock = iso => new Date(iso).toLocaleString("en-GB", { hour12: false });

// ---- asking ----

class Refused extends Error {}

async function ask(path, wants = true) {
  const answer = await fetch(path, {
    headers: { Authorization: "Bearer " + sessionStorage.getItem("token") },
    cache: "no-store", credentials: "omit",
  });
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401 || (answer.status === 403 && wants)) throw new Refused(body.detail);
  if (!answer.ok) throw new Error(body.detail || "it answers " + answer.status);
  return body;
}

// ---- parts of the page ----

function stateOf(node) {
  if (node.class === "able") return ["s-good", node.mode === "forced" ? "forced" : "up"];
  if (node.mode === "down" || node.health === "down") return ["s-bad", "down"];
  return ["s-warn", node.mode === "drain" ? "draining" : node.class === "full" ? "full" : node.health];
}

const outOf = node => node.load ? node.load.out_bytes_per_s : 0;

function showMap(nodes) {
  const map = $("map");
  const most = Math.max(1, ...nodes.map(outOf));
  const marks = [];
  for (const n of nodes.filter(n => n.lat !== undefined)) {
    const x = (n.lon + 180) * 4, y = (85 - n.lat) * 4, share = Math.sqrt(outOf(n) / most);
    const [kind] = stateOf(n);
    const mark = svg("g", {}, svg("title", {}, n.id + ": " + rate(outOf(n)).join(" ")),
      svg("circle", { cx: x, cy: y, r: 12 + 30 * share, class: "halo " + kind }),
      svg("circle", { cx: x, cy: y, r: 10, class: kind }),
      svg("text", { x: x + (x > 1240 ? -18 : 18), y: y + 7, "text-anchor": x > 1240 ? "end" : "start" }, n.city || n.id));
    mark.style.transformOrigin = x + "px " + y + "px";      // phones show marks larger
    marks.push(mark);
  }
  if (!map.firstChild) map.append(svg("path", { d: LAND, class: "land" }), svg("g"));
  map.lastChild.replaceChildren(...marks);
}

function showNodes(nodes) {
  $("nodes").replaceChildren(...nodes.map(n => {
    const [kind, text] = stateOf(n), load = n.load, cells = [];
    const number = (value, more = "") => cells.push(el("td", { class: "n" + more }, load ? value() : "–"));
    cells.push(el("td", {}, n.id), el("td", { class: "rare" }, [n.city, n.country].filter(Boolean).join(", ") || "–"),
      el("td", { class: kind }, text));
    number(() => (load.out_bytes_per_s * 8 / 1e9).toFixed(2));
    number(() => Math.round(load.requests_per_s).toLocaleString("en"));
    number(() => Math.round(load.cpu * 100) + " %");
    number(() => load.memory_cap_bytes ? Math.round(100 * load.memory_used_bytes / load.memory_cap_bytes) + " %" : "–", " rare");
    number(() => n.config_version + (n.config_fault ? " refuses" : ""), " rare");
    return el("tr", {}, ...cells);
  }));
}

function alarmsOf(nodes, status, config) {
  const alarms = [], add = (kind, text) => alarms.push(el("li", { class: kind }, text));
  if (nodes.frozen) add("bad", "Most nodes fell silent at once: the last picture of them stays. Look at this control plane's network.");
  for (const n of nodes.nodes) {
    const [kind, text] = stateOf(n);
    if (kind === "s-bad") add("bad", n.id + " is down" + (n.heard ? ", last heard " + clock(n.heard) : "") + ".");
    else if (text === "full") add("warn", n.id + " is at its limits; further users go elsewhere.");
    if (n.config_fault) add("warn", n.id + " refuses a configuration: " + n.config_fault);
  }
  if (config.stage !== "done") add("warn", "Version " + config.version + " is being tried (" + config.stage + "): " + config.running + " of " + config.edges + " edges run it.");
  if (!status.geoip.loaded) add("warn", "There is no GeoIP database: users are not routed by place.");
  else if (status.geoip.fault) add("warn", "The GeoIP database in use is not the newest: " + status.geoip.fault);
  else {
    const days = Math.floor((Date.now() - new Date(status.geoip.built)) / 86400000);
    if (days > GEO_OLD_DAYS) add("warn", "The GeoIP database is " + days + " days old.");
  }
  for (const p of seenPurges.values())
    if (!p.complete && Date.now() - new Date(p.at) > 10000) add("warn", "Purge " + p.seq + " waits for " + p.waiting + " edges for more than 10 s.");
  return alarms;
}

function showPurges() {
  const purges = [...seenPurges.values()].sort((a, b) => b.seq - a.seq);
  if (purges.length === 0) return;
  $("purges").replaceChildren(...purges.map(p => {
    const all = p.applied + p.waiting + p.away, what = p[p.kind] || p.site || "everything";
    const how = (p.complete ? "complete" : "on its way") + ", " + p.applied + " of " + all + (p.away ? ", " + p.away + " away" : "");
    return item("#" + p.seq + (p.soft ? " soft " : " ") + p.kind + " " + what, how, all ? p.applied / all : 1);
  }));
}

async function followPurges(head) {
  for (const seq of seenPurges.keys()) if (seq <= head - PURGES || seq > head) seenPurges.delete(seq);
  for (let seq = Math.max(1, head - PURGES + 1); seq <= head; seq++)
    if (!seenPurges.get(seq)?.complete || seenPurges.get(seq).away > 0)
      seenPurges.set(seq, await ask("v1/purges/" + seq));
}

function showConfig(config) {
  const how = config.stage === "done" ? "on its way to all" : config.stage;
  $("config").replaceChildren(item("Version " + config.version + (config.stable === config.version ? "" : ", stable is " + config.stable),
    (config.running === config.edges ? "on all " + config.edges + " edges" : how + ": " + config.running + " of " + config.edges), config.edges ? config.running / config.edges : 0));
  $("versions").replaceChildren(...config.versions.slice(-4).reverse().map(v =>
    el("li", {}, v.version + ": " + v.what, el("time", { datetime: v.at }, clock(v.at) + ", " + v.who))));
}

function showCost(cost) {
  const c = cost.cost, rows = [["To clients", bytes(cost.out_bytes)], ["From upstream", bytes(cost.upstream_bytes)],
    ["95th percentile", rate(cost.p95_bytes_per_s).join(" ")], ["Edges", money(c.edges, c.currency)], ["Upstream", money(c.upstream, c.currency)],
    ["Upstream without caching", money(c.upstream_without_cache, c.currency)], ["Saved", money(c.saved, c.currency)]];
  $("month").textContent = cost.month;
  $("cost").replaceChildren(...rows.map(([k, v]) => el("tr", {}, el("td", {}, k), el("td", { class: "n" }, v))));
  const sites = [...cost.sites].sort((a, b) => b.out_bytes - a.out_bytes).slice(0, 6);
  $("shares").replaceChildren(...sites.map(s =>
    item(s.name, bytes(s.out_bytes) + ", " + money(s.cost, c.currency), cost.out_bytes ? s.out_bytes / cost.out_bytes : 0)));
}

function showAudit(audit) {
  $("audit").replaceChildren(...audit.entries.reverse().map(e =>
    el("li", {}, e.what + (e.about ? " (" + e.about + ")" : ""), el("time", { datetime: e.at }, clock(e.at) + ", " + e.who + (e.from ? " from " + e.from : "")))));
}

function showTiles(nodes, cost) {
  const able = nodes.filter(n => n.class === "able"), out = nodes.reduce((s, n) => s + outOf(n), 0);
  const requests = nodes.reduce((s, n) => s + (n.load ? n.load.requests_per_s : 0), 0);
  figure("t-out", rate(out));
  $("t-requests").textContent = Math.round(requests).toLocaleString("en") + " requests/s";
  figure("t-up", rate(upstream));
  $("t-up-note").textContent = "by the ledger";
  const offload = liveOffload ?? cost.offload;
  figure("t-offload", [(100 * offload).toFixed(offload > 0.999 ? 2 : 1), "%"]);
  $("t-offload-note").textContent = "this month " + percent(cost.offload);
  $("t-saved").textContent = money(cost.cost.saved, cost.cost.currency);
  $("t-saved-note").textContent = "of " + money(cost.cost.upstream_without_cache, cost.cost.currency) + " without caching";
  figure("t-nodes", [able.length, "of " + nodes.length]);
  $("t-nodes-note").textContent = able.length === nodes.length ? "all take users" : "take users";
  return out;
}

// What came from upstream is known by the ledger's difference; heartbeats bring it once a second.
function measureUpstream(cost) {
  const now = performance.now();
  if (lastCost && cost.month === lastCost.month) {
    const s = (now - lastCost.at) / 1000, out = cost.out_bytes - lastCost.out, up = cost.upstream_bytes - lastCost.up;
    upstream = Math.max(0, up / s);
    if (out > 0) liveOffload = Math.max(0, 1 - up / out);
  }
  lastCost = { month: cost.month, at: now, out: cost.out_bytes, up: cost.upstream_bytes };
}

// ---- the chart ----

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* Between marks of the time: less than a second would show the same one twice. */
const WHOLE_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const clockOf = s => new Date(s * 1000).toLocaleTimeString("en-GB", { hour12: false });

function makeChart() {
  chart?.destroy();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const line = (label, name, fill) => ({ label, stroke: colour(name), width: 2, points: { show: false }, value: (u, v) => v == null ? "–" : v.toFixed(3), fill });
  chart = new uPlot({
    width: $("chart").clientWidth, height: 220, cursor: { y: false },
    scales: { y: { range: (u, low, high) => [0, Math.max(0.001, high * 1.15)] } },
    axes: [{ ...axis, space: 90, incrs: WHOLE_S, values: (u, ticks) => ticks.map(t => clockOf(t)) },
           { ...axis, size: 56 }],
    legend: { live: false },
    series: [{}, line("to clients", "--accent", colour("--accent") + "22"), line("from upstream", "--second")],
  }, [history.t, history.out, history.up], $("chart"));
}

function addPoint(out) {
  history.t.push(Date.now() / 1000);
  history.out.push(out * 8 / 1e9);
  history.up.push(upstream * 8 / 1e9);
  for (const v of Object.values(history)) if (v.length > KEPT) v.shift();
  if (!chart) makeChart();
  chart.setData([history.t, history.out, history.up]);
}

// ---- the routing question ----

function whyOf(answer, edge) {
  const node = (answer.nodes || []).find(n => n.id === edge.id);
  const parts = ["by " + (edge.rule || answer.rule)];
  if (edge.km !== undefined) parts.push(Math.round(edge.km).toLocaleString("en") + " km away");
  if (edge.class && edge.class !== "able") parts.push(edge.class);
  if (node?.why) parts.push(node.why);
  return parts.join(", ");
}

function showAnswer(answer) {
  const place = answer.place?.found ? [answer.place.city, answer.place.country].filter(Boolean).join(", ") : "an unknown place";
  const precise = answer.place?.radius_km ? ", known to " + answer.place.radius_km + " km" : "";
  const others = (answer.nodes || []).filter(n => !answer.edges.some(e => e.id === n.id));
  $("answer").replaceChildren(
    el("p", {}, answer.client + " is in " + place + precise + ". Site " + answer.site + "; kept for " + answer.ttl_s + " s."),
    el("ol", {}, ...answer.edges.map(e => el("li", {}, el("strong", {}, e.id), el("span", {}, e.https_url || e.http_url || ""), el("span", { class: "why" }, whyOf(answer, e))))));
  if (others.length > 0)
    $("answer").append(el("p", { class: "note" }, "Not among them: " + others.map(n => n.id + " (" + (n.why || n.class) + ")").join(", ") + "."));
}

async function onQuestion(event) {
  event.preventDefault();
  const query = new URLSearchParams({ client: $("q-client").value, host: $("q-host").value, path: $("q-path").value, explain: 1 });
  try {
    showAnswer(await ask("v1/route?" + query));
  } catch (wrong) {
    $("answer").replaceChildren(el("p", { class: "fault" }, wrong.message));
  }
}

// ---- the round ----

function showState(kind, text) {
  $("state").firstChild.className = "dot " + kind;
  $("state-text").textContent = text;
}

function showHosts(sites) {
  const hosts = sites.sites.flatMap(s => s.hosts).filter(h => !h.startsWith("*"));
  $("hosts").replaceChildren(...hosts.map(h => el("option", { value: h })));
  if ($("q-host").value === "" && hosts.length > 0) $("q-host").value = hosts[0];
}

async function round() {
  const [nodes, status, cost, config, audit, sites] = await Promise.all(
    ["v1/nodes", "v1/status", "v1/cost", "v1/config", "v1/audit?n=6", "v1/sites"].map(p => ask(p)));
  await followPurges(status.purges.head);
  measureUpstream(cost);
  $("board").hidden = false;
  $("login").hidden = true;
  $("leave").hidden = false;
  const out = showTiles(nodes.nodes, cost), alarms = alarmsOf(nodes, status, config);
  $("alarms").replaceChildren(...alarms);
  showMap(nodes.nodes);
  showNodes(nodes.nodes);
  showPurges();
  showConfig(config);
  showCost(cost);
  showAudit(audit);
  showHosts(sites);
  addPoint(out);
  const isBad = alarms.some(a => a.className === "bad");
  showState(isBad ? "bad" : alarms.length ? "warn" : "good", isBad ? "needs attention" : alarms.length ? "has notes" : "all is well");
}

function leave(why = "") {
  clearTimeout(timer);
  sessionStorage.removeItem("token");
  $("board").hidden = true;
  $("leave").hidden = true;
  $("login").hidden = false;
  $("login-fault").textContent = why;
  showState("", "not connected");
  $("token").focus();
}

async function go() {
  try {
    await round();
  } catch (wrong) {
    if (wrong instanceof Refused) return leave(wrong.message || "This token is not accepted.");
    showState("bad", "no answer: " + wrong.message);
    if ($("board").hidden) $("login-fault").textContent = wrong.message;
  }
  timer = setTimeout(go, document.hidden ? 10 * PERIOD_MS : PERIOD_MS);
}

$("login").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  $("token").value = "";
  $("login-fault").textContent = "";
  go();
});
$("leave").addEventListener("click", () => leave());
$("question").addEventListener("submit", onQuestion);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart && makeChart());
addEventListener("resize", () => chart?.setSize({ width: $("chart").clientWidth, height: 220 }));
if (sessionStorage.getItem("token")) go(); else $("token").focus();
