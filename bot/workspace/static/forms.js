"use strict";
// What is filled in: read from, and put back into, the fields of a message or a form.

const Forms = {
  /** The plain value of one [data-field]. */
  value(field) {
    const kind = field.dataset.kind;
    if (kind === "file_input") return [...field.querySelectorAll("[data-file]")].map((li) => li.dataset.file);
    if (kind === "checkboxes") return [...field.querySelectorAll("input:checked")].map((i) => i.value);
    if (kind === "radio_buttons") return field.querySelector("input:checked")?.value ?? null;
    if (field.matches(".picker")) return Pickers.value(field);
    if (kind === "datetimepicker") return field.value ? Math.floor(new Date(field.value).getTime() / 1000) : null;
    return field.value || null;
  },

  put(field, value) {
    const kind = field.dataset.kind;
    if (kind === "file_input") return; // the server draws the chosen files it was told of
    if (kind === "checkboxes" || kind === "radio_buttons") {
      const wanted = [].concat(value ?? []);
      for (const input of field.querySelectorAll("input")) input.checked = wanted.includes(input.value);
    } else if (field.matches(".picker")) {
      for (const input of field.querySelectorAll("li input")) input.checked = (value || []).includes(input.value);
    } else if (kind === "datetimepicker") {
      if (value) field.value = Forms.local(value);
    } else if (field.tagName !== "SELECT" || [...field.options].some((o) => o.value === value)) {
      field.value = value ?? "";
    }
  },

  local(unix) {
    const moment = new Date(unix * 1000);
    return new Date(moment.getTime() - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  },

  /** All values under an element, by block_id and action_id. */
  values(root) {
    const values = {};
    for (const field of root.querySelectorAll("[data-field]")) {
      (values[field.dataset.block] ??= {})[field.dataset.field] = Forms.value(field);
    }
    return values;
  },

  /** Carry what was filled in over to a new drawing, where block_id, action_id and kind stayed the same. */
  carry(before, now) {
    for (const field of now.querySelectorAll("[data-field]")) {
      const { block, field: action, kind } = field.dataset;
      const old = before.querySelector(`[data-block="${CSS.escape(block)}"][data-field="${CSS.escape(action)}"]`);
      if (old?.dataset.kind !== kind) continue;
      const list = kind === "file_input" ? ".chosen" : "external" in field.dataset ? "ul" : null;
      if (list) field.querySelector(list).replaceChildren(...old.querySelector(list).children);
      else Forms.put(field, Forms.value(old));
    }
  },

  /** What only the browser knows: local times, and what the pickers show. */
  prepare(root) {
    for (const picker of root.querySelectorAll(".picker")) Pickers.draw(picker);
    for (const slides of root.querySelectorAll(".carousel")) Pickers.atEdge(slides);
    for (const field of root.querySelectorAll("[data-unix]")) {
      if (field.dataset.unix && !field.value) field.value = Forms.local(Number(field.dataset.unix));
    }
  },

  chosen(file) {
    const item = document.createElement("li");
    item.dataset.file = file.id;
    const name = document.createElement("span");
    name.textContent = file.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.dataset.unchoose = "";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.textContent = "×";
    item.append(name, remove);
    return item;
  },
};
