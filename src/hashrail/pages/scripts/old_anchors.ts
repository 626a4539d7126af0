// The reference was one long page: links to its anchors lead to what they meant.

const START = "/api/docs";
const CODE = /^[A-Z][A-Z0-9_]+$/;

/** Go where an anchor of the one page leads now; stay where it has no other place. */
export function followOldAnchors(): void {
  const anchor = decodeURIComponent(location.hash.slice(1));
  if (location.pathname !== START || anchor === "") return;
  const operation = document.querySelector<HTMLAnchorElement>(`a[data-operation="${CSS.escape(anchor)}"]`);
  if (operation !== null) location.replace(operation.href);
  else if (CODE.test(anchor)) location.replace(`${START}/errors#${anchor}`);
  else if (anchor === "errors") location.replace(`${START}/errors`);
  else if (anchor === "callers") location.replace(`${START}/signature`);
}
