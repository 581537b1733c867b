import { Empty } from "../part/states.js";
import { html } from "../ui.js";

export function Settings() {
  return html`<${Empty} title="Settings" />`;
}
