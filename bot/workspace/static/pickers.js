"use strict";
// Fields that open a list: several options, or options that the app offers for what was typed.

const Pickers = {
  value(picker) {
    const chosen = [...picker.querySelectorAll("li input:checked")];
    const values = chosen.map((input) => (input.dataset.option ? JSON.parse(input.dataset.option) : input.value));
    return "several" in picker.dataset ? values : values[0] ?? null;
  },

  /** Show what is chosen on the closed field. */
  draw(picker) {
    const names = [...picker.querySelectorAll("li input:checked")].map((input) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.textContent = input.parentElement.querySelector(".choice-text").textContent;
      return chip;
    });
    const shown = picker.querySelector(".picked");
    shown.replaceChildren(...(names.length ? names : [picker.dataset.placeholder]));
    shown.classList.toggle("nothing", !names.length);
  },

  /** Narrow the list to what was typed; an external one asks the app, after a moment without typing. */
  search(picker, query) {
    if ("external" in picker.dataset) {
      clearTimeout(picker.asking);
      picker.asking = setTimeout(() => Pickers.ask(picker, query), 200);
      return;
    }
    const wanted = query.trim().toLowerCase();
    const items = [...picker.querySelectorAll("li:not(.picker-group)")];
    for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    Pickers.none(picker, items.every((item) => item.hidden) ? "Nothing found" : "");
  },

  async ask(picker, query) {
    const fewest = Number(picker.dataset.external);
    Pickers.keepChosen(picker);
    if (query.length < fewest) return Pickers.none(picker, `Type at least ${fewest} letters`);
    const { field, block } = picker.dataset;
    const answer = await send("suggest", { ...where(picker).at, action_id: field, block_id: block, value: query });
    if (!answer.ok || picker.querySelector("[type=search]").value !== query) return;
    Pickers.keepChosen(picker);
    const groups = answer.option_groups ?? [{ options: answer.options }];
    const taken = new Set([...picker.querySelectorAll("li input")].map((input) => input.value));
    const list = picker.querySelector("ul");
    for (const group of groups) {
      if (group.label) list.append(Pickers.heading(group.label.text));
      list.append(...group.options.filter((option) => !taken.has(option.value)).map((o) => Pickers.item(picker, o)));
    }
    Pickers.none(picker, groups.some((group) => group.options.length) ? "" : "Nothing found");
  },

  keepChosen(picker) {
    for (const item of picker.querySelectorAll("li")) if (!item.querySelector("input:checked")) item.remove();
  },

  none(picker, words) {
    const note = picker.querySelector(".picker-none");
    note.textContent = words;
    note.hidden = !words;
  },

  heading(text) {
    const item = document.createElement("li");
    item.className = "picker-group";
    item.textContent = text;
    return item;
  },

  item(picker, option) {
    const item = document.createElement("li");
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "several" in picker.dataset ? "checkbox" : "radio";
    input.value = option.value;
    input.dataset.option = JSON.stringify(option);
    const text = document.createElement("span");
    text.className = "choice-text";
    text.textContent = option.text.text;
    label.append(input, text);
    item.append(label);
    return item;
  },

  opened(picker) {
    picker.before = JSON.stringify(Pickers.value(picker));
    const box = picker.querySelector("[type=search]");
    box.value = "";
    if ("external" in picker.dataset) Pickers.ask(picker, "");
    else Pickers.search(picker, "");
    box.focus({ preventScroll: true });
    picker.querySelector(".menu").scrollIntoView({ block: "nearest" });
  },

  /** Tell the app once the list is closed, as Slack does, if something else is chosen now. */
  closed(picker) {
    const changed = picker.before !== undefined && picker.before !== JSON.stringify(Pickers.value(picker));
    picker.before = undefined;
    if (changed && picker.dataset.live) press(picker, picker.dataset.field, Pickers.value(picker));
  },

  /** Hide the arrow that leads nowhere. */
  atEdge(carousel) {
    const left = carousel.scrollLeft;
    const room = carousel.scrollWidth - carousel.clientWidth;
    carousel.parentElement.classList.toggle("at-start", left < 8);
    carousel.parentElement.classList.toggle("at-end", left > room - 8);
  },
};

/** Open a menu to the side, and up or down, where there is room for it. */
function fit(menu) {
  menu.removeAttribute("style");
  const shown = menu.getBoundingClientRect();
  const pane = menu.closest(".modal-body, .stream")?.getBoundingClientRect();
  if (!pane) return;
  if (shown.left < pane.left + 4) Object.assign(menu.style, { left: 0, right: "auto" });
  if (shown.bottom > pane.bottom && shown.top - shown.height > pane.top + 40) {
    Object.assign(menu.style, { top: "auto", bottom: "calc(100% + 4px)" });
  }
}

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.matches?.("details.overflow[open]")) fit(target.querySelector(".menu"));
    if (!target.matches?.(".picker")) return;
    if (target.open) Pickers.opened(target);
    else Pickers.closed(target);
  },
  true,
);

document.addEventListener("input", ({ target }) => {
  const picker = target.closest(".picker");
  if (!picker) return;
  if (target.type === "search") return Pickers.search(picker, target.value);
  if (target.type === "radio") {
    for (const other of picker.querySelectorAll("li input:checked")) other.checked = other === target;
    picker.open = false;
  }
  Pickers.draw(picker);
});

document.addEventListener("click", ({ target }) => {
  for (const open of document.querySelectorAll(".picker[open]")) if (!open.contains(target)) open.open = false;
  const arrow = target.closest("[data-slide]");
  if (!arrow) return;
  const carousel = arrow.parentElement.querySelector(".carousel");
  carousel.scrollBy({ left: Number(arrow.dataset.slide) * carousel.clientWidth * 0.8, behavior: "smooth" });
});

document.addEventListener(
  "scroll",
  ({ target }) => {
    if (target.matches?.(".carousel")) Pickers.atEdge(target);
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const picker = event.target.closest?.(".picker[open]");
  if (!picker || !["Escape", "Enter"].includes(event.key)) return;
  event.stopPropagation();
  event.preventDefault();
  if (event.key === "Enter") picker.querySelector("li:not([hidden]) input:not(:checked)")?.click();
  if (event.key === "Escape") {
    picker.open = false;
    picker.querySelector("summary").focus();
  }
}, true);
