// Reads a multipart stream part by part, so that each picture comes with the tracks of just that picture.

const HEAD_END = [13, 10, 13, 10];
const decoder = new TextDecoder("ascii");

/**
 * Yield {camera, about, body} for each part of an answer's body, until it ends.
 *
 * `camera` is empty for a topic's part; `wind` is called with each piece that arrives.
 */
export async function* parts(body, wind = () => {}) {
  const reader = body.getReader();
  let pending = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    wind();
    pending = joined(pending, value);
    for (let taken = take(pending); taken; taken = take(pending)) {
      pending = taken.rest;
      yield taken.part;
    }
  }
}

/** Return the first whole part and what follows it; null while it is not whole. */
function take(bytes) {
  const end = find(bytes, HEAD_END);
  if (end < 0) return null;
  const headers = new Map();
  for (const line of decoder.decode(bytes.subarray(0, end)).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const start = end + HEAD_END.length;
  const stop = start + Number(headers.get("content-length"));
  if (bytes.length < stop + 2) return null;
  const about = JSON.parse(headers.get("x-facewire"));
  const part = { camera: headers.get("x-camera") ?? "", about, body: bytes.slice(start, stop) };
  return { part, rest: bytes.subarray(stop + 2) };
}

function joined(first, second) {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function find(bytes, wanted) {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}
