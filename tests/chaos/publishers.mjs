// Back ends: one a program, which numbers its events 1, 2, 3 …, publishes each over HTTP with a key of its own, tries again
// at any node until it knows the outcome or has had enough, and writes down what it was told.

import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { API_KEY, publication } from "../e2e/support/server.mjs";
import { now } from "./record.mjs";

/** Answers that say for certain that nothing was accepted. */
const REFUSALS = new Set(["history_unavailable", "shutting_down", "full"]);

export class Publishers {
  publications = [];
  problems = [];
  tries = 0;
  #counts = new Map();
  #agent = new Agent({ keepAlive: true });
  #running = true;
  #lanes = [];

  /** `ports`: where to publish; `random`: 0 … 1; `run`: a word for the keys. */
  constructor({ ports, programs, random, run, pace, tries_max }) {
    Object.assign(this, { ports, programs, random, run, pace, tries_max });
  }

  start() {
    this.#lanes = this.programs.map((program) => this.#lane(program));
  }

  async #lane(program) {
    while (this.#running) {
      const burst = this.random() < 0.02 ? 2 + Math.floor(this.random() * 20) : 1;
      await Promise.all(Array.from({ length: burst }, () => this.next(program)));
      await pause(this.pace[0] + this.random() * (this.pace[1] - this.pace[0]));
    }
  }

  /** Publishes the program's next event; resolves when its outcome is known, or it is given up. */
  async next(program, tries_max = this.tries_max) {
    const n = (this.#counts.get(program) ?? 0) + 1;
    this.#counts.set(program, n);
    const filler = "x".repeat(this.random() < 0.03 ? 20_000 : this.random() * 200);
    const text = JSON.stringify(publication(`${program}:${n}`, { data: { filler } }));
    const known = { program, n, began: now(), ended: Infinity, outcome: "unknown", id: null, seq: null, tries: 0, told: [] };
    this.publications.push(known);
    for (let doubt = false; known.tries < tries_max; ) {
      known.tries += 1;
      this.tries += 1;
      const answer = await this.#post(program, `${this.run}-${program}-${n}`, text);
      known.told.push(answer.json?.code ?? answer.status ?? answer.error);
      if (answer.status === 202) {
        const { id, seq } = answer.json;
        Object.assign(known, { outcome: id === null ? "unnumbered" : "numbered", id, seq });
        break;
      }
      if (answer.status !== undefined && answer.status !== 503) {
        this.problems.push(`publishing ${program}:${n} was answered ${answer.status} ${JSON.stringify(answer.json)}`);
      }
      doubt ||= !(REFUSALS.has(answer.json?.code) || answer.error === "ECONNREFUSED");
      if (!doubt && known.tries === tries_max) known.outcome = "refused";
      await pause(20 + Math.min(20 * known.tries, 400) * this.random());
    }
    known.ended = now();
    return known;
  }

  /** {status, json}, or {error} when there was no answer. */
  #post(program, key, text) {
    const port = this.ports[Math.floor(this.random() * this.ports.length)];
    return new Promise((done) => {
      const headers = {
        authorization: `Bearer ${API_KEY}`,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        "idempotency-key": key,
      };
      const path = `/api/v1/programs/${encodeURIComponent(program)}/events`;
      const fail = (error) => done({ error: error.code ?? error.message });
      const timeout = this.random() < 0.5 ? 2500 : 8000;
      const sent = request({ host: "127.0.0.1", port, agent: this.#agent, method: "POST", path, timeout, headers }, (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", fail);
        answer.on("end", () => {
          try {
            done({ status: answer.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) });
          } catch (error) {
            fail(error);
          }
        });
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
      sent.on("error", fail);
      sent.end(text);
    });
  }

  async finish() {
    this.#running = false;
    await Promise.all(this.#lanes);
  }

  close() {
    this.#agent.destroy();
  }
}
