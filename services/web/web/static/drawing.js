// Draws a picture and the faces in it, at the resolution of the screen.

const GOLDEN_ANGLE = 137.508;

/** Return a colour that stays apart from those of neighbouring ids. */
export function colour(id) {
  return `hsl(${(id * GOLDEN_ANGLE) % 360} 85% 66%)`;
}

/** Draw `bitmap` with its zones and lines, and a box and a label on each track; returns how many boxes were drawn. */
export function draw(canvas, bitmap, about, layout) {
  const scale = fit(canvas, about);
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const busy = new Set(about.tracks.flatMap((track) => track.zones ?? []));
  for (const zone of layout.zones) drawZone(context, zone, scale, busy.has(zone.name));
  for (const line of layout.lines) drawLine(context, line, scale);
  for (const track of about.tracks) box(context, track, scale);
  return about.tracks.length;
}

function fit(canvas, about) {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.aspectRatio = `${about.width} / ${about.height}`;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round((width * about.height) / about.width));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return width / about.width;
}

function onCanvas({ canvas }, [x, y]) {
  return [x * canvas.width, y * canvas.height];
}

function drawZone(context, zone, scale, busy) {
  const corners = zone.polygon.map((point) => onCanvas(context, point));
  context.save();
  context.beginPath();
  corners.forEach((corner) => context.lineTo(...corner));
  context.closePath();
  context.fillStyle = busy ? "rgb(94 234 212 / 0.16)" : "rgb(148 163 184 / 0.08)";
  context.fill();
  context.strokeStyle = busy ? "rgb(94 234 212 / 0.75)" : "rgb(226 232 240 / 0.4)";
  context.lineWidth = Math.max(1, scale);
  context.setLineDash([6 * scale, 5 * scale]);
  context.stroke();
  const left = Math.min(...corners.map(([x]) => x));
  const bottom = Math.max(...corners.map(([, y]) => y));
  caption(context, zone.name, left + 6 * scale, bottom - 8 * scale, scale);
  context.restore();
}

function drawLine(context, line, scale) {
  const [first, second] = line.points.map((point) => onCanvas(context, point));
  const middle = [(first[0] + second[0]) / 2, (first[1] + second[1]) / 2];
  const length = Math.hypot(second[0] - first[0], second[1] - first[1]) || 1;
  // To the right of who looks from the first point at the second.
  const right = [-(second[1] - first[1]) / length, (second[0] - first[0]) / length];
  context.save();
  context.strokeStyle = "rgb(251 191 36 / 0.6)";
  context.lineWidth = Math.max(1.5, 1.5 * scale);
  context.beginPath();
  context.moveTo(...first);
  context.lineTo(...second);
  context.stroke();
  caption(context, line.name, first[0] + 6 * scale, first[1] + 8 * scale, scale);
  context.textAlign = "center";
  for (const [word, side] of [[line.to_right, 1], [line.to_left, -1]]) {
    const reach = 26 * scale * side;
    arrow(context, middle, [middle[0] + right[0] * reach, middle[1] + right[1] * reach], scale);
    const away = reach + Math.sign(reach) * (10 + 16 * Math.abs(right[0])) * scale;
    caption(context, word, middle[0] + right[0] * away, middle[1] + right[1] * away, scale);
  }
  context.restore();
}

function arrow(context, from, to, scale) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(...to);
    context.lineTo(to[0] + 6 * scale * Math.cos(angle + turn), to[1] + 6 * scale * Math.sin(angle + turn));
  }
  context.stroke();
}

function caption(context, words, x, y, scale) {
  context.font = `600 ${Math.max(10, 11 * scale)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.setLineDash([]);
  context.lineWidth = 3 * scale;
  context.lineJoin = "round";
  const stroke = context.strokeStyle;
  context.strokeStyle = "rgb(6 17 15 / 0.6)";
  context.strokeText(words, x, y);
  context.strokeStyle = stroke;
  context.fillStyle = "rgb(226 232 240 / 0.85)";
  context.fillText(words, x, y);
}

function box(context, track, scale) {
  const [left, top, right, bottom] = track.xyxy.map((side) => side * scale);
  const line = Math.max(2, 2 * scale);
  context.save();
  context.globalAlpha = track.state === "confirmed" ? 1 : 0.55;
  context.strokeStyle = context.fillStyle = colour(track.id);
  context.lineWidth = line;
  if (track.state !== "confirmed") context.setLineDash([4 * line, 3 * line]);
  context.beginPath();
  context.roundRect(left, top, right - left, bottom - top, 5 * line);
  context.stroke();
  if (track.state !== "tentative" || track.likely) label(context, track, left, top, scale);
  context.restore();
}

function label(context, track, left, top, scale) {
  const size = Math.max(12, 13 * scale);
  const text = track.identity ? track.identity.name : `#${track.id}`;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.setLineDash([]);
  const width = context.measureText(text).width + size;
  const height = size * 1.5;
  const y = Math.max(2, top - height - 4);
  context.beginPath();
  context.roundRect(left, y, width, height, height / 2);
  context.fill();
  context.fillStyle = "#06110f";
  context.textBaseline = "middle";
  context.fillText(text, left + size / 2, y + height / 2 + 1);
}
