// The names that an archive knows: tools, hosts and projects, for suggestions and chips.

import { api } from "./api.js";

const cache = new Map();

/** Ask once; a failure is asked for again the next time. */
function once(name, load) {
  if (!cache.has(name)) {
    cache.set(
      name,
      load().catch(() => {
        cache.delete(name);
        return [];
      }),
    );
  }
  return cache.get(name);
}

const groups = (dimension) => async () => {
  const answer = await api.stats({ group_by: dimension });
  return answer.groups
    .filter((group) => group[dimension])
    .sort((one, other) => other.sessions - one.sessions)
    .map((group) => ({ value: String(group[dimension]), sessions: group.sessions }));
};

const ROLES = ["user", "assistant", "tool", "system"];
const DATES = ["today", "yesterday", "7d", "30d", "last month"];

/** What can be suggested behind `tool:` and the other conditions; each gives `{value, sessions}`. */
export const SUGGESTED = {
  tool: () => once("tool", groups("tool")),
  host: () => once("host", groups("host")),
  project: () => once("project", groups("project")),
  role: async () => ROLES.map((value) => ({ value })),
  after: async () => DATES.map((value) => ({ value })),
  before: async () => DATES.map((value) => ({ value })),
};
