// What `crier check --example` says of the settings. As a program it prints the rows of the table in docs/operations.md:
//
//   crier check --example | node tests/e2e/support/settings.mjs

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Every setting: {section, key, meaning, alias, value, bounds}; alias and bounds may be missing. */
function parsed(example) {
  const settings = [];
  let section;
  let comment;
  for (const line of example.split("\n")) {
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (heading) section = heading;
    const [, key, value, bounds] = /^# (\w+) = (.*?)(?:  # (.*))?$/.exec(line) ?? [];
    if (key) {
      const [, meaning, alias] = /^# (.*?)(?: Also (\w+)\.)?$/.exec(comment);
      settings.push({ section, key, meaning, alias, value, bounds });
    }
    comment = line;
  }
  return settings;
}

/** Section → keys, and the names of all variables. */
export function settingsOf(example) {
  const sections = new Map();
  const variables = new Set(["CRIER_SECTION_KEY"]);
  for (const { section, key, alias } of parsed(example)) {
    if (!sections.has(section)) sections.set(section, new Set());
    sections.get(section).add(key);
    variables.add(`CRIER_${section}_${key}`.toUpperCase());
    if (alias) variables.add(alias);
  }
  return { sections, variables };
}

/** The rows of a Markdown table: name, default, bounds, meaning. */
export function tableOf(example) {
  return parsed(example).map(({ section, key, meaning, alias, value, bounds }) => {
    const also = alias ? ` Also \`${alias}\`.` : "";
    return `| \`[${section}] ${key}\` | \`${value}\` |${bounds ? ` ${bounds} ` : " "}| ${meaning}${also} |`;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(tableOf(readFileSync(0, "utf8")).join("\n"));
}
