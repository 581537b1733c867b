import { Empty } from "../part/states.js";
import { html } from "../ui.js";

export function Stats() {
  return html`<${Empty} title="Stats" />`;
}
