// How old what is shown is: nothing old may look fresh.

export const STALE_MS = 6000;

/** Return "12 s", "3 min" or "2 h". */
export function ageInWords(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** When each topic was last known, and what stands in its way now. */
export class Freshness {
  constructor() {
    this.began = Date.now();
    this.known = new Map();
    this.problems = new Map();
  }

  confirm(topic, at) {
    this.known.set(topic, at);
    this.problems.delete(topic);
  }

  fail(topic, words) {
    this.problems.set(topic, words);
  }

  /** Return how long ago a topic was known, in milliseconds. */
  age(topic) {
    return Math.max(0, Date.now() - (this.known.get(topic) ?? this.began));
  }

  isStale(topic) {
    return this.age(topic) > STALE_MS;
  }

  /** Return what to tell of a topic; nothing while it is fresh. */
  words(topic) {
    const problem = this.problems.get(topic);
    if (!this.isStale(topic)) return problem && !this.known.has(topic) ? problem : "";
    return [`no data for ${ageInWords(this.age(topic))}`, problem].filter(Boolean).join(": ");
  }
}
