// A shared worker: one feed for all of this browser's pages, since a browser opens six connections to a server at most.

import { Feed } from "./feed.js";
import { Latest } from "./latest.js";

const GRACE_MS = 3000;
const DEAD_MS = 20000;

const pages = new Set();
const latest = new Latest();
let ending = 0;

const feed = new Feed((message) => {
  latest.keep(message);
  for (const page of pages) page.tell(message);
});

/** A page at the other end of a port: it is sent a camera's next picture once it has taken the last. */
class Page {
  constructor(port) {
    this.port = port;
    this.visible = true;
    this.heardMs = Date.now();
    this.drawing = new Map();
  }

  tell(message) {
    if (message.kind !== "picture") {
      this.port.postMessage(message);
    } else if (this.visible) {
      const busy = this.drawing.has(message.camera);
      this.drawing.set(message.camera, busy ? message : null);
      if (!busy) this.port.postMessage(message);
    }
  }

  took(camera) {
    const next = this.drawing.get(camera);
    this.drawing.delete(camera);
    if (next) this.tell(next);
  }
}

function settle() {
  const now = Date.now();
  for (const page of pages) if (page.visible && now - page.heardMs > DEAD_MS) pages.delete(page);
  const wanted = [...pages].some((page) => page.visible);
  clearTimeout(ending);
  if (wanted) feed.start();
  else ending = setTimeout(() => feed.stop(), GRACE_MS);
}

setInterval(settle, DEAD_MS / 4);

self.addEventListener("connect", ({ ports: [port] }) => {
  const page = new Page(port);
  port.addEventListener("message", ({ data }) => {
    page.heardMs = Date.now();
    if (data.took !== undefined) {
      page.took(data.took);
      return;
    }
    if (data.visible !== undefined) page.visible = data.visible;
    if (!page.visible) page.drawing.clear();
    if (data.gone) pages.delete(page);
    else pages.add(page);
    if (data.nudge) feed.nudge();
    settle();
  });
  port.start();
  pages.add(page);
  port.postMessage(feed.state);
  for (const message of latest.all()) port.postMessage(message);
});
