// Follows the page of a chat: reads it when it has come to rest, tells the service worker what is there, and says so
// where a conversation is open and nothing can be read.

{
  const { digest, sites, Thread } = globalThis.aethergrid;

  const TICK = 500; // ms between two looks at the clock
  const QUIET = 1_000; // how long nothing changes before the page is read
  const LONGEST = 5_000; // but it is read at least this often while things change
  const PATIENCE = 12_000; // how long an open conversation may show nothing
  const AGAIN = 15_000; // when what could not be taken is told again
  // Beside what is added and removed: where sites mark who speaks, which message it is, and whether it is being written.
  const MARKS = [
    "aria-busy", "data-chatgpt-search-message-ids", "data-content-search-unit-key", "data-index", "data-is-streaming",
    "data-message-id", "data-streaming-response-status", "data-turn-key", "id",
  ];

  const site = Object.values(sites).find((one) => one.hosts.includes(location.hostname));

  class Watch {
    #on = null; // until the worker has said whether to capture here
    #address = null;
    #conversation = null;
    #thread = null;
    #arrived = 0;
    #lookAt = 0; // when the page is looked at again although nothing changes
    #unreadSince = 0;
    #changed = 0; // when the page changed first since it was read; 0: not at all
    #latest = 0;
    #told = "";
    #toldAt = 0;
    #read = new WeakMap(); // element → the conversation that it was read in, and what it said
    #replaced = []; // told until somebody took it
    #timer = null;

    start() {
      chrome.runtime.onMessage.addListener((message) => {
        if (message.type === "switched") this.#switch(message.on);
      });
      new MutationObserver(() => this.#touch()).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: MARKS });
      addEventListener("pagehide", () => this.#leave());
      addEventListener("pageshow", ({ persisted }) => persisted && this.#switch(this.#on));
      document.addEventListener("visibilitychange", () => this.#look());
      this.#timer = setInterval(() => this.#tick(), TICK);
      this.#ask();
    }

    async #ask() {
      const answer = await send({ type: "hello" });
      if (answer && this.#on === null) this.#switch(answer.on);
    }

    #switch(on) {
      this.#on = on;
      this.#address = null;
      this.#told = "";
      if (on) this.#look();
      else this.#tell({ kind: "off" });
    }

    #leave() {
      this.#look({ partial: true });
      send({ type: "left" });
    }

    #touch() {
      this.#latest = Date.now();
      this.#changed ||= this.#latest;
    }

    #tick() {
      if (!chrome.runtime?.id) {
        clearInterval(this.#timer); // the extension was loaded again; its new scripts come with the next load of the page
        return;
      }
      if (this.#on === null) {
        this.#ask();
        return;
      }
      const now = Date.now();
      const rested = this.#changed && (now - this.#latest >= QUIET || now - this.#changed >= LONGEST);
      const waiting = this.#told === "" && now - this.#toldAt >= AGAIN;
      const overdue = this.#lookAt && now >= this.#lookAt;
      if (location.href !== this.#address || rested || waiting || overdue) this.#look();
    }

    #look({ partial = false } = {}) {
      if (!this.#on) return;
      if (location.href !== this.#address) this.#arrive();
      // Right after a change of address the page may still show what was open before.
      if (Date.now() - this.#arrived < QUIET && !partial) return this.#touch();
      this.#changed = 0;
      this.#lookAt = 0;
      const open = site.conversationOf(location);
      const found = this.#ofThisOne(site.read(document));
      const readable = found.messages.filter((one) => one.content || one.streaming).length;
      const late = Date.now() - this.#arrived >= PATIENCE;
      if (!late) this.#lookAt = this.#arrived + PATIENCE;
      if (!open && !(readable && late && location.pathname.split("/").length > 2)) return this.#tell({ kind: "idle" });
      if (open?.id && readable) return this.#report(open.id, found, partial);
      if (late) return this.#tell({ kind: "unreadable", detail: readable ? "address" : "messages" });
      this.#tell({ kind: "reading" });
    }

    #arrive() {
      const before = this.#conversation;
      this.#address = location.href;
      this.#arrived = Date.now();
      this.#unreadSince = 0;
      this.#conversation = site.conversationOf(location)?.id ?? null;
      if (this.#conversation === before && this.#thread) return;
      this.#thread = new Thread();
      this.#replaced = [];
    }

    /** Without what was read in another conversation and says the same still: the page has not caught up. */
    #ofThisOne(found) {
      const messages = found.messages.filter((one) => {
        const before = this.#read.get(one.element);
        return !before || before.conversation === this.#conversation || before.digest !== digest(one.content);
      });
      return { ...found, messages };
    }

    #report(conversation, found, partial) {
      const { messages, replaced, fresh, streaming } = this.#thread.take(found, { partial });
      for (const one of found.messages) this.#read.set(one.element, { conversation, digest: digest(one.content) });
      const state = this.#complains(found.unread, streaming) ?? { kind: "captured", count: messages.length };
      this.#replaced.push(...replaced);
      const snapshot = { conversation, title: found.title, messages, replaced: [...this.#replaced], fresh };
      if (messages.length) this.#tell(state, snapshot);
      else this.#tell({ kind: "reading" });
    }

    // Before an answer begins, sites show what nobody says («Thinking…»).
    #complains(unread, streaming) {
      const now = Date.now();
      if (streaming) this.#lookAt = now + LONGEST;
      this.#unreadSince = unread && !streaming ? this.#unreadSince || now : 0;
      if (!this.#unreadSince) return null;
      if (now - this.#unreadSince >= PATIENCE) return { kind: "unreadable", detail: "some", count: unread };
      this.#lookAt = this.#unreadSince + PATIENCE;
      return null;
    }

    async #tell(state, snapshot = null) {
      const { messages = [], replaced = [], title = null } = snapshot ?? {};
      const said = JSON.stringify([state, this.#conversation, title, messages.map((one) => [one.id, one.digest, one.partial]), replaced.map((one) => one.id)]);
      if (said === this.#told) return;
      this.#told = said;
      this.#toldAt = Date.now();
      const answer = await send({ type: "report", state, snapshot });
      // Told again later: the queue was full, or the worker did not answer.
      if (answer?.taken) this.#replaced = this.#replaced.filter((one) => !replaced.includes(one));
      else if (this.#told === said) this.#told = "";
    }
  }

  async function send(message) {
    try {
      return await chrome.runtime.sendMessage(message);
    } catch {
      return null; // the worker is being replaced
    }
  }

  if (site) new Watch().start();
}
