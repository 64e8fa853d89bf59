// The dashboard: a tile per camera, the health of every service, the latest events and decisions about locks.

import { Freshness, STALE_MS, ageInWords } from "./freshness.js";
import { connect } from "./link.js";
import { overall, showDecisions, showEvents, showHealth, tellAge } from "./panels.js";
import { keepTiles, showPicture, tellLate } from "./tiles.js";

const TICK_MS = 1000;
const PANELS = { services: "health", events: "events", decisions: "decisions" };
const SHOW = {
  cameras: keepTiles,
  health: showHealth,
  events: ({ events }) => showEvents(events),
  decisions: ({ decisions }) => showDecisions(decisions),
};

const freshness = new Freshness();
let link = { state: "connecting", words: "connecting…" };
let healthy = false;
let resumedMs = 0;

async function take(message) {
  if (message.kind === "picture") {
    // A picture that cannot be read is as one that did not come.
    await showPicture(message).catch(() => {});
  } else if (message.kind === "topic") {
    freshness.confirm(message.topic, message.at);
    if (message.answer !== null) {
      if (message.topic === "health") healthy = message.answer.healthy;
      SHOW[message.topic]?.(message.answer);
    }
    tick();
  } else if (message.kind === "problem") {
    freshness.fail(message.topic, message.words);
    tick();
  } else {
    link = message;
    tick();
  }
}

function tick() {
  for (const [panel, topic] of Object.entries(PANELS)) {
    tellAge(panel, freshness.words(topic), freshness.isStale(topic));
  }
  tellLate(link, resumedMs);
  tellOverall();
}

function tellOverall() {
  const ageMs = Math.max(freshness.age("health"), freshness.age("cameras"));
  const age = ageMs > STALE_MS ? ` (no data for ${ageInWords(ageMs)})` : "";
  if (link.state === "refused" || (link.state === "away" && (age || !freshness.known.size))) {
    overall("bad", link.words + age);
  } else if (!freshness.known.has("health")) {
    overall(age ? "bad" : "wait", age ? `no answer yet${age}` : "connecting…");
  } else if (age) {
    overall("bad", `out of date${age}`);
  } else {
    overall(healthy ? "good" : "bad", healthy ? "all services healthy" : "something needs attention");
  }
}

connect(take);
setInterval(tick, TICK_MS);
document.addEventListener("visibilitychange", () => {
  resumedMs = Date.now();
  tick();
});
