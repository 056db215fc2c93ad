import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { checkPort, listen } from "./listen.ts";

const api = {
  async listen({ host, port }: { host: string; port: number }) {
    const server = createServer().listen(port, host);
    await once(server, "listening");
    server.close();
    return `http://${host}:${port}`;
  },
};

test("an address that this machine does not have", async () => {
  // Reserved for documentation: no machine has it.
  await expect(listen(api, "192.0.2.1", 0)).rejects.toMatchObject({
    code: "invalid_configuration",
    message: expect.stringMatching(/^The node cannot listen on 192\.0\.2\.1.*HOLDFAST_HOST/),
  });
});

test("a port that needs more rights", async () => {
  const refusing = {
    listen: () => Promise.reject(Object.assign(new Error("listen EACCES"), { code: "EACCES" })),
  };
  await expect(listen(refusing, "127.0.0.1", 80)).rejects.toMatchObject({
    code: "invalid_configuration",
    message: expect.stringContaining("port 80: this user may not take that port"),
  });
});

test("a port is looked at without being kept", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await expect(checkPort("127.0.0.1", port)).rejects.toMatchObject({ code: "port_taken" });
  other.close();
  await once(other, "close");
  await checkPort("127.0.0.1", port);
  await checkPort("127.0.0.1", port);
});

test("what went wrong otherwise is passed on as it is", async () => {
  const failure = new Error("closed");
  const failing = { listen: () => Promise.reject(failure) };
  await expect(listen(failing, "127.0.0.1", 0)).rejects.toBe(failure);
});
