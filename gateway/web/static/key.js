// A place to enter the API key: opened by any [data-api-key] button, and when the gateway asks for one. It is kept in
// sessionStorage: this tab has it until it is closed.
import { h } from "./dom.js";
import { KEY } from "./gateway.js";

const input = h("input", { type: "password", id: "api-key", autocomplete: "off" });
const reason = h("p", { class: "key-reason" });
const form = h(
  "form",
  { onsubmit: use },
  h("h2", {}, "API key"),
  reason,
  h("label", { htmlFor: "api-key" }, "Key"),
  input,
  h("p", { class: "key-note" }, "Kept in this tab until it is closed, and sent to this gateway alone."),
  h(
    "div",
    { class: "key-buttons" },
    h("button", { type: "submit" }, "Use this key"),
    h("button", { type: "button", onclick: forget }, "Forget it"),
    h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
  ),
);
const dialog = h("dialog", { class: "key-dialog", "aria-label": "API key" }, form);

function use(event) {
  event.preventDefault();
  const key = input.value.trim();
  if (key) sessionStorage.setItem(KEY, key);
  location.reload();
}

function forget() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

function open(why) {
  if (dialog.open) return;
  if (!dialog.isConnected) document.body.append(dialog);
  reason.textContent = why;
  input.value = sessionStorage.getItem(KEY) ?? "";
  dialog.showModal();
  input.focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-api-key]")) open("Where this gateway wants one, its operator gives it to you.");
});
addEventListener("gateway:unauthenticated", () =>
  open(sessionStorage.getItem(KEY) ? "The gateway does not know this key." : "This gateway wants an API key."),
);
