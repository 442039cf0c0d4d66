// From the queue to POST /api/ingest, in order. What is not acknowledged stays; the API merges what comes twice.

import { oldest, remove } from "./queue.js";
import { inTurn, settings } from "./store.js";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;
const TIMEOUT = 30_000;
const ALARM = "deliver";

let working = false;
let timer = null;

/** Deliver what waits, as far as the API takes it. `told` is called after each step; `now` skips the pause. */
export async function deliver(told, { now = false } = {}) {
  if (working) return;
  working = true;
  try {
    while (await step(now)) await told();
  } finally {
    working = false;
  }
  await told();
  await planNext(told);
}

async function step(now) {
  if (!(await settings()).on) return false;
  const { delivery = {} } = await chrome.storage.local.get("delivery");
  if (!now && Date.now() < (delivery.notBefore ?? 0)) return false;
  const batch = await inTurn(() => oldest(delivery.atMost));
  if (!batch.length) return false;
  const answer = await post(batch.map(({ record }) => record).filter(Boolean));
  if (answer.outcomes) {
    await inTurn(() => remove(batch, answer.outcomes));
    await chrome.storage.local.set({ delivery: { deliveredAt: Date.now() } });
    return true;
  }
  if (answer.split && batch.length > 1) {
    await chrome.storage.local.set({ delivery: { ...delivery, atMost: Math.ceil(batch.length / 2) } });
    return true;
  }
  if (answer.split) {
    const { conversation, id } = batch[0].record;
    await inTurn(() => remove(batch, [{ conversation, id, reason: answer.error }]));
    return true;
  }
  const failures = (delivery.failures ?? 0) + 1;
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1));
  await chrome.storage.local.set({ delivery: { ...delivery, failures, error: answer.error, notBefore: Date.now() + pause } });
  return false;
}

/** {outcomes: those that were refused} | {split, error}: this batch cannot be taken as it is | {error}: try again. */
async function post(records) {
  if (!records.length) return { outcomes: [] };
  const { response, error } = await request("POST", JSON.stringify(records));
  if (error) return { error };
  const body = await response.json().catch(() => ({}));
  if (response.ok && Array.isArray(body.records)) {
    const refused = body.records.filter(({ outcome }) => outcome === "rejected");
    return { outcomes: refused.map(({ index, reason, field }) => ({ ...named(records[index]), reason: [field, reason].filter(Boolean).join(": ") })) };
  }
  const said = body.detail ?? `the API answers ${response.status}`;
  if (response.status === 401) return { error: "The API asks for its key: set it in the options." };
  if ([400, 413, 422].includes(response.status)) return { split: true, error: body.errors?.[0]?.reason ?? said };
  return { error: response.ok ? "What answers at this address is not the API." : said };
}

function named(record) {
  return { conversation: record?.conversation, id: record?.id };
}

/** {response} or {error} in words. */
export async function request(method, body) {
  const { address, key } = await settings();
  const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  try {
    const given = { method, body, headers, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(TIMEOUT) };
    return { response: await fetch(`${address.replace(/\/+$/, "")}/api/ingest`, given) };
  } catch {
    return { error: `The API does not answer at ${address}.` };
  }
}

// A worker that has nothing to do is stopped after half a minute; an alarm starts it again.
async function planNext(told) {
  clearTimeout(timer);
  const { queue, delivery = {} } = await chrome.storage.local.get(["queue", "delivery"]);
  if (!queue || queue.first === queue.next || !(await settings()).on) {
    await chrome.alarms.clear(ALARM);
    return;
  }
  await chrome.alarms.create(ALARM, { periodInMinutes: 0.5 });
  const pause = Math.max(0, (delivery.notBefore ?? 0) - Date.now());
  if (pause < 25_000) timer = setTimeout(() => deliver(told), pause);
}
