// Hits: the passage that answers, and on demand the conversation around it, in place.

import { ask } from "./asking.js";
import { bubbles, conversationAddress } from "./conversation.js";
import { element, outside } from "./elements.js";
import { excerpt, pattern } from "./marks.js";
import { failure } from "./notices.js";
import { set } from "./question.js";
import { day, number, words } from "./wording.js";

const AROUND = 7;

/** The list of hits. `dagster` gives the address of a run in Dagster's UI, or null. */
export function hits(answer, asked, dagster) {
  const all = [...new Set(answer.results.flatMap((found) => found.matched ?? []))];
  return element("ol", { class: "hits" }, answer.results.map((found) => {
    return element("li", {}, hit(found, asked, { all, dagster }));
  }));
}

function hit(found, asked, { all, dagster }) {
  const { metadata, lineage } = found;
  const own = pattern(found.matched ?? []);
  const title = metadata.title ?? "Untitled conversation";
  const id = `around-${lineage.fragmentId}`;
  const body = element("div", { class: "around", id, hidden: true });
  const button = element("button", { type: "button", "aria-expanded": "false", "aria-controls": id }, "Show context");
  button.append(element("span", { class: "unseen" }, `: ${title}`));
  const passage = element("p", { class: "passage" }, excerpt(found.content, own));
  const card = element("article", { class: "hit", "aria-label": title },
    element("h2", {}, element("a", { href: conversationAddress(lineage, asked.q), "data-inside": true }, title)),
    about(metadata),
    passage,
    element("div", { class: "actions" }, button, element("span", { title: "Cosine similarity of passage and question" }, `similarity ${found.similarity.toFixed(2)}`), again(found)),
    body);
  button.addEventListener("click", () => {
    const opened = body.hidden;
    body.hidden = !opened;
    passage.hidden = opened && body.childElementCount > 1; // until what is loading takes its place
    button.setAttribute("aria-expanded", String(opened));
    button.firstChild.data = opened ? "Show less" : "Show context";
    if (opened && !body.hasChildNodes()) surroundings(body, found, pattern(all), asked, dagster)
      .then((loaded) => { passage.hidden = loaded && !body.hidden; });
  });
  return card;
}

function about(metadata) {
  const who = metadata.sourceModel ?? metadata.speaker ?? metadata.role;
  return element("p", { class: "about" },
    element("span", { class: metadata.sourceModel ? "model" : "person" }, who),
    element("time", { datetime: metadata.timestamp }, day(metadata.timestamp)),
    element("span", {}, metadata.source),
    chip("topic", metadata.topic), chip("taskType", metadata.taskType));
}

function chip(filter, value) {
  const label = `Only ${filter === "topic" ? "topic" : "task"} ${words(value)}`;
  return element("button", { type: "button", class: "chip", title: label, "aria-label": label,
    click: () => set({ [filter]: value }) }, words(value));
}

function again({ duplicates }) {
  return duplicates > 0 && element("span", {}, `said ${number(duplicates)} more time${duplicates > 1 ? "s" : ""}`);
}

async function surroundings(body, found, marks, asked, dagster) {
  const { lineage } = found;
  const path = `/api/conversations/${lineage.conversationId}?around=${lineage.messageId}&limit=${AROUND}`;
  body.setAttribute("aria-busy", "true");
  body.replaceChildren(element("p", { class: "note" }, "Loading…"));
  try {
    const read = await ask(path);
    const rest = read.messageCount - read.messages.length;
    body.replaceChildren(
      bubbles(read.messages, { current: lineage.messageId, marks }),
      element("p", { class: "origin" },
        element("a", { href: conversationAddress(lineage, asked.q), "data-inside": true },
          rest > 0 ? `Whole conversation (${number(read.messageCount)} messages)` : "Open the conversation"),
        element("span", { class: "path" }, where(lineage)), run(lineage.runId, dagster)));
    return true;
  } catch (error) {
    body.replaceChildren(failure(error, () => surroundings(body, found, marks, asked, dagster)));
    return false;
  } finally {
    body.removeAttribute("aria-busy");
  }
}

const where = ({ originPath, originLine }) => (originLine ? `${originPath}:${originLine}` : originPath);

function run(id, dagster) {
  const href = dagster(id);
  return href ? outside(href, `run ${id.slice(0, 8)}`) : element("span", {}, `run ${id.slice(0, 13)}`);
}
