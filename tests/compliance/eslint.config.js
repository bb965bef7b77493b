// graphql-eslint: all of its rules and Relay's over schema.graphql.
import graphql from "@graphql-eslint/eslint-plugin";

const { configs, parser } = graphql;

export default [
  {
    files: ["schema.graphql"],
    languageOptions: { parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...configs["flat/schema-all"].rules,
      ...configs["flat/schema-relay"].rules,
      // Fields, arguments and values stand in the order of their meaning.
      "@graphql-eslint/alphabetize": "off",
      // Entities have ids, what belongs to one has none: test_schema_quality.py looks after both.
      "@graphql-eslint/strict-id-in-types": "off",
      // Lists that several systems keep can only be walked forward (decision 3).
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // Short lists, such as the sources, have no pages; what Relay calls Node is Entity here (decision 33).
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      // Subscriptions are what live views are made of.
      "@graphql-eslint/no-root-type": "off",
    },
  },
];
