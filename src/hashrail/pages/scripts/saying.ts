// What changes by itself or by a key is said to those who do not see it, once, and shown for a moment.

const SHOWN_MILLISECONDS = 4000;
let ending = 0;

export function say(words: string): void {
  const place = document.getElementById("said");
  if (place === null) return;
  place.textContent = words;
  clearTimeout(ending);
  ending = setTimeout(() => (place.textContent = ""), SHOWN_MILLISECONDS);
}
