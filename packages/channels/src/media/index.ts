export { isPrivateBase } from "./addresses.ts";
export { mediaMaxBytes, mediaTypes } from "./limits.ts";
export { isAllowedType, plainType } from "./media-types.ts";
export { safeFetch } from "./safe-fetch.ts";
