import { describe, expect, test } from "vitest";
import { parseDiscover } from "./discover-spec.ts";

describe("--discover", () => {
  test.each([
    ["mdns", { by: "mdns" }],
    ["dns:cluster.example.com", { by: "dns", name: "cluster.example.com" }],
    ["dns:cluster.example.com.", { by: "dns", name: "cluster.example.com" }],
    ["10.1.2.3", { by: "address", urls: ["https://10.1.2.3:7400"] }],
    ["node1.example.com:8443", { by: "address", urls: ["https://node1.example.com:8443"] }],
    ["[2001:db8::1]:7401", { by: "address", urls: ["https://[2001:db8::1]:7401"] }],
    ["2001:db8::1", { by: "address", urls: ["https://[2001:db8::1]:7400"] }],
    ["https://node1.example.com", { by: "address", urls: ["https://node1.example.com"] }],
    ["localhost:7401", { by: "address", urls: ["https://localhost:7401"] }],
  ])("%s", (text, expected) => {
    expect(parseDiscover(text)).toEqual(expected);
  });

  test.each([
    [""],
    ["dns:"],
    ["dns:a b"],
    ["dns:10.0.0.1"],
    ["host:0"],
    ["host:65536"],
    ["host:port"],
    ["10.0.0.256"],
    ["-x"],
    ["a..b"],
    ["http://10.0.0.1:7400"],
    ["http://127.0.0.1:7400"],
    ["http://localhost"],
    ["https://user:password@host"],
    ["https://host/path"],
    ["ftp://host"],
    ["[::1"],
    ["x".repeat(254)],
  ])("%j is refused", (text) => {
    expect(() => parseDiscover(text)).toThrow(
      expect.objectContaining({ code: "invalid_configuration" }),
    );
  });
});
