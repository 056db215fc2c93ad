/**
 * What may import what. Test code is `*.test.ts` and every folder named `testing`.
 * The rules hold for resolved files, so an alias or a re-export does not get around them.
 */
const testCode = "(\\.test\\.ts$|/testing/)";
const ours = "^packages/";

/** The packages that a package's product code may import, besides itself. */
const mayImport = {
  core: [],
  engine: ["core"],
  agent: ["core"],
  channels: ["core"],
  security: ["core"],
  server: ["core", "engine", "agent", "channels", "security"],
  sdk: ["core"],
  cli: ["core", "sdk", "agent", "server"],
  testkit: ["core"],
};

const packageRules = Object.entries(mayImport).map(([name, allowed]) => ({
  name: `${name}-imports-only-what-it-may`,
  comment: `packages/${name} imports itself${allowed.map((other) => `, ${other}`).join("")}.`,
  severity: "error",
  from: { path: `^packages/${name}/`, pathNot: testCode },
  to: { path: ours, pathNot: `^packages/(${[name, ...allowed].join("|")})/` },
}));

export default {
  forbidden: [
    ...packageRules,
    {
      name: "every-package-has-a-rule",
      comment: "A new package is added to the table above before it imports another.",
      severity: "error",
      from: { path: ours, pathNot: `^packages/(${Object.keys(mayImport).join("|")})/` },
      to: { path: ours, pathNot: "^packages/$1/" },
    },
    {
      name: "core-is-pure",
      comment: "The core imports zod, msgpackr and itself: no node:*, no engine, no HTTP.",
      severity: "error",
      from: { path: "^packages/core/", pathNot: testCode },
      to: { pathNot: "^packages/|(^|/)node_modules/(zod|msgpackr)/" },
    },
    {
      name: "core-tests-are-pure",
      comment: "Tests of the core run on the testkit alone; placement is compared with a solver.",
      severity: "error",
      from: { path: "^packages/core/.*\\.test\\.ts$" },
      to: {
        pathNot:
          "^packages/(core|testkit)/|(^|/)node_modules/(zod|msgpackr|vitest|fast-check|highs)/",
      },
    },
    {
      name: "cli-loads-the-server-late",
      comment: "Clients start without the node's code: the server is imported dynamically.",
      severity: "error",
      from: { path: "^packages/cli/", pathNot: testCode },
      to: {
        path: "^packages/server/",
        dependencyTypesNot: ["dynamic-import", "type-only", "type-import"],
      },
    },
    {
      name: "testkit-stays-in-tests",
      comment: "Product code never needs the testkit.",
      severity: "error",
      from: { path: ours, pathNot: `^packages/testkit/|${testCode}` },
      to: { path: "^packages/testkit/" },
    },
    {
      name: "test-tools-stay-in-tests",
      comment: "vitest, fast-check and the solver belong to tests and the testkit.",
      severity: "error",
      from: { path: ours, pathNot: `^packages/testkit/|${testCode}` },
      to: { path: "(^|/)node_modules/(vitest|@vitest|fast-check|highs)/" },
    },
    {
      name: "product-imports-no-test-code",
      comment: "Product code imports neither tests nor their helpers.",
      severity: "error",
      from: { path: ours, pathNot: testCode },
      to: { path: testCode.replace("(", "(^packages/.*") },
    },
    {
      name: "packages-by-name",
      comment: "Another package is imported by its name, never by a path into it.",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: { path: ours, pathNot: "^packages/$1/", dependencyTypes: ["local"] },
    },
    {
      name: "no-cycles",
      comment: "A cycle means that two files are one.",
      severity: "error",
      from: { path: "^(packages|scripts|tests|bench|examples)/" },
      to: { circular: true },
    },
    {
      name: "resolvable",
      comment:
        "The import finds no file or package. Contenders of a bench are installed when it runs.",
      severity: "error",
      from: {},
      to: { path: "^(?!@restatedev/|bullmq$|ioredis$)", couldNotResolve: true },
    },
    {
      name: "declared",
      comment: "A package lists what it imports in its own package.json.",
      severity: "error",
      from: { path: ours, pathNot: testCode },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "product-dependencies-are-no-dev-dependencies",
      comment: "What product code imports at run time must be installed with it.",
      severity: "error",
      from: { path: ours, pathNot: testCode },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    combinedDependencies: false,
    tsPreCompilationDeps: true,
    parser: "tsc",
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
      extensions: [".ts", ".mjs", ".js", ".d.ts"],
    },
  },
};
