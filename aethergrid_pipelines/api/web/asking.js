// Requests to the API, with the key where one is asked for. The key is kept in this tab's session storage and nowhere else.

const STORED = "aethergrid.key";
const dialog = document.querySelector("#key");
const field = document.querySelector("#key-value");
let asked = null;

/** What went wrong: `status` 0 is no answer at all. */
export class Problem extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/** The JSON of a path; `body` makes it a POST. Throws `Problem`, or an `AbortError` where `signal` says so. */
export async function ask(path, { body, signal, accept = [] } = {}) {
  for (;;) {
    const key = sessionStorage.getItem(STORED);
    const answer = await sent(path, body, signal, key);
    if (answer.status === 401 && await keyGiven(key)) continue;
    const found = await read(answer, signal);
    if (answer.ok || accept.includes(answer.status)) return found;
    throw new Problem(answer.status, found?.detail ?? `The API answered ${answer.status}.`, found?.errors);
  }
}

async function sent(path, body, signal, key) {
  const headers = { Accept: "application/json" };
  if (key) headers["X-API-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  try {
    return await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The API does not answer.");
  }
}

async function read(answer, signal) {
  try {
    return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (answer.ok) throw new Problem(answer.status, "The API's answer was cut short.");
    return null;
  }
}

/** Ask for a key; all requests that wait for one share the question. False where nobody gives one. */
function keyGiven(refused) {
  if (sessionStorage.getItem(STORED) !== refused) return true;
  asked ??= keyAsked(refused).finally(() => { asked = null; });
  return asked;
}

function keyAsked(refused) {
  sessionStorage.removeItem(STORED);
  document.querySelector("#key-reason").textContent =
    refused ? "That key was not accepted." : "This memory asks for a key.";
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((settle) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "ok" && field.value.trim();
      if (given) sessionStorage.setItem(STORED, given);
      field.value = "";
      settle(Boolean(given));
    }, { once: true });
  });
}

document.querySelector("#key-cancel").addEventListener("click", () => dialog.close("cancel"));
