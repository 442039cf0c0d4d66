// What is said when there is nothing to show: what happened, and what to do next.

import { command, element, outside } from "./elements.js";
import { counted } from "./wording.js";

/** Something went wrong; `retry` asks again. */
export function failure(error, retry) {
  const [title, advice] = told(error);
  const button = retry && element("button", { type: "button", class: "primary", click: retry }, "Try again");
  const fields = (error.errors ?? []).map((one) => element("li", {}, one.field && element("code", {}, one.field), " ", one.reason));
  return element("div", { class: "notice bad", role: "alert" },
    element("h2", {}, title),
    fields.length > 0 ? element("ul", {}, fields) : error.status !== 0 && element("p", {}, error.message),
    advice, button && element("p", { class: "actions" }, button));
}

function told(error) {
  if (error.status === 0) {
    return ["The API does not answer", [element("p", {}, "Start it, then try again:"), command("make run"), command("aethergrid serve")]];
  }
  if (error.status === 401) return ["A key is needed", element("p", {}, "Try again, and give the key that API_KEY is set to.")];
  if (error.status === 403) return ["This page may not ask", null];
  if (error.status === 404) return ["Not found", element("p", {}, "It may have been forgotten since.")];
  if (error.status === 422) return ["This cannot be asked", null];
  if (error.status === 503) {
    return ["A part of the memory does not answer", [element("p", {}, "This names what is down and what to do:"), command("aethergrid doctor")]];
  }
  return ["Something went wrong", null];
}

/** Nothing was captured yet. */
export function nothingImported() {
  return element("div", { class: "notice" },
    element("h2", {}, "Nothing is remembered yet"),
    element("p", {}, "Bring in conversations; they can be searched moments later."),
    element("h3", {}, "What your tools have written"), command("aethergrid import ~/.claude/projects"), command("aethergrid watch"),
    element("h3", {}, "An export of ChatGPT or Claude"), command("aethergrid import ~/Downloads/export.zip"),
    element("h3", {}, "Or look at the sample conversations"), command("make demo"));
}

/** Something was captured, and nothing was processed. */
export function nothingProcessed(captured, assets) {
  return element("div", { class: "notice" },
    element("h2", {}, `${counted(captured, "conversation")} not processed yet`),
    element("p", {}, "The live worker or Dagster does it, or you do it now:"), command("aethergrid process"),
    element("p", {}, "To see it happen: ", outside(assets, "the assets in Dagster")));
}

/** A search without hits. */
export function nothingFound(hint, asked, clear) {
  return element("div", { class: "notice" },
    element("h2", {}, "Nothing found"),
    element("p", {}, hint ? `${hint[0].toUpperCase()}${hint.slice(1)}.` : "No passage answers this."),
    clear
      ? element("p", { class: "actions" }, element("button", { type: "button", class: "primary", click: clear }, "Search without filters"))
      : element("p", {}, "Ask with other words, or for what somebody would have said."));
}
