// Where the pipeline stands, with links to what Dagster knows of it.

import { ask } from "./asking.js";
import { element, outside } from "./elements.js";
import { failure } from "./notices.js";
import { ago, counted, moment, number, words } from "./wording.js";

const RUN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const OUTCOMES = ["read", "stored", "merged", "skipped", "rejected"];

const body = document.querySelector("#pipeline .body");
const state = document.querySelector("#state");
let address = "http://localhost:3000";

// The forms of Dagster's addresses: /assets/NAME, /runs/ID (dagster-webserver 1.13).
const asset = (name) => `${address}/assets/${encodeURIComponent(name)}`;
export const run = (id) => (RUN.test(id ?? "") ? `${address}/runs/${id}` : null);
export const assets = () => `${address}/assets`;

/** Draw the state, and return it with the statistics; throws nothing. */
export async function refresh() {
  try {
    const [pipeline, stats, health] = await Promise.all([
      ask("/api/pipeline"), ask("/api/stats"), ask("/api/health", { accept: [503] }),
    ]);
    address = pipeline.dagsterUrl.replace(/\/+$/, "");
    document.querySelector("#dagster").href = assets();
    summarise(...verdict(pipeline, health));
    const open = Boolean(body.querySelector("details[open]"));
    const focused = body.contains(document.activeElement);
    if (!focused) body.replaceChildren(...picture(pipeline, stats, health, open));
    return { pipeline, stats };
  } catch (error) {
    summarise(error.status === 0 ? "offline" : "unknown", "bad");
    body.replaceChildren(failure(error, refresh));
    return { error };
  }
}

function verdict({ captured, steps, mostStale }, { status, components }) {
  const down = Object.entries(components).filter(([, one]) => one.status === "down").map(([name]) => name);
  if (status === "down") return [`${down.map(spaced).join(", ")} down`, "bad"];
  if (!captured) return ["empty", "idle"];
  const waiting = Math.max(...steps.map((step) => step.stale));
  if (waiting) return [`${number(waiting)}${waiting >= mostStale ? " or more" : ""} to process`, "busy"];
  return ["up to date", "good"];
}

function summarise(text, kind) {
  state.hidden = false;
  if (state.textContent === text && state.classList.contains(kind)) return;
  state.className = `state ${kind}`;
  state.replaceChildren(element("span", { class: "dot", "aria-hidden": "true" }), element("span", { class: "unseen" }, "Pipeline: "), text);
}

const spaced = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function picture(pipeline, stats, health, open) {
  return [
    element("p", { class: "note" }, `${counted(stats.conversations, "conversation")}, ${counted(stats.messages, "message")}, ${counted(stats.fragments, "passage")}. `,
      pipeline.live ? "A live worker is at work." : "No live worker: Dagster's sensor starts the runs."),
    element("ol", { class: "steps" }, pipeline.steps.map((step) => stepLine(step, pipeline.mostStale))),
    element("ul", { class: "components", "aria-label": "Components" }, Object.entries(health.components).map(([name, one]) =>
      element("li", { class: one.status === "ok" ? "good" : "bad" },
        element("span", { class: "dot", "aria-hidden": "true" }), spaced(name), one.status === "ok" ? null : `: down${one.reason ? ` (${one.reason})` : ""}`,
        element("span", { class: "unseen" }, one.status === "ok" ? ": works" : "")))),
    waiting(stats.spool),
    account(stats.sources, open),
    rejects(pipeline, open),
  ].filter(Boolean);
}

function stepLine(step, mostStale) {
  const last = step.lastProcessedAt && element("time", { datetime: step.lastProcessedAt, title: moment(step.lastProcessedAt) }, ago(step.lastProcessedAt));
  const by = run(step.lastRunId);
  return element("li", {},
    element("span", { class: "name" }, outside(asset(step.step), words(step.step))),
    element("span", { class: "rows" }, counted(step.rows, "row")),
    element("span", { class: `stale ${step.stale ? "busy" : step.rows && "good"}` }, step.stale ? `${number(step.stale)}${step.stale >= mostStale ? "+" : ""} stale` : step.rows ? "current" : "–"),
    element("span", { class: "last note" }, last ?? "never", last && " · ", last && (by ? outside(by, "run") : step.lastRunId?.split("-")[0])));
}

function waiting(spool) {
  if (!spool.records && !spool.refused && !spool.dropped) return null;
  return element("p", { class: "warning" }, `${counted(spool.records, "message")} wait in the spool`,
    spool.refused ? `, ${number(spool.refused)} refused` : "", spool.dropped ? `, ${number(spool.dropped)} dropped` : "", ".");
}

function account(sources, open) {
  if (!sources.length) return null;
  return element("details", { open }, element("summary", {}, "Capture account"),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Capture account" }, element("table", {},
      element("thead", {}, element("tr", {}, ["source", "files", ...OUTCOMES].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, sources.map((one) => element("tr", {}, element("th", { scope: "row" }, one.source),
        ["files", ...OUTCOMES].map((name) => element("td", {}, number(one[name])))))))));
}

function rejects({ rejected, rejects: latest }, open) {
  if (!rejected) return element("p", { class: "note" }, "No record was rejected.");
  return element("details", { open }, element("summary", {}, `${counted(rejected, "record")} rejected`),
    element("ul", { class: "rejects" }, latest.map((one) => element("li", {},
      element("span", { class: "path" }, one.line ? `${one.path}:${one.line}` : one.path), " ", one.field && element("code", {}, one.field), " ", one.reason))));
}
