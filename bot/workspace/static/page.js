"use strict";
// A small Slack. The server draws; this script asks for fresh drawings, and sends what the person does.

const body = document.body;
const $ = (selector, root = document) => root.querySelector(selector);
const here = {
  user: body.dataset.user,
  channel: body.dataset.channel,
  tab: body.dataset.tab,
  thread: body.dataset.thread,
};
const offers = JSON.parse($("#offers").textContent);

// --- talking to the server --------------------------------------------------------------------------------

function toast(message, kind = "error") {
  const note = document.createElement("div");
  note.className = `toast toast-${kind}`;
  note.textContent = message;
  $("#toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

async function send(action, given) {
  const response = await fetch(`/user/${here.user}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(given),
  });
  const answer = await response.json();
  if (!answer.ok && answer.error !== "form_errors") toast(answer.message);
  return answer;
}

async function upload(files) {
  if (!files.length) return [];
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  const response = await fetch(`/user/${here.user}/upload`, { method: "POST", body: form });
  return (await response.json()).files;
}

// --- keeping fresh ----------------------------------------------------------------------------------------

function patch(root, html) {
  // Children with a key stay as they are when their signature did: nothing flickers, nothing loses focus.
  const next = document.createElement("template");
  next.innerHTML = html;
  const old = new Map([...root.children].map((child) => [child.dataset.key, child]));
  const children = [...next.content.children].map((child) => {
    const kept = old.get(child.dataset.key);
    return kept && kept.dataset.sig === child.dataset.sig ? kept : child;
  });
  if (children.length === root.children.length && children.every((c, i) => c === root.children[i])) return false;
  for (const child of children) {
    const before = old.get(child.dataset.key);
    if (before && before !== child) Forms.carry(before, child);
  }
  root.replaceChildren(...children);
  Forms.prepare(root);
  return true;
}

const atEnd = (pane) => pane.scrollHeight - pane.scrollTop - pane.clientHeight < 120;

function patchStream(pane, html, jump) {
  const follow = jump || atEnd(pane);
  patch(pane, html);
  if (follow) pane.scrollTop = here.tab === "home" && pane.id === "stream" ? 0 : pane.scrollHeight;
}

function patchModal(html) {
  const root = $("#modal");
  const before = $(".modal", root);
  const same = Boolean(before && html.includes(before.dataset.view));
  const typing = same ? document.activeElement?.closest("[data-field]") : null;
  const caret = typing && "selectionStart" in typing ? [typing.selectionStart, typing.selectionEnd] : [null, null];
  const top = same ? $(".modal-body", before).scrollTop : 0;
  root.classList.toggle("still", same);
  if (!patch(root, html)) return;
  const now = $(".modal", root);
  if (!now) return;
  $(".modal-body", now).scrollTop = top;
  const find = ({ block, field }) => `[data-block="${CSS.escape(block)}"][data-field="${CSS.escape(field)}"]`;
  const field = typing && $(find(typing.dataset), now);
  const problem = $(".has-error [data-field]", now);
  const first = $("[data-focus], [data-field]:not(.dropzone, .choices, .picker), .dropzone input, button[type=submit]", now);
  (problem ?? field ?? $("[data-focus]", now) ?? first)?.focus({ preventScroll: same && !problem });
  if (field && !problem && caret[0] !== null) field.setSelectionRange(...caret);
}

let asking = null;
let again = false;
let jumping = false;
const drawn = {};

/** Draw anew; asked while it is drawing, it draws once more after. `jump` goes to the newest message. */
function refresh(jump = false) {
  jumping ||= jump;
  again = true;
  asking ??= (async () => {
    try {
      while (again) {
        again = false;
        await draw();
      }
    } finally {
      asking = null;
    }
  })();
  return asking;
}

async function draw() {
  const asked = new URLSearchParams(here).toString();
  const response = await fetch(`/page/fresh?${asked}`).catch(() => null); // the server may be gone for now
  if (!response?.ok) return;
  const fresh = await response.json();
  if (asked !== new URLSearchParams(here).toString()) {
    again = true; // the person went elsewhere meanwhile
    return;
  }
  const jump = jumping;
  jumping = false;
  here.channel = fresh.channel;
  for (const part of ["rooms", "heading"]) {
    if (drawn[part] !== fresh[part]) $(`#${part}`).innerHTML = drawn[part] = fresh[part];
  }
  patchStream($("#stream"), fresh.stream, jump);
  patchStream($("#replies"), fresh.replies, jump);
  patchModal(fresh.modal);
  $("#composer textarea").placeholder = `Message ${fresh.name}`;
  $("#thread .where").textContent = fresh.name;
  $("#thread").hidden = !here.thread;
  $("#composer").hidden = here.tab === "home";
  body.dataset.version = fresh.version;
}

function listen() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/page/live`);
  socket.onmessage = () => refresh();
  socket.onclose = () => setTimeout(listen, 1000);
}

function go(to) {
  Object.assign(here, to);
  const query = new URLSearchParams({ user: here.user, channel: here.channel });
  if (here.thread) query.set("thread", here.thread);
  if (here.tab === "home") query.set("tab", "home");
  history.replaceState(null, "", `/?${query}`);
  body.classList.remove("show-sidebar");
  return refresh(true);
}

// --- pressing ---------------------------------------------------------------------------------------------

function where(target) {
  const view = target.closest("[data-view]");
  if (view) return { at: { view_id: view.dataset.view }, root: view };
  const message = target.closest(".message");
  return { at: { channel: message.dataset.channel, ts: message.dataset.ts }, root: message };
}

function confirmed(target) {
  if (!target.dataset.confirm) return Promise.resolve(true);
  const ask = JSON.parse(target.dataset.confirm);
  const dialog = $("#confirm");
  $("h2", dialog).textContent = ask.title?.text ?? "Are you sure?";
  $(".confirm-text", dialog).textContent = ask.text?.text ?? "";
  const [no, yes] = dialog.querySelectorAll("footer button");
  no.textContent = ask.deny?.text ?? "Cancel";
  yes.textContent = ask.confirm?.text ?? "Yes";
  yes.className = `btn btn-${ask.style ?? "primary"}`;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === "yes");
  });
}

async function press(target, actionId, value) {
  target.closest("details.overflow")?.removeAttribute("open");
  if (!(await confirmed(target))) return refresh();
  if (target.dataset.url) window.open(target.dataset.url, "_blank", "noopener");
  const { at, root } = where(target);
  target.classList.add("busy");
  await send("press", { ...at, action_id: actionId, block_id: target.dataset.block, value, values: Forms.values(root) });
  target.classList.remove("busy");
}

async function submitView(form) {
  const button = $("button[type=submit]", form);
  button.classList.add("busy");
  button.disabled = true;
  await send("submit", { view_id: form.dataset.view, values: Forms.values(form) });
  button.classList.remove("busy");
  button.disabled = false;
  await refresh();
}

const clicks = {
  "[data-goto]": (t) => go({ channel: t.dataset.goto, thread: "", tab: "messages" }),
  "button[data-tab]": (t) => {
    if (t.dataset.tab === "home") send("home", {});
    return go({ tab: t.dataset.tab, thread: "" });
  },
  "[data-open-thread]": (t) => go({ thread: t.dataset.openThread }).then(() => $("#thread-composer textarea").focus()),
  "#close-thread": () => go({ thread: "" }),
  "#burger": () => body.classList.toggle("show-sidebar"),
  "[data-press]": (t) => press(t, t.dataset.press, t.dataset.value || null),
  "[data-react]": (t) => {
    const { at } = where(t);
    t.closest("details")?.removeAttribute("open");
    return send("react", { ...at, name: t.dataset.react, remove: t.classList.contains("mine") });
  },
  "[data-shortcut]": (t) => {
    t.closest("details").removeAttribute("open");
    return send("shortcut", { ...where(t).at, callback_id: t.dataset.shortcut });
  },
  "[data-global]": (t) => {
    t.closest("details").removeAttribute("open");
    return send("shortcut", { channel: here.channel, callback_id: t.dataset.global });
  },
  "[data-insert]": (t) => {
    t.closest("details")?.removeAttribute("open");
    const box = $("textarea", t.closest("form"));
    box.setRangeText(t.dataset.insert, box.selectionStart, box.selectionEnd, "end");
    box.focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
  },
  "[data-delete]": (t) => send("delete", where(t).at),
  "[data-close-view]": (t) => send("close", { ...where(t).at, whole_stack: true }),
  "[data-back-view]": (t) => send("close", where(t).at),
  "[data-unchoose]": (t) => t.closest("li").remove(),
  "[data-lightbox]": (t) => {
    const box = $("#lightbox");
    $("img", box).src = t.dataset.lightbox;
    $("img", box).alt = t.dataset.caption;
    $("p", box).textContent = t.dataset.caption;
    box.showModal();
  },
};

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.overflow[open], details.who[open]")) {
    if (!open.contains(event.target)) open.removeAttribute("open");
  }
  if (event.target.id === "lightbox") event.target.close();
  if (event.target.matches(".container summary.fixed, .container summary.fixed *")) event.preventDefault();
  for (const [selector, act] of Object.entries(clicks)) {
    const target = event.target.closest(selector);
    if (!target) continue;
    if (target.tagName === "A") event.preventDefault();
    act(target);
    return;
  }
});

document.addEventListener("change", (event) => {
  const files = event.target.type === "file" ? event.target : null;
  if (files && files.closest(".dropzone")) return choose(files.closest(".dropzone"), files.files, files);
  if (files) return attach(files.closest("form"), files.files, files);
  const field = event.target.closest("[data-field]:not(.picker)");
  if (field?.dataset.live === "change") press(field, field.dataset.field, Forms.value(field));
});

// A text tells by character (a moment after the last one) or by Enter, as its dispatch_action_config says.
let telling = null;

function tell(field) {
  clearTimeout(telling);
  const { at, root } = where(field);
  const { field: action_id, block: block_id } = field.dataset;
  return send("press", { ...at, action_id, block_id, value: Forms.value(field), values: Forms.values(root) });
}

document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-live~=character]");
  if (!field) return;
  clearTimeout(telling);
  telling = setTimeout(() => tell(standing(field)), 300);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  const field = event.target.closest("[data-live~=enter]");
  if (!field) return;
  event.preventDefault();
  tell(field);
});

document.addEventListener("submit", (event) => {
  if (event.target.method === "dialog") return;
  event.preventDefault();
  if (event.target.matches(".modal")) submitView(event.target);
  else if (event.target.matches(".composer")) post(event.target);
});

// --- files ------------------------------------------------------------------------------------------------

/** The field itself, or what stands in its place since the form was drawn anew. */
function standing(field) {
  if (field.isConnected) return field;
  const { block, field: action } = field.dataset;
  return $(`.modal [data-block="${CSS.escape(block)}"][data-field="${CSS.escape(action)}"]`) ?? field;
}

async function choose(before, files, input) {
  before.classList.add("busy");
  const chosen = await upload([...files]);
  before.classList.remove("busy");
  const zone = standing(before);
  const most = Number(zone.dataset.max);
  const list = $(".chosen", zone);
  if (most === 1) list.replaceChildren();
  const field = zone.closest(".has-error"); // what was wrong was said of another file
  field?.classList.remove("has-error");
  field?.querySelector(".error")?.remove();
  list.append(...chosen.map(Forms.chosen));
  if (input) input.value = "";
  if (list.children.length > most) toast(`At most ${most} files go here.`);
  if (zone.dataset.live) press(zone, zone.dataset.field, Forms.value(zone));
}

async function attach(form, files, input) {
  $(".attached", form).append(...(await upload([...files])).map(Forms.chosen));
  if (input) input.value = "";
  $("textarea", form).focus();
}

function dropTarget(event) {
  if (!event.dataTransfer?.types.includes("Files")) return null;
  const place = event.target.closest?.(".dropzone, .main, .thread");
  if (place?.matches(".dropzone")) return place;
  return $("#modal").children.length ? null : place;
}

document.addEventListener("dragover", (event) => {
  const place = dropTarget(event);
  for (const other of document.querySelectorAll(".dropping")) if (other !== place) other.classList.remove("dropping");
  if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  place?.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.querySelectorAll(".dropping").forEach((e) => e.classList.remove("dropping"));
});
document.addEventListener("drop", (event) => {
  const place = dropTarget(event);
  document.querySelectorAll(".dropping").forEach((e) => e.classList.remove("dropping"));
  event.preventDefault();
  if (!place) return;
  if (place.matches(".dropzone")) choose(place, event.dataTransfer.files);
  else attach($(".composer", place), event.dataTransfer.files);
});

// --- writing ----------------------------------------------------------------------------------------------

async function post(form) {
  const box = $("textarea", form);
  const text = box.value.trim();
  const files = [...form.querySelectorAll("[data-file]")].map((item) => item.dataset.file);
  const inThread = form.dataset.place === "thread";
  if (!text && !files.length) return;
  const [name, ...rest] = text.split(" ");
  const isCommand = text.startsWith("/") && !files.length;
  if (isCommand && inThread) return toast(`${name} is not supported in threads. Sorry!`);
  box.value = "";
  grow(box);
  suggest(form, []);
  $(".attached", form).replaceChildren();
  const answer = isCommand
    ? await send("command", { channel: here.channel, command: name, text: rest.join(" ") })
    : await send("say", { channel: here.channel, text, files, thread: inThread ? here.thread : null });
  if (!answer.ok && !box.value) box.value = text;
  await refresh(true);
}

function grow(box) {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 200)}px`;
}

function suggest(form, found) {
  const list = $(".suggest", form);
  list.hidden = !found.length;
  list.replaceChildren(
    ...found.map(({ insert, label, note }, index) => {
      const item = document.createElement("li");
      item.className = index ? "" : "first";
      item.dataset.take = insert;
      const strong = document.createElement("b");
      strong.textContent = label;
      const small = document.createElement("small");
      small.textContent = note;
      item.append(strong, small);
      return item;
    }),
  );
}

function offer(form, box) {
  const before = box.value.slice(0, box.selectionStart);
  const command = /^(\/\S*)$/.exec(before);
  const mention = /(?:^|\s)@([\w.-]*)$/.exec(before);
  if (command && form.dataset.place === "main") {
    const found = offers.commands.filter((c) => c.command.startsWith(command[1]));
    return suggest(form, found.map((c) => ({ insert: `${c.command} `, label: c.command, note: c.usage_hint || c.description })));
  }
  if (mention) {
    const found = offers.people.filter((p) => p.name.startsWith(mention[1].toLowerCase()));
    return suggest(form, found.map((p) => ({ insert: `@${p.name} `, label: p.label, note: `@${p.name}` })));
  }
  return suggest(form, []);
}

function take(form, item) {
  const box = $("textarea", form);
  const before = box.value.slice(0, box.selectionStart).replace(/[/@][^\s]*$/, item.dataset.take);
  box.value = before + box.value.slice(box.selectionStart);
  suggest(form, []);
  box.focus();
}

for (const form of document.querySelectorAll(".composer")) {
  const box = $("textarea", form);
  box.addEventListener("input", () => {
    grow(box);
    offer(form, box);
  });
  box.addEventListener("keydown", (event) => {
    const first = $(".suggest:not([hidden]) .first", form);
    if (first && (event.key === "Tab" || (event.key === "Enter" && first.dataset.take.trim() !== box.value.trim()))) {
      event.preventDefault();
      take(form, first);
    } else if (event.key === "Escape") {
      suggest(form, []);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  $(".suggest", form).addEventListener("mousedown", (event) => {
    event.preventDefault();
    const item = event.target.closest("li");
    if (item) take(form, item);
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  const view = $(".modal");
  if (view) send("close", { view_id: view.dataset.view, whole_stack: true });
  else if (here.thread) go({ thread: "" });
});

Forms.prepare(document);
for (const pane of document.querySelectorAll(".stream")) pane.scrollTop = here.tab === "home" ? 0 : pane.scrollHeight;
$("#composer").hidden = here.tab === "home";
listen();
