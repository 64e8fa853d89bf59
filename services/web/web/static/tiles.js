// A tile per camera: its picture with the boxes of just that picture, and why there is none.

import { draw } from "./drawing.js";
import { ageInWords } from "./freshness.js";
import { clone, text } from "./page.js";

// Longer without a picture than this, and than three pictures usually take, is worth telling.
const LATE_MS = 5000;
const NO_LAYOUT = { zones: [], lines: [], masks: [] };

const tiles = new Map();

/** Have a tile for each of these cameras, and no others. */
export function keepTiles({ cameras, private: hidden, layouts }) {
  for (const camera of cameras) if (!tiles.has(camera)) addTile(camera);
  for (const [camera, state] of tiles) {
    if (layouts) state.layout = layouts[camera] ?? NO_LAYOUT;
    keepPrivate(state, hidden.includes(camera));
    if (cameras.includes(camera)) continue;
    state.tile.remove();
    tiles.delete(camera);
  }
  document.getElementById("no-camera").hidden = tiles.size > 0;
}

function addTile(camera) {
  const tile = clone("camera-template");
  tile.dataset.camera = camera;
  text(tile, ".name", camera);
  tile.querySelector("canvas").setAttribute("aria-label", `Live view of ${camera}`);
  document.getElementById("cameras").append(tile);
  tiles.set(camera, { tile, layout: NO_LAYOUT, times: [], gapMs: 0, lastMs: 0, sinceMs: Date.now() });
}

function keepPrivate(state, isPrivate) {
  const { tile } = state;
  if (tile.dataset.private === String(isPrivate)) return;
  tile.dataset.private = String(isPrivate);
  state.sinceMs = Date.now();
  state.lastMs = 0;
  if (!isPrivate) return;
  const canvas = tile.querySelector("canvas");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  noFigures(state);
  text(tile, ".notice", "privacy");
}

/** Show a picture in its camera's tile. */
export async function showPicture({ camera, about, jpeg }) {
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  const state = tiles.get(camera);
  if (state && state.tile.dataset.private !== "true") {
    state.tile.dataset.boxes = draw(state.tile.querySelector("canvas"), bitmap, about, state.layout);
    figures(state, about);
  }
  bitmap.close();
}

function figures(state, about) {
  const { tile, times } = state;
  const now = Date.now();
  if (state.lastMs) state.gapMs = 0.7 * state.gapMs + 0.3 * Math.max(0, now - state.lastMs);
  state.lastMs = now;
  times.push(now);
  while (times.length && (now - times[0] > 2000 || now < times[0])) times.shift();
  tile.dataset.seq = about.seq;
  tile.dataset.stale = "false";
  text(tile, ".notice", "");
  text(tile, ".faces", String(about.tracks.filter((track) => track.state !== "tentative").length));
  text(tile, ".fps", times.length > 2 ? ((times.length - 1) / Math.max(0.001, (now - times[0]) / 1000)).toFixed(0) : "–");
  // Clocks of other devices may differ; then a delay says nothing.
  const delay = now - about.captured_ns / 1e6;
  text(tile, ".delay", delay >= 0 && delay < 10000 ? `${delay.toFixed(0)} ms` : "–");
}

function noFigures({ tile, times }) {
  times.length = 0;
  for (const figure of [".faces", ".fps", ".delay"]) text(tile, figure, "–");
}

/**
 * Say in each tile whose picture is late why it is, and for how long.
 *
 * `resumedMs` is when the page was looked at again: pictures are sent to nobody who does not look.
 */
export function tellLate(link, resumedMs) {
  const now = Date.now();
  for (const state of tiles.values()) {
    if (state.tile.dataset.private === "true") {
      state.tile.dataset.stale = "false";
      text(state.tile, ".notice", "privacy");
      continue;
    }
    const ageMs = Math.max(0, now - (state.lastMs || state.sinceMs));
    const late = ageMs > Math.max(LATE_MS, 3 * state.gapMs);
    if (state.lastMs && !late) continue;
    state.tile.dataset.stale = String(late);
    const resuming = now - resumedMs < LATE_MS;
    text(state.tile, ".notice", resuming && late ? "resuming…" : lateWords(link, state, ageMs, late));
    if (late) noFigures(state);
  }
}

function lateWords(link, state, ageMs, late) {
  const age = `no picture for ${ageInWords(ageMs)}`;
  if (link.state === "full" || link.state === "refused") return link.words;
  if (link.state === "away") return late ? `reconnecting… ${age}` : "reconnecting…";
  if (!late) return "connecting…";
  return state.lastMs ? age : `${age}: the camera sends none`;
}
