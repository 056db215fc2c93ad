import type { Section } from "./section.ts";

/** Why top-level settings of openclaw.json are not taken over. */
const rootReasons: Readonly<Record<string, string>> = {
  $schema: "it is for editors only",
  meta: "it is OpenClaw's own bookkeeping",
  wizard: "it is OpenClaw's own bookkeeping",
  multiAgent: "accounts say which agent takes their messages",
  cron: "schedules are not supported yet: call the API from a scheduler",
  hooks: "hooks are not supported: post messages through the HTTP API",
  heartbeat: "heartbeats are not supported: nothing wakes an agent but a message",
  gateway: "it configures OpenClaw's own server; a node has its own settings",
  auth: "credentials are not taken over: set environment variables for the node",
  env: "variables are not taken over: set them in the environment of the node",
  secrets: "only plain secret files are taken over; set others as environment variables",
  plugins: "OpenClaw's plugins do not run here: use MCP servers",
  browser: "agents have no browser: use an MCP server",
  canvas: "agents have no canvas",
  talk: "speech is not supported",
  tts: "speech is not supported",
  audio: "speech is not supported",
  memory: "OpenClaw's memory search does not run here: agents have the memory tool",
  media: "agents read and write text only",
  broadcast: "one message goes to one agent",
  commands: "chat commands are not supported",
  approvals: "OpenClaw's approvals guard tools that agents do not have here",
  sandbox: "agents run no programs of their own, so nothing is sandboxed",
  nodeHost: "paired devices are not supported",
  cloudWorkers: "cloud workers are not supported",
  discovery: "it configures OpenClaw's own server",
  logging: "a node has its own settings",
  diagnostics: "a node has its own settings",
  telemetry: "a node has its own settings",
  audit: "a node has its own settings",
  update: "a node is updated by other means",
  ui: "it configures OpenClaw's own interface",
  acp: "ACP runtimes are not supported",
  web: "it configures OpenClaw's own interface",
};

const agentReasons: Readonly<Record<string, string>> = {
  agentDir: "OpenClaw keeps its own state there: sessions and sign-ins are not taken over",
  cwd: "agents run no programs of their own",
  repoRoot: "agents run no programs of their own",
  sandbox: "agents run no programs of their own, so nothing is sandboxed",
  heartbeat: "heartbeats are not supported: nothing wakes an agent but a message",
  subagents: "sub-agents are not supported: the tool agents lets an agent message others",
  groupChat: "an account answers in groups when the platform says that it is mentioned",
  humanDelay: "answers are sent as soon as they are ready",
  thinkingDefault: "the provider's own default is used",
  reasoningDefault: "the provider's own default is used",
  fastModeDefault: "the provider's own default is used",
  verboseDefault: "answers hold the answer only",
  utilityModel: "every step uses the agent's own model",
  models: "settings of single models are not taken over",
  tts: "speech is not supported",
  runtime: "other runtimes are not supported",
  cliBackends: "other runtimes are not supported",
  memorySearch: "OpenClaw's memory search does not run here: agents have the memory tool",
  compaction: "history is bounded by limits.maxContextChars of the agent",
  contextPruning: "history is bounded by limits.maxContextChars of the agent",
  contextTokens: "history is bounded by limits.maxContextChars of the agent",
  timeoutSeconds: "limits of turns are the node's",
  maxConcurrent: "limits of turns are the node's",
  imageModel: "agents read and write text only",
  mediaModels: "agents read and write text only",
  userTimezone: "the current time is not put into instructions",
  startupContext: "the two newest daily notes are taken over as they are",
  skipBootstrap: "workspaces are read, never created",
};

const unknown = "nothing here corresponds to it";

/** Reports each part of a setting that is not taken over by its own path, so that nothing hides in a sum. */
export function leaveRoot(root: Section): void {
  for (const key of ["hooks", "plugins"]) {
    if (!root.has(key)) continue;
    const section = root.section(key);
    section?.rest(key, () => rootReasons[key] ?? unknown);
  }
  root.rest("the configuration", (key) => reasonOf(rootReasons, key));
}

export function leaveAgent(section: Section, subject: string): void {
  section.rest(subject, (key) => reasonOf(agentReasons, key));
}

function reasonOf(reasons: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(reasons, key) ? (reasons[key] ?? unknown) : unknown;
}
