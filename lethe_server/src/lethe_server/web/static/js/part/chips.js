// Filters as chips. A chip that is set says what it filters by and takes it away; one that is not
// set opens a list of what can be chosen.

import { setParams } from "../address.js";
import { SUGGESTED } from "../catalog.js";
import { baseName, dayKey, toolLabel } from "../format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../ui.js";
import { Icon } from "./icon.js";
import { useMenu } from "./menu.js";

const LABELS = {
  tool: "Tool",
  host: "Host",
  project: "Project",
  role: "Role",
  since: "From",
  until: "Until",
};
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const PERIODS = [
  ["Today", 0],
  ["Last 7 days", 6],
  ["Last 30 days", 29],
  ["Last 90 days", 89],
];

/** @param {Array<string>} names which filters @param {Object} params of the address */
export function Chips({ names, params, children }) {
  const box = useRef(null);
  const changed = useRef(null); // the filter whose chip is about to be another one
  const change = (name, changes) => {
    changed.current = name;
    setParams(changes);
  };
  // The chip that had the focus is gone.
  useLayoutEffect(() => {
    const name = changed.current === "until" && !params.until ? "since" : changed.current;
    changed.current = null;
    if (name) box.current.querySelector(`[data-filter="${name}"]`)?.focus();
  });
  return html`<div class="chips" role="group" aria-label="Filters" ref=${box}>
    ${names.map((name) =>
      params[name]
        ? html`<${SetChip} key=${name} name=${name} value=${params[name]} change=${change} />`
        : name === "until"
          ? null
          : html`<${OpenChip} key=${name} name=${name} change=${change} />`,
    )}
    ${children}
  </div>`;
}

function SetChip({ name, value, change }) {
  return html`<button
    class="chip chip-set"
    data-filter=${name}
    onClick=${() => change(name, { [name]: undefined })}
    aria-label=${`${LABELS[name]} ${value}: remove`}
    title=${value}
  >
    <span class="chip-name">${LABELS[name]}</span>
    <span class="chip-value">${shown(name, value)}</span>
    <${Icon} name="close" />
  </button>`;
}

const shown = (name, value) =>
  name === "tool" ? toolLabel(value) : name === "project" ? baseName(value) : value;

function OpenChip({ name, change }) {
  const { open, setOpen, box, leave } = useMenu();
  const [values, setValues] = useState([]);
  useEffect(() => {
    if (open && name !== "since") SUGGESTED[name]().then(setValues);
  }, [open]);
  // At once, so that nobody is led away from where they have gone since.
  useLayoutEffect(() => {
    if (open) box.current.querySelector(".menu button, .menu input")?.focus();
  }, [open, values]);
  const take = (changes) => {
    setOpen(false);
    change(name, changes);
  };
  return html`<div class="chip-box" ref=${box} onKeyDown=${(event) => leave(event) || walk(event, box)}>
    <button
      class="chip"
      data-filter=${name}
      aria-haspopup="true"
      aria-expanded=${open ? "true" : "false"}
      onClick=${() => setOpen(!open)}
    >
      ${name === "since" ? "Date" : LABELS[name]}<${Icon} name="chevron" />
    </button>
    ${open &&
    html`<div class="menu" role="group" aria-label=${LABELS[name]}>
      ${name === "since"
        ? html`<${Dates} take=${take} />`
        : values.map(
            ({ value, sessions }) => html`<button key=${value} onClick=${() => take({ [name]: value })}>
              <span title=${value}>${shown(name, value)}</span>
              <span class="menu-more">${sessions ?? ""}</span>
            </button>`,
          )}
      ${name !== "since" && values.length === 0 && html`<p class="menu-none">Nothing yet</p>`}
    </div>`}
  </div>`;
}

function Dates({ take }) {
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  return html`${PERIODS.map(
      ([label, days]) => html`<button key=${label} onClick=${() => take({ since: daysAgo(days), until: undefined })}>
        ${label}
      </button>`,
    )}
    <form
      class="menu-dates"
      onSubmit=${(event) => {
        event.preventDefault();
        take({ since: since || undefined, until: until || undefined });
      }}
    >
      <label>From <input type="date" value=${since} onInput=${(event) => setSince(event.target.value)} /></label>
      <label>Until <input type="date" value=${until} onInput=${(event) => setUntil(event.target.value)} /></label>
      <button class="button" type="submit">Show</button>
    </form>`;
}

/** The asker's day so many days ago, as YYYY-MM-DD. */
export const daysAgo = (days) => shiftedDay(dayKey(Date.now() / 1000), -days);

/** The beginning of a day of the asker as Unix seconds, which every route understands alike. */
export function dayStart(day) {
  if (!DAY.test(day ?? "")) return day;
  return new Date(`${day}T00:00:00`).getTime() / 1000;
}

/** The end of a day: a filter holds both of its days, while every route ends before a time. */
export const dayEnd = (day) => dayStart(shiftedDay(day, 1));

/** The day so many days later; what is no day stays as it is. */
export function shiftedDay(day, days) {
  if (!DAY.test(day ?? "")) return day;
  const date = new Date(`${day}T12:00`);
  date.setDate(date.getDate() + days);
  return dayKey(date.getTime() / 1000);
}

function walk(event, box) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  if (event.target.type === "date") return;
  event.preventDefault();
  const stops = [...box.current.querySelectorAll("button, input")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = (stops.indexOf(document.activeElement) + step + stops.length) % stops.length;
  stops[next].focus();
}
