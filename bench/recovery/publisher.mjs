// Publishes over one connection, pipelined and in order. The same requests for every system.

import { once } from "node:events";
import { connect } from "node:net";
import { API_KEY } from "../../tests/e2e/support/server.mjs";

const STATUS = /HTTP\/1\.1 (\d{3})/g;

export class Publisher {
  #socket;
  #waiting = [];
  #rest = "";
  #failure = null;

  static async to(port) {
    const publisher = new Publisher();
    publisher.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(publisher.#socket, "connect");
    publisher.#socket.setEncoding("latin1").on("data", (text) => publisher.#read(text));
    publisher.#socket.on("error", (error) => publisher.#fail(error));
    publisher.#socket.on("close", () => publisher.#fail(new Error("the publish connection closed")));
    return publisher;
  }

  #fail(error) {
    this.#failure ??= error;
    for (const { fail } of this.#waiting.splice(0)) fail(this.#failure);
  }

  #read(text) {
    const all = this.#rest + text;
    let end = 0;
    for (const match of all.matchAll(STATUS)) {
      const { done, fail } = this.#waiting.shift();
      if (match[1] === "202") done();
      else fail(new Error(`publish: ${all.slice(match.index, match.index + 400)}`));
      end = match.index + match[0].length;
    }
    // A status line may be cut in two; no answer here is longer than a few hundred bytes.
    this.#rest = all.slice(Math.max(end, all.length - 12));
  }

  /** One event with the number `n`, `bytes` of text in it; resolves when it is accepted. */
  publish(program, n, bytes = 100, query = "") {
    if (this.#failure) return Promise.reject(this.#failure);
    const body =
      `{"event":"request:updated","requestId":"${n}","data":{"text":"${"x".repeat(bytes)}"},` +
      `"performedBy":{"userId":"ben","name":"Ben Okri"}}`;
    this.#socket.write(
      `POST /api/v1/programs/${program}/events${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return new Promise((done, fail) => this.#waiting.push({ done, fail }));
  }

  /** `count` events as fast as they are accepted; `at(i)` → [program, n]. */
  async burst(count, at, bytes = 100, underWay = 128) {
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const [program, n] = at(next++);
        await this.publish(program, n, bytes);
      }
    };
    await Promise.all(Array.from({ length: underWay }, lane));
  }

  close() {
    this.#socket.destroy();
  }
}

/** As Publisher's burst, over several connections and so in no order. */
export async function burst(port, count, at, connections = 16) {
  let next = 0;
  const publishers = await Promise.all(Array.from({ length: connections }, () => Publisher.to(port)));
  const one = () => at(next++);
  await Promise.all(publishers.map((publisher, i) => publisher.burst(Math.floor((count + i) / connections), one, 100, 16)));
  for (const publisher of publishers) publisher.close();
}
