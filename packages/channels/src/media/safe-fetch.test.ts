import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { HoldfastError } from "@holdfast/core";
import { afterEach, describe, expect, it } from "vitest";
import { isPrivateBase, isPublicAddress } from "./addresses.ts";
import { type FetchRules, fetchChecked } from "./fetch-checked.ts";
import { safeFetch } from "./safe-fetch.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(answer: RequestListener, host = "127.0.0.1"): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const png: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-type": "image/png; q=1" }).end("picture");
};
const options = () => ({
  maxBytes: 1_000,
  allowedTypes: ["image/*"],
  signal: new AbortController().signal,
});
const local = { ...options(), allowPrivate: true };
const codeOf = (error: unknown) => (error instanceof HoldfastError ? error.code : error);
const failure = async (run: Promise<unknown>) => run.then(() => "none", codeOf);

describe("addresses", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "100::1",
    "4000::1",
    "localhost",
    "",
  ])("%s is not public", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    "1.1.1.1",
    "172.15.0.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
  ])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it("tells a base in a private network by its URL alone", () => {
    expect(isPrivateBase("http://127.0.0.1:8080/")).toBe(true);
    expect(isPrivateBase("http://localhost:8080/")).toBe(true);
    expect(isPrivateBase("http://[::1]/")).toBe(true);
    expect(isPrivateBase("https://10.1.2.3/x")).toBe(true);
    expect(isPrivateBase("https://api.example.org")).toBe(false);
    expect(isPrivateBase("https://localhost.example.org")).toBe(false);
  });
});

describe("safeFetch", () => {
  it.each([
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://0.0.0.0/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://100.64.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://user@127.0.0.1/",
    "https://①②⑦.0.0.1/",
    "http://1.1.1.1/",
    "file:///etc/passwd",
    "data:image/png,x",
    "ftp://example.org/",
    "nonsense",
  ])("refuses %s before any request", async (url) => {
    expect(await failure(safeFetch(url, options()))).toBe("media_refused");
  });

  it("refuses a name that resolves to this machine", async () => {
    expect(await failure(safeFetch("https://localhost/", options()))).toBe("media_refused");
  });

  it("fetches from a private network only when allowed", async () => {
    const url = `http://127.0.0.1:${await serve(png)}/a`;
    expect(await safeFetch(url, local)).toEqual({
      mime: "image/png",
      data: new TextEncoder().encode("picture"),
    });
    expect(await failure(safeFetch(url, options()))).toBe("media_refused");
  });
});

describe("names", () => {
  const rules = (resolve: FetchRules["resolve"]): FetchRules => ({
    isAllowed: (address) => address === "127.0.0.1",
    protocols: ["http:"],
    ...(resolve === undefined ? {} : { resolve }),
  });
  const at = (address: string) => ({ address, family: address.includes(":") ? 6 : 4 });

  it("refuses a name when one of its addresses is private", async () => {
    const port = await serve(png);
    const both = rules((_host, done) => done(null, [at("127.0.0.1"), at("127.0.0.2")]));
    const run = fetchChecked(new URL(`http://files.example.org:${port}/`), options(), both);
    expect(await failure(run)).toBe("media_refused");
  });

  it("connects to the address that was checked, though the name changes its mind", async () => {
    const hosts: string[] = [];
    const port = await serve((request, response) => {
      hosts.push(request.socket.localAddress ?? "");
      png(request, response);
    }, "0.0.0.0");
    let asked = 0;
    const rebinding = rules((_host, done) => {
      asked += 1;
      done(null, [at(asked === 1 ? "127.0.0.1" : "127.0.0.2")]);
    });
    const url = new URL(`http://files.example.org:${port}/`);
    await fetchChecked(url, options(), rebinding);
    expect([asked, hosts]).toEqual([1, ["127.0.0.1"]]);
    // Its second answer is checked as well.
    expect(await failure(fetchChecked(url, options(), rebinding))).toBe("media_refused");
    expect(hosts).toHaveLength(1);
  });

  it("checks where a redirect leads, by address and by name", async () => {
    let location = "";
    let asked = 0;
    const port = await serve((_request, response) => {
      asked += 1;
      response.writeHead(302, { location }).end();
    });
    const names = rules((host, done) =>
      done(null, [at(host.startsWith("inside") ? "10.0.0.1" : "127.0.0.1")]),
    );
    for (location of [
      "http://10.0.0.1/",
      "http://inside.example.org/",
      "//169.254.169.254/",
      "file:///x",
    ]) {
      const run = fetchChecked(new URL(`http://files.example.org:${port}/`), options(), names);
      expect(await failure(run)).toBe("media_refused");
    }
    expect(asked).toBe(4);
  });

  it("calls a name that does not resolve unavailable", async () => {
    const none = rules((_host, done) =>
      done(new Error("ENOTFOUND https://secret.example.org"), []),
    );
    const run = fetchChecked(new URL("http://files.example.org/secret"), options(), none);
    const error = await run.catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe("channel_unavailable");
    expect((error as Error).message).not.toMatch(/secret/);
  });
});

describe("answers", () => {
  const fetchFrom = async (answer: RequestListener, more: object = {}) =>
    safeFetch(`http://127.0.0.1:${await serve(answer)}/token/file`, { ...local, ...more });

  it("follows redirects, and keeps the headers from other origins", async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      png(request, response);
    });
    const headers = { authorization: "Bearer x" };
    await fetchFrom(
      (request, response) => {
        seen.push(request.headers.authorization);
        const location = request.url === "/b" ? `http://127.0.0.1:${other}/` : "/b";
        response.writeHead(307, { location }).end("moved");
      },
      { headers },
    );
    expect(seen).toEqual(["Bearer x", "Bearer x", undefined]);
  });

  it("says which program asks, also where it is led to", async () => {
    const seen: (string | undefined)[] = [];
    await fetchFrom((request, response) => {
      seen.push(request.headers["user-agent"]);
      if (request.url === "/b") png(request, response);
      else response.writeHead(307, { location: "/b" }).end();
    });
    expect(seen).toEqual([expect.stringMatching(/^Holdfast\//), seen[0]]);
  });

  it("follows five redirects and no more", async () => {
    let hops = 0;
    const after =
      (count: number): RequestListener =>
      (request, response) => {
        hops += 1;
        if (hops > count) png(request, response);
        else response.writeHead(302, { location: "/next" }).end();
      };
    expect((await fetchFrom(after(5))).mime).toBe("image/png");
    hops = 0;
    expect(await failure(fetchFrom(after(6)))).toBe("media_refused");
    expect(hops).toBe(6);
    expect(await failure(fetchFrom((_r, response) => void response.writeHead(302).end()))).toBe(
      "media_refused",
    );
  });

  it("refuses what says that it is too large, and cuts what grows too large", async () => {
    const told: RequestListener = (_r, response) => {
      response
        .writeHead(200, { "content-type": "image/png", "content-length": "1001" })
        .flushHeaders();
    };
    expect(await failure(fetchFrom(told))).toBe("media_refused");

    const closed = Promise.withResolvers<void>();
    const endless: RequestListener = (_r, response) => {
      response.writeHead(200, { "content-type": "image/png" });
      response.on("close", () => closed.resolve());
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(400)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    };
    expect(await failure(fetchFrom(endless))).toBe("media_refused");
    await closed.promise;
    const exact: RequestListener = (_r, response) => {
      response.writeHead(200, { "content-type": "image/png" }).end("x".repeat(1_000));
    };
    expect((await fetchFrom(exact)).data.byteLength).toBe(1_000);
  });

  it("takes only the listed types", async () => {
    const as =
      (type: string | undefined): RequestListener =>
      (_r, response) => {
        response.writeHead(200, type === undefined ? {} : { "content-type": type }).end("x");
      };
    expect(await failure(fetchFrom(as("text/html")))).toBe("media_refused");
    expect(await failure(fetchFrom(as(undefined)))).toBe("media_refused");
    expect(await failure(fetchFrom(as("application/octet-stream")))).toBe("media_refused");
    expect((await fetchFrom(as("IMAGE/JPEG;a=b"))).mime).toBe("image/jpeg");
    const toldType = "image/webp";
    expect((await fetchFrom(as("application/octet-stream"), { toldType })).mime).toBe("image/webp");
    expect(await failure(fetchFrom(as("text/html"), { toldType }))).toBe("media_refused");
  });

  it("refuses compressed bodies", async () => {
    const zipped: RequestListener = (_r, response) => {
      response.writeHead(200, { "content-type": "image/png", "content-encoding": "gzip" }).end("x");
    };
    expect(await failure(fetchFrom(zipped))).toBe("media_refused");
  });

  it("gives up on slow bodies, cut ones, and when it is told to", async () => {
    const slow: RequestListener = (_r, response) => {
      response.writeHead(200, { "content-type": "image/png" }).write("x");
    };
    expect(await failure(fetchFrom(slow, { timeoutMs: 60 }))).toBe("channel_unavailable");
    const silent: RequestListener = () => {};
    expect(await failure(fetchFrom(silent, { timeoutMs: 60 }))).toBe("channel_unavailable");
    const cut: RequestListener = (_r, response) => {
      response.writeHead(200, { "content-type": "image/png", "content-length": "10" });
      response.write("x", () => response.destroy());
    };
    expect(await failure(fetchFrom(cut))).toBe("channel_unavailable");
    const stop = new AbortController();
    const stopped: RequestListener = () => stop.abort();
    expect(await failure(fetchFrom(stopped, { signal: stop.signal }))).toBe("channel_unavailable");
  });

  it("never quotes the address", async () => {
    for (const status of [401, 404, 429, 500]) {
      const error = await fetchFrom((_r, response) => void response.writeHead(status).end()).catch(
        (thrown: unknown) => thrown as HoldfastError,
      );
      expect(codeOf(error)).toBe(status < 429 ? "media_refused" : "channel_unavailable");
      expect(JSON.stringify([(error as Error).message, (error as Error).cause ?? ""])).not.toMatch(
        /token/,
      );
    }
    const port = await serve(png);
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const refused = await safeFetch(`http://127.0.0.1:${port}/token`, local).catch(
      (thrown: unknown) => thrown,
    );
    expect(codeOf(refused)).toBe("channel_unavailable");
    expect(String(refused)).not.toMatch(/token/);
  });
});
