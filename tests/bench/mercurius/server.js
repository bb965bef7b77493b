// The peer on Node: the same answers by mercurius with JIT over fastify, asking with undici.
//
// Run: node server.js PORT, with the environment variables BENCH_AWX and BENCH_SCALE. What takes a look-up goes through DataLoaders of
// the request; instants stay the texts they were sent as, because Date would cut their microseconds.
'use strict'

const DataLoader = require('dataloader')
const fastify = require('fastify')
const mercurius = require('mercurius')
const { Pool } = require('undici')
const { awxExecution, cursor, nativeId, scaleExecution } = require('./records')
const { schema } = require('./schema')

class Upstream {
  constructor (address) {
    const { origin, pathname } = new URL(address)
    this.pool = new Pool(origin, { connections: 100 })
    this.base = pathname
  }

  async results (path) {
    const { statusCode, body } = await this.pool.request({ method: 'GET', path: this.base + path })
    if (statusCode !== 200) throw new Error(`upstream answered ${statusCode}`)
    return (await body.json()).results
  }
}

const awx = new Upstream(process.env.BENCH_AWX)
const scale = new Upstream(process.env.BENCH_SCALE)

function listed (values) {
  return values.map(encodeURIComponent).join(',')
}

function among (path, column, key) {
  return new DataLoader(async keys => {
    const rows = await awx.results(`${path}/?${column}=${listed(keys)}&order_by=id&page_size=200`)
    const found = new Map(rows.map(row => [String(row[key]), row]))
    return keys.map(each => found.get(each) ?? null)
  })
}

async function awxRows (names, rows) {
  const sent = await awx.results(`jobs/?name__in=${listed(names)}&order_by=-created,id&page_size=${rows}&count_disabled=1`)
  return sent.map(awxExecution)
}

async function scaleRows (names, rows) {
  const named = names.map(name => `job_type_name=${encodeURIComponent(name)}&`).join('')
  return (await scale.results(`job-executions/?${named}order=-created&order=id&page_size=${rows}`)).map(scaleExecution)
}

// Both newest first. Instants of both systems have six digits of fraction, so that their texts compare as they do.
function merged (left, right, rows) {
  const page = []
  let l = 0
  let r = 0
  while (page.length < rows && (l < left.length || r < right.length)) {
    page.push(r === right.length || (l < left.length && left[l].createdAt >= right[r].createdAt) ? left[l++] : right[r++])
  }
  return page
}

const resolvers = {
  Query: {
    async executions (_, { first, filter }) {
      const asked = name => !filter.source || filter.source.includes(name)
      const names = filter.name.in
      const [left, right] = await Promise.all([
        asked('awx') ? awxRows(names, first + 1) : [],
        asked('scale') ? scaleRows(names, first + 1) : []
      ])
      const rows = merged(left, right, first + 1)
      const edges = rows.slice(0, first).map(node => ({ cursor: cursor(node), node }))
      return {
        edges,
        pageInfo: { hasNextPage: rows.length > first, endCursor: edges.length ? edges[edges.length - 1].cursor : null },
        sources: ['awx', 'scale'].map(name => ({ source: { name }, state: asked(name) ? 'OK' : 'SKIPPED' }))
      }
    },
    async execution (_, { id }, { executions }) {
      const row = await executions.load(nativeId(id))
      return row === null ? null : awxExecution(row)
    }
  },
  Execution: {
    nodes: (execution, { first }) => ({ edges: execution.executor ? [{ node: execution.executor }].slice(0, first) : [] })
  },
  Job: {
    updatedAt: async (job, _, { templates }) => (await templates.load(job.nativeId)).modified,
    definition: async (job, _, { templates }) => {
      const template = await templates.load(job.nativeId)
      return { name: `${template.playbook} @ ${template.summary_fields.project.name}` }
    }
  },
  Node: {
    active: async (node, _, { instances }) => (await instances.load(node.name)).enabled
  }
}

const app = fastify()
app.register(mercurius, {
  schema,
  resolvers,
  jit: 1,
  context: () => ({
    executions: among('jobs', 'id__in', 'id'),
    templates: among('job_templates', 'id__in', 'id'),
    instances: among('instances', 'hostname__in', 'hostname')
  })
})
app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
