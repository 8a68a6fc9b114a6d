// The documents name no setting that does not exist; the table in docs/operations.md and the members of the options are
// what `crier check --example` prints.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { crier, crierOnly, repository } from "./support/server.mjs";
import { settingsOf, tableOf } from "./support/settings.mjs";

const documents = ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "client/README.md", "bench/README.md"].concat(
  readdirSync(join(repository, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
);

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
  for (const [variable] of text.matchAll(/\bCRIER_[A-Z_]+\b/g)) {
    if (!variables.has(variable) && !OTHERS.has(variable)) mistakes.push(variable);
  }
  return mistakes;
}

/** The rows of the table of settings in docs/operations.md. */
const rowsOf = (text) => /^\| setting \| default \| bounds \| meaning \|\n.*\n((?:\|.*\n)*)/m.exec(text)[1].trimEnd().split("\n");

/** Group → members, as C++ has them in `struct GatewayOptions`. */
function membersOf(header) {
  const struct = (name) => {
    const [, body] = new RegExp(`^struct ${name} \\{\n(.*?)^\\};`, "ms").exec(header);
    return [...body.matchAll(/^  ([\w:<>]+) (\w+)(?: =|\{|;)/gm)].map((match) => [match[2], match[1]]);
  };
  return new Map(struct("GatewayOptions").map(([group, type]) => [group, struct(type).map(([member]) => member)]));
}

describe("the documents", { skip: crierOnly }, () => {
  const example = crier("check", "--example");
  const settings = settingsOf(example);

  test("name only settings that there are", () => {
    for (const path of documents) {
      assert.deepEqual(mistakesOf(readFileSync(join(repository, path), "utf8"), settings), [], path);
    }
  });

  test("have every setting with its default, bounds and meaning in docs/operations.md", () => {
    const text = readFileSync(join(repository, "docs/operations.md"), "utf8");
    assert.deepEqual(rowsOf(text), tableOf(example), "crier check --example | node tests/e2e/support/settings.mjs");
  });

  test("are found out when they name another", () => {
    const wrong = "set `[http]\nports` or `[hist] ttl`\nCRIER_HTTP_PORTS, CRIER_HTTP_PORT";
    assert.deepEqual(mistakesOf(wrong, settings), ["[http] ports", "[hist]", "CRIER_HTTP_PORTS"]);
  });

  test("are rows of name, default, bounds and meaning", () => {
    const [, port, origins] = tableOf(example);
    assert.match(port, /^\| `\[http\] port` \| `3000` \| from 0 to 65535 \| TCP port\. Also `PORT`\. \|$/);
    assert.match(origins, /^\| `\[http\] origins` \| `\[\]` \| \| /);
  });
});

describe("the options of the library", { skip: crierOnly }, () => {
  test("have the groups and members that the file has sections and keys", () => {
    const { sections } = settingsOf(crier("check", "--example"));
    sections.delete("log"); // the daemon's own
    const members = membersOf(readFileSync(join(repository, "include/crier/options.hpp"), "utf8"));
    assert.deepEqual(members, new Map([...sections].map(([section, keys]) => [section, [...keys]])));
  });
});
