// What a process costs, from the kernel's accounts.

import { readdirSync, readFileSync } from "node:fs";

export const residentBytes = (pid) => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

/** µs on a CPU so far, over all threads. */
export function cpuMicroseconds(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8"));
  return tasks.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1000;
}

/** Follows the resident set of `pids` together: peak() is the most over what they had at first. */
export class Growth {
  #pids;
  #first;
  #most = 0;
  #timer;

  constructor(pids, every = 20) {
    this.#pids = pids;
    this.#first = this.#now();
    this.#timer = setInterval(() => this.#look(), every);
  }

  #now() {
    return this.#pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  #look() {
    this.#most = Math.max(this.#most, this.#now() - this.#first);
  }

  peak() {
    this.#look();
    return this.#most;
  }

  stop() {
    clearInterval(this.#timer);
    return this.peak();
  }
}

export const mebibytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0)} MiB`;
