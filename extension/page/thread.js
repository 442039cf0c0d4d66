// One conversation as far as a tab has seen it. Pages show a window of a long one: what is not on the page now is not
// gone, but what stood where now something else stands was replaced.

{
  const { digest } = globalThis.aethergrid;

  // An answer that has not grown for so long is taken for finished: sites change how they mark one that is being written.
  const STALLED = 120_000;

  class Thread {
    #order = []; // ids, in the order of the conversation
    #known = new Map(); // id → what was last told of it
    #streamed = new Map(); // id → the model that was picked while it was being written
    #grew = new Map(); // id → what an answer that is being written said when it last grew, and when
    #begun = false;

    /** Take in what a reader found. Returns the whole messages in order, those that were `replaced`, whether this is the
     * first look (`fresh`), and whether an answer is being written; `partial` takes what there is of that, too. */
    take({ messages, gaps }, { partial = false, now = Date.now() } = {}) {
      const shown = messages.filter((one) => !one.editing && (one.content || one.streaming));
      const holes = [...gaps, ...messages.filter((one) => one.editing).map((one) => one.element)];
      this.#name(shown);
      const whole = [];
      shown.forEach((one, index) => {
        if (one.streaming) this.#streamed.set(one.id, one.picked ?? null);
        if (one.streaming && this.#stalled(one, now)) one.streaming = false;
        if (one.streaming && !(partial && one.content)) return;
        // Said while one looks on: written before one's eyes, or below what was there already.
        const below = this.#begun && shown.slice(0, index).some((earlier) => this.#known.has(earlier.id));
        const live = below || this.#streamed.has(one.id) || shown[index + 1]?.streaming === true;
        const { id, role, content } = one;
        const said = { id, role, content, model: one.model ?? this.#streamed.get(id) ?? null, live };
        whole.push({ ...said, partial: one.streaming, digest: digest(`${role}/${content}`) });
      });
      const fresh = !this.#begun;
      const replaced = this.#merge(whole, shown, holes);
      for (const one of whole) this.#known.set(one.id, { ...one, live: this.#known.get(one.id)?.live ?? one.live });
      this.#begun ||= shown.length > 0 && !shown.some((one) => one.streaming);
      return {
        messages: whole.map((one) => this.#known.get(one.id)),
        replaced,
        fresh,
        streaming: shown.some((one) => one.streaming),
      };
    }

    #stalled({ id, content }, now) {
      const before = this.#grew.get(id);
      if (before?.content !== content) this.#grew.set(id, { content, since: now });
      return content !== "" && before?.content === content && now - before.since >= STALLED;
    }

    // What has no id of its own is named by what it says: nothing else is known to stay the same.
    #name(shown) {
      const counts = new Map();
      for (const one of shown) {
        if (one.id !== null) continue;
        const said = digest(`${one.role}/${one.content}`);
        const count = counts.get(said) ?? 0;
        counts.set(said, count + 1);
        one.id = `page/${said}${count ? `/${count}` : ""}`;
      }
    }

    #merge(whole, shown, holes) {
      const window = whole.map((one) => one.id);
      const here = new Set([...window, ...shown.map((one) => one.id)]);
      const anchors = window.filter((id) => this.#known.has(id));
      if (!anchors.length) {
        this.#order.push(...window);
        return [];
      }
      const first = this.#order.indexOf(anchors[0]);
      const last = this.#order.indexOf(anchors.at(-1));
      const head = window.slice(0, window.indexOf(anchors[0]));
      const middle = window.slice(window.indexOf(anchors[0]), window.indexOf(anchors.at(-1)) + 1);
      const tail = window.slice(window.indexOf(anchors.at(-1)) + 1);
      const between = this.#order.slice(first, last + 1).filter((id) => !here.has(id));
      const rest = this.#order.slice(last + 1).filter((id) => !here.has(id));
      const gone = new Set();
      if (!this.#hole(shown, holes, anchors[0], anchors.at(-1))) between.forEach((id) => gone.add(id));
      const edited = whole.some((one) => one.role === "user" && this.#known.has(one.id) && this.#known.get(one.id).digest !== one.digest);
      const next = shown[shown.findIndex((one) => one.id === anchors.at(-1)) + 1]?.id;
      const another = next !== undefined && !this.#hole(shown, holes, anchors.at(-1), next);
      if (edited || another) rest.forEach((id) => gone.add(id));
      const kept = between.filter((id) => !gone.has(id));
      const after = rest.filter((id) => !gone.has(id));
      this.#order = [...this.#order.slice(0, first), ...head, ...middle, ...kept, ...tail, ...after].filter((id, at, all) => all.indexOf(id) === at);
      const replaced = [...gone].map((id) => this.#known.get(id)).filter(Boolean);
      gone.forEach((id) => this.#known.delete(id));
      return replaced;
    }

    // Whether something that is not shown stands between two messages on the page.
    #hole(shown, holes, from, to) {
      const [start, end] = [from, to].map((id) => shown.find((one) => one.id === id).element);
      return holes.some((hole) => follows(start, hole) && follows(hole, end));
    }
  }

  function follows(before, after) {
    return Boolean(before.compareDocumentPosition(after) & Node.DOCUMENT_POSITION_FOLLOWING);
  }

  globalThis.aethergrid.Thread = Thread;
}
