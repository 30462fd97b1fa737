// Means and their intervals over repeats.

/** P(|T| < t) of Student's t with whole degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4. */
function studentWithin(t, freedom) {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const odd = freedom % 2;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= (cosine * cosine * (k - 1)) / k;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/** The t that |T| stays below with the given probability. */
function studentQuantile(probability, freedom) {
  let [low, high] = [0, 1];
  while (studentWithin(high, freedom) < probability) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentWithin(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return high;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean and 95 % t-interval of independent values; from one value no interval (low and high are null). */
function summary(values) {
  const n = values.length;
  const middle = mean(values);
  if (n < 2) return { mean: middle, low: null, high: null, n };
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (n - 1);
  const half = studentQuantile(0.95, n - 1) * Math.sqrt(variance / n);
  return { mean: middle, low: middle - half, high: middle + half, n };
}

/**
 * A metric by the values of some axes (null: no axis): a list of {at: [...], repeats: repeat -> value}.
 * The repeats are what is independent: of each, all other axes are averaged.
 */
function repeatsBy(metric, by, among) {
  const groups = new Map();
  for (const tile of among) {
    const value = tile.metrics[metric];
    if (typeof value !== "number") continue;
    const at = by.map((axis) => (axis === null ? null : tile.at[axis]));
    const repeat = data.repeats === null || by.includes(data.repeats) ? 0 : tile.at[data.repeats];
    const key = at.join();
    if (!groups.has(key)) groups.set(key, { at, repeats: new Map() });
    const { repeats } = groups.get(key);
    if (!repeats.has(repeat)) repeats.set(repeat, []);
    repeats.get(repeat).push(value);
  }
  return [...groups.values()].map(({ at, repeats }) => ({ at, repeats: new Map([...repeats].map(([repeat, values]) => [repeat, mean(values)])) }));
}

/** Of those, the mean and interval at every place: a list of {at, mean, low, high, n}, n the repeats. */
const summaries = (metric, by, among) =>
  repeatsBy(metric, by, among).map(({ at, repeats }) => ({ at, ...summary([...repeats.values()]) }));

/**
 * The same of the change from the first axis' value `first`, the other axis alike: each repeat is compared with
 * itself, which takes away what the repeats have in common everywhere.
 */
function changes(metric, by, among, first) {
  const groups = repeatsBy(metric, by, among);
  return groups.flatMap(({ at, repeats }) => {
    const reference = groups.find((other) => other.at[0] === first && other.at[1] === at[1]);
    const both = [...repeats.keys()].filter((repeat) => reference?.repeats.has(repeat));
    if (!both.length) return [];
    const found = summary(both.map((repeat) => repeats.get(repeat) - reference.repeats.get(repeat)));
    return [{ at, ...found, ...(at[0] === first ? { low: null, high: null } : {}) }];
  });
}

const rangeOf = (values) => {
  const known = values.filter((value) => Number.isFinite(value));
  return known.length ? [Math.min(...known), Math.max(...known)] : null;
};
const metricRange = (metric, among = tiles) => rangeOf(among.map((tile) => tile.metrics[metric]));
