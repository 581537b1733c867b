// Starts the page.

import { followLinks } from "./address.js";
import { App } from "./app.js";
import { follow } from "./live.js";
import { html, render } from "./ui.js";

const place = document.getElementById("app");
place.replaceChildren();
followLinks();
render(html`<${App} />`, place);
follow();
