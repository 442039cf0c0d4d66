// What of a page is new: records for the API, each once, in the order of the conversation and with a time.
//
// Pages do not say when something was said. What appears while one looks on is of now; everything else gets a time that
// keeps the order, marked as inferred, which the API never lets take the place of one that is known.

const STEP = 1_000; // ms between two messages whose times are unknown

/** `known`: {title, seen: {id: [key, ms, inferred]}} or undefined; returns {known, records}. */
export function changes(known, snapshot, now) {
  const { conversation, source, title, messages, replaced, fresh } = snapshot;
  const seen = { ...known?.seen };
  const records = [];
  const add = (message, [key, at, inferred], metadata) => {
    seen[message.id] = [key, at, inferred];
    records.push(record({ conversation, source, title: title ?? known?.title }, message, at, inferred, metadata));
  };
  for (const message of replaced) {
    const before = seen[message.id];
    if (before && !before[0].endsWith("/alternate")) add(message, [`${message.digest}/alternate`, before[1], before[2]], { alternate_branch: true });
  }
  const times = timed(messages, seen, now, fresh);
  messages.forEach((message, index) => {
    const key = message.partial ? `${message.digest}/partial` : message.digest;
    // A whole message that was told in part, or was off the branch, is told again.
    if (seen[message.id]?.[0] === key) return;
    if (message.partial && seen[message.id] && !seen[message.id][0].includes("/")) return;
    add(message, [key, ...times[index]], message.partial ? { partial: true } : undefined);
  });
  const last = messages.at(-1);
  // A title comes late; it travels with a message.
  if (title && known && title !== known.title && last && !records.length) add(last, seen[last.id], undefined);
  return { known: { title: title ?? known?.title ?? null, seen }, records };
}

/** A [time in ms, whether it is inferred] for each message; ascending where `seen` is. */
function timed(messages, seen, now, fresh) {
  const times = messages.map(({ id }) => (seen[id] ? seen[id].slice(1) : null));
  const moments = Object.values(seen).map(([, at]) => at);
  for (let start = 0; start < times.length; start++) {
    if (times[start]) continue;
    let end = start;
    while (end < times.length && !times[end]) end++;
    const before = times[start - 1]?.[0];
    // A part of the conversation that touches nothing known: whoever looks on scrolled up to it.
    const older = before === undefined && end === times.length && !fresh && !messages[start].live && moments.length > 0;
    const after = older ? Math.min(...moments) : times[end]?.[0];
    const count = end - start;
    const earliest = Math.max(0, ...moments) + 1;
    for (let index = start; index < end; index++) {
      const [done, left] = [index - start, end - index];
      if (before !== undefined && after !== undefined) times[index] = [before + ((after - before) * (done + 1)) / (count + 1), true];
      else if (after !== undefined) times[index] = [after - left * STEP, true];
      else if (messages[index].live) times[index] = [Math.max(now - (left - 1), earliest + done), false];
      else times[index] = [Math.max(now - left * STEP, earliest + done), true];
    }
  }
  return times;
}

function record({ conversation, source, title }, { id, role, content, model }, at, inferred, metadata) {
  const told = { conversation, source, id, role, content, timestamp: iso(at), rendered: true };
  if (title) told.title = title;
  if (inferred) told.timestamp_inferred = true;
  if (model) told.model = model;
  if (metadata) told.metadata = metadata;
  return told;
}

// To the microsecond: there is room for a million messages between two that were seen a second apart.
function iso(ms) {
  const micros = String(Math.round((ms - Math.floor(ms)) * 1_000) % 1_000).padStart(3, "0");
  return new Date(Math.floor(ms)).toISOString().replace("Z", `${micros}Z`);
}
