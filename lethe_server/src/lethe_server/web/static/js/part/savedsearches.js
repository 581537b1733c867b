// Searches that were given a name: a text with its filters.

import { api } from "../api.js";
import { addressOf } from "../address.js";
import { html, useState } from "../ui.js";
import { Icon } from "./icon.js";

/** What of an address is kept. */
const KEPT = ["tool", "host", "project", "role", "since", "until"];

/** The address that runs a saved search. */
export function searchAddress(saved) {
  const filters = saved.filters ?? {};
  const params = { q: saved.q };
  for (const name of KEPT) params[name] = filters[name];
  if (filters.include_tool_outputs) params.outputs = "1";
  if (filters.order === "time") params.order = "time";
  return addressOf("/", params);
}

function bodyOf(name, params) {
  const filters = {};
  for (const key of KEPT) if (params[key]) filters[key] = params[key];
  if (params.outputs === "1") filters.include_tool_outputs = true;
  return { name, q: params.q, filters };
}

/** A chip that gives the present search a name. */
export function SaveSearch({ params }) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [said, say] = useState("");
  const save = async (event) => {
    event.preventDefault();
    try {
      await api.saveSearch(bodyOf(name.trim(), params));
      say("Saved");
      setOpen(false);
      setName("");
    } catch (error) {
      say(error.isMissing ? "This server keeps no searches" : error.message);
    }
  };
  if (!open) {
    return html`<button class="chip" onClick=${() => { say(""); setOpen(true); }}>
        <${Icon} name="star" />Save
      </button>
      <span class="chip-said" role="status">${said}</span>`;
  }
  return html`<form class="chip-form" onSubmit=${save}>
    <input
      aria-label="Name of the search"
      placeholder="Name"
      required
      maxlength="64"
      value=${name}
      onInput=${(event) => setName(event.target.value)}
      onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}
      ref=${(input) => input && !name && input.focus()}
    />
    <button class="chip chip-set" type="submit">Save</button>
    <span class="chip-said" role="status">${said}</span>
  </form>`;
}
