/** `allowed` holds types, and beginnings of types that end with a star. */
export function isAllowedType(mime: string, allowed: readonly string[]): boolean {
  return allowed.some((type) =>
    type.endsWith("*") ? mime.startsWith(type.slice(0, -1)) : mime === type,
  );
}

/** The type without its parameters; undefined when there is none. */
export function plainType(header: string | undefined): string | undefined {
  const type = header?.split(";", 1)[0]?.trim().toLowerCase();
  return type !== undefined && /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : undefined;
}
