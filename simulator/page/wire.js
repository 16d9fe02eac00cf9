"use strict";
/* The drawer that shows what went over the wire. */
const WireDrawer = (() => {
  const { make } = Card;
  const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  let last = 0, epoch = "", timer = 0;

  function pretty(text) {
    if (!text) return "";
    try { return JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: XML or plain text */ }
    return text.startsWith("<xml>") ? text.replace(/></g, ">\n<") : text;
  }

  function part(label, text, closed) {
    if (!text) return [];
    const box = make(closed ? "details" : "div", "wire-part");
    box.append(make(closed ? "summary" : "h4", "", label), make("pre", "", pretty(text)));
    return [box];
  }

  function row(data) {
    const isCallback = data.direction === "callback", bad = data.status !== 200 || data.problem || /"errcode": [^0]/.test(data.answer);
    const box = make("details", `wire-row ${isCallback ? "down" : "up"}${bad ? " bad" : ""}`);
    box.dataset.testid = "wire-row";
    const line = make("summary");
    const name = make("span", "wire-name");
    name.append(make("b", "", isCallback ? `回调 ${data.target}` : data.target.replace("/cgi-bin/", "")));
    name.append(make("small", "", isCallback ? "企业微信 → 机器人" : "机器人 → 企业微信"));
    const facts = make("span", "wire-facts");
    facts.append(make("b", "", data.status ? String(data.status) : "无应答"), make("small", "", `${data.ms < 10 ? data.ms.toFixed(1) : Math.round(data.ms)} ms`));
    line.append(make("i", "wire-arrow", isCallback ? "↓" : "↑"), name, facts);
    box.append(line);
    const about = [clock.format(new Date(data.at * 1000)), data.attempt > 1 ? `第 ${data.attempt} 次送` : "", data.msgid].filter(Boolean).join(" · ");
    box.append(make("p", "wire-about", about));
    if (data.problem) box.append(make("p", "wire-problem", data.problem));
    if (data.query) box.append(...part("地址参数", data.query.replace(/&/g, "\n&")));
    box.append(...part(isCallback ? "回调明文" : "请求", data.plaintext));
    box.append(...part("密文（线上真正走的）", data.sealed, true));
    box.append(...part(isCallback ? "回答明文" : "答复", data.answer));
    box.append(...part("回答密文", data.answer_sealed, true));
    return box;
  }

  async function poll() {
    try {
      const found = await (await fetch(`api/wire?after=${last}`, { cache: "no-store" })).json();
      const rows = document.getElementById("wire-rows");
      if (found.epoch !== epoch) { epoch = found.epoch; if (last) { last = 0; rows.replaceChildren(); return; } }
      if (!found.rows.length && !rows.children.length) rows.replaceChildren(make("p", "empty", "还没有往来。发一条消息，就能看到它怎样加密、送出、得到回答。"));
      if (found.rows.length) rows.querySelector(".empty")?.remove();
      for (const data of found.rows) { rows.prepend(row(data)); last = data.n; }
      while (rows.children.length > 200) rows.lastChild.remove();
    } catch { /* the page itself says when the server is away */ }
  }

  function show(open) {
    const drawer = document.getElementById("wire"), toggle = document.getElementById("wire-toggle");
    drawer.hidden = !open;
    document.getElementById("stage").classList.toggle("with-wire", open);
    toggle.setAttribute("aria-expanded", String(open));
    clearInterval(timer);
    if (open) { poll(); timer = setInterval(poll, 900); document.getElementById("wire-close").focus(); } else toggle.focus();
  }

  document.getElementById("wire-toggle").addEventListener("click", () => show(document.getElementById("wire").hidden));
  document.getElementById("wire-close").addEventListener("click", () => show(false));
  return { show };
})();
