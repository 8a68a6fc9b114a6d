import { setTimeout as pause } from "node:timers/promises";

/** Waits until `condition` (may be async) is truthy and returns its value; throws after `within` ms. */
export async function until(condition, { within = 10_000, every = 5, what = () => String(condition) } = {}) {
  const end = performance.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${within} ms in vain for ${what()}`);
    await pause(every);
  }
}
