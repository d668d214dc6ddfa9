import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/", ".venv/", "site/", "build/", "exercises/", "docs/assets/npm/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-promise-executor-return": "error", // a value returned there is lost
      "prefer-promise-reject-errors": "error", // a rejection without an Error has no stack
      "require-atomic-updates": "error", // a value read before an await and written after it
      "require-await": "error", // async without await: a promise for nothing, or one forgotten
    },
  },
  {
    ignores: ["docs/**", "publish/**", "harness/browser/**"],
    languageOptions: { globals: globals.nodeBuiltin },
  },
  {
    files: ["docs/assets/*.js", "publish/**/*.js", "harness/browser/*.js"],
    languageOptions: { globals: { ...globals.browser, axe: "readonly", violations: "readonly", mermaid: "readonly" } },
  },
];
