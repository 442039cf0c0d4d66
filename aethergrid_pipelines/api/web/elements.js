// Elements, built without ever parsing text as HTML: whatever is not a node becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `given` holds attributes; functions are listeners, `true` is an empty attribute, false and null none. */
export function element(name, given = {}, ...children) {
  return filled(document.createElement(name), given, children);
}

export function drawing(name, given = {}, ...children) {
  return filled(document.createElementNS(SVG, name), given, children);
}

function filled(made, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A link that leaves the page; only http and https lead anywhere. */
export function outside(href, ...children) {
  if (!/^https?:\/\//i.test(href)) return element("span", {}, ...children);
  return element("a", { href, target: "_blank", rel: "noopener" }, ...children,
    element("span", { class: "out", "aria-hidden": "true" }, " ↗"));
}

/** A command to type, with a button that copies it. */
export function command(text) {
  const button = element("button", { type: "button", class: "copy", "aria-label": `Copy: ${text}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return element("p", { class: "command" }, element("code", {}, text), button);
}
