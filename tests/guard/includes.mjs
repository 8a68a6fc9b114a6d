// Who may include whom: both columns of the table in ARCHITECTURE.md.
import { posix } from "node:path";

const protocol = ["base"];
const below_node = [
  "base",
  "net",
  "http",
  "history",
  "access",
  "catalog",
  "gateway",
  "socketio",
  "backends/redis/client",
  "backends/redis/store",
  "backends/sqlite",
];

// modules: what it may include besides itself and include/crier. libraries: third parties, in any of
// its files; in_sources: third parties in .cpp files only. platform: system headers (<sys/…>).
const table = {
  "include/crier": {},
  base: { platform: true },
  settings: {},
  net: {
    modules: protocol,
    in_sources: ["boost.asio", "openssl.crypto", "openssl.ssl"],
    platform: true,
  },
  http: { modules: protocol, in_sources: ["boost.beast"] },
  websocket: { modules: protocol, libraries: ["zlib", "openssl.crypto"] },
  engineio: { modules: protocol },
  socketio: { modules: protocol },
  history: { modules: protocol },
  access: { modules: protocol, libraries: ["openssl.crypto"] },
  catalog: { modules: protocol },
  gateway: { modules: ["base", "history", "access"] },
  "backends/redis/client": { modules: ["base", "net"], libraries: ["hiredis"] },
  "backends/redis/store": {
    modules: ["base", "net", "history", "backends/redis/client"],
    libraries: ["hiredis"],
  },
  "backends/sqlite": { modules: ["base", "access"], libraries: ["sqlite"], platform: true },
  web: { modules: ["base", "net", "http", "websocket"], platform: true },
  sockets: { modules: ["base", "net", "http", "websocket", "engineio", "socketio", "web"] },
  app: { modules: ["base", "net", "web", "sockets"] },
  node: { modules: [...below_node, "web", "sockets"], platform: true },
  "daemon/serve": { libraries: ["boost.json", "toml++", "spdlog"], platform: true },
  "daemon/cli": {
    modules: ["base", "access", "backends/sqlite"],
    libraries: ["boost.json", "cli11"],
    platform: true,
  },
  daemon: { modules: ["daemon/serve", "daemon/cli"], libraries: ["cli11"] },
};

// Outside the rule: each adapts one foreign library, for those who have it.
export const optional_headers = [
  "include/crier/json_nlohmann.hpp",
  "include/crier/json_boost.hpp",
  "include/crier/asio.hpp",
];

// Library of an angled include; the first match counts.
const libraries = [
  [/^boost\/asio\/buffer\.hpp$/, "boost.beast"], // what Beast's parser is fed
  [/^boost\/asio[./]/, "boost.asio"],
  [/^boost\/beast[./]/, "boost.beast"],
  [/^boost\/json[./]/, "boost.json"],
  [/^boost\/system\//, "boost"],
  [/^openssl\/(ssl|ssl3|tls1|dtls1)\.h$/, "openssl.ssl"],
  [/^openssl\//, "openssl.crypto"],
  [/^zlib\.h$/, "zlib"],
  [/^hiredis\//, "hiredis"],
  [/^sqlite3\.h$/, "sqlite"],
  [/^toml\+\+\//, "toml++"],
  [/^CLI\//, "cli11"],
  [/^(spdlog|fmt)\//, "spdlog"],
  [/^(gtest|gmock)\//, "gtest"],
  [/^c?[a-z0-9_]+$/, "standard"],
  [/^((sys|netinet|arpa|linux|net)\/)?[a-z0-9_]+\.h$/, "platform"],
];

/// The module that a file belongs to, or nothing if it stands outside include/ and src/.
export function module_of(path) {
  if (path.startsWith("include/crier/")) return "include/crier";
  const folders = path.split("/").slice(1, -1);
  if (!path.startsWith("src/") || folders.length === 0) return undefined;
  for (let depth = folders.length; depth > 1; --depth) {
    const nested = folders.slice(0, depth).join("/");
    if (nested in table) return nested;
  }
  return folders[0];
}

/// All includes of a file: {line, path, angled}.
export function includes_of(tree, path) {
  return tree.lines(path).flatMap((text, index) => {
    const match = /^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)/.exec(text);
    return match
      ? [{ line: index + 1, path: match[1] ?? match[2], angled: match[2] !== undefined }]
      : [];
  });
}

/// The file of the repository that a quoted (or `<crier/…>`) include names, if any. Tests may also
/// name one from the root: "tests/contract/…".
export function resolve(tree, from, include) {
  const beside = posix.join(posix.dirname(from), include);
  return [beside, `src/${include}`, `include/${include}`, include].find((path) =>
    tree.known.has(path),
  );
}

// Tests, and headers that need GoogleTest: only tests may include those.
function is_for_tests(tree, path) {
  if (path.endsWith(".cpp")) return path.endsWith("_test.cpp");
  return includes_of(tree, path).some((include) => /^(gtest|gmock)\//.test(include.path));
}

const the_table = "tests/guard/includes.mjs";

/// Calls `report(path, line, message)` for every include that the table does not allow, and for what it allows and no
/// product code includes.
export function check_includes(tree, report) {
  const used = new Map(Object.keys(table).map((module) => [module, new Set()]));
  for (const path of tree.cpp()) {
    const module = module_of(path);
    if (module === undefined || optional_headers.includes(path)) continue;
    if (!(module in table)) {
      report(path, 1, `module ${module} is not in the include table (${the_table})`);
      continue;
    }
    for (const include of includes_of(tree, path)) {
      const target = resolve(tree, path, include.path);
      if (target === undefined) check_library(tree, path, module, include, used, report);
      else check_module(tree, path, module, target, include, used, report);
    }
  }
  for (const cycle of cycles(used))
    report("src", 1, `modules include each other: ${cycle.join(" → ")}`);
  if (tree.known.has(the_table)) check_unused(used, report);
}

// Tests look at what they test through all that is below it; those of a backend use the others too.
function reached_from(module, seen = new Set()) {
  for (const next of table[module].modules ?? []) {
    if (seen.has(next)) continue;
    seen.add(next);
    reached_from(next, seen);
  }
  return module.startsWith("backends/") ? new Set([...seen, ...below_node]) : seen;
}

function check_unused(used, report) {
  for (const [module, { modules = [], libraries = [], in_sources = [], platform }] of Object.entries(table)) {
    const allowed = [...modules, ...libraries, ...in_sources, ...(platform ? ["platform"] : [])];
    for (const name of allowed.filter((each) => !used.get(module).has(each)))
      report(the_table, 1, `${module} may include ${name} and does not`);
  }
}

function check_module(tree, path, module, target_path, include, used, report) {
  const target = module_of(target_path);
  const is_test = is_for_tests(tree, path);
  if (target === undefined) {
    if (is_test && include.path.startsWith("tests/")) return;
    report(path, include.line, `includes ${include.path}, which belongs to no module`);
    return;
  }
  if (!is_test && is_for_tests(tree, target_path)) {
    report(path, include.line, `product code includes ${include.path}, which is for tests`);
  }
  if (target === module || target === "include/crier") return;
  if (!is_test) used.get(module).add(target);
  const allowed = is_test ? reached_from(module) : new Set(table[module].modules);
  if (!allowed.has(target))
    report(path, include.line, `${module} may not include ${target} (${include.path})`);
}

function check_library(tree, path, module, include, used, report) {
  if (!include.angled) {
    report(path, include.line, `includes "${include.path}", which is not in the repository`);
    return;
  }
  const library = libraries.find(([pattern]) => pattern.test(include.path))?.[1];
  if (library === "standard") return;
  if (library === undefined) {
    report(
      path,
      include.line,
      `<${include.path}> is of no library that tests/guard/includes.mjs knows`,
    );
    return;
  }
  const is_test = is_for_tests(tree, path);
  if (!is_test) used.get(module).add(library);
  const row = table[module];
  const allowed = new Set(row.libraries);
  if (path.endsWith(".cpp")) row.in_sources?.forEach((name) => allowed.add(name));
  if ([...allowed].some((name) => name.startsWith("boost."))) allowed.add("boost");
  if (row.platform || is_test) allowed.add("platform");
  if (is_test) allowed.add("gtest");
  if (allowed.has(library)) return;
  const only_sources = row.in_sources?.includes(library) ? " in a header" : "";
  report(
    path,
    include.line,
    `${module} may not include ${library}${only_sources} (<${include.path}>)`,
  );
}

/// The cycles of a graph (Map of node to Set of nodes), each once, as closed paths.
export function cycles(edges) {
  const found = [];
  const done = new Set();
  const visit = (node, trail) => {
    const start = trail.indexOf(node);
    if (start >= 0) found.push([...trail.slice(start), node]);
    if (start >= 0 || done.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...trail, node]);
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return found;
}
