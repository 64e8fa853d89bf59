// Draws a picture and the faces in it, at the resolution of the screen.

const GOLDEN_ANGLE = 137.508;

/** Return a colour that stays apart from those of neighbouring ids. */
export function colour(id) {
  return `hsl(${(id * GOLDEN_ANGLE) % 360} 85% 66%)`;
}

/** Draw `bitmap` with a box and a label on each track; returns how many boxes were drawn. */
export function draw(canvas, bitmap, about) {
  const scale = fit(canvas, about);
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
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
  if (track.state !== "tentative") label(context, track, left, top, scale);
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
