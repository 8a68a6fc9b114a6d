// What the trial takes for a fault.

import assert from "node:assert/strict";
import { test } from "node:test";
import { problems_of } from "./trial.mjs";

const published = ["e 0", "e 1", "e 2", "e 3"];
const loads = ["alpha", "beta", "gamma"];
const cases = [
  ["all of it", published, loads, []],
  ["a loss", ["e 0", "e 2", "e 3"], loads, ["lost 1 of 4, first e 1"]],
  ["a lost end", ["e 0", "e 1"], loads, ["lost 2 of 4, first e 2"]],
  ["a repeat", ["e 0", "e 1", "e 1", "e 2", "e 3"], loads, ["handled twice: 1, first e 1"]],
  ["disorder", ["e 1", "e 0", "e 2", "e 3"], loads, ["out of order: 1, first e 0"]],
  ["a needless verdict", published, ["alpha", "beta", "beta", "gamma"], ["was told to load alpha,beta,beta,gamma"]],
  ["no verdict", published, [], ["was told to load nothing"]],
];
for (const [name, seen, told, expected] of cases) {
  test(`${name} is ${expected.length === 0 ? "no fault" : "a fault"}`, () => {
    assert.deepEqual(problems_of(published, seen, told), expected);
  });
}
