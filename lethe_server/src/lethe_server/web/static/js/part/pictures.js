// Pictures and other attachments. A picture is drawn from memory; what is not of a kind that
// browsers draw without running anything stays a line of text.

import { bytes } from "../format.js";
import { html, useEffect, useState } from "../ui.js";

const DRAWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export function Pictures({ attachments }) {
  if (!Array.isArray(attachments) || !attachments.length) return null;
  return html`<div class="pictures">
    ${attachments.map((attachment, index) => html`<${Picture} key=${index} attachment=${attachment ?? {}} />`)}
  </div>`;
}

function Picture({ attachment }) {
  const { media_type: type, data, bytes: size } = attachment;
  const [address, setAddress] = useState(null);
  useEffect(() => {
    if (!DRAWN.has(type) || typeof data !== "string") return undefined;
    let url = null;
    try {
      const raw = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
      url = URL.createObjectURL(new Blob([raw], { type }));
      setAddress(url);
    } catch {
      setAddress(null); // not base64: it is told, not drawn
    }
    return () => url && URL.revokeObjectURL(url);
  }, [data, type]);
  const said = `${String(type ?? attachment.type ?? "attachment")}${Number.isFinite(size) ? `, ${bytes(size)}` : ""}`;
  if (!address) return html`<span class="attachment">${said}</span>`;
  const fail = () => setAddress(null); // no picture after all
  return html`<img src=${address} alt=${`Picture in the transcript (${said})`} loading="lazy" onError=${fail} />`;
}
