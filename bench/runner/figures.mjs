// Medians, spreads, targets, and the tables they make.

const sorted = (values) => [...values].sort((a, b) => a - b);
export function median(values) {
  const all = sorted(values);
  const middle = all.length >> 1;
  return all.length % 2 === 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
}

/** Three digits are all that such a figure is worth. */
export function text(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return Number(value.toPrecision(3)).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

const spread = (values) => {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(text);
  return least === most ? middle : `${middle} (${least}–${most})`;
};

/** Samples by system → the median of each figure by system. */
export function summarise(samples) {
  const medians = {};
  for (const [system, runs] of Object.entries(samples)) {
    medians[system] = {};
    for (const key of Object.keys(runs[0])) {
      const values = runs.map((run) => run[key]).filter((value) => value !== undefined);
      if (values.length > 0) medians[system][key] = median(values);
    }
  }
  return medians;
}

/**
 * A target is {says, of, least | most, unit}: `of` gets one figure set a system and gives the value. It is judged by
 * medians; the spread is that of the repetitions, each by itself, as they were interleaved.
 */
export function judge(row, samples) {
  const medians = summarise(samples);
  return row.targets.map(({ says, of, least, most, unit = "" }) => {
    const value = of(medians);
    const count = Math.min(...Object.values(samples).map((runs) => runs.length));
    const each = Array.from({ length: count }, (_, i) =>
      of(Object.fromEntries(Object.entries(samples).map(([system, runs]) => [system, runs[i]]))),
    );
    const reached = least === undefined ? value <= most : value >= least;
    return { says, wanted: `${least === undefined ? "≤" : "≥"} ${(least ?? most).toLocaleString("en")}${unit}`, value, each, unit, reached };
  });
}

export function markdown(row, { samples, targets }, { date, commit, machine, node }) {
  const names = Object.keys(row.systems);
  const lines = [`| | ${names.map((name) => row.systems[name].title).join(" | ")} |`, `|---|${names.map(() => "---:|").join("")}`];
  for (const [key, title] of row.figures) {
    const cells = names.map((name) => {
      const values = samples[name].map((run) => run[key]).filter((value) => value !== undefined);
      return values.length === 0 ? "–" : spread(values);
    });
    if (cells.some((cell) => cell !== "–")) lines.push(`| ${title} | ${cells.join(" | ")} |`);
  }
  if (targets.length > 0) {
    lines.push("", "| target | wanted | measured | |", "|---|---:|---:|---|");
    for (const { says, wanted, value, each, unit, reached } of targets) {
      const range = each.length > 1 ? ` (${text(Math.min(...each))}–${text(Math.max(...each))})` : "";
      lines.push(`| ${says} | ${wanted} | ${text(value)}${unit}${range} | ${reached ? "reached" : "not reached"} |`);
    }
  }
  const times = Math.max(...Object.values(samples).map((runs) => runs.length));
  lines.push("", `Median (least–most) of ${times}; ${date.slice(0, 10)}, commit ${commit}, ${machine}, Node ${node}.`);
  return lines.join("\n");
}

/** Puts a row's table between its markers. */
export function insert(page, name, table) {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${table}\n\n${page.slice(to)}`;
}
