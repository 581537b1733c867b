// Numbers, times and names as people read them.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const shortOfYear = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
});
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

export const count = (number) => whole.format(number ?? 0);
export const brief = (number) => compact.format(number ?? 0);
export const plural = (number, one, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;

/** A price; of very small ones the digits that matter. */
export function money(dollars) {
  if (dollars === null || dollars === undefined) return "–";
  return `$${dollars >= 0.995 || dollars === 0 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}

export const time = (seconds) => (seconds ? clock.format(seconds * 1000) : "");
export const exactTime = (seconds) => (seconds ? exact.format(seconds * 1000) : "no time");
export const isoTime = (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : "");

/** The asker's day of a time, as YYYY-MM-DD. */
export function dayKey(seconds) {
  if (!seconds) return "";
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The heading of a day: Today, Yesterday, or its date. */
export function dayLabel(seconds, now = Date.now() / 1000) {
  if (!seconds) return "Without a date";
  const key = dayKey(seconds);
  if (key === dayKey(now)) return "Today";
  if (key === dayKey(now - 86400)) return "Yesterday";
  const date = new Date(seconds * 1000);
  const thisYear = date.getFullYear() === new Date(now * 1000).getFullYear();
  return (thisYear ? day : dayOfYear).format(date);
}

/** A time as short as it can be said: the hour of today, else the day. */
export function shortTime(seconds, now = Date.now() / 1000) {
  if (!seconds) return "";
  if (dayKey(seconds) === dayKey(now)) return time(seconds);
  const date = new Date(seconds * 1000);
  const thisYear = date.getFullYear() === new Date(now * 1000).getFullYear();
  return (thisYear ? short : shortOfYear).format(date);
}

/** How long something took, or how long ago it was. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || seconds < 0) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

export function ago(seconds, now = Date.now() / 1000) {
  if (!seconds) return "never";
  const passed = now - seconds;
  return passed < 45 ? "just now" : `${duration(passed)} ago`;
}

export function bytes(number) {
  if (number < 1000) return `${number} B`;
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} KB`;
  return `${(number / 1e6).toFixed(1)} MB`;
}

/** The last part of a path, whichever way its slashes lean. */
export const baseName = (path) =>
  String(path ?? "").replace(/[\\/]+$/, "").split(/[\\/]/).pop() || String(path ?? "");

/** A number from 0 to 7 that a name always has: its colour. */
export function hue(name) {
  let sum = 0;
  for (const letter of String(name)) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum % 8;
}

const labels = new Map();

/** Remember how tools are called. */
export function nameTools(tools) {
  for (const { tool, label } of tools) if (label) labels.set(tool, label);
}

/** The name of a tool for people. */
export const toolLabel = (tool) => labels.get(tool) ?? String(tool);
