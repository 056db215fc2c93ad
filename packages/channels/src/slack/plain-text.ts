/** The users that a text names without telling their names. */
export function usersNamed(text: string): readonly string[] {
  const users = [...text.matchAll(/<@([UW][A-Z0-9]+)>/g)].map(([, user]) => user ?? "");
  return [...new Set(users)];
}

export function mentions(text: string, user: string): boolean {
  return text.includes(`<@${user}>`) || text.includes(`<@${user}|`);
}

/** Without the mention of `user` that a text begins with. */
export function withoutLeadingMention(text: string, user: string): string {
  const trimmed = text.trimStart();
  if (!mentions(trimmed.slice(0, user.length + 3), user)) return text;
  return trimmed.slice(trimmed.indexOf(">") + 1).replace(/^[\s:,]+/, "");
}

/**
 * Slack's encoding of a message as people read it. In one pass, so that what somebody typed, which Slack
 * escapes, is never taken for markup.
 */
export function toPlainText(text: string, names: ReadonlyMap<string, string>): string {
  const plain = text.replaceAll(
    /<([^<>]*)>|&(lt|gt|amp);/g,
    (whole, token?: string, entity?: string) => {
      if (entity !== undefined) return entityText(entity);
      return token === undefined || token === "" ? whole : tokenText(token, names);
    },
  );
  return storable(plain);
}

/** JSON can carry what no message may hold: NUL, and halves of characters. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "");
}

function tokenText(token: string, names: ReadonlyMap<string, string>): string {
  const bar = token.indexOf("|");
  const target = unescaped(bar === -1 ? token : token.slice(0, bar));
  const label = bar === -1 ? undefined : unescaped(token.slice(bar + 1)) || undefined;
  const id = target.slice(1);
  if (target.startsWith("@")) return `@${(label ?? names.get(id) ?? id).replace(/^@/, "")}`;
  if (target.startsWith("#")) return `#${label ?? id}`;
  if (target.startsWith("!")) return specialText(id, label);
  const address = target.replace(/^(mailto|tel):/, "");
  if (label === undefined || label === target || label === address) return address;
  return `${label} (${address})`;
}

/** `!here`, `!subteam^S012|@group`, `!date^...|fallback`. */
function specialText(id: string, label: string | undefined): string {
  if (label !== undefined) return label;
  const word = id.startsWith("subteam^") ? id.slice("subteam^".length) : id;
  return `@${word}`;
}

function unescaped(text: string): string {
  return text.replaceAll(/&(lt|gt|amp);/g, (_, entity: string) => entityText(entity));
}

function entityText(entity: string): string {
  if (entity === "lt") return "<";
  return entity === "gt" ? ">" : "&";
}
