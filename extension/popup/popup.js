// Whether anything is captured, where, and what became of it.

const EVERY = 1_000;

const form = document.querySelector("fieldset");
const at = Object.fromEntries(["here", "queue", "error", "refused", "deliver", "options"].map((id) => [id, document.getElementById(id)]));
// A page of tests opens this in a tab of its own and says which tab is meant.
const asked = Number(new URLSearchParams(location.search).get("tab"));

async function show() {
  const [tab] = asked ? [{ id: asked }] : await chrome.tabs.query({ active: true, currentWindow: true });
  const status = await chrome.runtime.sendMessage({ type: "status", tab: tab?.id });
  for (const input of form.querySelectorAll("input")) {
    const whole = input.name === "on";
    input.checked = whole ? status.on : status.sites[input.name];
    input.disabled = !whole && !status.on;
  }
  at.here.textContent = status.here?.text ?? "No chat in this tab. If there is one, load the page again.";
  at.here.classList.toggle("trouble", Boolean(status.here?.troubled));
  at.queue.textContent = `${counted(status.waiting)} waiting, ${status.delivered} delivered${when(status.deliveredAt)}.`;
  at.error.textContent = status.error ?? "";
  at.error.hidden = !status.error;
  at.deliver.disabled = !status.waiting || !status.on;
  at.refused.hidden = !status.refusals.length;
  at.refused.querySelector("summary").textContent = `Refused by the API: ${status.refusals.length}`;
  at.refused.querySelector("ul").replaceChildren(...status.refusals.map(refusal));
}

function refusal({ conversation, id, reason }) {
  const item = document.createElement("li");
  item.textContent = `${conversation} / ${id}: ${reason}`;
  return item;
}

function counted(number) {
  return `${number} ${number === 1 ? "message" : "messages"}`;
}

function when(moment) {
  return moment ? `, last at ${new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "";
}

form.addEventListener("change", async ({ target: { name, checked } }) => {
  const change = name === "on" ? { on: checked } : { sites: { [name]: checked } };
  await chrome.runtime.sendMessage({ type: "switch", change });
  await show();
});
at.deliver.addEventListener("click", async () => {
  await chrome.runtime.sendMessage({ type: "deliver" });
  await show();
});
at.options.addEventListener("click", () => chrome.runtime.openOptionsPage());

await show();
setInterval(show, EVERY);
