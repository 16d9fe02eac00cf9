"use strict";
/* WeCom's Markdown as HTML. Everything is escaped first; only what is rebuilt below becomes a tag. */
const Markdown = (() => {
  const escape = (text) => text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }[c]));
  const COLOURS = { info: "green", comment: "grey", warning: "orange", green: "green", gray: "grey", red: "orange" };

  /** HTML of one run of escaped text. Finished pieces wait in a stash, so that later rules cannot reach into them. */
  function inline(text, nameOf, plain = false) {
    const stash = [];
    const keep = (html) => `\u0001${stash.push(html) - 1}\u0002`;
    const link = (label, url) => keep(`<a href="${url}" target="_blank" rel="noopener noreferrer">${label}</a>`);
    let out = text.replace(/[\u0001\u0002]/g, "");
    if (!plain) out = out.replace(/`([^`\n]+)`/g, (_, code) => keep(`<code>${code}</code>`));
    out = out.replace(/&lt;@([^&\s]+)&gt;/g, (_, user) => keep(`<span class="at">@${escape(nameOf(user))}</span>`));
    out = out.replace(/&lt;a href=&quot;(https?:\/\/[^\s]+?)&quot;&gt;(.+?)&lt;\/a&gt;/g, (_, url, label) => link(label, url));
    if (!plain) {
      out = out.replace(/!?\[([^\]\n]*)\]\((https?:\/\/[^\s()]+)\)/g, (_, label, url) => link(label || url, url));
      out = out.replace(/&lt;font color=(?:&quot;|&#39;)(\w+)(?:&quot;|&#39;)&gt;([\s\S]*?)&lt;\/font&gt;/g,
        (_, colour, words) => `${keep(`<span class="ink-${COLOURS[colour] || "plain"}">`)}${words}${keep("</span>")}`);
    }
    out = out.replace(/https?:\/\/(?:(?!&(?:lt|gt|quot|#39);)[\w\-./?%&=+#:;~@!])+/g, (url) => link(url, url));
    if (!plain) {
      out = out.replace(/\*\*([^\n]+?)\*\*/g, "<strong>$1</strong>").replace(/~~([^\n]+?)~~/g, "<del>$1</del>");
      out = out.replace(/(^|[^*\w])\*([^*\s][^*\n]*?)\*(?!\w)/g, "$1<em>$2</em>");
    }
    for (let round = 0; round < 4 && out.includes("\u0001"); round += 1) out = out.replace(/\u0001(\d+)\u0002/g, (_, n) => stash[n]);
    return out;
  }

  const LIST = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

  function blocks(lines, nameOf, depth = 0) {
    const html = [];
    const run = (text) => inline(text, nameOf);
    for (let i = 0; i < lines.length;) {
      const line = lines[i];
      if (/^\s*```/.test(line)) {
        const end = lines.findIndex((l, n) => n > i && /^\s*```/.test(l));
        const stop = end < 0 ? lines.length : end;
        html.push(`<pre><code>${lines.slice(i + 1, stop).join("\n")}</code></pre>`);
        i = stop + 1;
      } else if (!line.trim()) {
        i += 1;
      } else if (/^#{1,6}\s+/.test(line)) {
        const level = line.match(/^#+/)[0].length;
        html.push(`<p class="h h${Math.min(level, 4)}">${run(line.replace(/^#+\s+/, ""))}</p>`);
        i += 1;
      } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
        html.push("<hr>");
        i += 1;
      } else if (/^\s*&gt;/.test(line) && depth < 4) {
        const inner = [];
        while (i < lines.length && /^\s*&gt;/.test(lines[i])) inner.push(lines[i++].replace(/^\s*&gt;\s?/, ""));
        html.push(`<blockquote>${blocks(inner, nameOf, depth + 1)}</blockquote>`);
      } else if (line.includes("|") && /^\s*\|?\s*:?-{2,}/.test(lines[i + 1] || "")) {
        const head = cells(line).map((cell) => `<th>${run(cell)}</th>`).join("");
        i += 2;
        const rows = [];
        while (i < lines.length && lines[i].includes("|")) rows.push(`<tr>${cells(lines[i++]).map((cell) => `<td>${run(cell)}</td>`).join("")}</tr>`);
        html.push(`<div class="table"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`);
      } else if (LIST.test(line)) {
        const ordered = /^\s*\d/.test(line), items = [], first = parseInt(line.match(LIST)[2], 10);
        while (i < lines.length && LIST.test(lines[i]) && /^\s*\d/.test(lines[i]) === ordered) {
          const [, indent, , words] = lines[i++].match(LIST);
          items.push(`<li${indent.length > 1 ? ' class="deep"' : ""}>${run(words)}</li>`);
        }
        html.push(ordered ? `<ol start="${first || 1}">${items.join("")}</ol>` : `<ul>${items.join("")}</ul>`);
      } else {
        const words = [];
        const special = (l) => !l.trim() || /^\s*(```|&gt;|#{1,6}\s)/.test(l) || LIST.test(l);
        do words.push(run(lines[i++])); while (i < lines.length && !special(lines[i]));
        html.push(`<p>${words.join("<br>")}</p>`);
      }
    }
    return html.join("");
  }

  function render(text, nameOf) {
    const thought = text.match(/^\s*<think>([\s\S]*?)(?:<\/think>|$)/);
    const rest = thought ? text.slice(thought[0].length) : text;
    const think = thought ? `<details class="think"><summary>思考过程</summary>${escape(thought[1].trim())}</details>` : "";
    return think + blocks(escape(rest).split(/\r?\n/), nameOf);
  }

  const plain = (text, nameOf) => inline(escape(text), nameOf, true).replace(/\n/g, "<br>");
  return { render, plain, escape };
})();
