import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ada, start } from "./testing/world.ts";

describe("webhooks", () => {
  const recorded = async () => {
    const world = await start();
    world.fake.say({ chat: ada, text: "Hello" });
    await world.fake.settled();
    const request = world.receivers.flatMap((receiver) => receiver.requests)[0];
    if (request === undefined || world.account.webhook === undefined) throw new Error("none came");
    return { request, webhook: world.account.webhook.bind(world.account) };
  };

  it("gives the same event for the same delivery, on every node", async () => {
    const { request, webhook } = await recorded();
    expect((await webhook(request)).events).toEqual((await webhook(request)).events);
    const world = await start();
    expect((await world.account.webhook?.(request))?.events).toEqual(
      (await webhook(request)).events,
    );
  });

  it("refuses forged, truncated, extended and unsigned bodies before it reads them", async () => {
    const { request, webhook } = await recorded();
    const { body, headers } = request;
    const forged = Buffer.from(Buffer.from(body).toString("utf8").replace("Hello", "Hallo"));
    const signature = headers["x-hub-signature-256"] ?? "";
    for (const changed of [
      { body: forged },
      { body: body.subarray(0, -1) },
      { body: Buffer.concat([body, Buffer.from(" ")]) },
      { headers: { ...headers, "x-hub-signature-256": undefined } },
      { headers: { ...headers, "x-hub-signature-256": "" } },
      { headers: { ...headers, "x-hub-signature-256": "sha256=" } },
      { headers: { ...headers, "x-hub-signature-256": signature.replace("sha256=", "sha1=") } },
      { headers: { ...headers, "x-hub-signature-256": signature.slice(0, -2) } },
      { headers: { "x-hub-signature": signature } },
    ]) {
      await expect(webhook({ ...request, ...changed })).rejects.toMatchObject({
        code: "webhook_unverified",
      });
    }
  });

  it("refuses signed bodies that are none of WhatsApp's", async () => {
    const { request, webhook } = await recorded();
    for (const text of ["{", "null", "[]", "{}", '{"object":"page","entry":[]}', '{"object":1}']) {
      const body = Buffer.from(text);
      const sum = createHmac("sha256", "fake-whatsapp-app-secret").update(body).digest("hex");
      const headers = { "x-hub-signature-256": `sha256=${sum}` };
      await expect(webhook({ ...request, headers, body })).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    await expect(webhook({ ...request, method: "PUT" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("takes the rest of a delivery though a change has no value", async () => {
    const { request, webhook } = await recorded();
    const delivery: any = JSON.parse(Buffer.from(request.body).toString("utf8"));
    delivery.entry[0].changes.unshift({ field: "messages" });
    const body = Buffer.from(JSON.stringify(delivery));
    const sum = createHmac("sha256", "fake-whatsapp-app-secret").update(body).digest("hex");
    const headers = { "x-hub-signature-256": `sha256=${sum}` };
    expect((await webhook({ ...request, headers, body })).events).toMatchObject([
      { type: "ignored", what: "unknown_event" },
      { type: "message", text: "Hello" },
    ]);
  });

  it("confirms its address to who knows the word", async () => {
    const { request, webhook } = await recorded();
    const get = (query: Record<string, string>) =>
      webhook({ ...request, method: "GET", headers: {}, query: new URLSearchParams(query) });
    const right = {
      "hub.mode": "subscribe",
      "hub.verify_token": "fake-whatsapp-verify-token",
      "hub.challenge": "1158201444",
    };
    expect(await get(right)).toMatchObject({ status: 200, body: "1158201444", events: [] });
    for (const changed of [
      { "hub.verify_token": "x" },
      { "hub.mode": "x" },
      { "hub.verify_token": "" },
    ]) {
      await expect(get({ ...right, ...changed })).rejects.toMatchObject({
        code: "webhook_unverified",
      });
    }
    for (const challenge of ["", "<script>", "1".repeat(200)]) {
      const run = get({ ...right, "hub.challenge": challenge });
      await expect(run).rejects.toMatchObject({ code: "invalid_request" });
    }
  });
});
