// The search form and the address: each says what the other does.

import { element } from "./elements.js";
import { words } from "./wording.js";

const NAMES = ["q", "model", "source", "topic", "taskType", "after", "before"];
const FILTERS = NAMES.slice(1);
const STEP = 10;
const MOST = 100;

const form = document.querySelector("#search");
const clear = document.querySelector("#clear");
const toggle = document.querySelector("#toggle");
const panel = document.querySelector("#filters");

/** What is asked, as the form has it; `n` is how many passages. */
export function question() {
  const found = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value.trim()]));
  return { ...found, n: STEP };
}

/** Show in the form what an address asks. */
export function show(parameters) {
  for (const name of NAMES) {
    const field = form.elements[name];
    const value = parameters.get(name) ?? "";
    if (field.tagName === "SELECT" && value && ![...field.options].some((option) => option.value === value)) {
      field.append(element("option", { value }, words(value)));
    }
    field.value = value;
  }
  reflect();
  const asked = Number.parseInt(parameters.get("n") ?? "", 10);
  return { ...question(), n: Math.min(MOST, Math.max(STEP, asked || STEP)) };
}

export function address(asked) {
  const parameters = new URLSearchParams(NAMES.filter((name) => asked[name]).map((name) => [name, asked[name]]));
  if (asked.q && asked.n > STEP) parameters.set("n", asked.n);
  return parameters.size ? `/?${parameters}` : "/";
}

/** The body of a search. */
export function request(asked) {
  const given = { sourceModels: asked.model, sources: asked.source, topics: asked.topic, taskTypes: asked.taskType };
  const filters = Object.fromEntries(Object.entries(given).filter(([, value]) => value).map(([key, value]) => [key, [value]]));
  if (asked.after) filters.after = asked.after;
  if (asked.before) filters.before = asked.before;
  return { query: asked.q, filters, maxResults: asked.n, highlight: true };
}

export const more = (asked) => (asked.n < MOST ? { ...asked, n: Math.min(MOST, asked.n * 2) } : null);
export const filtered = (asked) => FILTERS.some((name) => asked[name]);

/** Fill the lists of the filters; what is chosen stays. */
export function offer(stats) {
  const lists = {
    model: stats.models.map((group) => group.name).filter((name) => name !== "none"),
    source: stats.origins.map((group) => group.source),
    topic: stats.topics.map((group) => group.name),
    taskType: stats.taskTypes.map((group) => group.name),
  };
  for (const [name, values] of Object.entries(lists)) {
    const field = form.elements[name];
    const chosen = field.value;
    const all = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
    const label = (value) => (name === "model" || name === "source" ? value : words(value));
    field.replaceChildren(
      element("option", { value: "" }, "any"),
      ...all.map((value) => element("option", { value }, label(value))),
    );
    field.value = chosen;
  }
}

/** Set filters, and ask again. */
export function set(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.requestSubmit();
}

export const none = () => set(Object.fromEntries(FILTERS.map((name) => [name, ""])));

function reflect() {
  const active = FILTERS.filter((name) => form.elements[name].value).length;
  for (const name of FILTERS) form.elements[name].toggleAttribute("data-set", Boolean(form.elements[name].value));
  clear.hidden = !active;
  toggle.textContent = active ? `Filters (${active})` : "Filters";
}

/** `asked` is called whenever somebody asks: by Enter, by the button, or by changing a filter. */
export function listen(asked) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reflect();
    asked(question());
  });
  for (const name of FILTERS) form.elements[name].addEventListener("change", () => form.requestSubmit());
  clear.addEventListener("click", () => { none(); form.elements.q.focus(); });
  toggle.addEventListener("click", () => {
    const open = panel.toggleAttribute("data-open");
    toggle.setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog[open]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    form.elements.q.select();
  });
}
