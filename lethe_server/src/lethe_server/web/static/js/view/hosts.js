import { Empty } from "../part/states.js";
import { html } from "../ui.js";

export function Hosts() {
  return html`<${Empty} title="Hosts" />`;
}
