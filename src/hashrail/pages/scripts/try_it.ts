// A call of the page's own operation, made in front of the reader by the SDK with the sandbox's key.

import {
  Hashrail,
  HashrailError,
  hexDigest,
  type Json,
  readExactly,
  UserHashrail,
} from "../../../../client-ts/src/index.ts";
import { box, client } from "./box.ts";
import { indented } from "./indented.ts";
import { element, made, makeCopyable, wordsOf } from "./page.ts";

type Fields = { readonly [name: string]: Json };
type Verbs = Readonly<Record<string, Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>>>;

/** What came over the wire: the SDK's own reading of it is not the reader's. */
interface Seen {
  readonly call: string;
  readonly status: number;
  readonly text: string;
}

let seen: Seen | null = null;
const form = document.querySelector<HTMLFormElement>("#try");

if (form !== null) {
  const fields = element("try-fields", HTMLTextAreaElement);
  fields.value = withOwnUser(fields.value);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form, fields.value);
  });
}

async function send(form: HTMLFormElement, text: string): Promise<void> {
  const writes = document.querySelector<HTMLInputElement>("#try-writes");
  if (writes?.checked === false) return tell("Nothing was sent: tick that it may change this sandbox.", "");
  const button = form.querySelector("button");
  if (button !== null) button.disabled = true;
  seen = null;
  try {
    await call(form.dataset, text.trim());
  } catch (error) {
    // A refusal is an answer too; anything else was not sent.
    if (seen === null || !(error instanceof HashrailError)) tell("Nothing was answered.", wordsOf(error));
  }
  const { call: sent, status, text: answer } = (seen as Seen | null) ?? { call: "", status: 0, text: "" };
  if (status !== 0) tell(`${sent}: ${status}`, answer);
  if (button !== null) button.disabled = false;
}

async function call(of: DOMStringMap, text: string): Promise<void> {
  const fields = fieldsOf(text);
  const [noun, verb] = [inCamelCase(of["noun"] ?? ""), inCamelCase(of["verb"] ?? "")];
  if (noun === "") return callPlainly(of, text);
  const verbs = ((of["users"] === "yes" ? await user() : server()) as unknown as Verbs)[noun];
  const called = verbs?.[verb];
  if (called === undefined) throw new TypeError(`the SDK has no ${noun}.${verb}`);
  const names = (of["required"] ?? "").split(" ").filter(Boolean).map(inCamelCase);
  const options = Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
  await called.apply(verbs, [...names.map((name) => fields[name]), options]);
}

/** For what the SDK has no verb: public operations, what a user's token opens, and some that are signed. */
async function callPlainly(of: DOMStringMap, text: string): Promise<void> {
  const [path = "", method = "GET", caller] = [of["path"], of["method"], of["caller"]];
  const headers = new Headers(method === "GET" ? {} : { "Content-Type": "application/json" });
  if (caller === "bearer") headers.set("Authorization", `Bearer ${(await client.users.login(userName())).jwtToken}`);
  if (caller === "signed" || caller === "key") headers.set("X-PARTNER-API-KEY", box.apiKey);
  const sent = method === "GET" ? queryOf(fieldsOf(text)) : text;
  const proved = caller === "signed" ? await signed(sent, method) : sent;
  if (method === "GET") await watching(proved === "" ? path : `${path}?${proved}`, { headers });
  else await watching(path, { method, headers, body: proved });
}

async function signed(text: string, method: string): Promise<string> {
  const timed = method === "GET" ? joined(text, "&", `timestamp=${Date.now()}`) : withMember(text, "timestamp", Date.now());
  const digest = await hexDigest(box.apiSecret, timed);
  return method === "GET" ? `${timed}&signature=${digest}` : withMember(timed, "signature", digest);
}

/** The object with one member more, everything else as it was written. */
function withMember(text: string, name: string, value: number | string): string {
  const open = text.slice(0, -1).trimEnd();
  return `${joined(open === "{" ? "" : open, ",", `${open === "{" ? "{" : ""}"${name}":${JSON.stringify(value)}`)}}`;
}

function joined(text: string, separator: string, added: string): string {
  return text === "" ? added : `${text}${separator}${added}`;
}

function queryOf(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join("&");
}

/** The fields as they were written: numbers keep their digits. Throws a SyntaxError. */
function fieldsOf(text: string): Fields {
  const fields = readExactly(text);
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) throw new SyntaxError("it is no object");
  return fields;
}

/** The partner's server, whose calls are seen. */
function server(): Hashrail {
  return new Hashrail(location.origin, box.apiKey, box.apiSecret, { fetch: watching, retries: 0 });
}

/** The client of the sandbox's first user, whose calls are seen. The login before them is not. */
async function user(): Promise<UserHashrail> {
  const tokens = await client.users.login(userName());
  return new UserHashrail(location.origin, { tokens, fetch: watching, retries: 0 });
}

const watching: typeof fetch = async (input, init) => {
  const answer = await fetch(input, init);
  const url = new URL(answer.url);
  seen = { call: `${init?.method ?? "GET"} ${url.pathname}`, status: answer.status, text: await readable(answer.clone()) };
  return answer;
};

async function readable(answer: Response): Promise<string> {
  const text = await answer.text();
  return answer.headers.get("Content-Type")?.startsWith("application/json") === true ? indented(text) : text;
}

/** The example's user is this sandbox's first one. */
function withOwnUser(text: string): string {
  return text.replace(/("partnerUserId": )"[^"]*"/, (_, name: string) => name + JSON.stringify(userName()));
}

function userName(): string {
  return box.users[0]?.partnerUserId ?? "alice";
}

function inCamelCase(name: string): string {
  return name.replace(/_+(\w?)/g, (_, letter: string) => letter.toUpperCase());
}

function tell(words: string, text: string): void {
  const place = element("try-answer", HTMLElement);
  const [said, code, button] = [made("p", words), made("pre", text), made("button", "Copy", "copy")];
  code.tabIndex = 0;
  (button as HTMLButtonElement).type = "button";
  button.dataset["copy"] = text;
  place.replaceChildren(said, ...(text === "" ? [] : [button, code]));
  makeCopyable(place);
}
