import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openConnection, type ReplaceableConnection } from "./connection.ts";

let opened: ReplaceableConnection | undefined;
let close: () => void = () => {};

afterEach(() => {
  close();
  return opened?.connection.close();
});

/** As much of a server as a connection needs; from `freeze` on it takes nothing any more. */
async function startServer() {
  const sockets: Socket[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    for (const look of waiting) look();
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (data.includes("PING\r\n")) socket.write("PONG\r\n");
    });
    socket.write(`INFO {"max_payload":1048576,"headers":true,"version":"2.14.3"}\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze: () => sockets[0]?.pause(),
    /** Resolves with how many there were, once there were so many. */
    connections: (count: number) =>
      new Promise<number>((resolve) => {
        const look = () => sockets.length >= count && resolve(sockets.length);
        waiting.push(look);
        look();
      }),
  };
}

test("a frozen server is given up, also with bytes on their way that it does not take", async () => {
  const server = await startServer();
  opened = await openConnection({ servers: [server.address], pingInterval: 100 });
  server.freeze();
  // More than the buffers of both sides hold.
  for (let count = 0; count < 60; count += 1) {
    opened.connection.publish("busy", new Uint8Array(1_000_000));
  }
  expect(await server.connections(2)).toBe(2);
});
