// What is kept in chrome.storage.local, where neither pages nor the scripts in them can read it (docs/capture/extension.md).

export const DEFAULTS = { on: true, sites: { chatgpt: true, claude: true, gemini: true }, address: "http://127.0.0.1:8100", key: "" };

let last = Promise.resolve();

/** Run `work` when everything that was begun before it is done: reading, deciding and writing belong together. */
export function inTurn(work) {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}

export async function settings() {
  const { settings: kept } = await chrome.storage.local.get("settings");
  return { ...DEFAULTS, ...kept, sites: { ...DEFAULTS.sites, ...kept?.sites } };
}

export async function changeSettings(change) {
  const before = await settings();
  const after = { ...before, ...change, sites: { ...before.sites, ...change.sites } };
  await chrome.storage.local.set({ settings: after });
  return after;
}
