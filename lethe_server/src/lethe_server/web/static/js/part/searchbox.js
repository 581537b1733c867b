// The search box: what is typed stands in the address, from where the views read it.
//
// Behind `tool:`, `host:`, `project:` and `role:` it suggests what the archive knows; what is
// chosen becomes a filter. Everything else that is typed is the server's to understand.

import { addressOf, go, readAddress } from "../address.js";
import { SUGGESTED } from "../catalog.js";
import { baseName, plural } from "../format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../ui.js";
import { Icon } from "./icon.js";

const CONDITION = /(?:^|\s)(tool|host|project|role|after|before):("?[^\s"]*)$/;
const MOST = 8;
/** The address follows the first key at once, and further ones no sooner than after this (ms). */
const PAUSE = 50;

export function SearchBox({ address }) {
  const isHome = address.path === "/";
  const asked = isHome ? (address.params.q ?? "") : "";
  const [text, setText] = useState(asked);
  const [open, setOpen] = useState(false);
  const sent = useRef(asked);
  const timer = useRef(0);
  const last = useRef(-PAUSE);
  const { choices, condition } = useSuggestions(open ? text : "");
  // A choice holds for the list that it was made in.
  const [choice, setChoice] = useState({ of: null, index: -1 });
  const chosen = choice.of === choices ? choice.index : -1;
  const choose = (index) => setChoice({ of: choices, index });

  // The browser's buttons and links change what is asked for from outside. What this box sent
  // itself may be older than what has been typed since, and is not put back; so this must not wait
  // for the next key.
  useLayoutEffect(() => {
    if (asked !== sent.current) {
      clearTimeout(timer.current);
      sent.current = asked;
      setText(asked);
    }
  }, [asked]);

  // What was typed last leads nobody back who has gone elsewhere since.
  useLayoutEffect(() => () => clearTimeout(timer.current), [address.path]);

  const ask = (value, filters = {}) => {
    sent.current = value.trim() ? value : "";
    clearTimeout(timer.current);
    last.current = performance.now();
    const { path, params } = readAddress();
    const before = path === "/" ? params : {};
    const next = addressOf("/", { ...before, ...filters, q: value.trim() ? value : undefined });
    // The first letter is a step that one can go back; the others change it.
    go(next, { replace: path === "/" && (Boolean(before.q) || !value) });
  };
  const type = (event) => {
    const { value } = event.target;
    setText(value);
    setOpen(true);
    clearTimeout(timer.current);
    const wait = last.current + PAUSE - performance.now();
    if (wait <= 0) ask(value);
    else timer.current = setTimeout(() => ask(value), wait);
  };
  const take = ({ value }) => {
    const rest = text.slice(0, text.length - condition.length).trimEnd();
    const isDate = condition.name === "after" || condition.name === "before";
    setOpen(false);
    if (isDate) {
      const said = value.includes(" ") ? `"${value}"` : value;
      const whole = `${rest ? `${rest} ` : ""}${condition.name}:${said} `;
      setText(whole);
      ask(whole);
    } else {
      setText(rest);
      ask(rest, { [condition.name]: value });
    }
  };
  const press = (event) => {
    if (event.key === "Escape") {
      if (open && choices.length) setOpen(false);
      else event.target.blur();
    } else if (open && choices.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = chosen < 0 && step < 0 ? choices.length - 1 : chosen + step;
      choose((next + choices.length) % choices.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (open && chosen >= 0 && choices[chosen]) take(choices[chosen]);
      else {
        ask(text);
        event.target.blur();
        document.dispatchEvent(new CustomEvent("lethe:results"));
      }
    } else if (event.key === "Tab" && open && choices.length && !event.shiftKey) {
      event.preventDefault();
      take(choices[Math.max(0, chosen)]);
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      event.target.blur();
      document.dispatchEvent(new CustomEvent("lethe:results"));
    }
  };
  const shown = open && choices.length > 0;
  return html`<form class="searchbox" role="search" onSubmit=${(event) => event.preventDefault()}>
    <${Icon} name="search" />
    <input
      id="search"
      type="search"
      role="combobox"
      aria-label="Search all sessions"
      aria-expanded=${shown ? "true" : "false"}
      aria-controls="suggestions"
      aria-autocomplete="list"
      aria-activedescendant=${shown && chosen >= 0 ? `suggestion-${chosen}` : undefined}
      autocomplete="off"
      autocapitalize="off"
      spellcheck=${false}
      maxlength="512"
      placeholder="Search everything"
      value=${text}
      onInput=${type}
      onKeyDown=${press}
      onFocus=${() => setOpen(true)}
      onBlur=${() => setOpen(false)}
    />
    <kbd class="searchbox-key" aria-hidden="true">/</kbd>
    <ul id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden=${!shown}>
      ${shown &&
      choices.map(
        (choice, index) => html`<li
          key=${choice.value}
          id=${`suggestion-${index}`}
          role="option"
          aria-selected=${index === chosen ? "true" : "false"}
          onPointerDown=${(event) => event.preventDefault()}
          onClick=${() => take(choice)}
        >
          <span class="suggestion-name">${nameOf(condition.name, choice.value)}</span>
          <span class="suggestion-more">
            ${condition.name === "project" ? choice.value : ""}
            ${choice.sessions ? plural(choice.sessions, "session") : ""}
          </span>
        </li>`,
      )}
    </ul>
  </form>`;
}

const nameOf = (condition, value) => (condition === "project" ? baseName(value) : value);

/** What fits the condition that is being typed. */
function useSuggestions(text) {
  const match = CONDITION.exec(text);
  const name = match?.[1] ?? "";
  const begun = match?.[2] ?? "";
  const [known, setKnown] = useState({});
  useEffect(() => {
    if (name && !known[name]) {
      SUGGESTED[name]().then((values) => setKnown((before) => ({ ...before, [name]: values })));
    }
  }, [name]);
  return useMemo(() => {
    const needle = begun.replace(/^"/, "").toLowerCase();
    const choices = (known[name] ?? [])
      .filter(({ value }) => value.toLowerCase().includes(needle))
      .slice(0, MOST);
    return { choices, condition: { name, length: name.length + 1 + begun.length } };
  }, [name, begun, known]);
}
