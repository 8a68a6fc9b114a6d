// The files of the repository as the rules see them: paths relative to its root, with `/`.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folders_to_skip = new Set([".git", "build", "node_modules", "data"]);
const text =
  /\.(cpp|hpp|h|mjs|cjs|js|ts|json|md|cmake|txt|toml|sh|py|lua|sql|html|css|yml|yaml|service)$/;
const text_without_extension =
  /(^|\/)(run|test|Dockerfile|\.clang-format|\.clang-tidy|\.gitignore|\.npmrc)$/;

export class Tree {
  #cache = new Map();

  constructor(root) {
    this.root = root;
    this.files = (existsSync(join(root, ".git")) ? from_git(root) : walk(root, ""))
      .filter((path) => existsSync(join(root, path)))
      .sort();
    this.known = new Set(this.files);
  }

  read(path) {
    if (!this.#cache.has(path)) this.#cache.set(path, readFileSync(join(this.root, path), "utf8"));
    return this.#cache.get(path);
  }

  /// Lines, without an empty last one.
  lines(path) {
    const lines = this.read(path).split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  }

  cpp() {
    return this.files.filter((path) => /\.(cpp|hpp)$/.test(path));
  }

  text() {
    return this.files.filter((path) => text.test(path) || text_without_extension.test(path));
  }
}

function from_git(root) {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const output = execFileSync("git", ["-c", "safe.directory=*", ...list], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return [...new Set(output.split("\0"))].filter(Boolean);
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return folders_to_skip.has(entry.name) ? [] : walk(root, path);
    return entry.isFile() ? [path] : [];
  });
}
