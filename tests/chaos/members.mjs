// Memberships that change while everything runs: by `crier member`, and by `crier import` for several at once.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { crierBinary, writePeople } from "../e2e/support/server.mjs";
import { now } from "./record.mjs";

export class Members {
  changes = [];
  problems = [];
  #active = new Map();
  #running = true;
  #loop = Promise.resolve();

  /** `users`: [{id, programs, moves}]: the memberships of those that move change. */
  constructor({ store, users, programs, random }) {
    Object.assign(this, { store, users, programs, random });
    writePeople(
      store,
      {
        users: users.map(({ id }) => ({ id, name: id, role: "member", active: true })),
        members: users.flatMap((user) => user.programs.map((programId) => ({ programId, userId: user.id, active: true }))),
      },
      "crier",
    );
    for (const user of users) for (const program of programs) this.#begin(user, program);
  }

  #begin({ id: user, programs }, program) {
    const active = programs.includes(program);
    this.#active.set(`${user} ${program}`, active);
    this.changes.push({ user, program, active, began: -Infinity, ended: -Infinity });
  }

  start(pace) {
    this.#loop = this.#run(pace);
  }

  async #run([least, most]) {
    const movers = this.users.filter(({ moves }) => moves);
    while (this.#running) {
      await pause(least + this.random() * (most - least));
      const user = movers[Math.floor(this.random() * movers.length)].id;
      const several = this.random() < 0.3;
      const chosen = this.programs.filter(() => this.random() < (several ? 0.5 : 0.3)).slice(0, several ? 4 : 1);
      if (chosen.length > 0) await this.#flip(user, chosen, several);
    }
  }

  async #flip(user, programs, several) {
    const began = now();
    const turned = programs.map((program) => ({ user, program, active: !this.#active.get(`${user} ${program}`), began, ended: Infinity }));
    this.changes.push(...turned);
    for (const { program, active } of turned) this.#active.set(`${user} ${program}`, active);
    const word = turned[0].active ? "add" : "remove";
    const done = several ? await this.#import(turned) : await this.#crier("member", word, turned[0].program, user);
    // What became of a command that failed is not known.
    if (done) for (const change of turned) change.ended = now();
  }

  #import(turned) {
    const file = `${this.store}.change.jsonl`;
    const lines = turned.map(({ user, program, active }) => JSON.stringify({ member: { programId: program, userId: user, active } }));
    writeFileSync(file, `${lines.join("\n")}\n`);
    return this.#crier("import", file);
  }

  #crier(...args) {
    return new Promise((done) => {
      execFile(crierBinary, [...args, "--store", this.store], { timeout: 60_000 }, (error, _, stderr) => {
        if (error) this.problems.push(`crier ${args.join(" ")}: ${error.code ?? error.signal} ${stderr}`);
        done(!error);
      });
    });
  }

  active(user, program) {
    return this.#active.get(`${user} ${program}`);
  }

  async finish() {
    this.#running = false;
    await this.#loop;
  }
}
