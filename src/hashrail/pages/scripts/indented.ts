// JSON in lines.

/** JSON for people. Only spaces and line feeds are put between what came: numbers keep their digits. */
export function indented(text: string): string {
  let [depth, isText, shown] = [0, false, ""];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (isText) {
      shown += letter;
      if (letter === "\\") shown += text[(at += 1)] ?? "";
      else isText = letter !== '"';
    } else if (letter === "{" || letter === "[") {
      const isEmpty = /[}\]]/.test(text[at + 1] ?? "");
      if (!isEmpty) depth += 1;
      shown += isEmpty ? letter + (text[(at += 1)] ?? "") : `${letter}\n${"  ".repeat(depth)}`;
    } else if (letter === "}" || letter === "]") {
      depth = Math.max(0, depth - 1);
      shown += `\n${"  ".repeat(depth)}${letter}`;
    } else if (letter === ",") shown += `,\n${"  ".repeat(depth)}`;
    else if (letter === ":") shown += ": ";
    else {
      isText = letter === '"';
      shown += letter;
    }
  }
  return shown;
}
