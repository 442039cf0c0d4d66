// gemini.google.com: custom elements for both sides; an exchange has an id, which its answer repeats as «r_<id>».

{
  const { markdown } = globalThis.aethergrid;
  const PERSON = "user-query, [data-test-id='user-query']";
  const ANSWER = "model-response, [data-test-id='model-response']";
  const EXCHANGE = ".conversation-container";
  const BUSY = ".markdown[aria-busy='true'], [data-test-id='loading-indicator'], .response-footer:not(.complete) ~ .spinner, .avatar_spinner_animation[lottie-animation]";
  const STOP = ".send-button.stop, button[data-test-id='stop-button'], .send-button-container .stop-icon";

  function conversationOf(address) {
    const found = /^(?:\/u\/\d+)?\/(?:app|gem\/[^/]+)\/([^/]+)/.exec(address.pathname);
    if (!found) return null;
    return { id: /^[0-9a-f]{8,32}$/i.test(found[1]) ? found[1].toLowerCase() : null };
  }

  function read(document) {
    const elements = [...document.querySelectorAll(`${PERSON}, ${ANSWER}`)].filter((one) => !one.parentElement.closest(`${PERSON}, ${ANSWER}`));
    const messages = elements.map((element) => message(element));
    const last = messages.at(-1);
    if (last?.role === "assistant" && document.querySelector(STOP)) last.streaming = true;
    const gaps = [...document.querySelectorAll(EXCHANGE)].filter((one) => !elements.some((element) => one.contains(element)));
    const unread = gaps.filter((one) => one.textContent.trim()).length;
    return { title: title(document), messages, gaps, unread };
  }

  function message(element) {
    const role = element.matches(PERSON) ? "user" : "assistant";
    const exchange = idOf(element);
    return {
      element,
      id: exchange && (role === "user" ? `${exchange}/user` : exchange),
      place: null,
      role,
      content: role === "user" ? question(element) : answer(element),
      model: null,
      picked: role === "assistant" ? picked(element.ownerDocument) : null,
      streaming: role === "assistant" && element.querySelector(BUSY) !== null,
      editing: element.querySelector("textarea, [contenteditable='true']") !== null,
    };
  }

  function idOf(element) {
    const around = element.closest(EXCHANGE);
    const named = [around?.id, ...[...(around ?? element).querySelectorAll("[id*='r_']")].map((one) => one.id)];
    for (const name of named) {
      const found = /(?:^|r_)([0-9a-f]{8,32})$/i.exec(name ?? "");
      if (found) return `r_${found[1].toLowerCase()}`;
    }
    return null;
  }

  function question(element) {
    const text = element.querySelector(".query-text") ?? element.querySelector("user-query-content, .query-content") ?? element;
    return markdown(text);
  }

  function answer(element) {
    // Beside it: the thoughts, and drafts that were not chosen.
    const bodies = [...element.querySelectorAll("message-content .markdown, .model-response-text .markdown, .markdown")].filter(
      (one) => !one.closest("model-thoughts, .thoughts-container, .draft-previews") && !one.parentElement.closest(".markdown"),
    );
    if (bodies.length) return bodies.map(markdown).filter(Boolean).join("\n\n");
    const body = element.querySelector("message-content");
    return body && !body.closest("model-thoughts, .thoughts-container") ? markdown(body) : "";
  }

  function picked(document) {
    return document.querySelector("[data-test-id='bard-mode-menu-button'] .logo-pill-label-container, [data-test-id='bard-mode-menu-button']")?.textContent.trim() || null;
  }

  function title(document) {
    const shown = document.querySelector("[data-test-id='conversation-title'], .conversation-title.gds-title-m, top-bar-actions .conversation-title")?.textContent.trim();
    const name = shown || document.title.trim().replace(/\s+[-–|]\s+(?:Google )?Gemini$/, "");
    return /^(?:(?:Google )?Gemini|New chat|)$/i.test(name) ? null : name;
  }

  globalThis.aethergrid.sites.gemini = { hosts: ["gemini.google.com"], conversationOf, read };
}
