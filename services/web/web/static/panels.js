// The panels beside the tiles: the health of every service, the latest events, and decisions about locks.

import { colour } from "./drawing.js";
import { clone, text } from "./page.js";

// What is longer is read by pointing at it: why each backend was chosen or not takes ten lines.
const LONGEST_NOTE = 70;
const IMAGE_RETRY_MS = 4000;
const IMAGE_TRIES = 5;
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

function lasting(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
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

export function showHealth(health) {
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
}

/** Say in one line how the whole fares. */
export function overall(state, words) {
  const pill = document.getElementById("overall");
  pill.dataset.state = state;
  text(pill, "", words);
}

/** Say how old a panel's data is; nothing where they are fresh. */
export function tellAge(panel, words, isStale) {
  const section = document.getElementById(panel).closest("section");
  section.dataset.stale = String(isStale);
  const note = section.querySelector(".age");
  note.hidden = !words;
  text(note, "", words);
}

// ---- events

/** Return an event's picture, asked for again a few times where it does not come. */
function snapshot(entry, sign, thumb) {
  const image = new Image();
  const address = `events/${entry}/snapshot.jpg`;
  let tries = 0;
  image.addEventListener("error", () => {
    tries += 1;
    image.remove();
    text(thumb, "", sign);
    thumb.title = "the picture does not come";
    if (tries < IMAGE_TRIES) setTimeout(() => (image.src = `${address}?again=${tries}`), tries * IMAGE_RETRY_MS);
  });
  image.addEventListener("load", () => {
    thumb.title = "";
    if (!image.isConnected) thumb.replaceChildren(image);
  });
  image.src = address;
  image.alt = "";
  thumb.append(image);
}

function eventItem(event) {
  const item = clone("event-template");
  item.dataset.entry = event.entry_id;
  const thumb = item.querySelector(".thumb");
  const sign = SIGNS[event.type] ?? "•";
  if (event.has_snapshot) snapshot(event.entry_id, sign, thumb);
  else thumb.textContent = sign;
  const name = document.createElement("b");
  name.textContent = event.identity ? event.identity.name : `#${event.track_id}`;
  name.style.color = colour(event.track_id);
  item.querySelector(".who").append(name, ` ${SAYINGS[event.type]?.(event) ?? event.type} · ${event.camera}`);
  setTime(item, event);
  return item;
}

function setTime(item, { at_ns }) {
  const at = new Date(at_ns / 1e6);
  const time = item.querySelector("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString();
}

export function showEvents(events) {
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
  setTime(item, decision);
  return item;
}

export function showDecisions(decisions) {
  document.getElementById("doors").hidden = !decisions.length;
  const list = document.getElementById("decisions");
  if (list.firstElementChild?.dataset.entry === decisions[0]?.entry_id) return;
  const known = new Map([...list.children].map((item) => [item.dataset.entry, item]));
  list.replaceChildren(...decisions.map((decision) => known.get(decision.entry_id) ?? decisionItem(decision)));
}
