// Shares one feed among a browser's visible pages over a broadcast channel, where there is no shared worker.
//
// One page leads: it has the feed and passes its messages on. The others follow; one of them leads when the leader
// is hidden, closed or silent. Of two leaders the one with the smaller id goes on.

import { Feed } from "./feed.js";
import { Latest } from "./latest.js";

const ALIVE_MS = 1000;
// A leader answers a page that comes within this time.
const ANSWER_MS = 400;
// A leader may be busy with drawing for a while.
const LOST_MS = 4000;
// So that of several followers one is first.
const SPREAD_MS = 300;
// A follower says every ALIVE_MS that it is there; the timers of a busy page are late.
const GONE_MS = 5000;

export class Relay {
  /** `tell` is handed the feed's messages; `channel` is null where pages cannot reach each other. */
  constructor(tell, channel) {
    this.tell = tell;
    this.channel = channel;
    this.id = Math.random();
    this.leading = false;
    this.leader = null;
    this.heardMs = 0;
    this.followedMs = 0;
    this.latest = new Latest();
    this.feed = new Feed((message) => this.pass(message));
    channel?.addEventListener("message", ({ data }) => this.hear(data));
  }

  start() {
    if (this.alive) {
      if (this.leading) this.feed.nudge();
      return;
    }
    this.alive = setInterval(() => this.say({ kind: this.leading ? "lead" : "follow" }), ALIVE_MS);
    this.say({ kind: "hello" });
    this.leadUnlessHeard(this.channel ? ANSWER_MS : 0);
  }

  stop() {
    clearInterval(this.alive);
    clearTimeout(this.waiting);
    this.alive = null;
    this.leader = null;
    if (this.leading) this.say({ kind: "bye" });
    this.resign();
  }

  say(message) {
    this.channel?.postMessage({ from: this.id, ...message });
  }

  /** Tell this page and, where there are any, those that follow. */
  pass(message) {
    this.tell(message);
    if (!this.leading) return;
    this.latest.keep(message);
    if (Date.now() - this.followedMs < GONE_MS) this.say({ kind: "passed", message });
  }

  hear({ from, kind, message }) {
    if (!this.alive) return;
    if (kind === "hello" || kind === "follow") {
      this.followedMs = Date.now();
      if (kind === "hello" && this.leading) this.welcome();
    } else if (kind === "bye") {
      if (from === this.leader) this.leadUnlessHeard(0);
    } else if (this.leading && from > this.id) {
      this.say({ kind: "lead" });
    } else {
      this.follow(from, message);
    }
  }

  welcome() {
    for (const message of [this.feed.state, ...this.latest.all()]) this.say({ kind: "passed", message });
  }

  follow(leader, message) {
    const now = Date.now();
    if (this.leader !== null && leader > this.leader && now - this.heardMs < LOST_MS) return;
    this.heardMs = now;
    if (this.leader !== leader) {
      this.resign();
      this.leader = leader;
      this.say({ kind: "hello" });
    }
    this.leadUnlessHeard(LOST_MS);
    if (message) this.tell(message);
  }

  /** Lead if no leader is heard within about this time. */
  leadUnlessHeard(milliseconds) {
    clearTimeout(this.waiting);
    if (!milliseconds) this.leader = null;
    this.waiting = setTimeout(() => this.lead(), milliseconds + Math.random() * SPREAD_MS);
  }

  lead() {
    this.leading = true;
    this.leader = null;
    this.say({ kind: "lead" });
    this.feed.start();
  }

  resign() {
    if (!this.leading) return;
    this.leading = false;
    this.feed.stop();
  }
}
