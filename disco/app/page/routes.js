// Places of the page in its address: #/gallery/PATH?find=star. The back button and a reload lead to them again.

const segments = (path) => path.split("/").map(encodeURIComponent).join("/");

/** The address of a place, of what lies at a path in it, and of what is asked there. */
export function hashOf(place, path = "", query = {}) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${place}${path ? `/${segments(path)}` : ""}${words ? `?${words}` : ""}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where the address leads: {place, path, query}. */
export function here() {
  const [path, words = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [place, ...rest] = path.split("/").map(decoded);
  return { place: place || "render", path: rest.join("/"), query: Object.fromEntries(new URLSearchParams(words)) };
}

export const go = (place, path, query) => (location.hash = hashOf(place, path, query));
