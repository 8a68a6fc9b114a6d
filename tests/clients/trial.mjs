// One client behind a relay that cuts its connection again and again while events are published.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Relay } from "../chaos/relay.mjs";
import { leash, tokenFor } from "../e2e/support/server.mjs";
import { until } from "../e2e/support/until.mjs";

const PROGRAMS = ["alpha", "beta"]; // ben is a member of gamma too
const MEMBER = "ben";
const PUBLISH_EVERY = 15;
/** Connections live for some heartbeats, or for less than one. */
export const PING_INTERVAL = 300;
/** How long a connection lives, in milliseconds; a third of them is cut after so many bytes instead, perhaps within a message. */
const LIFE = [5, 600];
const BYTES = [100, 8000];

/** The application: what its handlers saw, in order. */
class Application {
  events = [];
  loads = [];
  connects = 0;
  complaints = "";

  constructor([command, ...args]) {
    this.child = leash(spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
    this.child.on("error", (error) => this.#complain(error.message));
    this.child.stderr.setEncoding("utf8").on("data", (text) => this.#complain(text));
    createInterface({ input: this.child.stdout }).on("line", (line) => this.#note(line));
  }

  get signs() {
    return this.connects + this.events.length;
  }

  #complain(text) {
    this.complaints = (this.complaints + text).slice(-600);
  }

  #note(line) {
    const [kind, what] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
    if (kind === "connect") this.connects += 1;
    else if (kind === "event") this.events.push(what);
    else if (kind === "load") this.loads.push(what);
    else if (kind === "drop") this.loads.push(`without ${what}`);
    else this.#complain(`${line}\n`);
  }

  stop() {
    this.child.kill("SIGKILL");
  }
}

class Publisher {
  published = [];
  #running = true;

  constructor(server, title) {
    this.server = server;
    this.title = title;
    this.done = this.#publish();
  }

  async #publish() {
    while (this.#running) {
      const program = PROGRAMS[this.published.length % PROGRAMS.length];
      const requestId = `${this.title} ${this.published.length}`;
      await this.server.publish(program, requestId);
      this.published.push(requestId);
      await pause(PUBLISH_EVERY);
    }
  }

  async stop() {
    this.#running = false;
    await this.done;
    return this.published;
  }
}

const between = (random, [least, most]) => least + Math.floor(random() * (most - least));

/** A client over polling may go on with the same session, so that an event is a sign of life too. */
async function cut(relay, application, cuts, random) {
  for (let done = 0; done < cuts;) {
    const signs = application.signs;
    await until(() => application.signs > signs, {
      within: 30_000,
      what: () => `a sign of life after ${done} cuts; ${application.complaints}`,
    });
    await pause(between(random, LIFE));
    if (relay.all("reset") > 0) done += 1; // what met no connection was no cut
  }
}

/** What is wrong with what was seen, in words. */
export function problems_of(published, seen, loads) {
  const problems = [];
  const times = new Map();
  for (const name of seen) times.set(name, (times.get(name) ?? 0) + 1);
  const lost = published.filter((name) => !times.has(name));
  const repeated = [...times].filter(([, count]) => count > 1).map(([name]) => name);
  const order = new Map(published.map((name, i) => [name, i]));
  const late = seen.filter((name, i) => i > 0 && order.get(name) < order.get(seen[i - 1]));
  if (lost.length > 0) problems.push(`lost ${lost.length} of ${published.length}, first ${lost[0]}`);
  if (repeated.length > 0) problems.push(`handled twice: ${repeated.length}, first ${repeated[0]}`);
  if (late.length > 0) problems.push(`out of order: ${late.length}, first ${late[0]}`);
  if (loads.join() !== "alpha,beta,gamma") problems.push(`was told to load ${loads.join() || "nothing"}`);
  return problems;
}

/** → {problems, summary}. `start`: the command of the application. */
export async function trial(server, { title, start, transport, cuts, random }) {
  const fate = () => (random() < 1 / 3 ? { after: between(random, BYTES), what: "reset" } : undefined);
  let armed = false;
  let resets = 0;
  const relay = await Relay.open([server.port], { fate: () => (armed ? fate() : undefined), count: () => (resets += 1) });
  const url = `http://127.0.0.1:${relay.port}`;
  const session = `${transport}-${Math.floor(random() * 1e9)}`;
  const application = new Application([...start, url, tokenFor(MEMBER, { expiresIn: "1h" }), session, transport]);
  const began = performance.now();
  let publisher;
  try {
    await until(() => application.loads.length >= 3, { within: 60_000, what: () => `${title}'s first catchup; ${application.complaints}` });
    // Its place is known once it has answered a ping that came after the catchup; before that it would be told `joined` again.
    await pause(5 * PING_INTERVAL);
    armed = true;
    publisher = new Publisher(server, title);
    await cut(relay, application, cuts, random);
    armed = false;
    const published = await publisher.stop();
    const last = published.at(-1);
    await until(() => application.events.includes(last), { within: 20_000, what: () => `${last}` }).catch(() => {});
    const problems = problems_of(published, application.events, application.loads.sort());
    if (problems.length > 0 && application.complaints) problems.push(`it said: ${application.complaints}`);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const summary = `${published.length} events, ${application.connects} connections, ${resets} resets, ${seconds} s`;
    return { problems, summary };
  } catch (error) {
    return { problems: [error.message], summary: `ended after ${application.connects} connections` };
  } finally {
    await publisher?.stop();
    application.stop();
    relay.close();
  }
}
