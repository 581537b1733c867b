// All requests to the server. Nothing else in the page calls fetch.

import { addressOf } from "./address.js";

const BASE = "/api/v1";

/** An answer that is not the one that was asked for; `code` is the API's, or OFFLINE. */
class Problem extends Error {
  /** @param {{status: number, code: string, detail: string, hint?: string}} said */
  constructor({ status, code, detail, hint = "" }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** Whether the server does not have the route at all. */
  get isMissing() {
    return this.status === 404 || this.status === 405;
  }
}

async function request(path, { method = "GET", params = {}, body, signal, base = BASE } = {}) {
  const address = addressOf(base + path, params);
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, code: "OFFLINE", detail: "the server cannot be reached" });
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer.status === 204 ? null : answer.json();
}

/** What is wrong; who typed it into the box of the search does not know that it is called `q`. */
function detailOf({ detail, parameter }) {
  if (detail === undefined) return undefined;
  return parameter === "q" ? String(detail).replace(/^q: /, "") : String(detail);
}

async function problemOf(answer) {
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // A proxy's page, most likely: the status says enough.
  }
  return new Problem({
    status: answer.status,
    code: String(said.code ?? `HTTP_${answer.status}`),
    detail: detailOf(said) ?? String(answer.statusText || "the server did not answer as expected"),
    hint: String(said.hint ?? ""),
  });
}

/** The path of a session below the API. */
function sessionPath({ tool, host, session_id: id }) {
  return [tool, host, id].map(encodeURIComponent).join("/");
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export const api = {
  me: (signal) => request("/me", { signal }),
  search: (params, signal) => request("/search", { params: { tz: zone(), ...params }, signal }),
  sessions: (params, signal) => request("/sessions", { params, signal }),
  session: (key, params, signal) =>
    request(`/sessions/${sessionPath(key)}`, { params, signal }),
  find: (key, params, signal) => request(`/sessions/${sessionPath(key)}/find`, { params: { tz: zone(), ...params }, signal }),
  related: (key, signal) => request(`/sessions/${sessionPath(key)}/related`, { signal }),
  exportPath: (key, format) => `${BASE}/sessions/${sessionPath(key)}/export?format=${format}`,
  stats: (params, signal) => request("/stats", { params: { tz: zone(), ...params }, signal }),
  projects: (params, signal) => request("/projects", { params, signal }),
  hosts: (signal) => request("/hosts", { signal }),
  completeness: (host, signal) =>
    request(`/hosts/${encodeURIComponent(host)}/completeness`, { signal }),
  tools: (signal) => request("/tools", { signal }),
  savedSearches: (signal) => request("/saved-searches", { signal }),
  saveSearch: (body) => request("/saved-searches", { method: "POST", body }),
  deleteSearch: (id) =>
    request(`/saved-searches/${encodeURIComponent(id)}`, { method: "DELETE" }),
  tokens: (signal) => request("/tokens", { signal }),
  createToken: (body) => request("/tokens", { method: "POST", body }),
  revokeToken: (name) => request(`/tokens/${encodeURIComponent(name)}`, { method: "DELETE" }),
  eventsPath: `${BASE}/events`,
};

/** End the browser's session. */
export const logOut = () => request("/logout", { method: "POST", base: "" });
