// What waits for the API: a record per key, so that adding one does not write the others again. Bounded.

import { changes } from "./changes.js";

// Together less than the 10 MB that an extension may keep.
const MOST_BYTES = 5_000_000;
const MOST_KNOWN_BYTES = 4_000_000;
const BATCH = 50;
const BATCH_BYTES = 1_000_000;
const KEPT_REFUSALS = 20;

const text = new TextEncoder();

/** Take in what a page shows. False, with nothing kept, where the queue has no room for all of it. */
export async function take(snapshot, now) {
  const key = `seen ${snapshot.source} ${snapshot.conversation}`;
  const stored = await chrome.storage.local.get([key, "queue"]);
  const { known, records } = changes(stored[key], snapshot, now);
  if (!records.length && stored[key]) return true;
  const queue = stored.queue ?? { first: 0, next: 0, bytes: 0 };
  const written = {};
  for (const record of records) {
    const bytes = text.encode(JSON.stringify(record)).length;
    written[`queue ${queue.next}`] = { record, bytes };
    queue.next += 1;
    queue.bytes += bytes;
  }
  if (queue.bytes > MOST_BYTES) return false;
  // In one call: a record that is queued is known, and one that is known was queued.
  await chrome.storage.local.set({ ...written, queue, [key]: { ...known, at: now } });
  if ((await chrome.storage.local.getBytesInUse(null)) - queue.bytes > MOST_KNOWN_BYTES) await forgetOldest();
  return true;
}

export async function waiting() {
  const { queue } = await chrome.storage.local.get("queue");
  return queue ? queue.next - queue.first : 0;
}

/** The oldest records that go into one request, and the numbers that they have. */
export async function oldest(most = BATCH) {
  const { queue } = await chrome.storage.local.get("queue");
  if (!queue || queue.first === queue.next) return [];
  const numbers = Array.from({ length: Math.min(most, queue.next - queue.first) }, (_, index) => queue.first + index);
  const found = await chrome.storage.local.get(numbers.map((number) => `queue ${number}`));
  let bytes = 0;
  const batch = [];
  for (const number of numbers) {
    const entry = found[`queue ${number}`] ?? { record: null, bytes: 0 };
    bytes += entry.bytes;
    if (batch.length && bytes > BATCH_BYTES) break;
    batch.push({ number, ...entry });
  }
  return batch;
}

/** Take out what was delivered, and keep the last of what the API refused for good: [{reason, conversation, id}]. */
export async function remove(batch, refused) {
  const { queue, refusals = [], delivered = 0 } = await chrome.storage.local.get(["queue", "refusals", "delivered"]);
  queue.first = batch.at(-1).number + 1;
  queue.bytes = Math.max(0, queue.bytes - batch.reduce((sum, { bytes }) => sum + bytes, 0));
  await chrome.storage.local.set({
    queue,
    refusals: [...refusals, ...refused].slice(-KEPT_REFUSALS),
    delivered: delivered + batch.length - refused.length,
  });
  await chrome.storage.local.remove(batch.map(({ number }) => `queue ${number}`));
}

// What is forgotten here is only that it was sent: if the page shows it again it is sent again, and merged.
async function forgetOldest() {
  const all = await chrome.storage.local.get(null);
  const known = Object.entries(all).filter(([key]) => key.startsWith("seen "));
  known.sort(([, a], [, b]) => a.at - b.at);
  await chrome.storage.local.remove(known.slice(0, Math.ceil(known.length / 4)).map(([key]) => key));
}
