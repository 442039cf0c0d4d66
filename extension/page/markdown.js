// What a page shows, as Markdown: the form in which exports and APIs hold the same message.

{
  const SKIPPED = new Set([
    "BUTTON", "SCRIPT", "STYLE", "SVG", "TEMPLATE", "NOSCRIPT", "TEXTAREA", "INPUT", "SELECT", "MAT-ICON", "SOURCE-FOOTNOTE",
    "SOURCES-CAROUSEL-INLINE", "RESPONSE-ACTIONS", "AUDIO", "VIDEO", "CANVAS", "IFRAME",
  ]);
  // Words for screen readers («You said:»), and the bar above a code block.
  const UNSEEN = ".sr-only, .cdk-visually-hidden, .visually-hidden, .code-block-decoration, [aria-hidden='true'], [role='toolbar'], [role='tooltip']";
  const BLOCKS = new Set([
    "ADDRESS", "ARTICLE", "ASIDE", "DIV", "DL", "DT", "DD", "FIGURE", "FIGCAPTION", "FOOTER", "HEADER", "MAIN", "P", "SECTION",
    "RESPONSE-ELEMENT", "CODE-BLOCK", "LINK-BLOCK", "MESSAGE-CONTENT", "DETAILS", "SUMMARY",
  ]);
  const LANGUAGE = /(?:^|\s)(?:language|lang|hljs-language)-([\w#+.-]+)/;
  const NO_LANGUAGE = /^(?:plain ?text|text|txt|code|code snippet|copy|copy code|)$/i;

  /** The Markdown of an element: blocks apart by a blank line, code and `white-space: pre-wrap` texts as they are. */
  function markdown(element) {
    return blocks(element, element.closest(".whitespace-pre-wrap") !== null).trim();
  }

  function blocks(element, kept) {
    const parts = [];
    let line = "";
    const close = () => {
      const text = kept ? line.replace(/^\n+|\s+$/g, "") : line.replace(/[ \t]*\n[ \t]*/g, "\n").trim();
      if (text) parts.push(text);
      line = "";
    };
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) line += words(child.data, kept);
      if (child.nodeType !== Node.ELEMENT_NODE || unseen(child)) continue;
      const block = blockOf(child, kept || child.classList.contains("whitespace-pre-wrap"));
      if (block === null) {
        line += inline(child, kept);
      } else {
        close();
        if (block) parts.push(block);
      }
    }
    close();
    return parts.join(element.matches(".query-text, .query-content") ? "\n" : "\n\n");
  }

  function blockOf(element, kept) {
    const tag = element.tagName;
    const maths = formula(element, true);
    if (maths !== null) return maths;
    if (tag === "PRE") return fence(element);
    if (/^H[1-6]$/.test(tag)) return `${"#".repeat(Number(tag[1]))} ${inlines(element, false).trim()}`;
    if (tag === "UL" || tag === "OL") return list(element);
    if (tag === "TABLE") return table(element);
    if (tag === "HR") return "---";
    if (tag === "BLOCKQUOTE") return blocks(element, kept).replace(/^/gm, "> ").replace(/ +$/gm, "");
    if (BLOCKS.has(tag) || element.querySelector("p, pre, ul, ol, table, blockquote, h1, h2, h3, h4, div")) return blocks(element, kept);
    return null;
  }

  function inline(element, kept) {
    const tag = element.tagName;
    const maths = formula(element, false);
    if (maths !== null) return maths;
    if (tag === "BR") return "\n";
    if (tag === "IMG") return element.alt ? `![${element.alt}]` : "";
    if (tag === "CODE") return ticked(element.textContent);
    const text = inlines(element, kept);
    if (tag === "A") return linked(text, element.getAttribute("href"));
    const mark = { STRONG: "**", B: "**", EM: "*", I: "*", DEL: "~~", S: "~~" }[tag];
    return mark && text.trim() ? text.replace(/^(\s*)([^]*?)(\s*)$/, `$1${mark}$2${mark}$3`) : text;
  }

  function inlines(element, kept) {
    let text = "";
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) text += words(child.data, kept);
      else if (child.nodeType === Node.ELEMENT_NODE && !unseen(child)) text += inline(child, kept);
    }
    return text;
  }

  function unseen(element) {
    if (element.querySelector("annotation") || element.matches("[data-math]")) return false;
    return SKIPPED.has(element.tagName.toUpperCase()) || element.matches(UNSEEN) || labels(element, element.nextElementSibling);
  }

  // The name of a language right above its code, which the fence names too.
  function labels(element, next) {
    return next?.tagName === "PRE" && element.textContent.trim().toLowerCase() === language(next, next.querySelector("code") ?? next);
  }

  function words(text, kept) {
    return kept ? text : text.replace(/\s+/g, " ");
  }

  function ticked(code) {
    const ticks = "`".repeat(1 + Math.max(0, ...[...code.matchAll(/`+/g)].map((run) => run[0].length)));
    return ticks.length > 1 ? `${ticks} ${code} ${ticks}` : `\`${code}\``;
  }

  function linked(text, address) {
    return !text.trim() || !/^https?:/.test(address ?? "") || text === address ? text : `[${text}](${address})`;
  }

  // KaTeX keeps the source beside what it draws; Gemini in an attribute.
  function formula(element, block) {
    const display = element.matches(".katex-display, .math-block, mjx-container[display='true']");
    if (display !== block || !(display || element.matches(".katex, .math-inline, mjx-container"))) return null;
    const holder = element.matches("[data-math]") ? element : element.querySelector("[data-math]");
    const source = holder?.dataset.math ?? element.querySelector("annotation[encoding='application/x-tex']")?.textContent;
    if (source === undefined) return null;
    return display ? `$$\n${source.trim()}\n$$` : `$${source.trim()}$`;
  }

  function fence(pre) {
    const code = pre.querySelector(".cm-content") ?? pre.querySelector("code") ?? pre;
    const text = verbatim(code).replace(/\n+$/, "");
    const ticks = "`".repeat(Math.max(3, ...[...text.matchAll(/^\s*(`{3,})/gm)].map((run) => run[1].length + 1)));
    return `${ticks}${language(pre, code)}\n${text}\n${ticks}`;
  }

  function verbatim(node) {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node.tagName === "BUTTON") return "";
    if (node.tagName === "BR") return "\n";
    const text = [...node.childNodes].map(verbatim).join("");
    return node.matches(".cm-line") ? `${text.replace(/\n$/, "")}\n` : text;
  }

  function language(pre, code) {
    for (const element of [code, pre, pre.querySelector("[class*='language-']")]) {
      const named = LANGUAGE.exec(element?.getAttribute("class") ?? "") ?? null;
      if (named) return named[1];
    }
    // Else it stands above the code: within the block, before it.
    const block = pre.closest("code-block, .code-block") ?? pre;
    for (const label of block.querySelectorAll("span, div")) {
      if (label.children.length || code.contains(label) || label.closest("button")) continue;
      const text = label.textContent.trim();
      if (/^[\w#+.-]{1,20}$/.test(text) && !NO_LANGUAGE.test(text)) return text.toLowerCase();
    }
    return "";
  }

  function list(element) {
    let number = Number(element.getAttribute("start") ?? 1);
    const items = [];
    for (const item of element.children) {
      if (item.tagName !== "LI") continue;
      const mark = element.tagName === "OL" ? `${number++}. ` : "- ";
      const loose = item.querySelector(":scope > p + p, :scope > pre");
      const text = loose ? blocks(item, false) : blocks(item, false).replace(/\n\n/g, "\n");
      items.push(mark + text.replace(/\n(?!\n|$)/g, `\n${" ".repeat(mark.length)}`));
    }
    return items.join("\n");
  }

  function table(element) {
    const rows = [...element.querySelectorAll("tr")].map((row) =>
      [...row.children].map((cell) => inlines(cell, false).trim().replace(/\|/g, "\\|").replace(/\s*\n\s*/g, " ")),
    );
    if (!rows.length) return "";
    const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
    lines.splice(1, 0, `|${" --- |".repeat(rows[0].length)}`);
    return lines.join("\n");
  }

  globalThis.aethergrid ??= { sites: {} };
  globalThis.aethergrid.markdown = markdown;
}
