export { createTokens } from "./tokens.ts";
export type {
  CreatedToken,
  NewToken,
  TokenRecord,
  Tokens,
  TokensDependencies,
} from "./tokens.ts";
