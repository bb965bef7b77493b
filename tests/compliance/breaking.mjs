// GraphQL Inspector compares two schemas: a change a line, as JSON.
// usage: node breaking.mjs OLD NEW
import { readFileSync } from "node:fs";
import { diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [before, after] = process.argv.slice(2).map((path) => buildSchema(readFileSync(path, "utf8")));
for (const { criticality, path, message } of await diff(before, after)) {
  process.stdout.write(JSON.stringify({ level: criticality.level, path, message }) + "\n");
}
