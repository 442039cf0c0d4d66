// chatgpt.com: three layouts of 2025 and 2026, the newest first. Addresses and message ids are those of ChatGPT's export.

{
  const { markdown } = globalThis.aethergrid;
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
  const TURN = "[data-testid^='conversation-turn-'], section[data-turn], article[data-turn], [data-turn-key]";
  // Since October 2026 the key of a unit ends in who speaks: «<turn>:<n>:assistant».
  const UNIT = "[data-content-search-unit-key$=':user'], [data-content-search-unit-key$=':assistant']";
  const SPOKEN = "[data-message-author-role='user'], [data-message-author-role='assistant']";
  const STREAMING = ".result-streaming, .streaming-animation, [data-streaming-response-status], [aria-busy='true']";
  const STOP = "[data-testid='stop-button'], [data-testid='composer-stop-button'], [data-testid='stop-streaming']";
  const THINKING = "[data-testid*='thinking'], [data-testid*='reasoning']";

  function conversationOf(address) {
    const found = /^\/(?:g\/[^/]+\/)?c\/([^/]+)/.exec(address.pathname);
    // A temporary chat is one that whoever has it wants forgotten.
    if (!found || /[?&]temporary-chat=true/.test(address.search)) return null;
    // «WEB:…» is what a chat is called until the server has named it.
    return { id: UUID.test(found[1]) ? found[1].toLowerCase() : null };
  }

  function read(document) {
    const units = [...document.querySelectorAll(UNIT)];
    const elements = units.length ? units : [...document.querySelectorAll(SPOKEN)];
    const messages = elements.map((element) => message(element));
    const last = messages.at(-1);
    if (last?.role === "assistant" && document.querySelector(STOP)) last.streaming = true;
    return { title: title(document), ...apart(document, elements, messages) };
  }

  function message(element) {
    const role = element.dataset.messageAuthorRole ?? /:(user|assistant)$/.exec(element.dataset.contentSearchUnitKey)[1];
    const body = element.querySelector(role === "user" ? ".whitespace-pre-wrap, [data-user-message-bubble]" : ".markdown, [data-markdown-text-style]");
    return {
      element,
      id: idOf(element, role),
      place: null,
      role,
      content: markdown(role === "user" ? (body ?? element) : answer(element, body)),
      model: element.dataset.messageModelSlug ?? null,
      streaming: role === "assistant" && (element.matches(STREAMING) || element.querySelector(STREAMING) !== null),
      editing: element.querySelector("textarea, [contenteditable='true']") !== null,
    };
  }

  // An answer may have several bodies; what it thought before is folded away beside them.
  function answer(element, body) {
    if (!body) return element;
    const bodies = [...element.querySelectorAll(".markdown, [data-markdown-text-style]")].filter(
      (one) => !one.closest(THINKING) && !one.parentElement.closest(".markdown, [data-markdown-text-style]"),
    );
    if (bodies.length === 1) return bodies[0];
    const all = element.ownerDocument.createElement("div");
    all.append(...bodies.map((one) => one.cloneNode(true)));
    return all;
  }

  function idOf(element, role) {
    const turn = element.closest("[data-turn-key]")?.dataset.turnKey;
    const selected = element.querySelector("[data-chatgpt-selection-message-id]")?.dataset.chatgptSelectionMessageId;
    const listed = (element.dataset.chatgptSearchMessageIds ?? "").trim().split(/\s+/);
    const named = [element.dataset.messageId, role === "user" ? turn : selected, element.dataset.chatgptSelectionMessageId, listed.at(-1)];
    return named.find((id) => UUID.test(id ?? ""))?.toLowerCase() ?? null;
  }

  /** The messages that can be read; `gaps` are the places of those that are not on the page now, `unread` counts those
   * that are and cannot be read. */
  function apart(document, elements, messages) {
    const empty = [...document.querySelectorAll(`${TURN}, [data-turn-id-container]`)].filter(
      (turn) => !turn.querySelector(TURN) && !elements.some((element) => turn.contains(element) || element.contains(turn)),
    );
    const unread = empty.filter((turn) => turn.textContent.trim() && !turn.querySelector("img, canvas, textarea"));
    return { messages, gaps: empty, unread: unread.length };
  }

  function title(document) {
    const id = conversationOf(document.location ?? { pathname: "", search: "" })?.id;
    const listed = id && document.querySelector(`nav a[href$="/c/${id}"], [data-sidebar-item][href$="/c/${id}"]`);
    const name = (listed ? listed.textContent : document.title).trim().replace(/\s+[-–|]\s+ChatGPT$/, "");
    return /^(?:ChatGPT|New chat|)$/i.test(name) ? null : name;
  }

  globalThis.aethergrid.sites.chatgpt = { hosts: ["chatgpt.com", "chat.openai.com"], conversationOf, read };
}
