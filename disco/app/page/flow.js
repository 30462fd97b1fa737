// Values of settings as text and back: JSON without the quotes that nobody types, `[a, b]` and `{a: 1, b: [2, 3]}`.

const PLAIN = /^[^\s"'[\]{},:][^"'[\]{},:]*$/; // a word that needs no quotes
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NAMED = { null: null, true: true, false: false, True: true, False: false };

const scalar = (text) => (NUMBER.test(text) ? Number(text) : Object.hasOwn(NAMED, text) ? NAMED[text] : text);

/** A value as text. */
export function write(value, inside = false) {
  if (value === null || value === undefined) return inside ? "null" : "";
  if (Array.isArray(value)) return `[${value.map((entry) => write(entry, true)).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, entry]) => `${write(key, true)}: ${write(entry, true)}`).join(", ")}}`;
  if (typeof value !== "string" || !inside) return String(value);
  return PLAIN.test(value) && value.trim() === value && scalar(value) === value ? value : JSON.stringify(value);
}

/** The value of a text that holds a list or mapping, or one plain value; what cannot be read stays text. */
export function read(text) {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (!/^[[{"]/.test(trimmed)) return scalar(trimmed);
  const reader = new Reader(trimmed);
  const value = reader.value();
  return value === undefined || !reader.atEnd() ? trimmed : value; // a schedule begins with a bracket, too
}

class Reader {
  constructor(text) {
    this.text = text;
    this.place = 0;
  }

  blank() {
    while (/\s/.test(this.text[this.place] ?? "")) this.place += 1;
  }

  atEnd() {
    this.blank();
    return this.place === this.text.length;
  }

  takes(sign) {
    this.blank();
    if (this.text[this.place] !== sign) return false;
    this.place += 1;
    return true;
  }

  /** A value, or undefined where there is none. */
  value() {
    if (this.takes("[")) return this.entries("]", () => this.value(), (values) => values);
    if (this.takes("{")) return this.entries("}", () => this.pair(), (pairs) => Object.fromEntries(pairs));
    return this.word(/[^,\]}]/y);
  }

  entries(end, one, whole) {
    const found = [];
    if (this.takes(end)) return whole(found);
    do {
      const entry = one();
      if (entry === undefined) return undefined;
      found.push(entry);
    } while (this.takes(","));
    return this.takes(end) ? whole(found) : undefined;
  }

  pair() {
    const key = this.word(/[^,:\]}]/y);
    if (key === undefined || !this.takes(":")) return undefined;
    const value = this.value();
    return value === undefined ? undefined : [String(key), value];
  }

  word(allowed) {
    this.blank();
    const sign = this.text[this.place];
    if (sign === '"' || sign === "'") return this.quoted(sign);
    let word = "";
    while (this.place < this.text.length) {
      allowed.lastIndex = this.place;
      if (!allowed.test(this.text)) break;
      word += this.text[this.place++];
    }
    return word.trim() ? scalar(word.trim()) : undefined;
  }

  quoted(sign) {
    let word = "";
    for (this.place += 1; this.place < this.text.length; this.place += 1) {
      const letter = this.text[this.place];
      if (letter === sign) {
        this.place += 1;
        return word;
      }
      if (letter === "\\" && this.place + 1 < this.text.length) {
        this.place += 1;
        word += { n: "\n", t: "\t" }[this.text[this.place]] ?? this.text[this.place];
      } else word += letter;
    }
    return undefined;
  }
}
