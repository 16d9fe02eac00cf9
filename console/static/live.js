// Keeps what is marked data-live as new as the bot's memory: a stream says in which community something happened, the page fetches itself
// and takes over the marked parts that changed. Nothing is fetched while nobody looks.
"use strict";

const frame = document.querySelector("[data-live-from]");
if (frame && document.querySelector("[data-live]")) {
  const PAUSE_MS = 3000, AGAIN_MS = 15000;
  let stream = null, waiting = 0, last = 0, isBusy = false, isStale = false;

  const isBeingUsed = (part) => part.contains(document.activeElement) && document.activeElement.matches(":focus-visible, input, textarea, select");

  const take = (fresh) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next) continue;
      const unfolded = [...part.querySelectorAll("details")].map((one) => one.open);
      next.querySelectorAll("details").forEach((one, at) => { one.open = unfolded[at] ?? one.open; });
      if (next.outerHTML === part.outerHTML) continue;
      if (isBeingUsed(part)) { isStale = true; continue; }  // it follows when he goes on
      part.replaceWith(document.adoptNode(next));
      window.htmx?.process(next);
    }
  };

  const refresh = async () => {
    waiting = 0;
    if (isBusy) { isStale = true; return; }
    isBusy = true;
    isStale = false;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin" });
      if (answer.redirected) location.reload();  // the session has ended: to the login
      else if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the network is away: the stream says when it is back */ } finally {
      isBusy = false;
      if (isStale && !document.activeElement?.closest("[data-live]")) soon();
    }
  };

  const soon = () => { waiting ||= setTimeout(refresh, Math.max(0, last + PAUSE_MS - Date.now())); };

  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(frame.dataset.liveFrom);
    stream.addEventListener("changed", soon);
    stream.onopen = () => { frame.dataset.liveIs = "on"; };
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      stream = null;
      setTimeout(() => { refresh(); open(); }, AGAIN_MS);
    };
  };

  document.addEventListener("focusout", () => { if (isStale) soon(); });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream?.close(); stream = null; } else { soon(); open(); }
  });
  addEventListener("pagehide", () => { stream?.close(); stream = null; });
  addEventListener("pageshow", (shown) => { if (shown.persisted) { soon(); open(); } });
  open();
}
