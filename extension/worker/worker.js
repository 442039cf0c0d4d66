// The service worker. It may be stopped at any moment and keeps nothing in its memory that matters.

import { drawBadge, forgetTab, knownTabs, rememberTab, wording } from "./badge.js";
import { deliver, request } from "./delivery.js";
import { take, waiting } from "./queue.js";
import { changeSettings, inTurn, settings } from "./store.js";

chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" });
chrome.action.setBadgeTextColor({ color: "#ffffff" });
chrome.runtime.onStartup.addListener(() => deliver(drawBadge));
chrome.runtime.onInstalled.addListener(() => deliver(drawBadge));
chrome.alarms.onAlarm.addListener(() => deliver(drawBadge));
chrome.tabs.onRemoved.addListener((tab) => inTurn(() => forgetTab(tab)));

// By host: what it is called in the settings, and its conversations in the memory.
const SITES = {
  "chatgpt.com": ["chatgpt", "chatgpt"],
  "chat.openai.com": ["chatgpt", "chatgpt"],
  "claude.ai": ["claude", "claude-ai"],
  "gemini.google.com": ["gemini", "gemini"],
};
// A page speaks for its own site, whatever it says.
const OF_PAGES = {
  hello: async (_, sender) => ({ on: captures(await settings(), siteOf(sender)[0]) }),
  left: (_, sender) => inTurn(() => forgetTab(sender.tab.id)),
  report: ({ state, snapshot }, sender) => inTurn(() => reported(siteOf(sender), state, snapshot, sender.tab.id)),
};
const OF_OURS = {
  status: ({ tab }) => status(tab),
  switch: ({ change }) => inTurn(() => switched(change)),
  connect: ({ change }) => inTurn(() => changeSettings(change)),
  deliver: () => deliver(drawBadge, { now: true }),
  check: () => checked(),
};

chrome.runtime.onMessage.addListener((message, sender, answer) => {
  // A page's script speaks for its tab and no more; settings belong to our own pages.
  const ours = sender.id === chrome.runtime.id && sender.url?.startsWith(chrome.runtime.getURL(""));
  const handle = (ours ? OF_OURS : OF_PAGES)[message?.type];
  if (!handle) return false;
  Promise.resolve(handle(message, sender)).then(answer, (error) => answer({ error: String(error) }));
  return true;
});

function captures({ on, sites }, site) {
  return on && sites[site] === true;
}

function siteOf(sender) {
  return SITES[new URL(sender.url).hostname] ?? [];
}

async function reported([site, source], state, snapshot, tab) {
  const on = captures(await settings(), site);
  const taken = !on || !snapshot || (await take({ ...snapshot, source }, Date.now()));
  await rememberTab(tab, { site, state: { ...state, full: !taken } });
  if (snapshot && on) deliver(drawBadge);
  await drawBadge();
  return { taken, on };
}

async function switched(change) {
  const after = await changeSettings(change);
  for (const [tab, { site }] of Object.entries(await knownTabs())) {
    chrome.tabs.sendMessage(Number(tab), { type: "switched", on: captures(after, site) }).catch(() => {});
  }
  deliver(drawBadge);
}

async function status(tab) {
  const [chosen, count, tabs, kept] = await Promise.all([
    settings(), waiting(), knownTabs(), chrome.storage.local.get(["delivery", "refusals", "delivered"]),
  ]);
  const here = tabs[tab];
  return {
    on: chosen.on,
    sites: chosen.sites,
    address: chosen.address,
    key: chosen.key,
    waiting: count,
    delivered: kept.delivered ?? 0,
    deliveredAt: kept.delivery?.deliveredAt ?? null,
    error: count ? (kept.delivery?.error ?? null) : null,
    refusals: kept.refusals ?? [],
    here: here ? { site: here.site, troubled: here.state.kind === "unreadable" || here.state.full, text: here.state.full ? "The queue is full." : wording(here.state) } : null,
  };
}

/** Whether the API would take something now: an empty request asks for the key and stores nothing. */
async function checked() {
  const { response, error } = await request("POST", "[]");
  if (error) return { error };
  const body = await response.json().catch(() => ({}));
  if (response.ok && body.account) return { ok: true };
  return { error: response.status === 401 ? "The API asks for its key, and this is not it." : (body.detail ?? `It answers ${response.status}.`) };
}
