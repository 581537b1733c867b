// Colours of code. The highlighter and each language are loaded when they are first needed; until
// then, and for what nobody knows, code is plain text.

const LANGUAGES = new Set(
  ("bash c clojure cmake cpp csharp css dart diff dockerfile elixir erlang fsharp go graphql groovy" +
    " haskell http ini java javascript json julia kotlin latex less lua makefile markdown nginx nix" +
    " objectivec ocaml perl php plaintext powershell protobuf python r ruby rust scala scss shell" +
    " sql swift typescript vim wasm xml yaml").split(" "),
);

const ALIASES = {
  sh: "bash", zsh: "bash", fish: "bash", console: "bash", shellsession: "bash",
  js: "javascript", mjs: "javascript", cjs: "javascript", jsx: "javascript",
  ts: "typescript", tsx: "typescript", mts: "typescript",
  py: "python", pyi: "python", rb: "ruby", rs: "rust", kt: "kotlin", hs: "haskell", cs: "csharp",
  "c++": "cpp", cc: "cpp", cxx: "cpp", hpp: "cpp", h: "c", m: "objectivec", ex: "elixir", exs: "elixir",
  html: "xml", svg: "xml", vue: "xml", htm: "xml", md: "markdown", yml: "yaml", toml: "ini", cfg: "ini",
  conf: "ini", jsonc: "json", json5: "json", jsonl: "json", ndjson: "json", patch: "diff", tex: "latex",
  docker: "dockerfile", make: "makefile", mk: "makefile", ps1: "powershell", proto: "protobuf",
  gql: "graphql", clj: "clojure", pl: "perl", ml: "ocaml", text: "plaintext", txt: "plaintext",
};

/** More than this many characters stay plain: colours would cost more than they give. */
const MOST = 60_000;

const loaded = new Map();
let core = null;

/** The name of a language that is known here, or "". */
function languageOf(name) {
  const lower = String(name).toLowerCase();
  const known = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  return LANGUAGES.has(known) ? known : "";
}

/** The language of a file by its name, or "". */
export function languageOfFile(path) {
  const name = String(path).split(/[\\/]/).pop() ?? "";
  if (/^(dockerfile|makefile)$/i.test(name)) return name.toLowerCase();
  return name.includes(".") ? languageOf(name.split(".").pop()) : "";
}

function load(language) {
  if (!loaded.has(language)) {
    core ??= import("../vendor/highlight/core.min.js").then((module) => module.default);
    const grammar = import(`../vendor/highlight/languages/${language}.min.js`);
    loaded.set(
      language,
      Promise.all([core, grammar]).then(([hljs, module]) => {
        hljs.registerLanguage(language, module.default);
        return hljs;
      }),
    );
  }
  return loaded.get(language);
}

/**
 * Colour the code of a node.
 *
 * @param {Element} node that shows it
 * @param {string} text the code
 * @param {string} name of its language, as a transcript says it
 */
export async function highlight(node, text, name) {
  const language = languageOf(name);
  if (!language || language === "plaintext" || text.length > MOST) return;
  try {
    const [hljs, { fillWithMarkup }] = await Promise.all([load(language), import("./markdown.js")]);
    const { value } = hljs.highlight(text, { language, ignoreIllegals: true });
    if (node.textContent === text) fillWithMarkup(node, value);
  } catch {
    loaded.delete(language); // without its colours the code reads well enough
  }
}
