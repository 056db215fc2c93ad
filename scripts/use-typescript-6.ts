/**
 * TypeScript 7 has no JavaScript API yet, and dependency-cruiser parses with it. This hook gives
 * dependency-cruiser, and nobody else, the TypeScript 6 that is installed for such tools.
 * Import it before dependency-cruiser.
 */
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, nextResolve) {
    const wanted = /^typescript($|\/)/.test(specifier);
    const byCruiser = context.parentURL?.includes("/node_modules/dependency-cruiser/") === true;
    if (!wanted || !byCruiser) return nextResolve(specifier, context);
    return nextResolve(specifier.replace("typescript", "@typescript/typescript6"), context);
  },
});
