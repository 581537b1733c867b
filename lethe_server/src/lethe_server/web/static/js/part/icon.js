// Icons: lines on a field of 24 by 24, in the colour of the text.

import { html } from "../ui.js";

const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4",
  wave: "M3 9c3-3 6-3 9 0s6 3 9 0M3 15c3-3 6-3 9 0s6 3 9 0",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  chart: "M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6",
  folder: "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z",
  host: "M4 5h16v10H4zM8 19h8M12 15v4",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "M5 13l4 4L19 7",
  alert: "M12 4l9 16H3zM12 10v4M12 17h.01",
  offline: "M4 4l16 16M8.5 15.5a5 5 0 0 1 5-1M5 12a10 10 0 0 1 5-2.7M2 8.5a15 15 0 0 1 5-3M22 8.5a15 15 0 0 0-10-3.5M12 19h.01",
  key: "M14 10a4 4 0 1 1-4 4M14 10l6-6M17 7l2 2M10 14a4 4 0 1 1 4-4",
  chevron: "M9 6l6 6-6 6",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  star: "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.6-5.1-2.7-5.1 2.7 1-5.6-4.1-4 5.7-.8z",
  branch: "M7 5v14M7 9c0 4 10 2 10 7M7 5h.01M17 19h.01",
  think: "M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10.5c.8.7 1 1.5 1 2.5h6c0-1 .2-1.8 1-2.5A6 6 0 0 0 12 3z",
  help: "M9 9a3 3 0 1 1 4 2.8c-.8.3-1 .9-1 1.7M12 17h.01",
  terminal: "M5 7l5 5-5 5M12 17h7",
};

/** Draw an icon; what it means is said in words beside it. */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}
