import {expect, it} from "vitest";
import {renderApiPage} from "./support/api-page.js";

it("docs/reference/api.md says what the schemas say: `npx vitest run test/api-reference.test.ts -u` writes it anew", async () => {
  const trimmed = renderApiPage().split("\n").map((line) => line.trimEnd()).join("\n");
  await expect(trimmed).toMatchFileSnapshot("../docs/reference/api.md");
});
