// What the scripts start has to be among the packages that ./run and ./test install: a machine that happens to
// have a command hides that another one lacks it.

/// The Debian package of each command. Empty: every Debian has it, install_node brings it, or what needs it says that it
/// was not run.
const package_of = new Map(
  Object.entries({
    "c++": "g++",
    callgrind_control: "valgrind",
    cargo: "",
    git: "git",
    javac: "",
    mvn: "",
    node: "",
    npm: "",
    openssl: "openssl",
    python3: "python3",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    sh: "",
    sqlite3: "sqlite3",
    taskset: "",
    valgrind: "valgrind",
  }),
);

const spawned = /\b(?:spawn|spawnSync|execFile|execFileSync|run)\(\s*"([^"/]+)"/g;

const lists_for = (path) => ["build", "test", ...(path.startsWith("bench/") ? ["bench"] : [])];

export function check_commands(tree, report) {
  const packages = new Map();
  for (const list of ["build", "test", "bench"]) {
    const path = `packaging/debian/${list}`;
    packages.set(list, new Set(tree.known.has(path) ? tree.lines(path) : []));
  }
  for (const path of tree.files.filter((name) => /^(bench|client|tests(?!\/guard))\/.*\.mjs$/.test(name))) {
    tree.lines(path).forEach((text, index) => {
      for (const [, command] of text.matchAll(spawned)) {
        const needed = package_of.get(command);
        const lists = lists_for(path);
        if (needed === undefined) {
          report(path, index + 1, `starts ${command}, whose package tests/guard/commands.mjs does not know`);
        } else if (needed !== "" && !lists.some((list) => packages.get(list).has(needed))) {
          report(path, index + 1, `starts ${command}, but no list in packaging/debian names ${needed}`);
        }
      }
    });
  }
}
