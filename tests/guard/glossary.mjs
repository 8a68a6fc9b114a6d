// One word has one meaning: a type that is named by a word of the glossary in ARCHITECTURE.md is defined once.
import { blank } from "./functions.mjs";

const document = "ARCHITECTURE.md";
const heading = "## Glossary";

/// Words of several types, each with the reason.
const exceptions = {
  packet: "Engine.IO and Socket.IO both call their unit a packet, and a namespace tells which is meant",
  connection: "a client's and one to Redis are TCP connections alike",
};

// `half_open` and `HalfOpen` are one word.
const plain = (name) => name.replaceAll(/[_ -]/g, "").toLowerCase();

/// The words of the table's first column; a row may hold several, with commas between them.
function glossary(text) {
  const section = text.split(/^(?=## )/m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = [...section.matchAll(/^\|([^|]+)\|/gm)].map(([, words]) => words.trim());
  return new Set(rows.slice(2).flatMap((words) => words.split(",").map(plain)));
}

const definition =
  /(?:^|[;}\s>])(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:(?:\[\[[^\]]*\]\]|alignas\s*\([^)]*\))\s*)*(\w+)(?!\s*::|\w)(?:\s+final)?\s*(?::[^:][^]*)?$/;

/// The types that `source` defines in named namespaces, as {name, line of its brace}: not those inside a type, a
/// function or a namespace without a name, which are details of their place.
export function types(source) {
  const text = blank(source);
  const found = [];
  const scopes = []; // of each open brace: does it hold definitions that others see?
  let head = 0; // where the current declaration starts
  for (let at = 0; at < text.length; ++at) {
    if (text[at] === "{") {
      const declaration = text.slice(head, at);
      const seen = scopes.every(Boolean);
      const name = seen && definition.exec(declaration)?.[1];
      if (name) found.push({ name, line: text.slice(0, at).split("\n").length });
      scopes.push(/\bnamespace\s+[\w:]+\s*$/.test(declaration));
    } else if (text[at] === "}") {
      scopes.pop();
    }
    if ("{};".includes(text[at])) head = at + 1;
  }
  return found;
}

export function check_glossary(tree, report) {
  if (!tree.known.has(document)) return;
  const words = glossary(tree.read(document));
  const first = new Map(); // by word, where its type is defined
  const product = tree.cpp().filter((path) => /^(src|include)\//.test(path) && !path.endsWith("_test.cpp"));
  for (const path of product) {
    for (const { name, line } of types(tree.read(path))) {
      const word = plain(name);
      if (!words.has(word) || Object.hasOwn(exceptions, word)) continue;
      if (first.has(word)) report(path, line, `${name} is a word of the glossary and defined in ${first.get(word)} too`);
      else first.set(word, path);
    }
  }
}
