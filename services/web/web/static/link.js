// This page's link to the feed, which the browser's pages share: by a shared worker, else by a broadcast channel.

import { Relay } from "./relay.js";

const ALIVE_MS = 5000;
const SHARED_WITHIN_MS = 3000;
// A shared worker that tells nothing for so many of ALIVE_MS has died: even a feed without a server tells of that.
const MOST_MISSED = 4;

/** Hand the feed's messages to `tell` while this page is visible; `tell` resolves when a picture was taken. */
export function connect(tell) {
  if (!("SharedWorker" in window)) {
    own(tell);
    return;
  }
  let worker;
  try {
    worker = new SharedWorker(new URL("shared.js", import.meta.url), { type: "module", name: "facewire" });
  } catch {
    // A frame of another site may not have one.
    own(tell);
    return;
  }
  const { port } = worker;
  let using = true;
  let missed = 0;
  const giveUp = () => {
    if (!using) return;
    using = false;
    port.postMessage({ gone: true });
    port.close();
    own(tell);
  };
  const timer = setTimeout(giveUp, SHARED_WITHIN_MS);
  worker.addEventListener("error", giveUp);
  port.addEventListener("message", async ({ data }) => {
    clearTimeout(timer);
    missed = 0;
    if (!using) return;
    await tell(data);
    if (data.kind === "picture") port.postMessage({ took: data.camera });
  });
  port.start();
  const say = (more = {}) => using && port.postMessage({ visible: !document.hidden, ...more });
  say();
  setInterval(() => {
    if (document.hidden) return;
    say();
    missed += 1;
    if (missed > MOST_MISSED) giveUp();
  }, ALIVE_MS);
  document.addEventListener("visibilitychange", () => say({ nudge: !document.hidden }));
  window.addEventListener("online", () => say({ nudge: true }));
  window.addEventListener("pagehide", () => say({ gone: true }));
  window.addEventListener("pageshow", () => say());
}

/** Share a feed with the browser's other pages without a worker. */
function own(tell) {
  const drawing = new Map();
  const draw = async (message) => {
    if (drawing.has(message.camera)) {
      drawing.set(message.camera, message);
      return;
    }
    for (let next = message; next; next = drawing.get(message.camera)) {
      drawing.set(message.camera, null);
      await tell(next);
    }
    drawing.delete(message.camera);
  };
  const relay = new Relay((message) => (message.kind === "picture" ? draw(message) : tell(message)), channel());
  // At once: a hidden page of a phone may be frozen at any moment, and would keep its connection.
  const settle = () => (document.hidden ? relay.stop() : relay.start());
  document.addEventListener("visibilitychange", settle);
  window.addEventListener("online", settle);
  window.addEventListener("pagehide", () => relay.stop());
  window.addEventListener("pageshow", settle);
  settle();
}

function channel() {
  try {
    return new BroadcastChannel("facewire");
  } catch {
    // An old browser, or a frame that may not reach other pages.
    return null;
  }
}
