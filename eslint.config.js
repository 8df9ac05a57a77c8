import tseslint from "typescript-eslint";

export default tseslint.config(
  {ignores: ["dist", "demo", "node_modules", "kernels", "test/**/generated"]},
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {parserOptions: {projectService: true, tsconfigRootDir: import.meta.dirname}},
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", {argsIgnorePattern: "^_", varsIgnorePattern: "^_", destructuredArrayIgnorePattern: "^_"}],
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", {allowNumber: true, allowBoolean: true}],
      "@typescript-eslint/no-confusing-void-expression": "off",
      "no-restricted-syntax": ["error", {selector: "ExportDefaultDeclaration", message: "use a named export"}],
    },
  },
  {files: ["*.config.ts", "*.config.js"], rules: {"no-restricted-syntax": "off"}},
  {files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked]},
);
