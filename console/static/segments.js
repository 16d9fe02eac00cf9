// A condition of the list beside the editor is written into it by a click. Whatever is written so can be typed as well: nothing needs this file.
"use strict";

const condition = document.querySelector("textarea.condition");

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-insert]");
  if (!chosen || !condition) return;
  const at = condition.selectionStart ?? condition.value.length;
  const before = condition.value.slice(0, at).trimEnd();
  const behind = condition.value.slice(condition.selectionEnd ?? at).trimStart();
  const joins = before && !/(?:\(|（|且|或|非|and|or|not)$/i.test(before) ? " 且 " : before ? " " : "";
  const written = `${before}${joins}${chosen.dataset.insert}`;
  condition.value = behind ? `${written} ${behind}` : written;
  condition.focus();
  condition.setSelectionRange(written.length, written.length);
  condition.dispatchEvent(new Event("input", { bubbles: true }));
});
