// The relay that the benchmark compares with: each WebSocket connection into a `cat` of its own.
//
// Prints its port. Backpressure is respected: a connection is not read while its pipe is full.

import { spawn } from "node:child_process";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, maxPayload: 16 << 20 });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  const sink = spawn("cat", { stdio: ["pipe", "ignore", "inherit"] });
  sink.stdin.on("error", () => socket.terminate());
  sink.stdin.on("drain", () => socket.resume());
  socket.on("message", (data) => {
    if (!sink.stdin.write(data)) socket.pause();
  });
  socket.on("close", () => sink.stdin.end());
});

process.stdin.on("end", () => process.exit()).resume(); // when the benchmark is gone, so is this
