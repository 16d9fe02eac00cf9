// Dragging in the month, and the panel beside it. Whatever is done here by mouse is done as well by the panel's form: nothing needs this file.
"use strict";

const month = document.querySelector("[data-month]");
const moving = document.querySelector("[data-move-form]");
const told = document.getElementById("moved");
let dragged = null;

const say = (words) => { if (told) told.textContent = words; };
const dayOf = (event) => event.target.closest("[data-day]");
const clear = () => month.querySelectorAll(".over").forEach((cell) => cell.classList.remove("over"));

if (month && moving) {
  month.addEventListener("dragstart", (event) => {
    const item = event.target.closest("[data-sort]");
    if (!item) return;
    if (item.dataset.stays) {
      event.preventDefault();
      say(item.dataset.stays);
      return;
    }
    dragged = item;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", item.dataset.title);
    say(`正在挪“${item.dataset.title}”，放到哪一天？`);
  });
  month.addEventListener("dragover", (event) => {
    const cell = dayOf(event);
    if (!dragged || !cell) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    if (!cell.classList.contains("over")) { clear(); cell.classList.add("over"); }
  });
  month.addEventListener("drop", (event) => {
    const cell = dayOf(event);
    if (!dragged || !cell) return;
    event.preventDefault();
    if (cell === dragged.closest("[data-day]")) return;
    const { sort, id, mark } = dragged.dataset;
    Object.assign(moving.elements.sort, { value: sort });
    Object.assign(moving.elements.id, { value: id });
    Object.assign(moving.elements.mark, { value: mark });
    Object.assign(moving.elements.day, { value: cell.dataset.day });
    say(`正在改到 ${cell.dataset.day}……`);
    moving.requestSubmit();
  });
  month.addEventListener("dragend", () => { dragged = null; clear(); });
}

let opener = null;
document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target?.id === "beside") opener = event.detail.elt; });
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "beside" || event.target?.id === "beside") document.getElementById("beside-title")?.focus();
});
document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-shut]");
  if (!close || !opener) return;
  event.preventDefault();  // what was opened here is shut here; a page that began with the panel open is left by the link
  document.getElementById("beside").hidden = true;
  history.replaceState(null, "", close.href);
  opener.focus();
});
document.addEventListener("keydown", (pressed) => {
  if (pressed.key === "Escape" && !document.querySelector("dialog[open]")) document.querySelector("#beside:not([hidden]) [data-shut]")?.click();
});
if (document.querySelector("#beside[data-beside]")) document.getElementById("beside-title")?.focus();
