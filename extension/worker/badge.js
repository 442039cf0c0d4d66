// What the button says: on or off, how many messages wait, and where something has to be looked at.

import { waiting } from "./queue.js";
import { settings } from "./store.js";

const GREEN = "#0b6e69";
const AMBER = "#9a6700";
const RED = "#b3261e";
const GREY = "#5f6368";

/** Draw the button anew, for all tabs and for those that are known. */
export async function drawBadge() {
  const [chosen, count, tabs, { delivery = {} }] = await Promise.all([settings(), waiting(), knownTabs(), chrome.storage.local.get("delivery")]);
  await draw({}, overall(chosen, count, delivery));
  await Promise.all(Object.entries(tabs).map(([tab, told]) => draw({ tabId: Number(tab) }, ofTab(told, chosen, count, delivery))));
}

function overall({ on }, count, { error }) {
  if (!on) return count ? [String(count), GREY, `Off: nothing is captured or sent. ${waits(count)}`] : ["off", GREY, "Off: nothing is captured or sent."];
  if (!count) return ["on", GREEN, "On: everything is delivered."];
  return [short(count), error ? RED : AMBER, `${waits(count)} ${error ?? ""}`.trim()];
}

function ofTab({ site, state }, chosen, count, delivery) {
  if (chosen.on && !chosen.sites[site]) return ["off", GREY, "Off for this site."];
  if (chosen.on && state.kind === "unreadable") return ["!", RED, wording(state)];
  if (chosen.on && state.full) return ["full", RED, "The queue is full: nothing more is captured until the API answers."];
  return overall(chosen, count, delivery);
}

/** A state of a tab in words. */
export function wording({ kind, detail, count }) {
  if (kind === "captured") return `${count} ${count === 1 ? "message" : "messages"} read on this page.`;
  if (kind === "reading") return "Reading this page.";
  if (kind === "idle") return "No conversation is open here.";
  if (kind === "off") return "Off for this site.";
  if (detail === "address") return "Not captured: the address of this page does not name the conversation.";
  if (detail === "some") return `${count} ${count === 1 ? "message" : "messages"} on this page cannot be read.`;
  return "Not captured: a conversation is open, and no message on this page can be read.";
}

function waits(count) {
  return `${count} ${count === 1 ? "message waits" : "messages wait"} for the API.`;
}

function short(count) {
  return count > 999 ? "999+" : String(count);
}

async function draw(where, [text, color, title]) {
  try {
    await chrome.action.setBadgeText({ ...where, text });
    await chrome.action.setBadgeBackgroundColor({ ...where, color });
    await chrome.action.setTitle({ ...where, title: `AetherGrid: ${title}` });
  } catch {
    await forgetTab(where.tabId); // it was closed meanwhile
  }
}

export async function knownTabs() {
  return (await chrome.storage.session.get("tabs")).tabs ?? {};
}

export async function rememberTab(tab, told) {
  await chrome.storage.session.set({ tabs: { ...(await knownTabs()), [tab]: told } });
}

export async function forgetTab(tab) {
  const { [tab]: _, ...others } = await knownTabs();
  await chrome.storage.session.set({ tabs: others });
}
