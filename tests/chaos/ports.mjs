import { once } from "node:events";
import { createServer } from "node:net";

const taken = new Set();

/** A port of five digits that no connection gets by itself, so that it is still free when a process comes back to it. */
export async function free_port() {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 20_000);
    if (taken.has(port)) continue;
    const probe = createServer();
    probe.listen(port, "127.0.0.1");
    const listening = await Promise.race([once(probe, "listening").then(() => true), once(probe, "error").then(() => false)]).catch(() => false);
    if (!listening) continue;
    probe.close();
    await once(probe, "close");
    taken.add(port);
    return port;
  }
}
