// The points of a curve as the text of a schedule. The server reads texts; this writes the shortest that means the same.

export const ENTRIES = 1000;

/** A number as it is typed: no exponent, no digits that say nothing. */
export const digits = (value) => {
  const text = String(Number(value.toPrecision(7)));
  return text.includes("e") ? value.toFixed(9).replace(/\.?0+$/, "") : text;
};

/**
 * Text of a curve. points: [entry, value] in order of their entries, the first at 0; lines: whether it goes from point
 * to point in straight lines, or keeps each value until the next point.
 */
export function scheduleText(points, lines, integer = false) {
  if (lines && integer && isLevelSomewhere(points)) return scheduleText(stairs(points), false, true);
  const runs = merged(lines && !integer ? apart(points) : points);
  if (runs.length === 1) return digits(runs[0][1]);
  const counts = runs.map(([entry], index) => (runs[index + 1]?.[0] ?? ENTRIES) - entry);
  const text = [];
  for (let index = 0; index < runs.length; index += 1) {
    const values = [digits(runs[index][1])];
    while (counts[index] === 1 && counts[index + 1] === 1) values.push(digits(runs[++index][1]));
    text.push(`[${values.join(", ")}]${counts[index] === 1 ? "" : `*${counts[index]}`}`);
  }
  return lines ? `interp(${text.join("+")})` : text.join("+");
}

/** Points that change something: the last of those at one entry, none that repeats the value before it. */
function merged(points) {
  const last = points.filter(([entry], index) => points[index + 1]?.[0] !== entry);
  return last.filter(([, value], index) => index === 0 || digits(value) !== digits(last[index - 1][1]));
}

/**
 * A level stretch between two points of a curve of lines: an interpolated schedule reads equal neighbours as one point,
 * so the second is a millionth nearer to the next. Whole numbers cannot be told apart so: see stairs.
 */
function apart(points) {
  const ends = points.filter(([, value], index) => value !== points[index - 1]?.[1] || value !== points[index + 1]?.[1]);
  return ends.map(([entry, value], index) => {
    const next = ends[index + 1];
    if (value !== ends[index - 1]?.[1] || !next) return [entry, value];
    return [entry, value + Math.sign(next[1] - value) * Math.max(Math.abs(value) * 2e-6, 1e-6)];
  });
}

const isLevelSomewhere = (points) => points.some(([, value], index) => value === points[index + 1]?.[1]);

/** A curve of lines as the steps that whole numbers take along it, rounded as an interpolated schedule is. */
function stairs(points) {
  const steps = [];
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    const value = Math.floor(valueAt(points, true, entry) + 0.5);
    if (value !== steps.at(-1)?.[1]) steps.push([entry, value]);
  }
  return steps;
}

const KEPT = "disco.lines", MOST = 60;
let kept = null;

/** The lines that stairs were written from, by the text: to be moved on, also in another field, or after a reload. */
function lines() {
  try {
    kept ??= new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
  } catch {
    kept = new Map(); // not ours
  }
  return kept;
}

export const linesOf = (text) => structuredClone(lines().get(text.trim()) ?? null);

export function keepLines(text, points) {
  lines().delete(text);
  lines().set(text, points);
  while (kept.size > MOST) kept.delete(kept.keys().next().value);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([...kept]));
  } catch { /* this tab keeps nothing */ }
}

/** The value of a curve at an entry. */
export function valueAt(points, lines, entry) {
  const after = points.findIndex(([start]) => start > entry);
  const index = (after === -1 ? points.length : after) - 1;
  const [start, value] = points[index];
  if (!lines || after === -1) return value;
  const [end, next] = points[after];
  return value + ((entry - start) / (end - start)) * (next - value);
}

/** The smallest round number that is no smaller than a size: one of these times a power of ten. */
export function round(size, factors = [1, 2, 5, 10]) {
  const power = 10 ** Math.floor(Math.log10(size));
  return factors.find((factor) => factor * power >= size * 0.999) * power;
}
