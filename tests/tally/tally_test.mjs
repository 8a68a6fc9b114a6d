import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { count, count_ctest, tally } from "./tally.mjs";

const outputs = [
  ["a program without a runner", "ok\n", true, { passed: 1, failed: 0, not_run: [] }],
  ["its failure", "", false, { passed: 0, failed: 1, not_run: [] }],
  ["GoogleTest", "[  PASSED  ] 3 tests.\n", true, { passed: 3, failed: 0, not_run: [] }],
  [
    "GoogleTest with failures",
    "[  PASSED  ] 1 test.\n[  FAILED  ] 2 tests, listed below:\n 2 FAILED TESTS\n",
    false,
    { passed: 1, failed: 2, not_run: [] },
  ],
  [
    "GoogleTest with tests that skip themselves or are disabled",
    "[  SKIPPED ] A.B (0 ms)\n[  PASSED  ] 1 test.\n[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] A.B\n  YOU HAVE 2 DISABLED TESTS\n",
    true,
    { passed: 1, failed: 0, not_run: ["A.B skips itself", "2 disabled tests of GoogleTest"] },
  ],
  [
    "GoogleTest that dies before its summary",
    "[       OK ] A.B (0 ms)\n==1==ERROR: AddressSanitizer\n",
    false,
    { passed: 0, failed: 1, not_run: [] },
  ],
  [
    "node:test",
    "# tests 6\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n",
    false,
    { passed: 3, failed: 2, not_run: ["1 skipped tests of Node"] },
  ],
  [
    "node:test on a terminal",
    "\x1b[34mℹ pass 4\x1b[39m\nℹ fail 0\n",
    true,
    { passed: 4, failed: 0, not_run: [] },
  ],
  [
    "plain lines",
    "Engine.IO v4: 24 passed, 1 failed\nSocket.IO v5: 32 passed, 0 failed\nNOT RUN: x (y)\n",
    false,
    { passed: 56, failed: 1, not_run: ["x (y)"] },
  ],
  [
    "a crash after a summary without failures",
    "[  PASSED  ] 3 tests.\nleak\n",
    false,
    { passed: 3, failed: 1, not_run: [] },
  ],
];

for (const [what, output, succeeded, expected] of outputs) {
  test(`counts ${what}`, () => assert.deepEqual(count(output, succeeded), expected));
}

const block = (name, output, verdict) =>
  `1/2 Testing: ${name}\n1/2 Test: ${name}\nOutput:\n----------\n${output}<end of output>\nTest time = 1 sec\n----------\n${verdict}\n`;
const ctest_log =
  "Start testing: today\n----------\n" +
  block("base", "[  PASSED  ] 3 tests.\n", "Test Passed.") +
  block("replay", "5 inputs replayed\nNOT RUN: Redis\n", "Test Passed.") +
  block("history", "", "Test Failed.");

test("adds up the tests of CTest, each by its own runner", () => {
  assert.deepEqual(count_ctest(ctest_log), { passed: 4, failed: 1, not_run: ["Redis"] });
});

test("adds up stages and says once what several did not run", () => {
  const folder = mkdtempSync(join(tmpdir(), "crier-tally-"));
  try {
    writeFileSync(join(folder, "stages.tsv"), "build\t0\t7\nctest\t8\t2\nsuites\t0\t1\n");
    writeFileSync(join(folder, "build.log"), "NOT RUN: Redis\n");
    writeFileSync(join(folder, "ctest.log"), "");
    writeFileSync(join(folder, "ctest.ctest"), ctest_log.replace("Test Failed.", "Test Passed."));
    writeFileSync(join(folder, "suites.log"), "A: 2 passed, 0 failed\n");
    const { stages, passed, failed, not_run } = tally(folder);
    assert.deepEqual(
      stages.map((stage) => [stage.name, stage.seconds, stage.passed, stage.failed]),
      [
        ["build", 7, 1, 0],
        ["ctest", 2, 5, 1], // it failed, although each of its tests passed
        ["suites", 1, 2, 0],
      ],
    );
    assert.deepEqual([passed, failed, not_run], [8, 1, ["Redis"]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
