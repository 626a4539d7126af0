// What the server says of the desk that a page belongs to.

export interface Place {
  readonly words: string;
  readonly path: string;
  readonly key: string;
}

export interface Given {
  /** The page that looks a text up, where whoever is signed in may search. */
  readonly search: string | null;
  readonly pages: readonly Place[];
  /** Forms that they may begin. */
  readonly acts: readonly Place[];
}

/** Null before the door: nobody is signed in. */
export function given(): Given | null {
  const found = document.getElementById("desk");
  return found instanceof HTMLScriptElement ? (JSON.parse(found.text) as Given) : null;
}
