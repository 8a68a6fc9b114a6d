// Publishes without pause while something else happens.

import { setTimeout as pause } from "node:timers/promises";

/** `accepted` holds {requestId, program, id, timestamp} of each 202 in the order of the answers. */
export class Publisher {
  accepted = [];
  failures = [];
  #running = true;
  #loops;

  /** `every`: ms between two publishes of one lane; 0: as fast as they are answered. */
  constructor(server, programs, { lanes = 1, every = 0, prefix = "p" } = {}) {
    let count = 0;
    const loop = async () => {
      while (this.#running) {
        const program = programs[count % programs.length];
        const requestId = `${prefix}${(count += 1)}`;
        try {
          const answer = await server.publish(program, requestId);
          this.accepted.push({ requestId, program, ...answer });
        } catch (error) {
          this.failures.push({ requestId, program, error });
          await pause(5);
        }
        if (every > 0) await pause(every);
      }
    };
    this.#loops = Promise.all(Array.from({ length: lanes }, loop));
  }

  async stop() {
    this.#running = false;
    await this.#loops;
  }
}
