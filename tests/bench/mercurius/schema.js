// The part of the gateway's schema that the benchmarks ask for.
'use strict'

const schema = `
  scalar DateTime

  enum ExecutionStatus { PENDING QUEUED RUNNING SUCCEEDED FAILED ERRORED CANCELED }
  enum ExecutionPhase { WAITING ACTIVE FINAL }
  enum ExecutionOutcome { SUCCESS FAILURE ERROR CANCEL }
  enum TriggerKind { MANUAL SCHEDULE RERUN DEPENDENCY WORKFLOW WEBHOOK CALLBACK SYNC UNKNOWN }
  enum NodeRole { EXECUTOR }
  enum SourceReportState { OK SKIPPED }

  input StringFilter { in: [String!]! }
  input ExecutionFilter { source: [String!], name: StringFilter! }
  input ExecutionNodeFilter { role: [NodeRole!] }

  type Source { name: String! }
  type SourceReport { source: Source!, state: SourceReportState! }
  type PageInfo { hasNextPage: Boolean!, endCursor: String }
  type Trigger { kind: TriggerKind!, rawKind: String, actor: String }
  type JobDefinition { name: String! }

  type Job {
    id: ID!
    name: String!
    updatedAt: DateTime
    definition: JobDefinition
  }

  type Node {
    id: ID!
    name: String!
    active: Boolean
  }

  type ExecutionNodeEdge { node: Node! }
  type ExecutionNodeConnection { edges: [ExecutionNodeEdge!]! }

  type Execution {
    id: ID!
    nativeId: String!
    source: Source!
    name: String!
    status: ExecutionStatus!
    rawStatus: String
    phase: ExecutionPhase!
    outcome: ExecutionOutcome
    createdAt: DateTime
    startedAt: DateTime
    finishedAt: DateTime
    durationSeconds: Float
    statusMessage: String
    webUrl: String
    trigger: Trigger
    job: Job
    nodes(filter: ExecutionNodeFilter, first: Int! = 50): ExecutionNodeConnection
  }

  type ExecutionEdge { cursor: String!, node: Execution! }

  type ExecutionConnection {
    edges: [ExecutionEdge!]!
    pageInfo: PageInfo!
    sources: [SourceReport!]!
  }

  type Query {
    executions(filter: ExecutionFilter!, first: Int! = 50): ExecutionConnection
    execution(id: ID!): Execution
  }
`

module.exports = { schema }
