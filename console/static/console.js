// What the console does beyond links and forms: the code of a login link, the drawer, the keyboard. Everything works without it, but for the link.
"use strict";

const loginForm = document.querySelector("[data-login]");
if (loginForm && location.hash.length > 1) {
  // The code stands behind "#", where no server sees it. It is taken out of the address before anybody can copy that.
  loginForm.elements.code.value = decodeURIComponent(location.hash.slice(1)).slice(0, 64);
  history.replaceState(null, "", location.pathname);
  loginForm.querySelector("[data-code]").hidden = true;
  loginForm.querySelector("[data-ready]").hidden = false;
  loginForm.querySelector("button").focus();
}

const drawer = document.querySelector("[data-drawer]");
const isWide = window.matchMedia("(min-width: 64rem)");
if (drawer) {
  const fit = () => { drawer.open = isWide.matches; };
  isWide.addEventListener("change", fit);
  fit();
  drawer.dataset.ready = "";
}

document.addEventListener("keydown", (pressed) => {
  const at = document.activeElement;
  const isTyping = at && (at.matches("input, textarea, select") || at.isContentEditable);
  if ((pressed.ctrlKey || pressed.metaKey) && pressed.key === "Enter") {
    at?.closest("[data-save]")?.requestSubmit();
    return;
  }
  if (isTyping || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  if (pressed.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) { pressed.preventDefault(); search.focus(); search.select(); }
  } else if (pressed.key === "?") {
    document.getElementById("help")?.showModal();
  } else if (pressed.key === "n") {
    document.querySelector("[data-key=n]")?.click();
  } else if (pressed.key === "t") {
    document.querySelector("a[href$='/faq/try']")?.click();
  }
});
