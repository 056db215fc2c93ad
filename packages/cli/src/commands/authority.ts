import type { AuthorityStatus, AuthorityStep, Client } from "@holdfast/sdk";
import { follow, listed, type Look, timeoutOf } from "../cluster/follow.ts";
import type { Context } from "../context.ts";
import { confirmed } from "../output/ask.ts";
import { table } from "../output/table.ts";
import { isInteractive, printJson, printLine, type Stream } from "../output/terminal.ts";

export interface AuthorityOptions {
  readonly yes?: boolean;
  readonly timeout?: string;
  /** Stop before the new key signs. */
  readonly pause?: boolean;
}

/** `holdfast authority bundle`: what clients must trust, as PEM texts. */
export async function runBundle(context: Context): Promise<number> {
  const { bundle } = await (await context.client()).authority();
  if (context.json) printJson(context.terminal.stdout, bundle);
  else for (const pem of bundle) printLine(context.terminal.stdout, pem.trimEnd());
  return 0;
}

/** `holdfast authority status`. */
export async function runAuthorityStatus(context: Context): Promise<number> {
  const status = await (await context.client()).authority();
  show(context, status);
  return 0;
}

/**
 * `holdfast authority rotate`: a new key is trusted everywhere, then it signs. Goes on where an earlier one
 * was left. Exit code 1 when nodes have not followed in time.
 */
export async function runRotate(context: Context, options: AuthorityOptions): Promise<number> {
  const { terminal } = context;
  const timeoutMs = timeoutOf(options.timeout);
  let client = await context.client();
  const say = (text: string) => printLine(terminal.stderr, text);
  // The nodes' certificates change on the way: what signs the next ones must be trusted here.
  const learn = async ({ bundle }: AuthorityStatus) => {
    client = await context.client({ trust: bundle });
  };
  let status = await client.authority();
  await learn(status);
  if (status.phase === "reverting") {
    say("An earlier rotation was rolled back; `holdfast authority retire` ends it first.");
  }
  if (status.phase === "stable" || status.phase === "reverting") {
    status = await client.changeAuthority("begin");
    await learn(status);
    say("A new key was made. The old one signs until every node trusts the new one.");
  }
  const wait = () => follow({ terminal, timeoutMs }, () => lookAt(client));
  if (status.phase === "distributing") {
    const trusted = await wait();
    if (!trusted) return notFollowed(context, await client.authority());
    if (options.pause) {
      show(context, trusted);
      return 0;
    }
    status = await client.changeAuthority("sign");
    say("Every living node trusts the new key. It signs from now on; nodes get new certificates.");
  }
  const renewed = await wait();
  if (!renewed) return notFollowed(context, await client.authority());
  show(context, renewed);
  return 0;
}

/** `holdfast authority retire`: what does not sign is no longer trusted. */
export async function runRetire(context: Context, options: AuthorityOptions): Promise<number> {
  const { terminal, json } = context;
  const client = await context.client();
  const before = await client.authority();
  const lost = before.nodes
    .filter(({ presence, isConfirmed }) => presence !== "alive" && !isConfirmed)
    .map(({ node }) => node);
  const isPossible = before.phase === "signing" || before.phase === "reverting";
  if (isPossible && lost.length > 0) {
    const are = lost.length === 1 ? "is" : "are";
    const problem = `${listed(lost)}, which ${are} away, may hold certificates of the key that is retired, and would have to join anew.`;
    printLine(terminal.stderr, problem);
  }
  if (!options.yes && !json && isInteractive(terminal)) {
    const question = "Trust the key that does not sign no longer? There is no way back.";
    if (!(await confirmed(terminal, question))) return 1;
  }
  return changeOnce(context, client, "retire");
}

/** `holdfast authority rollback`: the key before signs again. */
export async function runRollback(context: Context): Promise<number> {
  return changeOnce(context, await context.client(), "rollback");
}

async function changeOnce(context: Context, client: Client, step: AuthorityStep): Promise<number> {
  const status = await client.changeAuthority(step);
  show(context, status);
  return 0;
}

/** Done when every living node has taken the present generation over. */
async function lookAt(client: Client): Promise<Look<AuthorityStatus>> {
  const status = await client.authority();
  const waiting = behind(status);
  if (waiting.length === 0) {
    return { text: `every living node is at generation ${status.generation}`, done: status };
  }
  return { text: `generation ${status.generation}: waiting for ${listed(waiting)}` };
}

function behind({ nodes }: AuthorityStatus): string[] {
  return nodes
    .filter(({ presence, isConfirmed }) => presence === "alive" && !isConfirmed)
    .map(({ node }) => node);
}

function notFollowed(context: Context, status: AuthorityStatus): number {
  const { terminal } = context;
  show(context, status);
  const who = listed(behind(status));
  const ways =
    "`holdfast authority rotate` goes on waiting, `holdfast authority rollback` goes back.";
  printLine(terminal.stderr, `${who} did not follow in time. Nothing is broken: ${ways}`);
  return 1;
}

function show({ terminal, json }: Context, status: AuthorityStatus): void {
  if (json) return printJson(terminal.stdout, status);
  const { stdout } = terminal;
  const { cluster, phase, generation, active, next, previous, nodes } = status;
  line(stdout, "Cluster", cluster);
  line(stdout, "Phase", `${phase}, generation ${generation}`);
  line(stdout, "Signs", active);
  if (next !== undefined) line(stdout, "Will sign", next);
  if (previous !== undefined) line(stdout, "Also trusted", previous);
  printLine(stdout);
  const columns = [
    { title: "NODE", value: (node: (typeof nodes)[number]) => node.node },
    { title: "PRESENCE", value: (node: (typeof nodes)[number]) => node.presence },
    {
      title: "GENERATION",
      value: (node: (typeof nodes)[number]) => node.generation?.toString(),
      isRight: true,
    },
    {
      title: "FOLLOWED",
      value: (node: (typeof nodes)[number]) => (node.isConfirmed ? "yes" : "no"),
    },
  ];
  for (const text of table(columns, nodes)) printLine(stdout, text);
  printLine(stdout);
  for (const text of nextSteps[phase]) printLine(stdout, text);
}

function line(stdout: Stream, title: string, text: string): void {
  printLine(stdout, `${title.padEnd(14)}${text}`);
}

const nextSteps: Record<AuthorityStatus["phase"], readonly string[]> = {
  stable: ["One key signs and is trusted. `holdfast authority rotate` changes it."],
  distributing: [
    "The new key is trusted and does not sign yet. `holdfast authority rotate` goes on,",
    "`holdfast authority rollback` gives the new key up.",
  ],
  signing: [
    "The new key signs, and both are trusted. When all works, `holdfast authority retire` ends the",
    "trust in the old one; until then `holdfast authority rollback` goes back to it.",
  ],
  reverting: [
    "The old key signs again, and both are trusted. When every node has followed,",
    "`holdfast authority retire` ends the trust in the abandoned one.",
  ],
};
