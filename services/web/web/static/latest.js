// The newest message about each topic, for a page that comes later.

export class Latest {
  constructor() {
    this.messages = new Map();
  }

  /** Keep what a page that comes later must be told at once. */
  keep(message) {
    const { kind, topic, at } = message;
    if (kind === "topic") {
      this.messages.set(topic, message.answer === null ? { ...this.messages.get(topic), at } : message);
    } else if (kind === "problem") {
      this.messages.delete(topic);
    } else if (kind === "link" && message.state !== "live") {
      this.messages.clear();
    }
  }

  /** Return the messages that have an answer. */
  all() {
    return [...this.messages.values()].filter((message) => message.answer);
  }
}
