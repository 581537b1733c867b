// A menu below its button: it closes when somebody points elsewhere, or presses Escape.

import { useLayoutEffect, useRef, useState } from "../ui.js";

/**
 * @returns {{open, setOpen, box, leave}} whether it is open; `box` is for the element that holds
 *   button and menu; `leave(event)` closes it on Escape, and says whether it did
 */
export function useMenu() {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  useLayoutEffect(() => {
    if (!open) return undefined;
    const close = (event) => {
      if (!box.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, [open]);
  const leave = (event) => {
    if (event.key !== "Escape" || !open) return false;
    event.stopPropagation();
    setOpen(false);
    box.current.querySelector("button").focus();
    return true;
  };
  return { open, setOpen, box, leave };
}
