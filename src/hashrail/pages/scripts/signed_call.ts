// A call whose signature is made in front of the reader: the text, its digest, the request, the answer.

import { hexDigest } from "../../../../client-ts/src/index.ts";
import { box } from "./box.ts";
import { element, wordsOf } from "./page.ts";

const CALLS: readonly { readonly path: string; readonly words: string }[] = [
  { path: "/api/partner/s2s/nft/find-by-user", words: "a user's miners" },
  { path: "/api/partner/s2s/wallet/get-balances", words: "a user's balances" },
  { path: "/api/partner/s2s/nft-income/find-by-user", words: "a user's income, by miner and day" },
  { path: "/api/partner/s2s/user/get-statistics", words: "a user's statistics" },
];

/** Fill the form and make it work. */
export function startSignedCall(): void {
  const [call, user] = [element("call-name", HTMLSelectElement), element("call-user", HTMLSelectElement)];
  for (const { path, words } of CALLS) call.add(new Option(words, path));
  for (const { partnerUserId } of box.users) user.add(new Option(partnerUserId, partnerUserId));
  element("call", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void send(call.value, user.value);
  });
}

async function send(path: string, user: string): Promise<void> {
  const text = `partnerUserId=${encodeURIComponent(user)}&timestamp=${Date.now()}`;
  const digest = await hexDigest(box.apiSecret, text);
  const url = `${path}?${text}&signature=${digest}`;
  show("step-text", text);
  show("step-digest", digest);
  show("step-curl", `curl -H 'X-PARTNER-API-KEY: ${box.apiKey}' \\\n  '${location.origin}${url}'`);
  show("step-answer", "…");
  try {
    const response = await fetch(url, { headers: { "X-PARTNER-API-KEY": box.apiKey } });
    // As it came: numbers would lose digits on their way through JavaScript.
    show("step-answer", `${response.status}\n${await response.text()}`);
  } catch (error) {
    show("step-answer", wordsOf(error));
  }
}

function show(id: string, text: string): void {
  element(id, HTMLPreElement).textContent = text;
}
