/** One row in a process of its own, which may run in a network namespace: `run-row.ts NUMBER SETTINGS.json`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rows } from "./index.ts";
import type { RowSettings } from "./row.ts";

const [number = "", file = ""] = process.argv.slice(2);
const row = rows.find((each) => each.number === Number(number));
if (!row) throw new Error(`There is no row ${number}.`);
const settings = JSON.parse(readFileSync(file, "utf8")) as RowSettings;
const { figures, misses, violations } = await row.run(settings);
const result = JSON.stringify({ figures, misses, violations });
writeFileSync(join(settings.folder, "result.json"), result);
