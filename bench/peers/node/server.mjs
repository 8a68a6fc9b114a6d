// npm `socket.io` doing the same work as Crier: the end-to-end tests' reference (tokens by jsonwebtoken, users and
// memberships in memory, a room for each program, the publish API, history in memory or Redis), and an echo.

import { io } from "../../../tests/e2e/reference/server.mjs";

io.on("connection", (socket) => {
  socket.on("echo", (...args) => args.pop()(...args));
});
