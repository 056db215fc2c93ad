import type { AccountAccess } from "@holdfast/core";
import type { AccessContext } from "./access-context.ts";
import { peopleOf } from "./channel-ids.ts";
import type { ChannelLayers } from "./channel-layers.ts";
import { readGroups } from "./account-groups.ts";

const directPolicies = ["pairing", "allowlist", "open", "disabled"] as const;
type DirectPolicy = (typeof directPolicies)[number];

/** Who may talk to an account. Never more people than OpenClaw lets in: what cannot be said narrows. */
export function readAccess(layers: ChannelLayers, context: AccessContext): AccountAccess {
  const { channel, subject } = context;
  const legacy = readLegacyDirect(layers, context);
  const key = "allowFrom";
  const written = layers.ids(key) ?? legacy.allow;
  const people = written && peopleOf(channel, written, context.accessGroups);
  let ids = people?.ids ?? [];
  if (people && people.dropped.length > 0) {
    layers.leave(
      key,
      `people of ${subject}`,
      `no ids: ${people.dropped.join(", ")}; names can change hands`,
    );
  }
  const isWider = channel === "telegram" && ids.includes("*") && layers.own !== layers.shared;
  const boundary = isWider ? layers.shared.any(key) : undefined;
  if (Array.isArray(boundary) && layers.own.has(key) && !boundary.includes("*")) {
    ids = ids.filter((id) => id !== "*");
    layers.leave(
      key,
      `people of ${subject}`,
      "the channel's own list is a boundary: * is left out",
    );
  }
  const policy = legacy.isOff ? "disabled" : readPolicy(layers, context, legacy.policy);
  const groups = readGroups(layers, context, ids);
  if (layers.has(key)) {
    layers.take(key, `people of ${subject}`, ids.length > 0 ? ids.join(", ") : "nobody");
  }
  return { ...directAccess(policy, ids, layers, subject), ...groups };
}

function directAccess(
  policy: DirectPolicy,
  ids: readonly string[],
  layers: ChannelLayers,
  subject: string,
): AccountAccess {
  const allow = ids.length > 0 ? { allow: [...ids] } : {};
  if (policy !== "open") return { direct: policy, ...allow };
  if (ids.includes("*")) return { direct: "open" };
  // OpenClaw admits only the listed people then.
  layers.leave(
    "dmPolicy",
    `direct chats of ${subject}`,
    "open without * in allowFrom: an allowlist here, as it is there",
  );
  return { direct: "allowlist", ...allow };
}

function readPolicy(
  layers: ChannelLayers,
  { subject }: AccessContext,
  legacy: string | undefined,
): DirectPolicy {
  const written = layers.string("dmPolicy") ?? legacy;
  if (written === undefined) return "pairing";
  const policy = directPolicies.find((known) => known === written);
  if (policy === undefined) {
    if (layers.has("dmPolicy"))
      layers.holder("dmPolicy").wrong("dmPolicy", directPolicies.join(", "), "another word");
    return "disabled";
  }
  if (layers.has("dmPolicy")) layers.take("dmPolicy", `direct chats of ${subject}`, policy);
  return policy;
}

/** `dm`, which older versions of Slack and Discord hold the direct policy in. */
function readLegacyDirect(
  layers: ChannelLayers,
  { channel, subject }: AccessContext,
): { isOff: boolean; policy: string | undefined; allow: readonly string[] | undefined } {
  const isPart = channel === "slack" || channel === "discord";
  const dm = isPart ? layers.section("dm") : undefined;
  if (!dm) return { isOff: false, policy: undefined, allow: undefined };
  const enabled = dm.boolean("enabled");
  const policy = dm.string("policy");
  const list = dm.list("allowFrom");
  const allow = list?.flatMap((id) =>
    typeof id === "string" || typeof id === "number" ? [String(id)] : [],
  );
  for (const key of ["enabled", "policy", "allowFrom"]) {
    if (dm.has(key))
      dm.take(key, `direct chats of ${subject}`, "as far as no newer setting says it");
  }
  dm.rest(`direct chats of ${subject}`, () => "group messages are groups here: see access.groups");
  return { isOff: enabled === false, policy, allow };
}
