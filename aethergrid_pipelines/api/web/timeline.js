// Passages over time as stacked bars. The bars are one drawing; over each bucket lies a button, and arrow keys lead on.

import { ask } from "./asking.js";
import { drawing, element } from "./elements.js";
import { failure } from "./notices.js";
import { set } from "./question.js";
import { counted, number, period, words } from "./wording.js";

const CHOICES = [["model", "Model"], ["topic", "Topic"], ["task_type", "Task"]];
const FILTERS = { model: "model", topic: "topic", task_type: "taskType" };
const HEIGHT = 100;

const body = document.querySelector("#timeline .body");
let by = "model";

const label = (name) => (name === "none" ? "people" : by === "model" ? name : words(name));

export async function draw() {
  try {
    const found = await ask(`/api/stats/timeline?by=${by}&most=6`);
    body.replaceChildren(...(found.starts.length ? picture(found) : [element("p", { class: "note" }, "Nothing to draw yet.")]));
  } catch (error) {
    body.replaceChildren(failure(error, draw));
  }
}

function picture(found) {
  const series = found.others ? [...found.series, found.others] : found.series;
  const totals = found.starts.map((_, place) => series.reduce((sum, one) => sum + one.fragments[place], 0));
  const most = Math.max(...totals);
  const readout = element("p", { class: "readout note" }, `${counted(totals.reduce((sum, one) => sum + one, 0), "passage")}, at most ${number(most)} a ${found.unit}`);
  return [choice(), readout,
    element("div", { class: "chart" }, bars(series, totals, most, found), columns(series, totals, found, readout)),
    element("p", { class: "axis note", "aria-hidden": "true" }, element("span", {}, period(found.starts[0], found.unit)),
      element("span", {}, found.starts.length > 1 && period(found.starts.at(-1), found.unit))),
    legend(series, found)];
}

function choice() {
  const options = CHOICES.map(([value, text]) => element("label", {},
    element("input", { type: "radio", name: "by", value, checked: value === by, change: async () => {
      by = value;
      await draw();
      body.querySelector("input:checked")?.focus();
    } }), text));
  return element("fieldset", { class: "choice" }, element("legend", { class: "unseen" }, "Coloured by"), options);
}

function bars(series, totals, most, { starts, others }) {
  const shapes = [];
  const gap = starts.length > 1 ? 0.18 : 0.6;
  totals.forEach((_, place) => {
    let floor = HEIGHT;
    series.forEach((one, number_) => {
      const height = (one.fragments[place] / most) * HEIGHT;
      if (!height) return;
      floor -= height;
      const kind = others === one ? "rest" : `s${number_}`;
      shapes.push(drawing("rect", { class: kind, x: place + gap / 2, y: floor, width: 1 - gap, height }));
    });
  });
  return drawing("svg", { viewBox: `0 0 ${starts.length} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, shapes);
}

function columns(series, totals, found, readout) {
  const initial = readout.textContent;
  const buttons = found.starts.map((start, place) => {
    const parts = series.filter((one) => one.fragments[place]).map((one) => `${label(one.name)} ${number(one.fragments[place])}`);
    const text = `${period(start, found.unit)}: ${counted(totals[place], "passage")}${parts.length ? ` (${parts.join(", ")})` : ""}`;
    const tell = () => { readout.textContent = text; };
    return element("button", { type: "button", tabindex: place === found.starts.length - 1 ? "0" : "-1", "aria-label": `${text}. Search in this time`,
      focus: tell, mouseenter: tell, click: () => set({ after: start, before: lastDay(start, found.unit) }) });
  });
  const group = element("div", { class: "buckets", role: "group", "aria-label": "Passages over time; arrow keys lead from one to the next",
    mouseleave: () => { readout.textContent = initial; } }, buttons);
  group.addEventListener("keydown", (event) => {
    const here = buttons.indexOf(event.target);
    const there = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (there === undefined || !buttons[there]) return;
    event.preventDefault();
    buttons[here].tabIndex = -1;
    buttons[there].tabIndex = 0;
    buttons[there].focus();
  });
  return group;
}

function lastDay(start, unit) {
  const date = new Date(start);
  if (unit === "week") date.setUTCDate(date.getUTCDate() + 6);
  if (unit === "month") date.setUTCMonth(date.getUTCMonth() + 1, 0);
  if (unit === "year") date.setUTCMonth(12, 0);
  return date.toISOString().slice(0, 10);
}

function legend(series, { others }) {
  return element("ul", { class: "legend" }, series.map((one, place) => {
    const swatch = element("span", { class: `swatch ${others === one ? "rest" : `s${place}`}`, "aria-hidden": "true" });
    const inside = [swatch, label(one.name), element("span", { class: "note" }, number(one.total))];
    const plain = others === one || (by === "model" && one.name === "none");
    return element("li", {}, plain ? inside : element("button", { type: "button", title: "Search only here",
      click: () => set({ [FILTERS[by]]: one.name }) }, inside));
  }));
}
