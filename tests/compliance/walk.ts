// Walks the guide's list to its end with the generated types: a row a line, as JSON.
import { ask, FAILED } from "./client";
import type { FailedQuery } from "./gql/graphql";

async function walk(): Promise<void> {
  for (let after: string | null | undefined = null, more = true; more; ) {
    const { executions }: FailedQuery = await ask(FAILED, { first: 100, after });
    if (!executions) throw new Error("no list");
    for (const { node } of executions.edges) console.log(JSON.stringify(node));
    after = executions.pageInfo.endCursor;
    more = executions.pageInfo.hasNextPage;
  }
}

void walk();
