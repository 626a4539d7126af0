// The sandbox that this page was given: who its demo partner is, and a client of the API with that partner's key.

import { Hashrail } from "../../../../client-ts/src/index.ts";
import { element } from "./page.ts";

export interface Box {
  readonly partnerId: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly users: readonly { readonly partnerUserId: string; readonly userId: number }[];
}

export const box = JSON.parse(element("box", HTMLScriptElement).text) as Box;
export const client = new Hashrail(location.origin, box.apiKey, box.apiSecret);
