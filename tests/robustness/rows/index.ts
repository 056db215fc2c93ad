import { replaceStore, twoVersions } from "./change-rows.ts";
import { failpointRow } from "./crash-rows.ts";
import { killAll, killCompute, killMany, killStore, loseQuorum } from "./kill-rows.ts";
import { clockJumps, diskFull } from "./machine-rows.ts";
import { modelTrouble } from "./model-rows.ts";
import { badLine, cutNode, lostAnswers } from "./network-rows.ts";
import { rollingRestart, stopOwner } from "./owner-rows.ts";
import type { Row } from "./row.ts";

/** Numbered as the project's list of faults is; 14, 15 and 19 to 21 are shown elsewhere (README.md). */
export const rows: readonly Row[] = [
  killCompute,
  killStore,
  killAll,
  killMany,
  rollingRestart,
  loseQuorum,
  stopOwner,
  cutNode,
  badLine,
  clockJumps,
  diskFull,
  lostAnswers,
  failpointRow,
  modelTrouble,
  twoVersions,
  replaceStore,
];
