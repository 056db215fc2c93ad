import { type AccountCheck, type AccountOptions, toHoldfastError } from "@holdfast/core";
import { z } from "zod";
import { sendOutcome } from "./outcome.ts";
import type { Rpc, RpcResult } from "./rpc.ts";
import type { SignalSettings } from "./settings.ts";

const accountsSchema = z.array(
  z.object({ number: z.string().nullish(), aci: z.string().nullish() }),
);
const versionSchema = z.object({ version: z.string() });
const methodNotFound = -32_601;

/** Asks the daemon whether it has the account; one that serves a single account does not list it. */
export async function checkAccount(
  rpc: Rpc,
  options: AccountOptions<SignalSettings>,
  signal: AbortSignal,
): Promise<AccountCheck> {
  const { account } = options.settings;
  try {
    const version = await rpc.call("version", {}, signal);
    const trouble = troubleOf(version);
    if (trouble !== undefined) return { ok: false, findings: [trouble] };
    const found = versionSchema.safeParse(version.type === "result" ? version.result : undefined);
    if (!found.success) return { ok: false, findings: ["The address is not one of signal-cli."] };

    const identity = `${account}, signal-cli ${found.data.version}`;
    const listed = await rpc.call("listAccounts", {}, signal);
    if (listed.type === "error" && listed.code === methodNotFound) {
      const finding =
        "The daemon serves one account only; whether it is this one shows at the first send.";
      return { ok: true, identity, findings: [finding] };
    }
    const accounts = accountsSchema.safeParse(listed.type === "result" ? listed.result : undefined);
    if (!accounts.success) {
      return {
        ok: false,
        identity,
        findings: [troubleOf(listed) ?? "The accounts are not readable."],
      };
    }
    if (accounts.data.some((one) => one.number === account || one.aci === account)) {
      return { ok: true, identity, findings: [] };
    }
    const finding = "The daemon does not have this account: register it, or link it to a phone.";
    return { ok: false, findings: [finding] };
  } catch (error) {
    return { ok: false, findings: [toHoldfastError(error).message] };
  }
}

function troubleOf(answer: RpcResult): string | undefined {
  if (answer.type === "result") return undefined;
  const outcome = sendOutcome(answer);
  return `The daemon does not answer well. ${"reason" in outcome ? outcome.reason : ""}`.trim();
}
