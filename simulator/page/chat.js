"use strict";
/* The chat page: who I am, my chats, the talk of one chat, and sending. All addresses are relative: the page may live below another server. */
(() => {
  const { make } = Card;
  const $ = (id) => document.getElementById(id);
  const POLL_MS = 600, DIVIDE_MS = 5 * 60 * 1000, ZONE = { timeZone: "Asia/Shanghai" };
  const CHIPS = ["帮助", "签到", "活动", "我的积分", "排行榜", "签到日历", "海报", "商城", "挑战", "等级", "任务", "怎么退款"];
  const OFFICE_CHIPS = ["管理帮助", "数据", "订单", "商城 盘点", "挑战名单 1", "标签 列表", "流程 列表", "未答", "案件", "签到"];
  const COLOURS = ["#4c8bf5", "#f2994a", "#27ae8f", "#9b6dd7", "#eb6f77", "#2d9cdb", "#c98a2b", "#6c7ae0", "#3aa655", "#d66aa5"];
  const state = { epoch: "", rev: 0, bot: "小助手", who: "", chat: "", people: new Map(), chats: [], posts: new Map(), read: {}, quote: null, drafts: {}, away: false };

  // -- small things

  const store = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode: only this visit */ } },
  };
  const nameOf = (user) => (user === "all" || user === "@all" ? "所有人" : state.people.get(user)?.name || user);
  const chatNow = () => state.chats.find((chat) => chat.id === state.chat);
  const postsOf = (chat) => [...(state.posts.get(chat) || new Map()).values()];
  const day = (ms) => new Intl.DateTimeFormat("zh-CN", { ...ZONE, year: "numeric", month: "numeric", day: "numeric" }).format(ms);
  const hour = (ms) => new Intl.DateTimeFormat("zh-CN", { ...ZONE, hour: "2-digit", minute: "2-digit", hour12: false }).format(ms);
  const when = (ms) => (day(ms) === day(Date.now()) ? hour(ms) : `${new Intl.DateTimeFormat("zh-CN", { ...ZONE, month: "numeric", day: "numeric" }).format(ms)} ${hour(ms)}`);

  function svg(markup) {
    const box = document.createElement("template");
    box.innerHTML = markup;
    return box.content.firstChild;
  }
  const ROBOT = '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="4.5" y="8" width="15" height="10.5" rx="3.5"/><path d="M12 8V4.8M9.3 12.8v1.2M14.7 12.8v1.2"/><circle cx="12" cy="4" r="1.1"/></svg>';
  const BELL = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5zM10 20.5h4"/></svg>';

  function avatar(user, kind) {
    const node = make("span", "avatar");
    node.setAttribute("aria-hidden", "true");
    if (kind === "bot" || kind === "aibot" || kind === "aibot_ws" || kind === "robot") { node.classList.add("robot"); node.append(svg(ROBOT)); return node; }
    if (kind === "app") { node.classList.add("app"); node.append(svg(BELL)); return node; }
    const name = nameOf(user), sum = [...user].reduce((total, c) => (total * 31 + c.codePointAt(0)) % 9973, 7);
    node.textContent = /^[\x00-\x7f]*$/.test(name) ? name.slice(0, 2).toUpperCase() : [...name].slice(-2).join("");
    node.style.background = COLOURS[sum % COLOURS.length];
    return node;
  }

  function groupAvatar(chat) {
    const node = make("span", "avatar grid");
    node.setAttribute("aria-hidden", "true");
    for (const user of chat.members.slice(0, 4)) {
      const tile = avatar(user);
      tile.textContent = [...nameOf(user)].slice(-1).join("").toUpperCase();
      node.append(tile);
    }
    return node;
  }

  let toastTimer = 0;
  function toast(text, lasting = false) {
    $("toast").textContent = text;
    $("toast").hidden = !text;
    clearTimeout(toastTimer);
    if (text && !lasting) toastTimer = setTimeout(() => { $("toast").hidden = true; }, 3500);
  }

  async function act(name, fields) {
    try {
      const answer = await fetch(`api/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ who: state.who, chat: state.chat, ...fields }) });
      const found = await answer.json();
      if (!answer.ok) { toast(found.error || "没有办成"); return null; }
      poll();
      return found;
    } catch {
      toast("模拟企业微信没有应答，请看看它是不是还在运行");
      return null;
    }
  }

  // -- what is new

  let polling = false, again = 0;
  async function poll() {
    if (polling) { again = 1; return; }
    polling = true;
    try {
      const query = new URLSearchParams({ who: state.who, after: state.rev, epoch: state.epoch });
      const answer = await fetch(`api/updates?${query}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      take(await answer.json(), query.get("who"));
      if (state.away) { state.away = false; toast(""); }
    } catch {
      if (!state.away) { state.away = true; toast("连接断开，正在重连…", true); }
    }
    polling = false;
    if (again) { again = 0; poll(); }
  }

  function take(found, who) {
    if (who !== state.who) return;
    const anew = found.epoch !== state.epoch;
    if (anew) { state.posts.clear(); state.epoch = found.epoch; state.read = JSON.parse(store.get(`read:${found.epoch}`) || "{}"); }
    state.rev = found.rev;
    if (found.people) { state.people = new Map(found.people.map((person) => [person.user, person])); state.chats = found.chats; }
    for (const post of found.posts) {
      if (!state.posts.has(post.chat)) state.posts.set(post.chat, new Map());
      const posts = state.posts.get(post.chat);
      posts.set(post.id, post);
      if (posts.size > 500) posts.delete(posts.keys().next().value);
    }
    if (found.people && settle()) return;
    if (anew || found.people || found.posts.length) { drawChats(); drawBar(); drawTalk(anew); }
  }

  /** Choose somebody and a chat when none is chosen, or the chosen one is gone. True if that starts a new round. */
  function settle() {
    if (!state.people.has(state.who)) {
      const wanted = new URLSearchParams(location.search).get("who") || store.get("who");
      become(state.people.has(wanted) ? wanted : state.people.keys().next().value || "");
      return true;
    }
    if (!chatNow()) {
      const wanted = new URLSearchParams(location.search).get("chat") || store.get("chat");
      state.chat = (state.chats.find((chat) => chat.id === wanted) || state.chats.find((chat) => chat.inside) || state.chats[0] || {}).id || "";
    }
    return false;
  }

  function become(user) {
    const kind = chatNow()?.kind, channel = chatNow()?.channel;
    Object.assign(state, { who: user, rev: 0, quote: null });
    state.posts.clear();
    if (kind && kind !== "group") state.chat = `single|${channel}|${user}`;
    store.set("who", user);
    $("talk").replaceChildren();
    showQuote(null);
    poll();
  }

  // -- the list

  const unread = (chat) => {
    const last = (state.read[state.who] || {})[chat.id] || 0;
    return postsOf(chat.id).filter((post) => post.id > last && post.sender !== state.who && post.kind !== "system").length;
  };
  const tidy = (text) => text.replace(/<@([^>\s]+)>/g, (_, user) => `@${nameOf(user)}`).replace(/<[^>]*>|[*#>`~]/g, "").replace(/\s+/g, " ").trim();
  const words = (post, bare = false) => {
    if (!post) return "";
    if (post.recalled) return "撤回了一条消息";
    const text = post.kind === "card" ? `[卡片] ${post.card?.main_title?.title || ""}` : post.kind === "image" ? `[图片] ${post.text}` : post.kind === "news" ? `[链接] ${post.articles[0]?.title || ""}` : post.text;
    const clean = tidy(text);
    return post.kind === "system" || post.sender === "bot" || bare ? clean : `${nameOf(post.sender)}：${clean}`;
  };

  function drawChats() {
    const list = $("chats"), groups = state.chats.filter((chat) => chat.kind === "group"), singles = state.chats.filter((chat) => chat.kind !== "group");
    list.replaceChildren(make("h2", "", "群聊"), ...groups.map(chatRow), make("h2", "", "单聊"), ...singles.map(chatRow));
    const person = state.people.get(state.who), face = avatar(state.who);
    face.id = "who-avatar";
    $("who-avatar").replaceWith(face);
    $("who-name").textContent = person ? person.name : "…";
    $("who-name").classList.toggle("is-admin", Boolean(person?.admin));
    const waiting = state.chats.filter((chat) => chat.id !== state.chat).reduce((sum, chat) => sum + unread(chat), 0);
    $("back-badge").hidden = !waiting;
    $("back-badge").textContent = waiting > 99 ? "99+" : waiting;
  }

  function chatRow(chat) {
    const row = make("button", `chat${chat.id === state.chat ? " chosen" : ""}${chat.inside ? "" : " outside-row"}`);
    row.type = "button"; row.dataset.chat = chat.id; row.dataset.kind = chat.kind;
    if (chat.id === state.chat) row.setAttribute("aria-current", "true");
    const posts = postsOf(chat.id), last = posts[posts.length - 1], count = chat.inside ? unread(chat) : 0;
    const body = make("span", "chat-words"), top = make("span", "chat-top"), hint = { group: "还没有消息", aibot: "直接问，不用 @", app: "提醒和私信会在这里", robot: "群机器人的单聊" };
    top.append(make("b", "", chat.name), make("time", "", last ? when(last.at_ms) : ""));
    body.append(top, make("span", "chat-last", chat.inside ? words(last) || hint[chat.kind] : "未加入"));
    row.append(chat.kind === "group" ? groupAvatar(chat) : avatar(state.who, chat.kind), body);
    if (count) { const badge = make("span", "badge", count > 99 ? "99+" : count); badge.setAttribute("aria-label", `${count} 条未读`); row.append(badge); }
    row.addEventListener("click", () => open(chat.id));
    return row;
  }

  function open(id) {
    if (state.chat) state.drafts[`${state.who} ${state.chat}`] = $("input").value;
    state.chat = id;
    store.set("chat", id);
    $("stage").dataset.view = "chat";
    $("input").value = state.drafts[`${state.who} ${id}`] || "";
    grow();
    showQuote(null);
    drawChats(); drawBar(); drawTalk(true);
    if (chatNow()?.kind !== "group") act("enter", {});
    if (matchMedia("(min-width: 900px)").matches) $("input").focus();
  }

  // -- the talk

  function drawBar() {
    const chat = chatNow();
    if (!chat) return;
    const group = chat.kind === "group";
    $("title").textContent = chat.name;
    $("subtitle").textContent = group ? `${chat.members.length} 人 · 机器人 ${state.bot} 在群里` : { aibot: "智能机器人 · 单聊", app: "自建应用 · 私信", robot: "群机器人 · 单聊" }[chat.kind];
    $("group-tools").hidden = !group;
    $("leave").hidden = !chat.inside;
    $("mention").hidden = !group;
    $("compose").hidden = !chat.inside;
    $("chips").hidden = !chat.inside;
    drawChips(chat);
    $("outside").hidden = chat.inside;
    $("input").placeholder = group ? `@${state.bot} 才能让机器人听到` : "直接说，不用 @";
    document.title = `${chat.name} · 模拟企业微信`;
  }

  function drawTalk(afresh) {
    const talk = $("talk"), posts = postsOf(state.chat).sort((a, b) => a.id - b.id), chat = chatNow();
    const atEnd = afresh || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 90;
    if (afresh) talk.replaceChildren();
    if (!posts.length || !chat) { talk.replaceChildren(chat ? emptyTalk(chat) : ""); return; }
    talk.querySelector(".empty")?.remove();
    const known = new Map([...talk.children].map((node) => [Number(node.dataset.id), node]));
    let before = null, own = false, fresh = 0;
    for (const post of posts) {
      const old = known.get(post.id);
      if (!old || Number(old.dataset.rev) !== post.rev) {
        const node = entry(post, before, chat);
        if (old) old.replaceWith(node); else { talk.append(node); own = own || post.sender === state.who; fresh += 1; }
      }
      known.delete(post.id);
      before = post;
    }
    known.forEach((node) => node.remove());
    if (atEnd || own) { talk.scrollTop = talk.scrollHeight; $("more").hidden = true; } else if (fresh) $("more").hidden = false;
    markRead(posts[posts.length - 1].id);
  }

  /** What to try in a chat: where only administrators are, their own commands. */
  function drawChips(chat) {
    const office = chat.kind === "group" && chat.members.length && chat.members.every((user) => state.people.get(user)?.admin);
    const which = office ? "office" : "members";
    if ($("chips").dataset.which === which) return;
    $("chips").dataset.which = which;
    $("chips").replaceChildren(...(office ? OFFICE_CHIPS : CHIPS).map((chip) => {
      const node = make("button", "chip", chip);
      node.type = "button";
      node.addEventListener("click", () => say(chatNow()?.kind === "group" ? `@${state.bot} ${chip}` : chip));
      return node;
    }));
  }

  function markRead(id) {
    const wide = matchMedia("(min-width: 900px)").matches;
    if (document.hidden || (!wide && $("stage").dataset.view !== "chat")) return;
    const mine = (state.read[state.who] ||= {});
    if (mine[state.chat] === id) return;
    mine[state.chat] = id;
    store.set(`read:${state.epoch}`, JSON.stringify(state.read));
    drawChats();
  }

  function emptyTalk(chat) {
    const box = make("div", "empty");
    const texts = {
      group: ["还没有人说话", chat.inside ? `点下面的「签到」试试，或者写 @${state.bot} 加上你的问题。没有 @ 的话只有群友看得到。` : "先加入群聊，再和大家打招呼。"],
      aibot: [`和${state.bot}单独聊`, "这里不用 @，直接问就行。也可以发图片。"],
      app: ["群管家的私信", "提醒、警告和只给你一个人看的话会出现在这里。管理员也在这里处理事情。"],
      robot: ["群机器人的单聊", "直接问就行。"],
    }[chat.kind];
    box.append(avatar(state.who, chat.kind === "app" ? "app" : "bot"), make("h3", "", texts[0]), make("p", "", texts[1]));
    return box;
  }

  function entry(post, before, chat) {
    const wrap = make("div", "entry");
    wrap.dataset.id = post.id; wrap.dataset.rev = post.rev;
    if (!before || post.at_ms - before.at_ms > DIVIDE_MS) wrap.append(make("p", "divider", when(post.at_ms)));
    if (post.kind === "system" || post.recalled) { wrap.append(make("p", "system", post.recalled ? "撤回了一条消息" : post.text)); return wrap; }
    wrap.append(message(post, before, chat));
    return wrap;
  }

  function message(post, before, chat) {
    const mine = post.sender === state.who, bot = post.sender === "bot";
    const row = make("div", `message${mine ? " mine" : ""}${bot ? " from-bot" : ""}`);
    row.dataset.testid = "message"; row.dataset.from = post.sender; row.dataset.kind = post.kind; row.dataset.via = post.via; row.dataset.state = post.state;
    const body = make("div", "body");
    if (bot || (chat.kind === "group" && !mine)) body.append(nameLine(post, chat, bot));
    body.append(bubble(post, mine, post.quote && before && String(before.id) === post.quote.post ? null : post.quote));
    if (mine) body.append(...delivery(post));
    const sender = bot ? avatar("", chat.kind === "app" ? "app" : "bot") : avatar(post.sender);
    row.append(sender, body, tools(post, mine));
    return row;
  }

  function nameLine(post, chat, bot) {
    const line = make("p", "name", bot ? (chat.kind === "app" ? "群管家" : state.bot) : nameOf(post.sender));
    if (bot) line.append(make("span", "tag", chat.kind === "app" ? "应用" : "机器人"));
    if (bot && post.via === "webhook") line.append(make("span", "tag soft", "推送"));
    if (!bot && state.people.get(post.sender)?.admin) line.append(make("span", "tag admin", "管理员"));
    return line;
  }

  function bubble(post, mine, quote) {
    const parts = [];
    const text = make("div", `bubble${post.state === "streaming" ? " streaming" : ""}`);
    if (quote && !mine) text.append(quoteLine(quote));
    if (post.kind === "card" && post.card) {
      const press = (key, selected) => act("click", { post: post.id, key, selected });
      const card = Card.render(post.card, { id: post.id, press, ask: (question) => say(question) });
      if (quote) card.prepend(quoteLine(quote));
      parts.push(card);
    } else if (post.kind === "news") {
      parts.push(...post.articles.map((article) => Card.render({ card_type: "news", main_title: { title: article.title, desc: article.description }, card_action: { url: article.url } }, { id: post.id, press() {}, ask() {} })));
    } else if (post.kind === "markdown") {
      const rich = make("div", "rich");
      rich.innerHTML = Markdown.render(post.text, nameOf);
      text.append(rich);
      parts.push(text);
    } else if (post.kind === "image") {
      const picture = make("img", "picture");
      picture.src = post.image; picture.alt = "图片"; picture.loading = "lazy"; picture.dataset.testid = "picture";
      picture.addEventListener("load", settleDown);
      const open = make("button", "picture-button");
      open.type = "button"; open.title = "看大图"; open.append(picture);
      open.addEventListener("click", () => { $("zoomed").src = post.image; $("zoom").showModal(); });
      parts.push(open);
      if (post.text) { text.append(plain(post.text)); parts.unshift(text); }
    } else {
      const icon = { file: "📄 ", voice: "🔊 " }[post.kind];
      if (icon) text.append(icon);
      text.append(plain(post.text));
      parts.push(text);
    }
    if (mine && quote) parts.push(quoteLine(quote));
    const box = make("div", "bubbles");
    box.append(...parts);
    return box;
  }

  /** A picture has no height until it is there: then the end of the talk is further down. */
  function settleDown() {
    const talk = $("talk");
    if (talk.scrollHeight - talk.scrollTop - talk.clientHeight < 700 && $("more").hidden) talk.scrollTop = talk.scrollHeight;
  }

  function plain(text) {
    const node = make("div", "plain");
    const at = `@${Markdown.escape(state.bot)}`;
    node.innerHTML = Markdown.plain(text, nameOf).split(at).join(`<span class="at">${at}</span>`);
    return node;
  }

  function quoteLine(quote) {
    return make("p", "quoted", `${quote.user ? `${nameOf(quote.user)}：` : ""}${tidy(quote.text)}`);
  }

  function delivery(post) {
    if (post.state === "sending") return [make("p", "state sending", "送出中…")];
    if (post.state === "retrying") return [make("p", "state warn", "未送达，重试中")];
    if (post.state === "failed") return [make("p", "state fail", "未送达：机器人没有应答")];
    if (post.state === "refused") return [make("p", "state fail", "机器人答了，但企业微信拒收这个回答（见线上往来）")];
    if (post.state !== "unheard") return [];
    const hint = make("button", "state unheard", `没有 @${state.bot}，机器人听不到 · 补上 @`);
    hint.type = "button";
    hint.addEventListener("click", () => { $("input").value = `@${state.bot} ${post.text}`; grow(); $("input").focus(); });
    return [hint];
  }

  function tools(post, mine) {
    const box = make("div", "tools");
    const add = (label, run) => { const node = make("button", "", label); node.type = "button"; node.addEventListener("click", run); box.append(node); };
    add("引用", () => showQuote(post));
    if (mine && post.msgid && post.state === "delivered") add("重送", () => act("repeat", { msgid: post.msgid }).then((done) => done && toast("同一条消息又送了一次：机器人不应做两遍")));
    return box;
  }

  // -- saying

  function showQuote(post) {
    state.quote = post ? post.id : null;
    $("quoting").hidden = !post;
    if (post) { $("quoting-text").textContent = `引用 ${post.sender === "bot" ? state.bot : nameOf(post.sender)}：${words(post, true)}`; $("input").focus(); }
  }

  async function say(text) {
    const quote = state.quote;
    showQuote(null);
    const done = await act("say", { text, quote });
    return Boolean(done);
  }

  async function submit() {
    const text = $("input").value.trim();
    if (!text) return;
    $("input").value = "";
    grow();
    if (!(await say(text)) && !$("input").value) { $("input").value = text; grow(); }
  }

  function grow() {
    const box = $("input");
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 120)}px`;
    $("send").classList.toggle("ready", Boolean(box.value.trim()));
  }

  function mention() {
    const box = $("input"), at = `@${state.bot} `;
    box.value = box.value.startsWith(at) ? box.value : at + box.value.replace(/^@/, "");
    grow();
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }

  /** A picture small enough for one JSON body: at most 640 pixels wide, as JPEG. */
  async function sendPicture(file) {
    try {
      const bitmap = await createImageBitmap(file), scale = Math.min(1, 640 / Math.max(bitmap.width, bitmap.height));
      const canvas = make("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * scale)); canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const text = chatNow()?.kind === "group" ? `@${state.bot} ` : "";
      await act("image", { data: canvas.toDataURL("image/jpeg", 0.8).split(",")[1], text });
    } catch {
      toast("这张图片读不出来，换一张 PNG 或 JPEG");
    }
  }

  // -- who I am

  function drawPeople() {
    const wanted = $("who-search").value.trim().toLowerCase();
    const found = [...state.people.values()].filter((person) => `${person.name} ${person.user}`.toLowerCase().includes(wanted));
    found.sort((a, b) => Number(b.admin) - Number(a.admin));
    $("who-list").replaceChildren(...found.map((person) => {
      const row = make("li"), pick = make("button", person.user === state.who ? "chosen" : "");
      pick.type = "button"; pick.dataset.testid = "who-option"; pick.dataset.user = person.user;
      pick.setAttribute("role", "option"); pick.setAttribute("aria-selected", String(person.user === state.who));
      row.setAttribute("role", "presentation");
      pick.append(avatar(person.user), make("span", "", person.name));
      if (person.admin) pick.append(make("span", "tag admin", "管理员"));
      pick.addEventListener("click", () => { become(person.user); showPeople(false); });
      row.append(pick);
      return row;
    }), ...(found.length ? [] : [make("li", "nobody", "没有这个人。可以在群里点「新成员入群」。")]));
  }

  function showPeople(open) {
    $("who-panel").hidden = !open;
    $("who").setAttribute("aria-expanded", String(open));
    if (open) { $("who-search").value = ""; drawPeople(); $("who-search").focus(); }
  }

  async function join(fields) {
    const done = await act("join", fields);
    if (done && done.user !== state.who) become(done.user);
  }

  // -- wiring

  $("compose").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  $("input").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); } });
  $("input").addEventListener("input", grow);
  $("mention").addEventListener("click", mention);
  $("picture").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { if ($("file").files[0]) sendPicture($("file").files[0]); $("file").value = ""; });
  $("quoting-stop").addEventListener("click", () => showQuote(null));
  $("back").addEventListener("click", () => { $("stage").dataset.view = "list"; drawChats(); });
  $("more").addEventListener("click", () => { $("talk").scrollTop = $("talk").scrollHeight; $("more").hidden = true; });
  $("talk").addEventListener("scroll", () => { if ($("talk").scrollHeight - $("talk").scrollTop - $("talk").clientHeight < 40) $("more").hidden = true; });
  $("who").addEventListener("click", () => showPeople($("who-panel").hidden));
  $("who-search").addEventListener("input", drawPeople);
  $("who-search").addEventListener("keydown", (event) => { if (event.key === "Enter") $("who-list").querySelector("button")?.click(); });
  $("join").addEventListener("click", () => { $("ask-name").value = ""; $("ask").showModal(); $("ask-name").focus(); });
  $("ask-no").addEventListener("click", () => $("ask").close());
  $("ask-form").addEventListener("submit", () => { const name = $("ask-name").value.trim(); if (name) join({ name }); });
  $("zoom").addEventListener("click", () => $("zoom").close());
  $("chips").addEventListener("wheel", (event) => { if (!event.deltaX) { $("chips").scrollLeft += event.deltaY; event.preventDefault(); } }, { passive: false });
  $("join-me").addEventListener("click", () => join({}));
  $("leave").addEventListener("click", () => act("leave", {}));
  document.addEventListener("click", (event) => { if (!event.target.closest(".side-head")) showPeople(false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { showPeople(false); if (!$("wire").hidden) WireDrawer.show(false); } });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });

  (async () => {
    try {
      const start = await (await fetch("api/start", { cache: "no-store" })).json();
      state.bot = start.bot_name;
    } catch { /* the first poll says that the server is away */ }
    if (new URLSearchParams(location.search).get("chat")) $("stage").dataset.view = "chat";
    await poll();
    setInterval(() => { if (!document.hidden) poll(); }, POLL_MS);
  })();
})();
