// The dashboard: a tile per camera, the health of every service, the latest events and decisions about locks.

import { parts } from "./stream.js";
import { colour, draw } from "./drawing.js";

const HEALTH_EVERY_MS = 2000;
const RETRY_MS = 1500;
const STUCK_MS = 6000;
const LAYOUT_MS = 2000;
const EVENT_COUNT = 30;
// What is longer is read by pointing at it: why each backend was chosen or not takes ten lines.
const LONGEST_NOTE = 70;
const SAYINGS = {
  appeared: () => "appeared",
  left: () => "left",
  identified: () => "was recognised",
  unknown: () => "is unknown",
  entered: ({ zone }) => `entered ${zone}`,
  left_zone: ({ zone, dwell_s }) => `left ${zone} after ${lasting(dwell_s)}`,
  crossed: ({ line, direction }) => `crossed ${line}: ${direction}`,
};
const DECIDED = { granted: "good", sent: "good", refused: "quiet", locked_out: "bad" };
const SIGNS = { left: "→", entered: "▣", left_zone: "▢", crossed: "⇄" };

const tiles = new Map();

function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function text(element, selector, value) {
  const target = element.querySelector(selector);
  if (target.textContent !== value) target.textContent = value;
}

async function json(url) {
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

function lasting(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// ---- cameras

function addTile(camera) {
  const tile = clone("camera-template");
  tile.dataset.camera = camera;
  text(tile, ".name", camera);
  tile.querySelector("canvas").setAttribute("aria-label", `Live view of ${camera}`);
  document.getElementById("cameras").append(tile);
  const control = new AbortController();
  tiles.set(camera, { tile, control });
  watch(camera, tile, control.signal);
}

async function watch(camera, tile, closed) {
  while (!closed.aborted) {
    try {
      await show(camera, tile, closed);
      notice(tile, "stream ended, reconnecting…");
    } catch (problem) {
      if (closed.aborted) return;
      notice(tile, "reconnecting…");
    }
    await pause(RETRY_MS);
  }
}

function notice(tile, words) {
  text(tile, ".notice", tile.dataset.private === "true" ? "privacy" : words);
}

function keepPrivate(tile, isPrivate) {
  if (tile.dataset.private === String(isPrivate)) return;
  tile.dataset.private = String(isPrivate);
  if (!isPrivate) return;
  const canvas = tile.querySelector("canvas");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  for (const figure of [".faces", ".fps", ".delay"]) text(tile, figure, "–");
  notice(tile, "");
}

async function show(camera, tile, closed) {
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  closed.addEventListener("abort", abort);
  const alarm = { id: 0 };
  const wind = () => {
    clearTimeout(alarm.id);
    alarm.id = setTimeout(abort, STUCK_MS);
  };
  const times = [];
  let renewal = 0;
  wind();
  try {
    const marks = `/api/cameras/${encodeURIComponent(camera)}/layout`;
    let layout = await json(marks);
    renewal = setInterval(async () => {
      layout = await json(marks).catch(() => layout);
    }, LAYOUT_MS);
    for await (const part of parts(`/stream/${encodeURIComponent(camera)}.mjpg`, attempt.signal)) {
      wind();
      if (document.hidden) continue;
      const bitmap = await createImageBitmap(new Blob([part.jpeg], { type: "image/jpeg" }));
      tile.dataset.boxes = draw(tile.querySelector("canvas"), bitmap, part.about, layout);
      bitmap.close();
      figures(tile, part.about, times);
    }
  } finally {
    clearTimeout(alarm.id);
    clearInterval(renewal);
    closed.removeEventListener("abort", abort);
  }
}

function figures(tile, about, times) {
  const now = performance.now();
  times.push(now);
  while (times.length && now - times[0] > 2000) times.shift();
  tile.dataset.seq = about.seq;
  text(tile, ".notice", "");
  text(tile, ".faces", String(about.tracks.filter((track) => track.state !== "tentative").length));
  text(tile, ".fps", times.length > 2 ? ((times.length - 1) / ((now - times[0]) / 1000)).toFixed(0) : "–");
  // Clocks of other devices may differ; then a delay says nothing.
  const delay = Date.now() - about.captured_ns / 1e6;
  text(tile, ".delay", delay >= 0 && delay < 10000 ? `${delay.toFixed(0)} ms` : "–");
}

function keepTiles(cameras, hidden) {
  for (const camera of cameras) if (!tiles.has(camera)) addTile(camera);
  for (const [camera, { tile, control }] of tiles) {
    keepPrivate(tile, hidden.includes(camera));
    if (cameras.includes(camera)) continue;
    control.abort();
    tile.remove();
    tiles.delete(camera);
  }
  document.getElementById("no-camera").hidden = tiles.size > 0;
}

// ---- health

function serviceState(service) {
  if (service.healthy) return "good";
  return service.silent ? "bad" : "wait";
}

function serviceFigures({ figures = {} }) {
  const shown = [];
  if (figures.fps !== undefined) shown.push(`${figures.fps.toFixed(1)} fps`);
  if (figures.latency_p95_ms !== undefined) {
    shown.push(`${figures.latency_p50_ms.toFixed(1)} / ${figures.latency_p95_ms.toFixed(1)} ms`);
  }
  return shown.join(" · ");
}

function serviceNotes(service) {
  if (service.silent) return ["silent: not running, or not yet"];
  if (service.waiting_for) return [`waiting for ${service.waiting_for}`];
  return Object.entries(service.notes).map(([name, value]) => `${name}: ${value}`);
}

function shortened(note) {
  return note.length > LONGEST_NOTE ? `${note.slice(0, LONGEST_NOTE)}…` : note;
}

function showHealth(health) {
  const list = document.getElementById("services");
  while (list.children.length < health.services.length) list.append(clone("service-template"));
  while (list.children.length > health.services.length) list.lastElementChild.remove();
  health.services.forEach((service, index) => {
    const item = list.children[index];
    item.dataset.state = serviceState(service);
    item.title = "frames a second · median and 95th percentile from capture to here";
    text(item, ".name", service.service);
    text(item, ".figures", serviceFigures(service));
    const notes = serviceNotes(service);
    text(item, ".note", notes.map(shortened).join(" · "));
    item.querySelector(".note").title = notes.join("\n");
  });
  overall(health.healthy ? "good" : "bad", health.healthy ? "all services healthy" : "something needs attention");
}

function overall(state, words) {
  const pill = document.getElementById("overall");
  pill.dataset.state = state;
  if (pill.textContent !== words) pill.textContent = words;
}

// ---- events

function eventItem(event) {
  const item = clone("event-template");
  item.dataset.entry = event.entry_id;
  const thumb = item.querySelector(".thumb");
  if (event.has_snapshot) {
    const image = new Image();
    image.src = `/events/${event.entry_id}/snapshot.jpg`;
    image.alt = "";
    image.loading = "lazy";
    thumb.append(image);
  } else {
    thumb.textContent = SIGNS[event.type] ?? "•";
  }
  const name = document.createElement("b");
  name.textContent = event.identity ? event.identity.name : `#${event.track_id}`;
  name.style.color = colour(event.track_id);
  item.querySelector(".who").append(name, ` ${SAYINGS[event.type]?.(event) ?? event.type} · ${event.camera}`);
  const at = new Date(event.at_ns / 1e6);
  const time = item.querySelector("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString();
  return item;
}

function showEvents(events) {
  const list = document.getElementById("events");
  if (!events.length || list.firstElementChild?.dataset.entry === events[0].entry_id) return;
  const known = new Map([...list.children].map((item) => [item.dataset.entry, item]));
  list.replaceChildren(...events.map((event) => known.get(event.entry_id) ?? eventItem(event)));
}

// ---- decisions about locks

function decisionItem(decision) {
  const item = clone("decision-template");
  item.dataset.entry = decision.entry_id;
  item.dataset.state = DECIDED[decision.verdict] ?? "wait";
  const lock = document.createElement("b");
  lock.textContent = decision.lock;
  const asked = decision.command === "LOCK" ? "lock " : "";
  item.querySelector(".what").append(lock, ` ${asked}${decision.verdict.replaceAll("_", " ")}`);
  const who = [decision.person, decision.track_id && `#${decision.track_id}`, decision.camera].filter(Boolean).join(" · ");
  text(item, ".note", [decision.reason.replaceAll("_", " "), who].filter(Boolean).join(" · "));
  const at = new Date(decision.at_ns / 1e6);
  const time = item.querySelector("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString();
  return item;
}

function showDecisions(decisions) {
  document.getElementById("doors").hidden = !decisions.length;
  const list = document.getElementById("decisions");
  if (list.firstElementChild?.dataset.entry === decisions[0]?.entry_id) return;
  const known = new Map([...list.children].map((item) => [item.dataset.entry, item]));
  list.replaceChildren(...decisions.map((decision) => known.get(decision.entry_id) ?? decisionItem(decision)));
}

// ---- the loop

async function refresh() {
  try {
    const [cameras, health, events, decisions] = await Promise.all([
      json("/api/cameras"),
      json("/api/health"),
      json(`/api/events?limit=${EVENT_COUNT}`),
      json(`/api/decisions?limit=${EVENT_COUNT}`),
    ]);
    keepTiles(cameras.cameras, cameras.private);
    showHealth(health);
    showEvents(events.events);
    showDecisions(decisions.decisions);
  } catch {
    overall("bad", "the dashboard's server is away, retrying…");
  }
}

for (;;) {
  if (!document.hidden) await refresh();
  await pause(HEALTH_EVERY_MS);
}
