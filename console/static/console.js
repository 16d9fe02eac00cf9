// What the console does beyond links and forms: the code of a login link, the drawer, the search, the keyboard. All works without it, but for the link.
"use strict";

const loginForm = document.querySelector("[data-login]");
const takeCode = () => {
  if (!loginForm || location.hash.length < 2) return;
  // The code stands behind "#", where no server sees it. It is taken out of the address before anybody can copy that.
  loginForm.elements.code.value = decodeURIComponent(location.hash.slice(1)).slice(0, 64);
  history.replaceState(null, "", location.pathname);
  loginForm.querySelector("[data-code]").hidden = true;
  loginForm.querySelector("[data-ready]").hidden = false;
  loginForm.querySelector("button").focus();
};
takeCode();
window.addEventListener("hashchange", takeCode);  // a link that is opened where this page is open already loads nothing

const drawer = document.querySelector("[data-drawer]");
const isWide = window.matchMedia("(min-width: 64rem)");
if (drawer) {
  const fit = () => { drawer.open = isWide.matches; };
  isWide.addEventListener("change", fit);
  fit();
  // On a low screen the menu scrolls: the page that is open is to be seen in it.
  drawer.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest" });
  drawer.dataset.ready = "";
}

// What is wider than the screen shows its busiest place first.
document.querySelectorAll("[data-busiest]").forEach((cell) => {
  const box = cell.closest(".wide-table");
  box.scrollLeft = cell.offsetLeft - (box.clientWidth - cell.offsetWidth) / 2;
});

const opened = (id) => {
  const box = document.getElementById(id);
  if (box && !box.open) { document.querySelectorAll("dialog[open]").forEach((one) => one.close()); box.showModal(); }
  box?.querySelector("input[type=search]")?.select();
};

document.addEventListener("click", (clicked) => {
  const opener = clicked.target.closest("[data-open]");
  if (opener) { clicked.preventDefault(); opened(opener.dataset.open); }
  if (clicked.target.closest("[data-close]") || clicked.target.matches("dialog")) clicked.target.closest("dialog").close();
});

// Moves the focus along the rows of a list; at its end it stays.
const step = (rows, by) => {
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
};
const isSeen = (row) => row.offsetParent !== null;
const rowsOf = (place, which) => [...document.querySelectorAll(`${place} :is(${which})`)].filter(isSeen);
const ROWS = ".entries a.entry, .todo li > a, .versions a, [data-row], tbody tr td:first-child a, tbody th a";

const finder = document.querySelector("#search");
// Hits belong to the words they were found by: Enter after newer words must not open an older hit.
finder?.addEventListener("htmx:afterSwap", (swapped) => { finder.querySelector("#found").dataset.by = swapped.detail.requestConfig.parameters.q; });
finder?.addEventListener("keydown", (pressed) => {
  const hits = rowsOf("#found", "a");
  if (pressed.key === "ArrowDown" || pressed.key === "ArrowUp") {
    pressed.preventDefault();
    if (pressed.key === "ArrowUp" && hits[0] === document.activeElement) finder.querySelector("input[type=search]").focus();
    else step(hits, pressed.key === "ArrowDown" ? 1 : -1);
  } else if (pressed.key === "Enter" && pressed.target.matches("input") && hits.length && finder.querySelector("#found").dataset.by === pressed.target.value) {
    pressed.preventDefault();
    hits[0].click();
  } else if (pressed.key.length === 1 && !pressed.ctrlKey && !pressed.metaKey && pressed.target.matches("a")) {
    finder.querySelector("input[type=search]").focus(); // it gets the letter, too
  }
});

const GO_MS = 2000;
let goesSince = -GO_MS;
const KEYS = {
  "/": () => opened("search"),
  "?": () => opened("help"),
  f: () => { const search = document.querySelector("[data-search]"); search?.focus(); search?.select(); return search; },
  j: () => step(rowsOf("main", ROWS), 1),
  k: () => step(rowsOf("main", ROWS), -1),
  n: () => document.querySelector("[data-key=n]")?.click(),
  g: () => { goesSince = performance.now(); },
};

document.addEventListener("keydown", (pressed) => {
  const at = document.activeElement;
  const isTyping = at && (at.matches("input, textarea, select") || at.isContentEditable);
  if (pressed.ctrlKey || pressed.metaKey) {
    if (pressed.key === "Enter") at?.closest("[data-save]")?.requestSubmit();
    if (pressed.key.toLowerCase() === "k" && finder) { pressed.preventDefault(); opened("search"); }
    return;
  }
  if (isTyping || pressed.altKey || document.querySelector("dialog[open]")) return;
  const goes = performance.now() - goesSince < GO_MS;
  goesSince = -GO_MS;
  if (goes && /^[a-z]$/.test(pressed.key)) { document.querySelector(`[data-go="${pressed.key}"]`)?.click(); return; }
  if (!Object.hasOwn(KEYS, pressed.key)) return;
  pressed.preventDefault();
  KEYS[pressed.key]();
});
