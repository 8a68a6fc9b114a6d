// Each paragraph of "What holds" in docs/recovery.md names the tests that hold it: `Suite.Name` is a unit test; the
// quotations after `file.test.mjs` are titles of end-to-end tests, or parts of them.

const document = "docs/recovery.md";
const heading = "## What holds";

/// [text, number of its first line] of each paragraph of the section, but for the first, which introduces it.
function paragraphs(text) {
  const found = [];
  let line = 1;
  let inside = false;
  for (const paragraph of text.split("\n\n")) {
    if (paragraph.startsWith("## ")) inside = paragraph === heading;
    else if (inside) found.push([paragraph, line]);
    line += paragraph.split("\n").length + 1;
  }
  return found.slice(1);
}

function unit_tests(tree) {
  const names = new Set();
  for (const path of tree.cpp()) {
    for (const [, suite, name] of tree.read(path).matchAll(/\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)/g)) {
      names.add(`${suite}.${name}`);
    }
  }
  return names;
}

function missing_titles(tree, file, quotations) {
  const path = `tests/e2e/${file}`;
  if (!tree.known.has(path)) return [`there is no ${path}`];
  return [...quotations.matchAll(/"([^"]+)"/g)]
    .map(([, title]) => title.replace(/\s+/g, " "))
    .filter((title) => !tree.read(path).includes(title))
    .map((title) => `${path} has no test "${title}"`);
}

export function check_statements(tree, report) {
  if (!tree.known.has(document)) return;
  const names = unit_tests(tree);
  for (const [paragraph, line] of paragraphs(tree.read(document))) {
    const tests = [...paragraph.matchAll(/`([A-Z]\w*\.[A-Z]\w*)`/g)].map(([, name]) => name);
    const files = [...paragraph.matchAll(/`(\w+\.test\.mjs)`((?:\s*"[^"]+"[,;]?)+)/g)];
    if (tests.length + files.length === 0) report(document, line, "names no test that holds this");
    for (const name of tests) {
      if (!names.has(name)) report(document, line, `there is no test ${name}`);
    }
    for (const [, file, quotations] of files) {
      for (const message of missing_titles(tree, file, quotations)) report(document, line, message);
    }
  }
}
