// A whole conversation, a page of messages at a time, and messages as they are shown elsewhere too.

import { ask } from "./asking.js";
import { element } from "./elements.js";
import { pattern, rendered } from "./marks.js";
import { counted, day, moment, number } from "./wording.js";

const PAGE = 100;
const LONG = 6_000;

export function conversationAddress(lineage, q) {
  const parameters = new URLSearchParams({ conversation: lineage.conversationId, message: lineage.messageId });
  if (q) parameters.set("q", q);
  return `/?${parameters}`;
}

/** Messages as a list; `current` is the id of the one that was looked for, `marks` a pattern. */
export function bubbles(messages, { current = null, marks = null } = {}) {
  return element("ol", { class: "messages" }, messages.map((message) => bubble(message, current, marks)));
}

function bubble(message, current, marks) {
  const here = message.id === current;
  const kind = message.role === "user" ? "person" : "model";
  return element("li", { class: `message ${message.role}`, id: `m-${message.id}`, "aria-current": here ? "true" : null, tabindex: here ? "-1" : null },
    element("p", { class: "about" },
      element("span", { class: kind }, message.model ?? message.role),
      message.model && element("span", {}, message.role),
      element("time", { datetime: message.timestamp }, `${message.timestampInferred ? "about " : ""}${moment(message.timestamp)}`),
      here && element("span", { class: "here" }, "found here")),
    said(message, here, marks));
}

function said(message, here, marks) {
  const text = message.content.trim();
  if (!text) return element("p", { class: "note" }, "Nothing but tool calls or attachments.");
  const folded = !here && (message.role === "tool" || message.role === "system" || text.length > LONG);
  if (!folded) return rendered(text, marks);
  const first = text.slice(0, 90).split("\n")[0];
  return element("details", {}, element("summary", {}, `${first}${text.length > first.length ? " …" : ""}`,
    element("span", { class: "note" }, ` ${number(text.length)} characters`)), rendered(text, marks));
}

/** Show a conversation in `place`; throws what asking throws. */
export async function open(place, { id, message, q }, signal) {
  const path = `/api/conversations/${encodeURIComponent(id)}`;
  const start = message ? `around=${encodeURIComponent(message)}&` : "";
  const [first, matched] = await Promise.all([
    ask(`${path}?${start}limit=${PAGE}`, { signal }),
    q ? matches(id, q, signal) : [],
  ]);
  const marks = pattern(matched);
  const list = bubbles(first.messages, { current: message, marks });
  const range = { from: first.offset, to: first.offset + first.messages.length };
  const earlier = pager("Earlier messages", async (button) => {
    const from = Math.max(0, range.from - PAGE);
    const found = await ask(`${path}?offset=${from}&limit=${range.from - from}`);
    list.prepend(...bubbles(found.messages, { marks }).childNodes);
    range.from = from;
    button.hidden = from === 0;
  });
  const later = pager("Later messages", async (button) => {
    const found = await ask(`${path}?offset=${range.to}&limit=${PAGE}`);
    list.append(...bubbles(found.messages, { marks }).childNodes);
    range.to += found.messages.length;
    button.hidden = range.to >= first.messageCount || !found.messages.length;
  });
  earlier.hidden = range.from === 0;
  later.hidden = range.to >= first.messageCount;
  const title = first.title ?? "Untitled conversation";
  place.replaceChildren(
    element("p", { class: "back" }, element("a", { href: q ? `/?${new URLSearchParams({ q })}` : "/", "data-back": true }, "← Back")),
    element("h2", { tabindex: "-1" }, title),
    element("p", { class: "about" },
      element("span", {}, first.source), element("span", {}, dates(first)),
      element("span", {}, counted(first.messageCount, "message")), models(first)),
    earlier, list, later);
  return title;
}

/** The words of a question that stand in a conversation; a search that fails marks nothing. */
async function matches(id, q, signal) {
  const body = { query: q, filters: { conversationIds: [id] }, maxResults: 100, highlight: true };
  try {
    const found = await ask("/api/query/semantic", { body, signal });
    return found.results.flatMap((hit) => hit.matched ?? []);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return [];
  }
}

function pager(label, load) {
  const button = element("button", { type: "button", class: "pager" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await load(button);
      button.textContent = label;
    } catch (error) {
      button.textContent = `${label}: ${error.message} Try again`;
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

function dates({ firstAt, lastAt }) {
  const [first, last] = [day(firstAt), day(lastAt)];
  return first === last ? first : `${first} – ${last}`;
}

function models({ messages }) {
  const names = [...new Set(messages.map((message) => message.model).filter(Boolean))];
  return names.length > 0 && element("span", { class: "model" }, names.join(", "));
}
