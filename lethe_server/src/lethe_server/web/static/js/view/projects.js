import { Empty } from "../part/states.js";
import { html } from "../ui.js";

export function Projects() {
  return html`<${Empty} title="Projects" />`;
}
