// Each rule of the guard must report a small tree that breaks it, and none a tree that does not.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { functions } from "./functions.mjs";
import { types } from "./glossary.mjs";
import { guard } from "./guard.mjs";
import { cycles } from "./includes.mjs";

const lines = (count, text = "") => `${text}\n`.repeat(count);
const pair = (path, cmake, source = "") => ({
  [`src/${path}.cpp`]: source,
  [`src/${path}_test.cpp`]: "",
  [`src/${path.slice(0, path.lastIndexOf("/"))}/CMakeLists.txt`]: cmake,
});
const header = (path, text) => ({ [path]: text });

async function breaches_of(files, compile = false, openings = false) {
  const root = mkdtempSync(join(tmpdir(), "crier-guard-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const found = await guard({ root, cache_folder: join(root, "build"), compile, openings });
    return found.map(({ path, line, message }) => `${path}:${line}: ${message}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const good = {
  ...pair(
    "http/parser",
    "crier_module(http SOURCES parser.cpp TESTS parser_test.cpp)",
    '#include "http/parser.hpp"\n#include <boost/beast/http.hpp>\n',
  ),
  "src/http/parser.hpp": '#pragma once\n#include <string>\n#include "base/bytes.hpp"\n',
  "src/base/bytes.hpp": '#pragma once\n#include "crier/json.hpp"\n',
  "include/crier/json.hpp": "#pragma once\n#include <string_view>\n",
  "README.md": lines(150, "text"),
};

test("a tree that keeps the rules has no breach", async () => {
  assert.deepEqual(await breaches_of(good, true), []);
});

const one_line = '#pragma once\n#include "base/bytes.hpp"\n';
const bad = [
  [
    "a sibling",
    header("src/engineio/session.hpp", '#include "http/parser.hpp"\n'),
    "src/engineio/session.hpp:1: engineio may not include http (http/parser.hpp)",
  ],
  [
    "a sibling by a relative path",
    header("src/engineio/x.hpp", '#include "../http/parser.hpp"\n'),
    "src/engineio/x.hpp:1: engineio may not include http (../http/parser.hpp)",
  ],
  [
    "a missing file",
    header("src/base/x.hpp", '#include "base/y.hpp"\n'),
    'src/base/x.hpp:1: includes "base/y.hpp", which is not in the repository',
  ],
  [
    "the server from below",
    {
      ...header("src/web/worker.hpp", ""),
      ...header("src/gateway/feed.hpp", '\n#include "web/worker.hpp"\n'),
    },
    "src/gateway/feed.hpp:2: gateway may not include web (web/worker.hpp)",
  ],
  [
    "the insides from the daemon",
    header("src/daemon/serve/serve.hpp", '#include "base/bytes.hpp"\n'),
    "src/daemon/serve/serve.hpp:1: daemon/serve may not include base (base/bytes.hpp)",
  ],
  [
    "the insides from a public header",
    header("include/crier/server.hpp", '#include "base/bytes.hpp"\n'),
    "include/crier/server.hpp:1: include/crier may not include base (base/bytes.hpp)",
  ],
  [
    "Asio in a header of net",
    header("src/net/loop.hpp", "#include <boost/asio/io_context.hpp>\n"),
    "src/net/loop.hpp:1: net may not include boost.asio in a header (<boost/asio/io_context.hpp>)",
  ],
  [
    "a foreign library",
    header("src/catalog/catalog.hpp", "#include <boost/json.hpp>\n"),
    "src/catalog/catalog.hpp:1: catalog may not include boost.json (<boost/json.hpp>)",
  ],
  [
    "an unknown library",
    header("src/base/x.hpp", "#include <absl/strings/cord.h>\n"),
    "src/base/x.hpp:1: <absl/strings/cord.h> is of no library that tests/guard/includes.mjs knows",
  ],
  [
    "a system header in protocol code",
    header("src/websocket/frame.hpp", "#include <sys/socket.h>\n"),
    "src/websocket/frame.hpp:1: websocket may not include platform (<sys/socket.h>)",
  ],
  [
    "GoogleTest outside a test",
    {
      ...pair("base/x", "x.cpp x_test.cpp", '#include "base/x_fixture.hpp"\n'),
      ...header("src/base/x_fixture.hpp", "#include <gtest/gtest.h>\n"),
      "src/base/x_test.cpp": '#include "base/x_fixture.hpp"\n',
    },
    "src/base/x.cpp:1: product code includes base/x_fixture.hpp, which is for tests",
  ],
  [
    "GoogleTest in a source",
    pair("base/x", "x.cpp x_test.cpp", "#include <gmock/gmock.h>\n"),
    "src/base/x.cpp:1: base may not include gtest (<gmock/gmock.h>)",
  ],
  [
    "an unknown module",
    header("src/utils/x.hpp", ""),
    "src/utils/x.hpp:1: module utils is not in the include table (tests/guard/includes.mjs)",
  ],
  [
    "a long file",
    header("src/base/x.hpp", lines(601)),
    "src/base/x.hpp:1: has 601 lines; at most 600",
  ],
  [
    "a long function",
    header("src/base/x.hpp", `inline void f() {\n${lines(49)}}\n`),
    "src/base/x.hpp:1: f has 51 lines; at most 50",
  ],
  [
    "a source without a test",
    { "src/base/x.cpp": "", "src/base/CMakeLists.txt": "crier_module(base SOURCES x.cpp)" },
    "src/base/x.cpp:1: has no src/base/x_test.cpp and no line in tests/guard/untested.txt",
  ],
  [
    "an exemption without a reason",
    {
      "src/base/x.cpp": "",
      "src/base/CMakeLists.txt": "x.cpp",
      "tests/guard/untested.txt": "src/base/x.cpp\n",
    },
    "tests/guard/untested.txt:1: needs the form `path: reason`",
  ],
  [
    "an exemption that is stale",
    {
      ...pair("base/x", "x.cpp x_test.cpp"),
      "tests/guard/untested.txt": "# why\nsrc/base/x.cpp: small\n",
    },
    "tests/guard/untested.txt:2: src/base/x.cpp has a test now",
  ],
  [
    "a source that nothing builds",
    pair("base/x", "crier_module(base TESTS x_test.cpp) # x.cpp"),
    "src/base/x.cpp:1: is built by nothing: no CMake file names it",
  ],
  [
    "a script that nothing embeds",
    { "src/base/x.lua": "", "src/base/CMakeLists.txt": "set(scripts y.lua)" },
    "src/base/x.lua:1: is built by nothing: no CMake file names it",
  ],
  [
    "too many public headers",
    Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`include/crier/h${n}.hpp`, ""])),
    "include/crier:1: has 13 headers; at most 12",
  ],
  [
    "too long public headers",
    Object.fromEntries([0, 1, 2, 3].map((n) => [`include/crier/h${n}.hpp`, lines(501)])),
    "include/crier:1: has 2006 lines; at most 2000",
  ],
  ["a long README", { "README.md": lines(151) }, "README.md:1: has 151 lines; at most 150"],
  [
    "an open end",
    header("src/base/x.hpp", `\n// ${"TO" + "DO"}: later\n`),
    `src/base/x.hpp:2: ${"TO" + "DO"}: do it, or say it in an issue`,
  ],
  [
    "a machine's path",
    header("docs/guide.md", `see ${"/ho" + "me"}/ann/x\n`),
    "docs/guide.md:1: names a path of one machine",
  ],
  [
    "a command of a package that nobody installs",
    { "tests/e2e/x.mjs": 'spawn("sqlite3", [file]);\n', "packaging/debian/test": "openssl\n" },
    "tests/e2e/x.mjs:1: starts sqlite3, but no list in packaging/debian names sqlite3",
  ],
  [
    "a command of a package that only the benchmarks have",
    { "tests/e2e/x.mjs": '\nspawnSync("valgrind")\n', "packaging/debian/bench": "valgrind\n" },
    "tests/e2e/x.mjs:2: starts valgrind, but no list in packaging/debian names valgrind",
  ],
  [
    "a command that nobody knows",
    header("bench/x.mjs", 'leash(spawn("perf", args));\n'),
    "bench/x.mjs:1: starts perf, whose package tests/guard/commands.mjs does not know",
  ],
  [
    "a statement without a test",
    header("docs/recovery.md", "# R\n\n## What holds\n\nEach is a test.\n\n**Order.** Always.\n\n## Else\n"),
    "docs/recovery.md:7: names no test that holds this",
  ],
  [
    "a statement by a test that does not exist",
    header("docs/recovery.md", "## What holds\n\nEach is a test.\n\n**Order.** `Parser.KeepsOrder`\n"),
    "docs/recovery.md:5: there is no test Parser.KeepsOrder",
  ],
  [
    "a statement by an end-to-end test that does not exist",
    {
      "docs/recovery.md": '## What holds\n\nEach is a test.\n\n**Order.** `x.test.mjs` "in\norder", "always"; `P.One`\n',
      "tests/e2e/x.test.mjs": 'test("in order", () => {});\n',
      "src/http/parser_test.cpp": "TEST_F(P, One) {}\n",
    },
    'docs/recovery.md:5: tests/e2e/x.test.mjs has no test "always"',
  ],
  [
    "a type of a second meaning",
    {
      "ARCHITECTURE.md": "## Glossary\n\n| word | meaning |\n|---|---|\n| claim, wire end | … |\n\n## Else\n\n| x | y |\n",
      "src/base/x.hpp": "namespace crier {\nstruct WireEnd {};\nclass X {};\n}\n",
      "src/net/x.hpp": "namespace crier {\nclass X {};\n\nenum class WireEnd : int { a };\n}\n",
    },
    "src/net/x.hpp:4: WireEnd is a word of the glossary and defined in src/base/x.hpp too",
  ],
  [
    "a download address",
    header("demo/package-lock.json", `"${"resol" + "ved"}": "https://registry"\n`),
    "demo/package-lock.json:1: records a download address",
  ],
];

for (const [what, files, expected] of bad) {
  test(`reports ${what}`, async () => {
    const found = await breaches_of({ ...good, ...files });
    assert.deepEqual(found, [expected]);
  });
}

test("reports permissions that no product code uses", async () => {
  const found = await breaches_of({
    ...good,
    ...header("src/websocket/frame.hpp", "#include <zlib.h>\n"),
    "tests/guard/includes.mjs": "",
  });
  const of_websocket = found.filter((breach) => breach.includes(": websocket may include"));
  assert.deepEqual(
    of_websocket,
    ["base", "openssl.crypto"].map(
      (name) => `tests/guard/includes.mjs:1: websocket may include ${name} and does not`,
    ),
  );
});

test("reports a header that does not compile alone", async () => {
  const files = header("src/base/x.hpp", `${one_line}inline std::vector<int> f() { return {}; }\n`);
  const [found, ...more] = await breaches_of({ ...good, ...files }, true);
  assert.match(found, /^src\/base\/x\.hpp:1: does not compile alone:\n.*error: .*vector/s);
  assert.deepEqual(more, []);
});

test("reports a product file that does not open with its purpose", async () => {
  const message = "does not open with a sentence on its purpose";
  const files = {
    "src/base/good.hpp": "#pragma once\n\n// Bytes.\n\n#include <string>\n",
    "src/base/bad.hpp": "#pragma once\n\n#include <string>\n\n/// Bytes.\nstruct Bytes;\n",
    "src/http/late.cpp": "#include <string>\n// Parses.\n",
    "src/http/late_test.cpp": "#include <string>\n",
    "src/http/CMakeLists.txt": "crier_module(http SOURCES late.cpp TESTS late_test.cpp)",
    "fuzz/elsewhere.hpp": "#pragma once\n#include <string>\n",
    "include/crier/empty.hpp": "#pragma once\n",
  };
  assert.deepEqual(await breaches_of(files, false, true), [
    `include/crier/empty.hpp:1: ${message}`,
    `src/base/bad.hpp:3: ${message}`,
    `src/http/late.cpp:1: ${message}`,
  ]);
});

test("tells a module's types from the details of a file, a type or a function", () => {
  const source = `
namespace crier::net {
class Declared;
// struct Commented {
template <class T>
class [[nodiscard]] Listener final : public Base<T>, private Other {
  struct Nested {
    int x = 0;
  };
};
struct Listener<int>::State {};
enum class Sharing : std::uint8_t { none, first };
struct alignas(64) Lane
    : Base {};
Lane make() {
  struct Local {};
  return {};
}
namespace {
struct Hidden {};
}  // namespace
namespace inner {
union Inner {};
}
struct Last {};
}  // namespace crier::net
`;
  assert.deepEqual(types(source), [
    { name: "Listener", line: 6 },
    { name: "Sharing", line: 12 },
    { name: "Lane", line: 14 },
    { name: "Inner", line: 23 },
    { name: "Last", line: 25 },
  ]);
});

test("finds the cycles of a graph", () => {
  const edges = new Map([
    ["a", new Set(["b"])],
    ["b", new Set(["c", "d"])],
    ["c", new Set(["a"])],
  ]);
  assert.deepEqual(cycles(edges), [["a", "b", "c", "a"]]);
  assert.deepEqual(
    cycles(
      new Map([
        ["a", new Set(["b"])],
        ["b", new Set()],
      ]),
    ),
    [],
  );
});

test("tells function bodies from scopes and initialisers", () => {
  const source = `
#define BRACE {
namespace a::b {
enum class Colour : int { red };
constexpr std::array<int, 2> numbers{{1, 2}};
const char* text = R"x(void no() {)x"; // void no() {
class C final : public D<int> {
 public:
  explicit C(int a, Options options = {}) : a_{a}, b_{1'000} {
    use('{');
  }
  template <class T>
    requires Payload<T>
  [[nodiscard]] auto get() const noexcept -> std::optional<T> { return {}; }
  bool operator==(const C&) const = default;
  bool operator()(int x) { struct Local { int y; } local{x}; return local.y == x; }

 private:
  int a_ = 0;
};
extern "C" int entry(void) { return 0; }
struct Row make(int a) {
  return {[] { return 1; }};
}
}  // namespace a::b
TEST(C, Works) {
}
`;
  const found = functions(source).map(({ name, lines }) => `${name} ${lines}`);
  assert.deepEqual(found, ["C 3", "get 3", "operator 1", "entry 1", "make 3", "TEST 2"]);
});
