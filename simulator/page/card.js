"use strict";
/* Template cards as WeCom shows them, with working buttons. `press(key, selected)` sends the click, `ask(question)` says a question. */
const Card = (() => {
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined && text !== null) node.textContent = text;
    return node;
  };
  const isWeb = (url) => /^https?:\/\//.test(url || "");

  function linked(node, url) {
    if (!isWeb(url)) return node;
    const link = make("a", "card-link");
    link.href = url; link.target = "_blank"; link.rel = "noopener noreferrer";
    link.append(node);
    return link;
  }

  function head(card) {
    const nodes = [];
    if (card.source && card.source.desc) nodes.push(make("p", `card-source ink-${card.source.desc_color || 0}`, card.source.desc));
    const title = card.main_title || {};
    if (title.title) nodes.push(make("h3", "card-title", title.title));
    if (title.desc) nodes.push(make("p", "card-desc", title.desc));
    return nodes;
  }

  function middle(card) {
    const nodes = [];
    if (card.card_image && card.card_image.url) nodes.push(picture(card.card_image.url));
    if (card.image_text_area) nodes.push(linked(stack("card-imagetext", [make("b", "", card.image_text_area.title), make("span", "", card.image_text_area.desc)]), card.image_text_area.url));
    if (card.emphasis_content) nodes.push(stack("card-emphasis", [make("b", "", card.emphasis_content.title), make("span", "", card.emphasis_content.desc)]));
    if (card.quote_area) nodes.push(linked(stack("card-quote", [make("b", "", card.quote_area.title), make("span", "", card.quote_area.quote_text)]), card.quote_area.url));
    if (card.sub_title_text) nodes.push(make("p", "card-sub", card.sub_title_text));
    for (const item of card.vertical_content_list || []) nodes.push(stack("card-vertical", [make("b", "", item.title), make("span", "", item.desc)]));
    const facts = card.horizontal_content_list || [];
    if (facts.length) {
      const list = make("dl", "card-facts");
      for (const fact of facts) {
        list.append(make("dt", "", fact.keyname));
        const value = make("dd");
        value.append(linked(document.createTextNode(fact.value || (fact.userid ? `@${fact.userid}` : "")), fact.url));
        list.append(value);
      }
      nodes.push(list);
    }
    return nodes;
  }

  function stack(className, parts) {
    const node = make("div", className);
    node.append(...parts.filter((part) => part.textContent));
    return node;
  }

  function picture(url) {
    const inside = /^(data:image\/|media\/)/.test(url);
    const node = make(inside ? "img" : "div", "card-image", inside ? undefined : "图片");
    if (inside) { node.src = url; node.alt = ""; } else node.title = url;
    return node;
  }

  function choices(box, answers, id) {
    const list = make("div", "card-choices");
    const many = box.mode === 1;
    if (box.title) list.append(make("p", "card-question", box.title));
    for (const option of box.option_list || []) {
      const row = make("label", "card-choice");
      const tick = make("input");
      tick.type = many ? "checkbox" : "radio";
      tick.name = `${id}-${box.question_key}`; tick.value = option.id; tick.checked = Boolean(option.is_checked); tick.disabled = Boolean(box.disable);
      row.append(tick, make("span", "", option.text));
      list.append(row);
    }
    answers.push(() => [box.question_key, [...list.querySelectorAll("input:checked")].map((tick) => tick.value)]);
    return list;
  }

  function chooser(box, answers) {
    const row = make("label", "card-select");
    row.append(make("span", "", box.title || "请选择"));
    const select = make("select");
    for (const option of box.option_list || []) {
      const node = make("option", "", option.text);
      node.value = option.id; node.selected = option.id === box.selected_id;
      select.append(node);
    }
    select.disabled = Boolean(box.disable);
    row.append(select);
    answers.push(() => [box.question_key, [select.value]]);
    return row;
  }

  function button(label, className, act) {
    const node = make("button", `card-button ${className}`, label);
    node.type = "button"; node.dataset.testid = "card-button";
    node.addEventListener("click", act);
    return node;
  }

  function buttons(card, answers, press, busy) {
    const row = make("div", "card-buttons");
    if (card.replace_text) {
      const done = button(card.replace_text, "done", () => {});
      done.disabled = true;
      row.append(done);
      return row;
    }
    const go = (key) => () => { if (!busy()) press(key, Object.fromEntries(answers.map((answer) => answer()).filter(([, ids]) => ids.length))); };
    for (const item of card.button_list || []) {
      if (item.type === 1 && isWeb(item.url)) row.append(linked(button(item.text, `style-${item.style || 1}`, () => {}), item.url));
      else row.append(button(item.text, `style-${item.style || 1}`, go(item.key)));
      row.lastChild.dataset.key = item.key || "";
    }
    if (card.submit_button && !closed(card)) {
      row.append(button(card.submit_button.text || "提交", "style-1", go(card.submit_button.key)));
      row.lastChild.dataset.key = card.submit_button.key;
    }
    if (row.children.length > 2 || [...row.children].some((node) => node.textContent.length > 6)) row.classList.add("tall");
    return row;
  }

  const closed = (card) => Boolean((card.checkbox || {}).disable) || ((card.select_list || []).length > 0 && card.select_list.every((box) => box.disable));

  function menu(card, press) {
    const box = make("details", "card-menu");
    const mark = make("summary", "", "⋯");
    mark.setAttribute("aria-label", card.action_menu.desc || "更多操作");
    box.append(mark);
    const list = make("div");
    for (const item of card.action_menu.action_list || []) list.append(button(item.text, "menu", () => { box.open = false; press(item.key, {}); }));
    box.append(list);
    return box;
  }

  function jumps(card, ask) {
    return (card.jump_list || []).map((jump) => {
      const label = make("span", "card-jump", jump.title);
      if (jump.type !== 3) return linked(label, jump.url);
      const node = make("button", "card-jump", jump.title);
      node.type = "button";
      node.addEventListener("click", () => ask(jump.question || jump.title));
      return node;
    });
  }

  function render(card, { id, press, ask }) {
    const root = make("article", `card ${card.card_type || ""}`), answers = [];
    let until = 0;
    const busy = () => { const now = Date.now(), was = now < until; until = now + 700; return was; };
    if (card.action_menu) root.append(menu(card, press));
    root.append(...head(card), ...middle(card));
    if (card.button_selection) root.append(chooser(card.button_selection, answers));
    if (card.checkbox) root.append(choices(card.checkbox, answers, id));
    for (const box of card.select_list || []) root.append(chooser(box, answers));
    const row = buttons(card, answers, press, busy);
    if (row.children.length) root.append(row);
    root.append(...jumps(card, ask));
    const action = card.card_action || {};
    if (!row.children.length && !(card.jump_list || []).length && isWeb(action.url)) root.append(linked(make("span", "card-jump", "查看详情"), action.url));
    return root;
  }

  return { render, make };
})();
