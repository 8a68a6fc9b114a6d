// A way from a node to Redis that can be cut and mended.

import { createServer, connect as dial } from "node:net";

/** Passes a node's connections to Redis on, until it is cut; what a new one says only after `lag` milliseconds. */
export async function wire(redis, { lag = 0 } = {}) {
  const open = new Set();
  let cut = false;
  let mute = false;
  const server = createServer((near) => {
    if (cut) return near.destroy();
    const far = dial(redis.port, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      open.add(from);
      from.on("error", () => {}).on("close", () => to.destroy());
      setTimeout(() => from.on("data", (bytes) => (mute && from === far) || to.write(bytes)).on("end", () => to.end()), lag);
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `redis://127.0.0.1:${server.address().port}`,
    cut() {
      cut = true;
      for (const socket of open) socket.destroy();
      open.clear();
    },
    /** What Redis says is lost; what it is told is not. */
    mute: () => (mute = true),
    mend: () => (cut = mute = false),
    close: () => server.close(),
  };
}
