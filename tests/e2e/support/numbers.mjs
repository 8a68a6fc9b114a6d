// Numbers each program's events 1, 2, 3 … over HTTP, and goes on to the next number only when one was accepted.

import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { API_KEY, publication } from "./server.mjs";

const REQUEST_TIMEOUT = 3000;

/** One publish: the answer's {status, json}; rejects when there is none. */
function post(port, agent, program, key, body) {
  return new Promise((done, fail) => {
    const text = JSON.stringify(body);
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        agent,
        method: "POST",
        path: `/api/v1/programs/${encodeURIComponent(program)}/events`,
        timeout: REQUEST_TIMEOUT,
        headers: {
          authorization: `Bearer ${API_KEY}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(text),
          "idempotency-key": key,
        },
      },
      (answer) => {
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
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", fail);
    sent.end(text);
  });
}

export class Numbers {
  /** program → [{n, id, began, tries}] in order; `id` null: accepted, but not kept. */
  accepted = new Map();
  problems = [];
  retries = 0;
  #running = true;
  #lanes;
  #agent = new Agent({ keepAlive: true });
  #run;

  /** `nodes`: [{port}]; `every()`: milliseconds between two events of a program; `random()`: 0 … 1. */
  constructor(nodes, programs, { every, random = Math.random, size = () => 0 } = {}) {
    this.nodes = nodes;
    this.random = random;
    this.size = size;
    this.#run = random().toString(36).slice(2, 8);
    this.#lanes = programs.map(async (program) => {
      this.accepted.set(program, []);
      while (this.#running) {
        await this.next(program);
        await pause(every());
      }
    });
  }

  /** Publishes the program's next number until it is accepted. Not while this program's lane runs. */
  async next(program) {
    const list = this.accepted.get(program);
    const n = list.length + 1;
    const body = publication(`${program}:${n}`, { data: { filler: "x".repeat(this.size()) } });
    const began = performance.now();
    for (let tries = 1; ; tries += 1) {
      const node = this.nodes[Math.floor(this.random() * this.nodes.length)];
      const answer = await post(node.port, this.#agent, program, `${this.#run}-${program}-${n}`, body).catch((error) => ({ error }));
      if (answer.status === 202) {
        list.push({ n, id: answer.json.id, began, tries });
        return list.at(-1);
      }
      if (answer.status !== undefined && answer.status !== 503) {
        this.problems.push(`publishing ${program}:${n} was answered ${answer.status} ${JSON.stringify(answer.json)}`);
      }
      this.retries += 1;
      await pause(20 + 80 * this.random());
    }
  }

  /** Ends the lanes. */
  async finish() {
    this.#running = false;
    await Promise.all(this.#lanes);
  }

  last(program) {
    return this.accepted.get(program).length;
  }

  close() {
    this.#agent.destroy();
  }

  get total() {
    return [...this.accepted.values()].reduce((sum, list) => sum + list.length, 0);
  }
}
