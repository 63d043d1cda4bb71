// How long a battery lasts, from how it fell. Pure.

/** Shortest time that says anything: a percent is half a minute of flight. */
const LEAST_S = 90;
/** What fell longer ago tells little of how it is flown now. */
export const WINDOW_S = 300;

/**
 * Minutes until the battery is at `limit`, by the straight line through the points of
 * the last minutes; null while nothing can be said.
 * @param {[number, number][]} points seconds and percent, in order
 * @param {number} limit percent
 */
export function minutesLeft(points, limit) {
  if (points.length < 2) return null;
  const [end, now] = points[points.length - 1];
  const used = points.filter(([at]) => end - at <= WINDOW_S);
  if (end - used[0][0] < LEAST_S) return null;
  const mean = (/** @type {0 | 1} */ index) => used.reduce((sum, point) => sum + point[index], 0) / used.length;
  const [meanAt, meanValue] = [mean(0), mean(1)];
  let [over, under] = [0, 0];
  for (const [at, value] of used) {
    over += (at - meanAt) * (value - meanValue);
    under += (at - meanAt) ** 2;
  }
  const perSecond = over / under;
  // Less than a percent in ten minutes: it is not flown.
  if (!(perSecond < -1 / 600)) return null;
  return Math.max(0, (limit - now) / perSecond / 60);
}
