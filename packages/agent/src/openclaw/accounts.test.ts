import type { Account, IdentityLink } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { testFolder } from "../workspace/test-folder.ts";
import { type ImportResult, importOpenClaw } from "./import-openclaw.ts";

type Tree = { readonly [key: string]: unknown };
const two = { entries: { main: {}, ops: {} } };

async function imported(
  config: Tree,
  agents: Tree = { entries: { main: {} } },
): Promise<ImportResult> {
  await using folder = await testFolder({ "openclaw.json": JSON.stringify({ agents, ...config }) });
  // Awaited here: the folder goes when this function ends.
  return await importOpenClaw(folder.path, { organization: "acme", env: {}, platform: "linux" });
}

const accounts = ({ resources }: ImportResult) =>
  resources.filter((resource): resource is Account => resource.kind === "Account");
const links = ({ resources }: ImportResult) =>
  resources.filter((resource): resource is IdentityLink => resource.kind === "IdentityLink");
const taken = ({ taken: notes }: ImportResult, path: string) =>
  notes.find((note) => note.path === path)?.reason;
const left = ({ left: notes }: ImportResult, path: string) =>
  notes
    .filter((note) => note.path === path)
    .map(({ reason }) => reason)
    .join("\n");

async function accessOf(
  channel: string,
  settings: Tree,
  more: Tree = {},
): Promise<Account["access"]> {
  const token = { telegram: "botToken", discord: "token", slack: "botToken", signal: "account" }[
    channel
  ];
  const value = channel === "signal" ? "+491510000001" : "literal";
  const own = { [token ?? ""]: value, ...settings };
  return accounts(await imported({ channels: { [channel]: own }, ...more }))[0]?.access;
}

describe("accounts", () => {
  test("of Telegram, the channel's own and declared ones, get their tokens by reference", async () => {
    const result = await imported({
      channels: {
        telegram: {
          botToken: "123:literal",
          dmPolicy: "allowlist",
          allowFrom: ["tg:123456789", 55],
          webhookUrl: "https://example.org/hook",
          apiRoot: "http://127.0.0.1:8081/",
          accounts: {
            alerts: { botToken: "${ALERTS}", dmPolicy: "disabled" },
            file: { tokenFile: "./token.txt", streaming: { mode: "partial" } },
            naked: {},
            off: { enabled: false, botToken: "456:literal" },
          },
        },
      },
    });
    expect(accounts(result).map(({ name, settings }) => [name, settings])).toEqual([
      ["telegram", { token: { fromEnv: "TELEGRAM_BOT_TOKEN" }, apiUrl: "http://127.0.0.1:8081" }],
      ["telegram-alerts", { token: { fromEnv: "ALERTS" }, apiUrl: "http://127.0.0.1:8081" }],
      [
        "telegram-file",
        {
          token: { fromFile: expect.stringMatching(/\/token\.txt$/) },
          apiUrl: "http://127.0.0.1:8081",
        },
      ],
    ]);
    const [first, alerts, file] = accounts(result);
    const allow = ["123456789", "55"];
    expect(first).toMatchObject({
      scope: "main",
      agent: "main",
      access: { direct: "allowlist", allow },
    });
    expect(alerts?.access).toMatchObject({ direct: "disabled", allow });
    expect(file?.streaming).toBe("typing");
    expect(taken(result, "channels.telegram.accounts.file.streaming.mode")).toBe(
      "people see that somebody writes: answers do not grow as edits here",
    );
    expect(left(result, "channels.telegram.botToken")).toContain(
      "set the environment variable TELEGRAM_BOT_TOKEN",
    );
    expect(left(result, "channels.telegram.accounts.naked")).toContain("no token of its own");
    expect(left(result, "channels.telegram.accounts.off.enabled")).toContain("switched off");
    expect(left(result, "channels.telegram.webhookUrl")).toContain("polls");
    expect(JSON.stringify(result)).not.toContain("literal");
  });

  test("of Slack show nothing while an answer is written, and the note says so", async () => {
    const streaming = { mode: "block" };
    const result = await imported({ channels: { slack: { mode: "http", streaming } } });
    expect(accounts(result)[0]?.streaming).toBe("typing");
    expect(taken(result, "channels.slack.streaming.mode")).toBe(
      "Slack shows nothing while an answer is written: answers do not grow as edits here",
    );
  });

  test("without a token read the variable that OpenClaw reads", async () => {
    const result = await imported({ channels: { discord: {}, slack: { mode: "http" } } });
    expect(accounts(result).map(({ settings }) => settings)).toEqual([
      {
        mode: "http",
        botToken: { fromEnv: "SLACK_BOT_TOKEN" },
        signingSecret: { fromEnv: "SLACK_SIGNING_SECRET" },
      },
      { token: { fromEnv: "DISCORD_BOT_TOKEN" } },
    ]);
  });

  test("of Slack and Discord", async () => {
    const result = await imported({
      channels: {
        slack: {
          botToken: "xoxb-literal",
          appToken: { source: "env", provider: "default", id: "APP_TOKEN" },
          accounts: {
            default: {
              botToken: { source: "exec", provider: "vault", id: "x" },
              appToken: "xapp-literal",
            },
            relayed: { mode: "relay", botToken: "${B}" },
            person: { postAs: "user", userToken: "xoxp-literal" },
            half: { botToken: "${B}" },
          },
        },
        discord: { token: "${D}", intents: { messageContent: false, presence: true } },
      },
    });
    expect(accounts(result).map(({ name, settings }) => [name, settings])).toEqual([
      [
        "slack",
        {
          mode: "socket",
          botToken: { fromEnv: "SLACK_BOT_TOKEN" },
          appToken: { fromEnv: "SLACK_APP_TOKEN" },
        },
      ],
      ["discord", { token: { fromEnv: "D" }, messageContent: false }],
    ]);
    for (const id of ["relayed", "person", "half"]) {
      expect(left(result, `channels.slack.accounts.${id}`)).toContain("not imported");
    }
    expect(JSON.stringify(result)).not.toContain("literal");
  });

  test("of Signal use a daemon that runs by itself", async () => {
    const account = "+491510000001";
    const result = await imported({
      channels: {
        signal: {
          accounts: {
            ran: {
              account,
              transport: { kind: "managed-native", httpPort: 9000, cliPath: "signal-cli" },
            },
            external: {
              account,
              transport: { kind: "external-native", url: "https://signal.example.org" },
            },
            open: {
              account,
              transport: { kind: "external-native", url: "http://signal.example.org" },
            },
            container: { account, transport: { kind: "container", url: "http://127.0.0.1:8080" } },
            socket: { account, transport: { kind: "managed-native", socketPath: "/run/s" } },
          },
        },
      },
    });
    expect(accounts(result).map(({ name, settings }) => [name, settings])).toEqual([
      ["signal-ran", { account, url: "http://127.0.0.1:9000" }],
      ["signal-external", { account, url: "https://signal.example.org" }],
    ]);
    expect(left(result, "channels.signal.accounts.ran.transport")).toContain(
      "http://127.0.0.1:9000",
    );
    expect(left(result, "channels.signal.accounts.container.transport")).toContain("container");
  });

  test("that are one to OpenClaw are taken once, and the report says which", async () => {
    const token = (name: string) => ({ botToken: `\${${name}}`, appToken: `\${${name}}` });
    const result = await imported({
      channels: {
        slack: {
          accounts: {
            Team: token("A"),
            TEAM: token("B"),
            "my bot": token("C"),
            "my-bot": token("D"),
          },
        },
        telegram: {
          botToken: "${E}",
          accounts: { Default: { botToken: "${F}" }, 日本: { botToken: "${G}" } },
        },
      },
    });
    expect(accounts(result).map(({ name, settings }) => [name, settings])).toEqual([
      ["telegram", { token: { fromEnv: "F" } }],
      ["slack-team", { mode: "socket", botToken: { fromEnv: "A" }, appToken: { fromEnv: "A" } }],
      ["slack-my-bot", { mode: "socket", botToken: { fromEnv: "D" }, appToken: { fromEnv: "D" } }],
    ]);
    expect(left(result, "channels.slack.accounts.TEAM")).toBe(
      'OpenClaw takes it and "Team" for one account, team: "Team" is the one that counts: the account is not imported',
    );
    expect(left(result, 'channels.slack.accounts."my bot"')).toContain(
      '"my-bot" is the one that counts',
    );
    expect(left(result, "channels.slack.accounts.TEAM.botToken")).toContain("not taken over");
    expect(left(result, 'channels.telegram.accounts."日本"')).toContain("no account of such an id");
  });

  test("that cannot be taken say what to do instead", async () => {
    const imap = {
      enabled: true,
      config: { accounts: { personal: { host: "imap.example.org", password: "p" } } },
    };
    const result = await imported({
      channels: {
        whatsapp: { allowFrom: ["+15550100"], accounts: { biz: { authDir: "x" } } },
        matrix: { homeserver: "https://matrix.example.org" },
        irc: true,
      },
      plugins: { entries: { imap } },
    });
    expect(accounts(result)).toEqual([]);
    expect(left(result, "channels.whatsapp.accounts")).toContain("WhatsApp Business Platform");
    expect(left(result, "channels.matrix.homeserver")).toContain("no such channel");
    expect(left(result, "channels.irc")).toContain("no such channel");
    expect(left(result, "plugins.entries.imap.config.accounts.personal")).toContain(
      "channel email",
    );
  });
});

describe("who may write directly", () => {
  test.each<[string, string, Tree, Account["access"]]>([
    ["pairing where nothing is said", "telegram", {}, { direct: "pairing" }],
    ["open to everybody", "telegram", { dmPolicy: "open", allowFrom: ["*"] }, { direct: "open" }],
    [
      "open to some",
      "telegram",
      { dmPolicy: "open", allowFrom: ["7"] },
      { direct: "allowlist", allow: ["7"] },
    ],
    ["open to nobody", "telegram", { dmPolicy: "open" }, { direct: "allowlist" }],
    [
      "names are no ids",
      "telegram",
      { allowFrom: ["@ada", "7"] },
      { direct: "pairing", allow: ["7"] },
    ],
    [
      "names of Discord",
      "discord",
      { allowFrom: ["ada", "user:7"] },
      { direct: "pairing", allow: ["7"] },
    ],
    [
      "Slack's older setting",
      "slack",
      { appToken: "x", dm: { policy: "allowlist", allowFrom: ["U1", "*"] } },
      { direct: "allowlist", allow: ["U1", "*"] },
    ],
    [
      "Slack's switch",
      "slack",
      { appToken: "x", dm: { enabled: false }, dmPolicy: "open", allowFrom: ["*"] },
      { direct: "disabled", allow: ["*"] },
    ],
    [
      "Signal's ids",
      "signal",
      { allowFrom: ["+15550100", "uuid:123e4567-e89b-12d3-a456-426614174000"] },
      { direct: "pairing", allow: ["+15550100", "123e4567-e89b-12d3-a456-426614174000"] },
    ],
  ])("%s", async (_, channel, settings, expected) => {
    const { direct, allow } = (await accessOf(channel, settings)) ?? {};
    expect({ direct, ...(allow && { allow }) }).toEqual(expected);
  });

  test("a list that Telegram's channel narrows stays narrow", async () => {
    const telegram = {
      botToken: "x",
      allowFrom: ["7"],
      accounts: { b: { botToken: "y", allowFrom: ["*", "8"], dmPolicy: "open" } },
    };
    const result = await imported({ channels: { telegram } });
    expect(accounts(result)[1]?.access).toMatchObject({ direct: "allowlist", allow: ["8"] });
  });

  test("lists of people are resolved, those that change are not", async () => {
    const accessGroups = {
      crew: {
        type: "message.senders",
        members: { "*": ["1"], telegram: ["tg:2"], discord: ["3"] },
      },
      audience: { type: "discord.channelAudience", guildId: "1", channelId: "2" },
    };
    const allowFrom = ["accessGroup:crew", "accessGroup:audience", "accessGroup:none"];
    const access = await accessOf(
      "telegram",
      { dmPolicy: "allowlist", allowFrom },
      { accessGroups },
    );
    expect(access).toMatchObject({ allow: ["1", "2"] });
  });
});

describe("groups", () => {
  test.each<[string, string, Tree, Account["access"]]>([
    [
      "closed where nothing is said",
      "telegram",
      { allowFrom: ["7"] },
      { groups: "allowlist", groupSenders: ["7"] },
    ],
    ["open", "telegram", { groupPolicy: "open" }, { groups: "open" }],
    [
      "disabled",
      "telegram",
      { groupPolicy: "disabled", groups: { "*": {} } },
      { groups: "disabled" },
    ],
    [
      "listed, to the owner",
      "telegram",
      { allowFrom: ["7"], groups: { "-1": {} } },
      { groups: "allowlist", groupAllow: ["-1"], groupSenders: ["7"] },
    ],
    [
      "listed, to nobody",
      "telegram",
      { groups: { "-1": {} } },
      { groups: "allowlist", groupAllow: ["-1"], groupSenders: [] },
    ],
    [
      "a list closes the others, whatever the policy",
      "telegram",
      { groupPolicy: "open", groups: { "-1": {} } },
      { groups: "allowlist", groupAllow: ["-1"] },
    ],
    [
      "all, to some",
      "telegram",
      { groupAllowFrom: ["7"], groups: { "*": { requireMention: false } } },
      { groups: "open", groupSenders: ["7"], requireMention: false },
    ],
    [
      "all but one",
      "telegram",
      { groupPolicy: "open", groups: { "*": {}, "-1": { enabled: false }, "-2": {} } },
      { groups: "allowlist", groupAllow: ["-2"] },
    ],
    [
      "unasked in one of two",
      "telegram",
      { groupPolicy: "open", groups: { "-1": { requireMention: false }, "-2": {} } },
      { groups: "allowlist", groupAllow: ["-1", "-2"] },
    ],
    [
      "one with people of its own",
      "telegram",
      { groupPolicy: "open", groups: { "-1": { allowFrom: ["7"] }, "-2": {} } },
      { groups: "allowlist", groupAllow: ["-2"] },
    ],
    [
      "only one, with people of its own",
      "telegram",
      { groupPolicy: "open", groups: { "-1": { allowFrom: ["7"] } } },
      { groups: "allowlist", groupAllow: ["-1"], groupSenders: ["7"] },
    ],
    [
      "topics with rules",
      "telegram",
      { groupPolicy: "open", groups: { "-1": { topics: { 9: { enabled: false } } } } },
      { groups: "allowlist" },
    ],
    [
      "topics without",
      "telegram",
      { groupPolicy: "open", groups: { "-1": { topics: { 9: { skills: [] } } } } },
      { groups: "allowlist", groupAllow: ["-1"] },
    ],
    [
      "Slack's channels",
      "slack",
      {
        appToken: "x",
        channels: { C1: { requireMention: false }, "#general": {}, C2: { enabled: false } },
      },
      { groups: "allowlist", groupAllow: ["C1"], requireMention: false },
    ],
    [
      "Slack, open but for one",
      "slack",
      { appToken: "x", groupPolicy: "open", channels: { C1: {}, C2: { enabled: false } } },
      { groups: "allowlist", groupAllow: ["C1"] },
    ],
    [
      "Slack, all unasked",
      "slack",
      { appToken: "x", groupPolicy: "open", requireMention: false },
      { groups: "open", requireMention: false },
    ],
    [
      "a guild",
      "discord",
      { guilds: { 11: { users: ["7"] } } },
      { groups: "allowlist", groupAllow: ["guild:11"], groupSenders: ["7"] },
    ],
    [
      "channels of a guild",
      "discord",
      {
        guilds: {
          11: { requireMention: false, channels: { 21: {}, help: {}, 22: { enabled: false } } },
        },
      },
      { groups: "allowlist", groupAllow: ["21"], requireMention: false },
    ],
    [
      "guilds with other people",
      "discord",
      { guilds: { 11: { users: ["7"] }, 12: { users: ["8"] }, 13: {} } },
      { groups: "allowlist", groupAllow: ["guild:13"] },
    ],
    ["a guild by roles", "discord", { guilds: { 11: { roles: ["r"] } } }, { groups: "allowlist" }],
    [
      "all guilds",
      "discord",
      { guilds: { "*": { requireMention: false } } },
      { groups: "open", requireMention: false },
    ],
    [
      "a guild by name",
      "discord",
      { groupPolicy: "open", guilds: { friends: {} } },
      { groups: "allowlist" },
    ],
    [
      "Signal's groups",
      "signal",
      { groupAllowFrom: ["group:aB+/="], groups: { "aB+/=": {} } },
      { groups: "allowlist", groupAllow: ["aB+/="], requireMention: false },
    ],
    [
      "Signal's people",
      "signal",
      { groupAllowFrom: ["+15550100"] },
      { groups: "open", groupSenders: ["+15550100"] },
    ],
    [
      "Signal's groups beside people",
      "signal",
      { groupAllowFrom: ["aB", "+15550100"] },
      { groups: "allowlist", groupAllow: ["aB"] },
    ],
  ])("%s", async (_, channel, settings, expected) => {
    const access = (await accessOf(channel, settings)) ?? {};
    const { direct: _direct, allow: _allow, ...groups } = access;
    expect(groups).toEqual(expected);
  });

  test("what all channels share counts where a channel says nothing", async () => {
    const channels = {
      defaults: { groupPolicy: "open" },
      discord: { token: "x" },
      telegram: { botToken: "x", groupPolicy: "disabled" },
    };
    const result = await imported({ channels });
    expect(accounts(result).map(({ access }) => access?.groups)).toEqual(["disabled", "open"]);
  });
});

describe("bindings", () => {
  const telegram = { botToken: "x", accounts: { b: { botToken: "y" } } };
  const bindings = [
    { agentId: "ops", match: { channel: "telegram", accountId: "*" } },
    {
      agentId: "main",
      match: { channel: "telegram", peer: { kind: "dm", id: 7 } },
      comment: "mine",
    },
    {
      agentId: "ops",
      match: {
        channel: "Telegram",
        accountId: "b",
        peer: { kind: "group", id: "telegram:-1:topic:4" },
      },
    },
    {
      agentId: "ops",
      match: { channel: "discord", accountId: "default", guildId: "g", roles: ["r"] },
    },
    { agentId: "gone", match: { channel: "telegram" } },
    { agentId: "ops", match: { channel: "matrix" } },
    { agentId: "ops", type: "acp", match: { channel: "telegram" } },
    { agentId: "ops", match: { channel: "telegram", accountId: "other" } },
    { agentId: "ops", match: { channel: "telegram", peer: { id: "7" } } },
    { agentId: "ops", match: { channel: "telegram", mood: "good" } },
    { agentId: "ops", match: { channel: "telegram" }, session: { dmScope: "per-peer" } },
  ];

  test("go to their accounts in the order of the file", async () => {
    const result = await imported(
      { channels: { telegram, discord: { token: "x" } }, bindings },
      two,
    );
    expect(
      accounts(result).map((account) => [account.name, account.agent, account.bindings]),
    ).toEqual([
      [
        "telegram",
        undefined,
        [
          { agent: "ops", anyAccount: true },
          { agent: "main", peer: { kind: "direct", id: "7" } },
          { agent: "ops" },
        ],
      ],
      [
        "telegram-b",
        undefined,
        [
          { agent: "ops", anyAccount: true },
          { agent: "ops", peer: { kind: "group", id: "-1:topic:4" } },
        ],
      ],
      ["discord", undefined, [{ agent: "ops", guild: "g", roles: ["r"] }]],
    ]);
    const reasons = [4, 5, 6, 7, 8, 9].map((index) => left(result, `bindings[${index}]`));
    expect(reasons).toEqual([
      'there is no agent "gone"',
      'accounts of the channel "matrix" are not imported',
      "bindings of type acp are not supported",
      "its account is not imported",
      "",
      "mood cannot be matched",
    ]);
    expect(left(result, "bindings[8].match.peer")).toContain("expected a peer");
    expect(left(result, "bindings[10].session")).toContain("scope");
  });

  test("find accounts and agents under any spelling that OpenClaw takes for them", async () => {
    const bound = (agentId: string, channel: string, accountId?: string) => ({
      agentId,
      match: { channel, ...(accountId !== undefined && { accountId }) },
    });
    const result = await imported(
      {
        channels: {
          telegram: {
            accounts: {
              Alerts: { botToken: "a" },
              "my bot": { botToken: "b" },
              Default: { botToken: "c" },
            },
          },
          slack: { accounts: { Team: { botToken: "${S}", appToken: "${T}" } } },
        },
        bindings: [
          bound("work", "telegram", "alerts"),
          bound("WORK", "telegram", " my-bot "),
          bound("Ops Team", "telegram"),
          bound("ops-team", "slack", "TEAM"),
        ],
      },
      { entries: { main: {}, work: {}, "Ops Team": {} } },
    );
    expect(accounts(result).map(({ name, bindings }) => [name, bindings])).toEqual([
      ["telegram-alerts", [{ agent: "work" }]],
      ["telegram-my-bot", [{ agent: "work" }]],
      ["telegram", [{ agent: "ops-team" }]],
      ["slack-team", [{ agent: "ops-team" }]],
    ]);
    expect(result.left.filter(({ path }) => path.startsWith("bindings"))).toEqual([]);
  });

  test("the only agent, and the one that was the default, take the rest", async () => {
    const channels = { telegram: { botToken: "x" } };
    expect(accounts(await imported({ channels }))[0]?.agent).toBe("main");
    const list = [{ id: "a" }, { id: "b", default: true }];
    expect(accounts(await imported({ channels }, { list }))[0]?.agent).toBe("b");
    expect(accounts(await imported({ channels }, two))[0]?.agent).toBeUndefined();
  });

  test("that are no bindings are errors", async () => {
    await expect(imported({ bindings: [5] })).rejects.toMatchObject({
      code: "import_refused",
      details: [{ path: "bindings[0]" }],
    });
  });
});

describe("sessions", () => {
  test("say which chats share a conversation, and who is one person", async () => {
    const identityLinks = {
      Ada: ["telegram:99", "discord:user:98", "imessage:+1", "97", "telegram:@ada"],
      bo: ["tg:99", "slack:U1"],
      cy: ["matrix:@cy"],
    };
    const session = {
      dmScope: "per-channel-peer",
      identityLinks,
      groupScope: "main",
      reset: { mode: "daily" },
    };
    const result = await imported({ channels: { telegram: { botToken: "x" } }, session });
    expect(accounts(result)[0]?.scope).toBe("per-channel-peer");
    expect(links(result)).toEqual([
      {
        kind: "IdentityLink",
        organization: "acme",
        name: "ada",
        identities: [
          { channel: "telegram", id: "99" },
          { channel: "discord", id: "98" },
        ],
      },
      {
        kind: "IdentityLink",
        organization: "acme",
        name: "bo",
        identities: [{ channel: "slack", id: "U1" }],
      },
    ]);
    expect(left(result, "session.identityLinks.bo")).toContain("already belongs to Ada");
    expect(left(result, "session.identityLinks.cy")).toContain("not imported");
    expect(left(result, "session.groupScope")).toContain("conversations of their own");
    expect(left(result, "session.reset")).toContain("not reset");
  });

  test("links without effect are said to have none", async () => {
    const session = { identityLinks: { ada: ["telegram:99"] } };
    const result = await imported({ channels: { telegram: { botToken: "x" } }, session });
    expect(links(result)).toHaveLength(1);
    expect(left(result, "session.identityLinks")).toContain("no effect");
  });
});

test("every setting of a channel is taken over or reported", async () => {
  const config = {
    accessGroups: {
      crew: { type: "message.senders", members: { telegram: ["1"] } },
      idle: { type: "x" },
    },
    channels: {
      defaults: { groupPolicy: "open", heartbeatVisibility: { showOk: true } },
      modelByChannel: { telegram: { "1": "x/y" } },
      telegram: {
        enabled: true,
        name: "Bot",
        botToken: "123:very-secret",
        allowFrom: ["accessGroup:crew"],
        groupAllowFrom: ["5"],
        groups: {
          "-1": { requireMention: false, skills: ["x"], topics: { 9: { enabled: false } } },
          "-2": {},
          "*": {},
        },
        direct: { "1": { tools: {} } },
        streaming: { mode: "progress", chunkMode: "length" },
        webhookSecret: "very-secret",
        unheardOf: { deep: 1 },
      },
      slack: {
        accounts: {
          a: {
            botToken: "${A}",
            appToken: "${B}",
            channels: { C1: { users: ["U1"], systemPrompt: "x" } },
            dm: { enabled: true, groupEnabled: false },
          },
        },
        groupPolicy: "open",
        historyLimit: 5,
      },
      discord: {
        token: "${D}",
        guilds: { 11: { slug: "x", roles: ["r"], channels: { 21: { users: ["7"] } } } },
        intents: { presence: true },
        voice: { enabled: true },
      },
      signal: {
        account: "+491510000001",
        accountUuid: "x",
        transport: { kind: "managed-native", cliPath: "x" },
        groups: { aB: { requireMention: false } },
      },
      whatsapp: { groups: { "*": {} }, dmPolicy: "open" },
    },
    session: { dmScope: "main", scope: "global", identityLinks: { ada: ["telegram:1"] } },
  };
  const result = await imported(config);
  const noted = new Set([...result.taken, ...result.left].map(({ path }) => path));
  for (const whole of [
    "channels.telegram",
    "channels.discord",
    "channels.signal",
    "channels.slack.accounts.a",
  ])
    noted.delete(whole);
  const silent = leaves(config).filter((path) => !isNoted(path, noted));
  expect(silent).toEqual([]);
  expect(JSON.stringify(result)).not.toContain("very-secret");
});

function leaves(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  const step = (key: string) => (/^[\w$-]+$/.test(key) ? key : JSON.stringify(key));
  return entries.flatMap(([key, entry]) => leaves(entry, path ? `${path}.${step(key)}` : key));
}

function isNoted(path: string, noted: ReadonlySet<string>): boolean {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    if (noted.has(at)) return true;
  }
  return false;
}
