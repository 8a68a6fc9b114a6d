// Who may include whom: both columns of the table in ARCHITECTURE.md.
import { posix } from "node:path";

const protocol = ["base"];
const all_below_node = [
  "base",
  "net",
  "http",
  "websocket",
  "engineio",
  "socketio",
  "history",
  "access",
  "catalog",
  "gateway",
  "backends/redis/client",
  "backends/redis/store",
  "backends/sqlite",
];
const in_daemon = ["boost.json", "toml++", "cli11", "spdlog"];

// modules: what it may include besides itself and include/crier. libraries: third parties, in any of
// its files; in_sources: third parties in .cpp files only. platform: system headers (<sys/…>).
const table = {
  "include/crier": {},
  base: { platform: true },
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
  access: { modules: protocol, libraries: ["openssl.crypto", "boost.json"] },
  catalog: { modules: protocol },
  gateway: { modules: ["base", "history", "access", "catalog"] },
  "backends/redis/client": { modules: ["base", "net"], libraries: ["hiredis"] },
  "backends/redis/store": {
    modules: ["base", "net", "history", "backends/redis/client"],
    libraries: ["hiredis"],
    platform: true,
  },
  "backends/sqlite": {
    modules: ["base", "net", "http", "access"],
    libraries: ["sqlite", "boost.json"],
    platform: true,
  },
  web: { modules: ["base", "net", "http", "websocket"], platform: true },
  sockets: {
    modules: ["base", "net", "http", "websocket", "engineio", "socketio", "web"],
    platform: true,
  },
  app: { modules: ["base", "net", "http", "websocket", "engineio", "socketio", "web", "sockets"] },
  node: { modules: [...all_below_node, "web", "sockets"], platform: true },
  "daemon/serve": { libraries: in_daemon, platform: true },
  "daemon/cli": {
    modules: ["base", "net", "http", "access", "catalog", "backends/sqlite"],
    libraries: in_daemon,
    platform: true,
  },
  daemon: { modules: ["daemon/serve", "daemon/cli"], libraries: in_daemon, platform: true },
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

/// Calls `report(path, line, message)` for every include that the table does not allow.
export function check_includes(tree, report) {
  const edges = new Map();
  for (const path of tree.cpp()) {
    const module = module_of(path);
    if (module === undefined || optional_headers.includes(path)) continue;
    if (!(module in table)) {
      report(path, 1, `module ${module} is not in the include table (tests/guard/includes.mjs)`);
      continue;
    }
    for (const include of includes_of(tree, path)) {
      const target = resolve(tree, path, include.path);
      if (target === undefined) check_library(tree, path, module, include, report);
      else check_module(tree, path, module, target, include, edges, report);
    }
  }
  for (const cycle of cycles(edges))
    report("src", 1, `modules include each other: ${cycle.join(" → ")}`);
}

function check_module(tree, path, module, target_path, include, edges, report) {
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
  if (!is_test) edges.set(module, (edges.get(module) ?? new Set()).add(target));
  const allowed = new Set(table[module].modules);
  if (is_test && module.startsWith("backends/"))
    all_below_node.forEach((name) => allowed.add(name));
  if (!allowed.has(target))
    report(path, include.line, `${module} may not include ${target} (${include.path})`);
}

function check_library(tree, path, module, include, report) {
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
