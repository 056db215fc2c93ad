import { basename } from "node:path";
import { type Agent, HoldfastError } from "@holdfast/core";
import { normalizeName } from "./names.ts";

/** The name that IDENTITY.md gives, as `- **Name:** Ada`; placeholders of the template do not count. */
function identityName(text: string | undefined): string | undefined {
  const name = /^\s*[-*]?\s*\**name:?\**:?[ \t]*(.*)$/im.exec(text ?? "")?.[1];
  const bare = name?.replace(/^[*_`"']+|[*_`"']+$/g, "").trim();
  if (!bare || /^[_(<[]/.test(bare) || bare.length > 100) return undefined;
  return bare;
}

/** The agent of a workspace that comes without openclaw.json. */
export function bareAgent(
  directory: string,
  organization: string,
  identityText: string | undefined,
): Agent {
  const shown = identityName(identityText);
  const name = normalizeName(shown ?? "") || normalizeName(basename(directory));
  if (name === "") {
    throw new HoldfastError(
      "import_refused",
      `No agent name can be made of ${JSON.stringify(basename(directory))}: give IDENTITY.md a name of letters a-z or digits.`,
    );
  }
  return {
    kind: "Agent",
    organization,
    name,
    ...(shown && shown !== name && { displayName: shown }),
    model: "default",
    tools: [{ type: "memory" }],
  };
}
