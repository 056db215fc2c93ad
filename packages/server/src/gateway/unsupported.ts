import { HoldfastError } from "@holdfast/core";
import { z } from "zod";
import { invalidRequest } from "./protocol.ts";

const unsupported = z.object({
  attachments: z.array(z.unknown()).optional(),
  model: z.string().optional(),
  provider: z.string().optional(),
  deliver: z.boolean().optional(),
});

/** Parameters that would change an answer and that no agent here can follow: read to be refused. */
export const unsupportedParams = unsupported.shape;

/** Nobody must believe that was done what was left out. Errors: `unsupported_content`, `INVALID_REQUEST`. */
export function refuseUnsupported(wanted: z.infer<typeof unsupported>): void {
  if (wanted.attachments?.length) {
    throw new HoldfastError("unsupported_content", "Attachments are not taken: send text.");
  }
  if (wanted.model || wanted.provider) {
    throw invalidRequest("model overrides are not taken: an agent's model is declared with it");
  }
  if (wanted.deliver) {
    throw invalidRequest(
      "deliver is not taken: answers go to the caller, and to the session's clients",
    );
  }
}
