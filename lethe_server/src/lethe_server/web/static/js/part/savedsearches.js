// Searches that were given a name: a text with its filters.

import { api } from "../api.js";
import { FILTERS, addressOf } from "../address.js";
import { html, useLayoutEffect, useLoaded, useRef, useState } from "../ui.js";
import { shiftedDay } from "./chips.js";
import { Failed, NotOffered } from "./states.js";
import { Icon } from "./icon.js";

/** The address that runs a saved search. */
function searchAddress(saved) {
  const filters = saved.filters ?? {};
  const params = { q: saved.q };
  for (const name of FILTERS) params[name] = filters[name];
  params.until = shiftedDay(filters.until, -1);
  if (filters.include_tool_outputs) params.outputs = "1";
  if (filters.order === "time") params.order = "time";
  return addressOf("/", params);
}

function bodyOf(name, params) {
  const filters = {};
  for (const key of FILTERS) if (params[key]) filters[key] = params[key];
  // The API ends before a day, the page with it.
  if (params.until) filters.until = shiftedDay(params.until, 1);
  if (params.outputs === "1") filters.include_tool_outputs = true;
  if (params.order === "time") filters.order = "time";
  return { name, q: params.q, filters };
}

/** A chip that gives the present search a name. */
export function SaveSearch({ params }) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [said, say] = useState("");
  const form = useRef(null);
  const isAsked = useRef(false);
  // At once, so that no letter of the name is lost.
  useLayoutEffect(() => {
    if (!open) return;
    form.current.querySelector("input").focus();
    // On a phone the chips are scrolled, and the form would stand beyond the edge.
    form.current.querySelector("button").scrollIntoView({ inline: "end", block: "nearest" });
  }, [open]);
  const save = async (event) => {
    event.preventDefault();
    if (isAsked.current) return;
    isAsked.current = true;
    try {
      await api.saveSearch(bodyOf(name.trim(), params));
      say("Saved");
      setOpen(false);
      setName("");
    } catch (error) {
      say(error.isMissing ? "This server keeps no searches" : error.message);
    }
    isAsked.current = false;
  };
  if (!open) {
    return html`<button class="chip" onClick=${() => { say(""); setOpen(true); }}>
        <${Icon} name="star" />Save
      </button>
      <span class="chip-said" role="status">${said}</span>`;
  }
  return html`<form class="chip-form" ref=${form} onSubmit=${save}>
    <input
      aria-label="Name of the search"
      placeholder="Name"
      required
      maxlength="64"
      value=${name}
      onInput=${(event) => setName(event.target.value)}
      onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}
    />
    <button class="chip chip-set" type="submit">Save</button>
    <span class="chip-said" role="status">${said}</span>
  </form>`;
}

/** The saved searches, to run and to delete. */
export function SavedSearches() {
  const { value, error, again } = useLoaded((signal) => api.savedSearches(signal), []);
  if (error && !error.isMissing) return html`<${Failed} error=${error} again=${again} />`;
  const list = value?.saved_searches ?? [];
  const remove = async (saved) => {
    await api.deleteSearch(saved.id).catch(() => undefined);
    again();
  };
  return html`<section class="card" aria-label="Saved searches">
    <header class="card-head"><h2>Saved searches</h2></header>
    ${error && html`<${NotOffered} what="saved searches" />`}
    ${value && !list.length && html`<p class="muted">None yet. Search for something and press Save.</p>`}
    <ul class="saved">
      ${list.map(
        (saved) => html`<li key=${saved.id}>
          <a href=${searchAddress(saved)}><${Icon} name="star" />${saved.name}</a>
          <code>${saved.q}</code>
          <button class="icon-button" aria-label=${`Delete ${saved.name}`} onClick=${() => remove(saved)}><${Icon} name="close" /></button>
        </li>`,
      )}
    </ul>
  </section>`;
}
