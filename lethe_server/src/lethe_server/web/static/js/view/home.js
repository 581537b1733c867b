// The first view: search results if something is asked for, else the sessions by day.

import { html, useTitle } from "../ui.js";
import { Results } from "./results.js";
import { Timeline } from "./timeline.js";

export function Home({ address }) {
  const query = (address.params.q ?? "").trim();
  useTitle(query);
  return query
    ? html`<${Results} params=${address.params} />`
    : html`<${Timeline} params=${address.params} />`;
}
