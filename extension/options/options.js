// Where the API is, and its key.

const form = document.querySelector("form");
const outcome = document.querySelector("#outcome");

const { address, key } = await chrome.runtime.sendMessage({ type: "status" });
form.elements.address.value = address;
form.elements.key.value = key;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const address = form.elements.address.value.trim().replace(/\/+$/, "");
  const { protocol, hostname } = new URL(address);
  if (!["http:", "https:"].includes(protocol)) return tell("An address begins with http:// or https://.", true);
  // This machine is allowed from the start; for any other the browser asks.
  if (!(await chrome.permissions.request({ origins: [`${protocol}//${hostname}/*`] }))) {
    return tell(`Without permission nothing can be sent to ${hostname}.`, true);
  }
  await chrome.runtime.sendMessage({ type: "connect", change: { address, key: form.elements.key.value } });
  const { ok, error } = await chrome.runtime.sendMessage({ type: "check" });
  tell(ok ? "The API takes what is sent." : error, !ok);
  if (ok) chrome.runtime.sendMessage({ type: "deliver" });
});

function tell(text, troubled) {
  outcome.textContent = text;
  outcome.classList.toggle("trouble", troubled);
}
