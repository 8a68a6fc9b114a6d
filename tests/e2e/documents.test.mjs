// The documents name no setting that does not exist, and the list in docs/operations.md is complete.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { crier, crierOnly, repository } from "./support/server.mjs";

const documents = ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "client/README.md", "bench/README.md"].concat(
  readdirSync(join(repository, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
);

/** Section → keys, and the names of all variables, from what `crier check --example` prints. */
function settingsOf(example) {
  const sections = new Map();
  const variables = new Set(["CRIER_SECTION_KEY"]);
  let section;
  for (const line of example.split("\n")) {
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (heading) sections.set((section = heading), new Set());
    const [, key] = /^# (\w+) = /.exec(line) ?? [];
    if (key) {
      sections.get(section).add(key);
      variables.add(`CRIER_${section}_${key}`.toUpperCase());
    }
    for (const [, alias] of line.matchAll(/ Also (\w+)\./g)) variables.add(alias);
  }
  return { sections, variables };
}

/** Variables that are not the daemon's. */
const OTHERS = new Set([
  "CRIER_PROTOCOL_SUITES",
  "CRIER_SOCKET_IO_CLIENT_CPP",
  "CRIER_ONLY",
  "CRIER_ASSERT",
  "CRIER_BIN",
  "CRIER_BEFORE",
]);

/** What a document says that the settings do not: `[section] key` also where a line ends between them. */
function mistakesOf(text, { sections, variables }) {
  const mistakes = [];
  for (const [, section, key] of text.matchAll(/`\[([a-z]+)\](?:\s+([a-z_]+))?/g)) {
    if (!sections.has(section) && section !== "section") mistakes.push(`[${section}]`);
    else if (key && section !== "section" && !sections.get(section).has(key)) mistakes.push(`[${section}] ${key}`);
  }
  for (const [, section, row] of text.matchAll(/^\| `\[(\w+)\]` \| ((?:`\w+` ?)+)\|$/gm)) {
    const named = [...row.matchAll(/`(\w+)`/g)].map((match) => match[1]);
    const known = [...(sections.get(section) ?? [])];
    mistakes.push(...known.filter((key) => !named.includes(key)).map((key) => `[${section}] lacks ${key}`));
    mistakes.push(...named.filter((key) => !known.includes(key)).map((key) => `[${section}] ${key}`));
  }
  for (const [variable] of text.matchAll(/\bCRIER_[A-Z_]+\b/g)) {
    if (!variables.has(variable) && !OTHERS.has(variable)) mistakes.push(variable);
  }
  return mistakes;
}

describe("the documents", { skip: crierOnly }, () => {
  const settings = settingsOf(crier("check", "--example"));

  test("name only settings that there are", () => {
    for (const path of documents) {
      assert.deepEqual(mistakesOf(readFileSync(join(repository, path), "utf8"), settings), [], path);
    }
  });

  test("list every setting in docs/operations.md", () => {
    const text = readFileSync(join(repository, "docs/operations.md"), "utf8");
    const listed = [...text.matchAll(/^\| `\[(\w+)\]` \| /gm)].map((match) => match[1]);
    assert.deepEqual(listed, [...settings.sections.keys()]);
  });

  test("are found out when they name another", () => {
    const wrong = "set `[http]\nports` or `[hist] ttl`\n| `[log]` | `levels` |\nCRIER_HTTP_PORTS, CRIER_HTTP_PORT";
    assert.deepEqual(mistakesOf(wrong, settings), ["[http] ports", "[hist]", "[log] lacks level", "[log] levels", "CRIER_HTTP_PORTS"]);
  });
});
