import type { AgentName, ConversationId, OrganizationName } from "@holdfast/core";
import { createVirtualClock } from "@holdfast/testkit";
import { expect, it } from "vitest";
import { gatewayLimits } from "./limits.ts";
import { SendOrder } from "./send-order.ts";

const of = (conversation: string) => ({
  organization: "demo" as OrganizationName,
  agent: "greeter" as AgentName,
  conversation: conversation as ConversationId,
});
const never = new Promise<never>(() => undefined);

it("goes on when one is refused", async () => {
  const sends = new SendOrder(createVirtualClock());
  const refused = sends.take(of("main"), async () => {
    throw new Error("refused");
  });
  const next = sends.take(of("main"), async () => "accepted");
  await expect(refused).rejects.toThrow("refused");
  expect(await next).toBe("accepted");
});

it("lets one that hangs wait alone after a while, and another session at no time", async () => {
  const clock = createVirtualClock();
  const sends = new SendOrder(clock);
  const accepted: string[] = [];
  const accept = (text: string) => async () => void accepted.push(text);
  void sends.take(of("main"), () => never);
  void sends.take(of("main"), accept("second"));
  void sends.take(of("other"), accept("elsewhere"));
  await clock.advance(gatewayLimits.acceptMs - 1);
  expect(accepted).toEqual(["elsewhere"]);
  await clock.advance(1);
  expect(accepted).toEqual(["elsewhere", "second"]);
});
