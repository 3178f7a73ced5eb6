"use strict";
// What is filled in: read from, and put back into, the fields of a message or a form.

const Forms = {
  /** The plain value of one [data-field]. */
  value(field) {
    const kind = field.dataset.kind;
    if (kind === "file_input") return [...field.querySelectorAll("[data-file]")].map((li) => li.dataset.file);
    if (kind === "checkboxes") return [...field.querySelectorAll("input:checked")].map((i) => i.value);
    if (kind === "radio_buttons") return field.querySelector("input:checked")?.value ?? null;
    if (field.multiple) return [...field.selectedOptions].map((o) => o.value);
    if (kind === "datetimepicker") return field.value ? Math.floor(new Date(field.value).getTime() / 1000) : null;
    return field.value || null;
  },

  put(field, value) {
    const kind = field.dataset.kind;
    if (kind === "file_input") return; // the server draws the chosen files it was told of
    if (kind === "checkboxes" || kind === "radio_buttons") {
      const wanted = [].concat(value ?? []);
      for (const input of field.querySelectorAll("input")) input.checked = wanted.includes(input.value);
    } else if (field.multiple) {
      for (const option of field.options) option.selected = (value || []).includes(option.value);
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

  /** Put kept values back where block_id and action_id stayed the same, as Slack does on views.update. */
  restore(root, kept) {
    for (const field of root.querySelectorAll("[data-field]")) {
      const block = kept[field.dataset.block];
      if (block && field.dataset.field in block) Forms.put(field, block[field.dataset.field]);
    }
  },

  /** Local times for datetime fields, which only the browser knows. */
  prepare(root) {
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
