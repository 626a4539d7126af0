// Passkeys: what the server asks for is put to the browser, and its answer is sent with the form.

import { wordsOf } from "./page.ts";

/** Make the forms of a page work that make or use a passkey. */
export function startPasskeys(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void ask(form);
    });
  }
}

async function ask(form: HTMLFormElement): Promise<void> {
  const [field, told] = [form.elements.namedItem("credential"), form.querySelector<HTMLElement>("[role=alert]")];
  if (!(field instanceof HTMLInputElement) || told === null) throw new Error("the form has no place for the answer");
  try {
    const answer = await answerTo(form.dataset["passkey"], JSON.parse(form.dataset["options"] ?? "{}"));
    field.value = JSON.stringify(answer);
    form.submit();
  } catch (error) {
    told.textContent = `No passkey: ${wordsOf(error)}`;
    told.hidden = false;
    delete form.dataset["sent"];
  }
}

async function answerTo(way: string | undefined, options: unknown): Promise<unknown> {
  const found =
    way === "make"
      ? await navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(
            options as PublicKeyCredentialCreationOptionsJSON,
          ),
        })
      : await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON),
        });
  if (!(found instanceof PublicKeyCredential)) throw new Error("the browser has none.");
  return found.toJSON();
}
