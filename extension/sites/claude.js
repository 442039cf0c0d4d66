// claude.ai: the address names the conversation as its export does; messages have no id on the page, only a row's number.

{
  const { markdown } = globalThis.aethergrid;
  const ROW = "[data-index], [data-testid='transcript-row'], [data-test-render-count]";
  const PERSON = "[data-testid='user-message'], .font-user-message";
  // A report that is open beside the chat has the same class.
  const ANSWER = ".font-claude-response:not(#markdown-artifact), .font-claude-message";
  const BODY = ".standard-markdown, .progressive-markdown";
  const CONVERSATION = /\/chat\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/i;

  function conversationOf(address) {
    if (/[?&]incognito/.test(address.search)) return null;
    const found = CONVERSATION.exec(address.pathname);
    if (found) return { id: found[1].toLowerCase() };
    return address.pathname.includes("/chat/") ? { id: null } : null;
  }

  function read(document) {
    const elements = [...document.querySelectorAll(`${PERSON}, ${ANSWER}`)].filter((one) => !one.parentElement.closest(`${PERSON}, ${ANSWER}`));
    const picked = document.querySelector("[data-testid='model-selector-dropdown']")?.textContent.trim() || null;
    const messages = elements.map((element) => message(element, picked));
    const rows = [...document.querySelectorAll(ROW)].filter((row) => !row.querySelector(ROW));
    const gaps = rows.filter((row) => !elements.some((element) => row.contains(element) || element.contains(row)));
    return { title: title(document), messages: joined(messages), gaps, unread: unread(document, messages, gaps) };
  }

  function message(element, picked) {
    const role = element.matches(PERSON) ? "user" : "assistant";
    const place = Number.parseInt(element.closest("[data-index]")?.dataset.index ?? "", 10);
    return {
      element,
      id: Number.isNaN(place) ? null : `page/${place}`,
      place: Number.isNaN(place) ? null : place,
      role,
      content: markdown(role === "assistant" ? answer(element) : element),
      model: null,
      picked: role === "assistant" ? picked : null,
      streaming: element.closest("[data-is-streaming]")?.dataset.isStreaming === "true" || element.querySelector("[data-is-streaming='true']") !== null,
      editing: element.querySelector("textarea, [contenteditable='true']") !== null,
    };
  }

  // Thinking, and what tools did, stands beside the bodies of an answer.
  function answer(element) {
    const bodies = [...element.querySelectorAll(BODY)].filter((one) => !one.parentElement.closest(`${BODY}, [class~='row-start-1']`));
    if (!bodies.length) return element;
    const all = element.ownerDocument.createElement("div");
    all.append(...bodies.map((one) => one.cloneNode(true)));
    return all;
  }

  /** One message for all that stands in one row: an answer around calls of tools has several parts. */
  function joined(messages) {
    const found = [];
    for (const one of messages) {
      const before = found.at(-1);
      if (before && one.id !== null && before.id === one.id && before.role === one.role) {
        before.content = [before.content, one.content].filter(Boolean).join("\n\n");
        before.streaming ||= one.streaming;
      } else {
        found.push(one);
      }
    }
    return found;
  }

  // A row of which only a file is left is no loss; bars with buttons but no message are.
  function unread(document, messages, gaps) {
    const bars = document.querySelectorAll("[data-testid='action-bar-copy']").length;
    return Math.max(gaps.filter((row) => row.querySelector("[data-testid='action-bar-copy']")).length, messages.length ? 0 : bars);
  }

  function title(document) {
    const shown = document.querySelector("[data-testid='chat-title-button'], [data-testid='chat-menu-trigger']")?.textContent.trim();
    const name = shown || document.title.trim().replace(/\s+[-–|\\]\s+Claude$/, "");
    return /^(?:Claude|New chat|Untitled|)$/i.test(name) ? null : name;
  }

  globalThis.aethergrid.sites.claude = { hosts: ["claude.ai"], conversationOf, read };
}
