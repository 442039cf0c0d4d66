// The page: what the address says is what is shown.

import { ask } from "./asking.js";
import { open } from "./conversation.js";
import { element } from "./elements.js";
import { failure, nothingFound, nothingImported, nothingProcessed } from "./notices.js";
import { assets, refresh, run } from "./pipeline.js";
import * as form from "./question.js";
import { hits } from "./results.js";
import { draw } from "./timeline.js";
import { counted, words } from "./wording.js";

const EVERY = 15_000;
const KEPT = 20;

const status = document.querySelector("#status");
const heading = document.querySelector("#heading");
const results = document.querySelector("#results");
const conversation = document.querySelector("#conversation");

const answers = new Map(); // so that going back shows at once what was shown before
let working = null;
let known = null;
let drawn = null;

async function visit({ focus = false } = {}) {
  working?.abort();
  working = new AbortController();
  const parameters = new URLSearchParams(location.search);
  const asked = form.show(parameters);
  const id = parameters.get("conversation");
  results.hidden = Boolean(id);
  conversation.hidden = !id;
  const place = id ? conversation : results;
  try {
    if (id) await converse(id, parameters, working.signal);
    else await search(asked, working.signal);
    if (focus) document.querySelector(id ? "#conversation h2" : "#content").focus({ preventScroll: true });
  } catch (error) {
    if (error.name === "AbortError") return;
    status.textContent = "";
    place.replaceChildren(failure(error, () => visit()));
    if (error.status === 0) look();
  } finally {
    place.removeAttribute("aria-busy");
  }
}

async function converse(id, parameters, signal) {
  status.textContent = "Loading the conversation…";
  loading(conversation);
  const message = parameters.get("message");
  entitle(await open(conversation, { id, message, q: parameters.get("q") }, signal), "Conversation");
  status.textContent = "";
  const found = message && document.getElementById(`m-${message}`);
  scrollTo(0, history.state?.scroll ?? 0);
  if (found && !history.state?.scroll && found.getBoundingClientRect().top > innerHeight / 2) found.scrollIntoView({ block: "center" });
}

async function search(asked, signal) {
  entitle(asked.q, `Results for ${asked.q}`);
  if (!asked.q) {
    results.replaceChildren();
    status.textContent = form.filtered(asked) ? "Now ask something: the filters are set." : "";
    welcome();
    return;
  }
  const body = form.request(asked);
  const key = JSON.stringify(body);
  let answer = answers.get(key);
  if (!answer) {
    status.textContent = "Searching…";
    loading(results);
    const began = performance.now();
    answer = { ...await ask("/api/query/semantic", { body, signal }), took: performance.now() - began };
    if (answers.size >= KEPT) answers.delete(answers.keys().next().value);
    if (answer.results.length) answers.set(key, answer);
  }
  show(answer, asked);
  scrollTo(0, history.state?.scroll ?? 0);
}

function entitle(title, told) {
  document.title = title ? `${title} · AetherGrid` : "AetherGrid";
  heading.textContent = title ? told : "AetherGrid";
}

function show(answer, asked) {
  if (!answer.results.length) {
    status.textContent = "Nothing found.";
    const empty = known && unready();
    results.replaceChildren(empty || nothingFound(answer.hint, asked, form.filtered(asked) ? form.none : null));
    return;
  }
  status.textContent = `${counted(answer.results.length, "passage")} in ${Math.max(1, Math.round(answer.took))} ms`;
  const next = answer.results.length >= asked.n && form.more(asked);
  results.replaceChildren(hits(answer, asked, run),
    next ? element("p", { class: "actions" }, element("button", { type: "button", click: () => go(form.address(next), { scroll: scrollY }) }, "More passages")) : "");
}

function loading(place) {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(element("div", { class: "skeletons", "aria-hidden": "true" }, [1, 2, 3].map(() => element("div", { class: "skeleton" }))));
}

/** What is shown before anything is asked: how to begin, or where to begin. */
function welcome() {
  if (!known || new URLSearchParams(location.search).get("conversation") || form.question().q) return;
  const empty = unready();
  if (empty) results.replaceChildren(empty);
  else if (!results.hasChildNodes()) results.replaceChildren(beginnings(known.stats));
}

function unready() {
  const { pipeline, stats } = known;
  if (!pipeline.captured) return nothingImported();
  return stats.fragments ? null : nothingProcessed(pipeline.captured, assets());
}

function beginnings(stats) {
  const models = stats.models.filter((group) => group.name !== "none");
  return element("div", { class: "beginnings" },
    element("h2", {}, "One memory for every model"),
    element("p", {}, `Search ${counted(stats.fragments, "passage")} of ${counted(stats.conversations, "conversation")} with ${counted(models.length, "model")}, by meaning and by words.`),
    element("p", { class: "note" }, "Ask as you would ask a colleague: ", element("q", {}, "Why did we …?"), " finds the answer, whoever gave it."),
    element("ul", { "aria-label": "Topics to begin with" }, stats.topics.slice(0, 8).map(({ name }) => element("li", {},
      element("a", { class: "chip", "data-inside": true, href: form.address({ q: words(name), topic: name }) }, words(name))))));
}

function go(address, state = null) {
  remember();
  history.pushState(state, "", address);
  visit();
}

const remember = () => history.replaceState({ ...history.state, scroll: scrollY }, "");

async function look() {
  if (document.hidden) return;
  const began = performance.now();
  const found = await refresh();
  if (found.stats) {
    known = found;
    form.offer(found.stats);
    welcome();
    const changed = JSON.stringify([found.stats.fragments, found.stats.models, found.stats.topics]);
    if (changed !== drawn) {
      if (drawn !== null) answers.clear();
      drawn = changed;
      draw();
    }
  }
  clearTimeout(look.next);
  look.next = setTimeout(look, Math.max(EVERY, 20 * (performance.now() - began)));
}

history.scrollRestoration = "manual";
form.listen((asked) => {
  const address = form.address(asked);
  if (address === location.pathname + location.search) visit();
  else go(address);
});
addEventListener("popstate", () => visit());
document.addEventListener("visibilitychange", look);
addEventListener("online", () => { visit(); look(); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-inside], a[data-back]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.dataset.back !== undefined && history.state?.inside) return history.back();
  remember();
  history.pushState({ inside: true }, "", link.getAttribute("href"));
  visit({ focus: true });
});
addEventListener("scrollend", remember);

if (!location.search) document.querySelector("#q").focus({ preventScroll: true });
visit();
look();
