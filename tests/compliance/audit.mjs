// npm's graphql-http audits a gateway against the GraphQL over HTTP specification: an audit a line, as JSON.
// usage: node audit.mjs URL
import { auditServer } from "graphql-http";

for (const { id, name, status, reason } of await auditServer({ url: process.argv[2] })) {
  process.stdout.write(JSON.stringify({ id, name, status, reason }) + "\n");
}
