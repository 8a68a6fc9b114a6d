// Finds the functions of a C++ file by matching braces over text without comments, literals and
// preprocessor lines. It knows only what it needs: which `{` opens a scope that holds functions, which
// opens a body, and which belongs to an initialiser.

/// `source` with the same length and lines, but comments, literals and directives blanked.
export function blank(source) {
  const keep_lines = (text) => text.replace(/[^\n]/g, " ");
  const token =
    /\/\/(?:[^\n\\]|\\[^])*|\/\*[^]*?\*\/|\b(?:u8|[uUL])?R"([^()\\\s]*)\([^]*?\)\1"|"(?:[^"\\\n]|\\[^])*"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\[^])*'|^[ \t]*#(?:[^\n\\]|\\[^])*/gm;
  return source.replace(token, (match) => {
    // A literal stays a token, so that what comes before and after does not run together.
    return match.startsWith("/") || match.trimStart().startsWith("#")
      ? keep_lines(match)
      : `"${keep_lines(match).slice(2)}"`;
  });
}

/// Every function body outside other functions: {name, line, lines}, counted from the first line of
/// the declaration to its closing brace.
export function functions(source) {
  const text = blank(source);
  const found = [];
  const scopes = []; // of each open brace: "scope", "body" or "initialiser"
  let head = 0; // where the current declaration starts
  let parentheses = 0;
  const in_body = () => scopes.some((scope) => scope.kind === "body");

  for (let at = 0; at < text.length; ++at) {
    const character = text[at];
    if (character === "(") ++parentheses;
    else if (character === ")") --parentheses;
    else if (character === "{") {
      const kind = in_body() || parentheses > 0 ? "initialiser" : classify(text.slice(head, at));
      scopes.push({ kind, head, parentheses });
      parentheses = 0;
      if (kind === "scope") head = at + 1;
    } else if (character === "}") {
      const scope = scopes.pop();
      if (scope === undefined) break; // not C++ that we understand
      parentheses = scope.parentheses;
      if (scope.kind === "body") found.push(describe(text, scope.head, at));
      if (scope.kind !== "initialiser") head = at + 1;
    } else if (character === ";" && parentheses === 0 && !in_body()) {
      head = at + 1;
    }
  }
  return found;
}

const label = /^(\s*(public|private|protected)\s*:(?!:))*\s*/;

// What the brace after `head` opens.
function classify(head) {
  const flat = head
    .replace(label, "")
    .replace(/\[\[.*?\]\]/gs, " ")
    .trim();
  if (/^((inline|export)\s+)*namespace\b/.test(flat) || /^extern\s*"[^"]*"$/.test(flat))
    return "scope";
  const declared = flat.replace(
    /^(template\s*<[^]*?>\s*(requires[^{]*?)?)+(?=class|struct|union)/,
    "",
  );
  if (
    /^(typedef\s+)?(class|struct|union)\b/.test(declared) &&
    !/\)\s*(const|noexcept)?$/.test(declared)
  ) {
    return "scope";
  }
  if (/^enum\b/.test(flat)) return "initialiser";
  const parameters =
    /\)(?:\s*(?:const|noexcept|override|final|mutable|&&?|try|->[^;{}=]*|requires[^;{}]*))*$/;
  if (parameters.test(flat)) return "body";
  // The last member of a constructor's list is initialised with braces: `: a_(1), b_{2} {`.
  return /\)\s*(noexcept\s*)?:[^:][^]*[})]\s*$/.test(flat) ? "body" : "initialiser";
}

function describe(text, head, end) {
  const start = head + label.exec(text.slice(head))[0].length;
  const line_of = (at) => text.slice(0, at).split("\n").length;
  const declaration = text.slice(start, text.indexOf("{", start)).replace(/\s+/g, " ");
  const name =
    /([~\w:]+|operator\s*[^\s(]+)\s*\(/.exec(declaration)?.[1] ?? declaration.slice(0, 40);
  const line = line_of(start);
  return { name, line, lines: line_of(end) - line + 1 };
}
