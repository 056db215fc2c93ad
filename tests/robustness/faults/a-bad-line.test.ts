import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createSeededRandom } from "@holdfast/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

/** Answers each line with itself, and keeps what it was sent. */
let echo: Server;
let received = "";
let proxy: TcpProxy;

beforeEach(async () => {
  received = "";
  echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      received += bytes;
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const { port } = echo.address() as AddressInfo;
  const upstream = { host: "127.0.0.1", port };
  proxy = await TcpProxy.start({ host: "127.0.0.1", upstream, random: createSeededRandom(1) });
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});

async function dial(): Promise<Socket> {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.setEncoding("utf8");
  await once(socket, "connect");
  return socket;
}

test("a good line carries both ways, in order", async () => {
  const socket = await dial();
  socket.write("one\n");
  expect(await once(socket, "data")).toEqual(["one\n"]);
  socket.destroy();
});

test("a slow line delays in each direction", async () => {
  proxy.delayMs = 60;
  const socket = await dial();
  const from = performance.now();
  socket.write("one\n");
  await once(socket, "data");
  expect(performance.now() - from).toBeGreaterThanOrEqual(118);
  socket.destroy();
});

test("a line that loses answers lets the request through, and is reset then", async () => {
  const socket = await dial();
  let answered = "";
  socket.on("data", (text: string) => {
    answered += text;
  });
  const ended = once(socket, "error");
  const lost = proxy.loseAnswers(150);
  socket.write("append\n");
  await lost;
  expect(await ended).toMatchObject([{ code: "ECONNRESET" }]);
  expect({ received, answered }).toEqual({ received: "append\n", answered: "" });
});

test("a line of which all connections are reset each second cuts them", async () => {
  proxy.resetShare = 1;
  const socket = await dial();
  expect(await once(socket, "error")).toMatchObject([{ code: "ECONNRESET" }]);
  expect(proxy.resets).toBe(1);
});
