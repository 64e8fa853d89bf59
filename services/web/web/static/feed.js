// Fetches all that pages show over one connection; while there is none, asks for everything but pictures.

import { parts } from "./stream.js";

// Addresses are relative to this file, so that the dashboard works below any path.
const ROOT = new URL("../", import.meta.url);
const EVENT_COUNT = 30;
const QUESTIONS = {
  cameras: "api/cameras",
  health: "api/health",
  events: `api/events?limit=${EVENT_COUNT}`,
  decisions: `api/decisions?limit=${EVENT_COUNT}`,
};
const ASK_EVERY_MS = 2000;
const ANSWER_WITHIN_MS = 5000;
// The server sends something at least every two seconds.
const SILENT_MS = 6000;
const RETRY_MS = 1500;
const REFUSED_RETRY_MS = 4000;
const decoder = new TextDecoder();

/**
 * Runs between `start` and `stop`, and tells messages:
 *
 * {kind: "picture", camera, about, jpeg}
 * {kind: "topic", topic, answer, at}: `answer` is null where it is as it was; `at` is when that was known
 * {kind: "problem", topic, words}
 * {kind: "link", state, words}: `state` is connecting, live, full (too many viewers), refused or away
 */
export class Feed {
  constructor(tell) {
    this.tell = tell;
    this.control = null;
    this.asking = new Set();
    this.state = { kind: "link", state: "connecting", words: "connecting…" };
    this.wake = () => {};
  }

  start() {
    if (this.control) return;
    this.control = new AbortController();
    this.run(this.control.signal);
  }

  stop() {
    this.control?.abort();
    this.control = null;
    this.link("connecting", "connecting…");
  }

  /** Try again now, where the next attempt is being waited for. */
  nudge() {
    this.wake();
  }

  link(state, words) {
    if (this.state.state === state && this.state.words === words) return;
    this.state = { kind: "link", state, words };
    this.tell(this.state);
  }

  async run(stopped) {
    const timer = setInterval(() => this.state.state !== "live" && this.ask(stopped), ASK_EVERY_MS);
    stopped.addEventListener("abort", () => clearInterval(timer));
    while (!stopped.aborted) {
      const { state, words } = await this.stream(stopped);
      if (stopped.aborted) return;
      this.link(state, words);
      this.ask(stopped);
      await this.pause(state === "full" || state === "refused" ? REFUSED_RETRY_MS : RETRY_MS);
    }
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
      this.wake = resolve;
    });
  }

  /** Tell what the stream brings until it ends; returns why it did. */
  async stream(stopped) {
    const attempt = deadline(stopped, ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(new URL("stream", ROOT), { signal: attempt.signal, cache: "no-store" });
      if (!answer.ok) return await refusal(answer);
      attempt.wind(SILENT_MS);
      for await (const part of parts(answer.body, () => attempt.wind(SILENT_MS))) {
        if (stopped.aborted) break;
        this.link("live", "");
        this.pass(part);
      }
    } catch {
      // Gone, silent for too long, or garbled: all the same to who looks.
    } finally {
      attempt.end();
    }
    return { state: "away", words: "the dashboard's server is away, retrying…" };
  }

  pass({ camera, about, body }) {
    if (camera) {
      this.tell({ kind: "picture", camera, about, jpeg: body });
    } else if (about.problem) {
      this.tell({ kind: "problem", topic: about.topic, words: about.problem });
    } else {
      const answer = about.changed ? JSON.parse(decoder.decode(body)) : null;
      this.tell({ kind: "topic", topic: about.topic, answer, at: Date.now() });
    }
  }

  /** Ask every question whose last answer is not being waited for any more. */
  ask(stopped) {
    for (const topic of Object.keys(QUESTIONS)) {
      if (this.asking.has(topic)) continue;
      this.asking.add(topic);
      this.askOne(topic, stopped).finally(() => this.asking.delete(topic));
    }
  }

  async askOne(topic, stopped) {
    const attempt = deadline(stopped, ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(new URL(QUESTIONS[topic], ROOT), { signal: attempt.signal, cache: "no-store" });
      if (!answer.ok) {
        this.tell({ kind: "problem", topic, words: (await refusal(answer)).words });
        return;
      }
      const value = await answer.json();
      if (!stopped.aborted) this.tell({ kind: "topic", topic, answer: value, at: Date.now() });
    } catch {
      if (!stopped.aborted) this.tell({ kind: "problem", topic, words: "no answer" });
    } finally {
      attempt.end();
    }
  }
}

/** Return a signal that aborts with another one, or when it is not wound up in time. */
function deadline(outer, milliseconds) {
  const control = new AbortController();
  const abort = () => control.abort();
  let timer = setTimeout(abort, milliseconds);
  if (outer.aborted) abort();
  outer.addEventListener("abort", abort);
  return {
    signal: control.signal,
    wind(more) {
      clearTimeout(timer);
      timer = setTimeout(abort, more);
    },
    end() {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
    },
  };
}

/** Say in words why the server refuses. */
async function refusal(answer) {
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 503 && told.max_viewers) {
    return { state: "full", words: `too many viewers: ${told.viewers} of ${told.max_viewers}, trying again…` };
  }
  if (answer.status === 401) return { state: "refused", words: "the login is not valid any more: reload this page" };
  if (answer.status === 403) return { state: "refused", words: "the dashboard's server refuses this page (403)" };
  return { state: "refused", words: told.problem ?? `the dashboard's server fails (${answer.status}), retrying…` };
}
