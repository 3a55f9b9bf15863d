import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// As in build.mjs: style sheets are text.
const textImports = {
  name: "text-imports",
  enforce: "pre",
  load(id) {
    return id.endsWith(".css") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))}` : null;
  },
};

export default defineConfig({
  plugins: [textImports],
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts", "*/tests/**/*.test.ts"],
    restoreMocks: true,
  },
});
