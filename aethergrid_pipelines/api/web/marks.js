// Text as nodes: marked words, code, and as much of Markdown as makes a message readable.

import { element } from "./elements.js";

const SPACELESS = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af]/;
const FENCE = /```([^\n`]*)\n([\s\S]*?)(?:\n```[ \t]*(?=\n|$)|$)/g;
const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|^#{1,6} +(.+)$/gm;
const EXCERPT = 480;

/** A pattern that finds these words, or null. */
export function pattern(words) {
  const longestFirst = [...new Set(words)].filter(Boolean).sort((one, other) => other.length - one.length);
  if (!longestFirst.length) return null;
  const parts = longestFirst.slice(0, 200).map((word) => {
    const exact = word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    return SPACELESS.test(word) ? exact : `(?<![\\p{L}\\p{N}])${exact}(?![\\p{L}\\p{N}])`;
  });
  return new RegExp(parts.join("|"), "giu");
}

/** Text nodes, with `mark` around what the pattern finds. */
export function marked(text, found) {
  if (!found) return [text];
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(found)) {
    nodes.push(text.slice(end, match.index), element("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

/** A message: fenced blocks as code, the rest with its line breaks. */
export function rendered(text, found) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(FENCE)) {
    nodes.push(prose(text.slice(end, match.index), found));
    nodes.push(element("pre", { tabindex: "0", role: "region", "aria-label": `Code ${match[1].trim()}`.trim() },
      element("code", {}, marked(match[2], found))));
    end = match.index + match[0].length;
  }
  return [...nodes, prose(text.slice(end), found)];
}

function prose(text, found) {
  const trimmed = text.replace(/^\s*\n|\s+$/g, "");
  if (!trimmed) return null;
  const nodes = [];
  let end = 0;
  for (const match of trimmed.matchAll(INLINE)) {
    nodes.push(...marked(trimmed.slice(end, match.index), found));
    nodes.push(element(match[1] ? "code" : "strong", {}, marked(match[1] ?? match[2] ?? match[3], found)));
    end = match.index + match[0].length;
  }
  return element("p", { class: "prose" }, ...nodes, ...marked(trimmed.slice(end), found));
}

/** The part of a long text that holds most of what was asked for, cut between words. */
export function excerpt(text, found) {
  const flat = text.replace(/```[^\n`]*\n?|\*\*|`|^#{1,6} +/gm, "").replace(/\s+/g, " ").trim();
  if (flat.length <= EXCERPT * 1.5) return marked(flat, found); // a little is not worth cutting
  const places = found ? [...flat.matchAll(found)].map((match) => [match.index, match[0].toLowerCase()]) : [];
  let start = 0;
  let most = 0;
  for (const [place] of places) {
    const inside = places.filter(([other]) => other >= place && other < place + EXCERPT - 60);
    const distinct = new Set(inside.map(([, word]) => word)).size + inside.length / 100;
    if (distinct > most) [start, most] = [Math.max(0, place - 50), distinct];
  }
  start = Math.min(start, flat.length - EXCERPT);
  if (start > 0) start = flat.indexOf(" ", start) + 1 || start;
  let end = Math.min(flat.length, start + EXCERPT);
  if (end < flat.length) end = Math.max(flat.lastIndexOf(" ", end), start + EXCERPT / 2);
  return [start > 0 && "… ", ...marked(flat.slice(start, end), found), end < flat.length && " …"];
}
