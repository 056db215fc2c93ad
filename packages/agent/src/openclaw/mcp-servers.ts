import { limits, type ToolSpec } from "@holdfast/core";
import { readValues, type ValueContext } from "./header-values.ts";
import type { Names } from "./names.ts";
import { clamp } from "./providers.ts";
import { hasSecretInUrl, isSecretName, looksLikeSecretValue, substitute } from "./secrets.ts";
import type { Section } from "./section.ts";

export type McpTool = Extract<ToolSpec, { type: "mcp" }>;

export interface McpServer {
  /** The name in the configuration, by which tool policies speak of it. */
  readonly id: string;
  readonly tool: McpTool;
  readonly path: string;
}

/** Reads `mcp.servers`. A server that needs what is not supported is left as a whole. */
export function readMcpServers(
  mcp: Section | undefined,
  names: Names,
  context: ValueContext,
): McpServer[] {
  const found: McpServer[] = [];
  const servers = mcp?.section("servers");
  for (const id of servers?.keys() ?? []) {
    const entry = servers?.section(id);
    const tool = entry && readServer(id, entry, names, context);
    if (entry && tool) found.push({ id, tool, path: entry.path });
  }
  mcp?.rest("mcp", () => "connections to MCP servers are kept and closed by the node itself");
  return found;
}

function readServer(
  id: string,
  entry: Section,
  names: Names,
  context: ValueContext,
): McpTool | undefined {
  const subject = `MCP server ${id}`;
  const leave = (key: string, reason: string) => {
    entry.leave(key, subject, reason);
    entry.rest(subject, () => `${subject} as a whole is not taken over`);
    return undefined;
  };
  if (entry.boolean("enabled") === false) return leave("enabled", "it is switched off");
  const command = entry.string("command");
  const url = entry.string("url");
  if (entry.has("command") === entry.has("url")) {
    entry.wrong(entry.has("url") ? "url" : "command", "either a command or a url");
  }
  if ((command === undefined) === (url === undefined)) return undefined;
  if (entry.any("auth") !== undefined)
    return leave("auth", "signing in with OAuth is not supported: use headers");
  if (entry.any("clientCert") !== undefined || entry.any("clientKey") !== undefined) {
    return leave("clientCert", "client certificates are not supported");
  }
  const filter = readFilter(entry);
  if (typeof filter === "string") return leave("toolFilter", filter);
  const name = names.add(id, entry.path);
  if (name === undefined) return undefined;
  const transport =
    command === undefined
      ? readHttp(entry, url ?? "", subject, name, context)
      : readStdio(entry, command, subject, context);
  if ("reason" in transport) return leave(transport.key, transport.reason);
  const timeoutMs = entry.number("requestTimeoutMs");
  entry.rest(subject, () => "it has no counterpart here");
  const renamed = name === id ? "" : `, renamed to ${name}`;
  entry.takeWhole(subject, `its tools are called ${name}__<tool>${renamed}`);
  return {
    type: "mcp",
    name,
    transport,
    ...(filter && { allow: [...filter] }),
    ...(timeoutMs !== undefined && { timeoutMs: clamp(timeoutMs, 100, limits.toolTimeoutMaxMs) }),
  };
}

type Transport = McpTool["transport"] | { readonly key: string; readonly reason: string };

function readStdio(
  entry: Section,
  command: string,
  subject: string,
  context: ValueContext,
): Transport {
  const args = entry.strings("args") ?? [];
  const cwd = entry.string("cwd") ?? entry.string("workingDirectory");
  entry.any("transport");
  entry.any("type");
  const filled: string[] = [];
  for (const [index, arg] of [command, ...args].entries()) {
    const previous = index > 1 ? (args[index - 2] ?? "") : "";
    if (looksLikeSecretValue(arg) || hasSecretInUrl(arg) || isSecretArgument(previous, arg)) {
      return { key: "args", reason: "its arguments hold a secret: give it through env instead" };
    }
    const result = substitute(arg, context.env);
    if (result.open.length > 0) {
      const reason = `its arguments need ${result.open.join(", ")}: give secrets through env, and set others for the import`;
      return { key: "args", reason };
    }
    filled.push(result.text);
  }
  const place = cwd === undefined ? undefined : substitute(cwd, context.env);
  if (place && place.open.length > 0) {
    return {
      key: "cwd",
      reason: `its folder needs ${place.open.join(", ")}: set it for the import`,
    };
  }
  if (filled.length > 101) return { key: "args", reason: "it has more than 100 arguments" };
  const env = entry.section("env");
  const values = env && readValues(env, subject, undefined, context);
  return {
    type: "stdio",
    command: filled[0] ?? command,
    ...(args.length > 0 && { args: filled.slice(1) }),
    ...(values && Object.keys(values).length > 0 && { env: values }),
    ...(place && { cwd: place.text }),
  };
}

function readHttp(
  entry: Section,
  written: string,
  subject: string,
  name: string,
  context: ValueContext,
): Transport {
  const transport = entry.string("transport") ?? entry.string("type");
  entry.any("type");
  if (transport !== undefined && !["streamable-http", "http"].includes(transport)) {
    const key = entry.has("transport") ? "transport" : "type";
    return {
      key,
      reason: `its transport ${transport.slice(0, 40)} is not supported: streamable-http is`,
    };
  }
  const filled = substitute(written, context.env);
  if (filled.open.length > 0) {
    return {
      key: "url",
      reason: `its url needs ${filled.open.join(", ")}: set it for the import, secrets in headers`,
    };
  }
  if (!/^https?:$/.test(URL.parse(filled.text)?.protocol ?? "")) {
    entry.wrong("url", "an http or https URL", "another text");
    return { key: "url", reason: "its url is no http or https URL" };
  }
  if (hasSecretInUrl(filled.text)) {
    return { key: "url", reason: "its url holds a secret: give it through headers instead" };
  }
  const headers = entry.section("headers");
  const values = headers && readValues(headers, subject, name, context);
  return {
    type: "http",
    url: filled.text,
    ...(values && Object.keys(values).length > 0 && { headers: values }),
  };
}

/** The tools that the server may offer; a reason when the filter cannot be expressed. */
function readFilter(entry: Section): readonly string[] | string | undefined {
  const filter = entry.section("toolFilter");
  if (!filter) return undefined;
  const include = filter.strings("include");
  const exclude = filter.strings("exclude") ?? [];
  if (!include)
    return exclude.length > 0
      ? "a filter that only excludes tools is not supported: list the tools in include"
      : undefined;
  if ([...include, ...exclude].some((tool) => tool.includes("*"))) {
    return "a filter with patterns is not supported: list the tools by name in include";
  }
  if (include.length > limits.toolsPerAgent)
    return `its filter names more than ${limits.toolsPerAgent} tools`;
  filter.take("include", "tool filter", "only these tools are offered");
  return include.filter((tool) => !exclude.includes(tool));
}

function isSecretArgument(previous: string, arg: string): boolean {
  if (/^--?[\w-]+=/.test(arg)) {
    const [flag = "", ...value] = arg.split("=");
    const text = value.join("=");
    return isSecretName(flag) && text !== "" && !text.includes("${");
  }
  return (
    /^--?[\w-]+$/.test(previous) && isSecretName(previous) && arg !== "" && !/^-|\$\{/.test(arg)
  );
}
