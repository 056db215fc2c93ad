import { parseMarkdown } from "./parse.ts";
import { plainText } from "./plain.ts";
import { rowsOf, type Row } from "./rows.ts";
import { splitRows } from "./split.ts";

/** How one platform makes its pieces. */
export interface Dialect<Body> {
  readonly bullet: string;
  /** UTF-16 units of which one piece holds fewer, whatever they are. */
  readonly unitsMax: number;
  /** What the platform cannot show in a row is put otherwise. */
  adapt?(row: Row): Row;
  render(rows: readonly Row[]): Body;
  fits(body: Body): boolean;
}

export type PieceOf<Body> = Body & { readonly plain: string };

/** From Markdown to the pieces of a platform. */
export function piecesOf<Body extends object>(
  markdown: string,
  dialect: Dialect<Body>,
): readonly PieceOf<Body>[] {
  const rows = rowsOf(parseMarkdown(markdown), dialect);
  const adapted =
    dialect.adapt === undefined ? rows : rows.map((row) => dialect.adapt?.(row) ?? row);
  const measure = {
    unitsMax: dialect.unitsMax,
    fits: (some: readonly Row[]) => dialect.fits(dialect.render(some)),
  };
  return splitRows(adapted, measure).map((piece) => ({
    ...dialect.render(piece),
    plain: plainText(piece),
  }));
}
