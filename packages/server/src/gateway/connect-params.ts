import { z } from "zod";

const text = z.string().max(512);

/**
 * The parameters of `connect`. Fields that clients add are let through: they say more about themselves
 * than an operator's gateway needs.
 */
export const connectParams = z.object({
  minProtocol: z.int().min(1),
  maxProtocol: z.int().min(1),
  client: z.object({
    id: text.min(1),
    displayName: text.optional(),
    version: text.min(1),
    platform: text.min(1),
    deviceFamily: text.optional(),
    mode: text.min(1),
    instanceId: text.optional(),
  }),
  caps: z.array(text).max(100).default([]),
  role: text.default("operator"),
  scopes: z.array(text).max(100).default([]),
  device: z
    .object({
      id: text.min(1),
      publicKey: text.min(1),
      signature: text.min(1),
      signedAt: z.int().min(0),
      nonce: text.min(1),
    })
    .optional(),
  auth: z
    .object({
      token: z.string().max(4_096).optional(),
      deviceToken: z.string().max(4_096).optional(),
      bootstrapToken: z.string().max(4_096).optional(),
      password: z.string().max(4_096).optional(),
    })
    .optional(),
});
export type ConnectParams = z.infer<typeof connectParams>;
