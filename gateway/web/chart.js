// Two lines over time as SVG; no library is needed for that.

// A name, not an address: nothing is fetched from it.
const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 200, 40, 24];

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

/** `lines`: [{className, label, values}] in percent over `times` in seconds. */
export function chart(title, times, lines) {
  const svg = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title });
  const first = times[0];
  const span = Math.max(times[times.length - 1] - first, 60);
  const x = (time) => LEFT + ((time - first) / span) * (WIDTH - LEFT - 8);
  const y = (percent) => 8 + (1 - percent / 100) * (HEIGHT - BOTTOM - 8);
  for (const percent of [0, 50, 100]) {
    svg.append(draw('line', { x1: LEFT, x2: WIDTH - 8, y1: y(percent), y2: y(percent) }));
    svg.append(draw('text', { x: 4, y: y(percent) + 5 }, String(percent)));
  }
  lines.forEach((line, index) => {
    const points = line.values.map((value, at) => `${x(times[at]).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    svg.append(draw('polyline', { class: line.className, points }));
    const left = LEFT + index * 200;
    svg.append(draw('polyline', { class: line.className, points: `${left},${HEIGHT - 9} ${left + 28},${HEIGHT - 9}` }));
    svg.append(draw('text', { x: left + 36, y: HEIGHT - 4 }, line.label));
  });
  return svg;
}
