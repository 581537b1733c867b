// The sessions around one: its subagents, forks and continuations.

import { api } from "../api.js";
import { sessionAddress } from "../address.js";
import { plural } from "../format.js";
import { html, useLoaded } from "../ui.js";
import { Icon } from "./icon.js";
import { RELATIONS } from "./sessionrow.js";

export function Related({ session }) {
  const { value } = useLoaded((signal) => api.related(session, signal), [session.tool, session.host, session.session_id]);
  const children = value ? childrenOf(value) : [];
  if (!children.length) return null;
  const groups = Object.keys(RELATIONS)
    .map((relation) => [relation, children.filter((child) => child.relation === relation)])
    .filter(([, list]) => list.length);
  return html`<details class="related" open=${children.length <= 4}>
    <summary>
      <${Icon} name="branch" />${groups.map(([relation, list]) => plural(list.length, RELATIONS[relation].toLowerCase())).join(", ")}
    </summary>
    ${groups.map(
      ([relation, list]) => html`<ul key=${relation} aria-label=${`${RELATIONS[relation]}s`}>
        ${list.map(
          (child) => html`<li key=${child.session_id}>
            <a href=${sessionAddress({ ...session, ...child })}>${child.title || child.session_id}</a>
            <span class="muted">${child.turns !== undefined ? plural(child.turns, "turn") : ""}</span>
          </li>`,
        )}
      </ul>`,
    )}
  </details>`;
}

/** The sessions that come from this one directly; the answer lists the whole tree. */
const childrenOf = ({ sessions, asked }) =>
  sessions.filter((node) => node.parent === asked && node.archived);
