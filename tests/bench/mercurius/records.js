// How records of AWX and Scale become executions, in the words and ids of the gateway.
'use strict'

const AWX_STATUS = {
  new: 'PENDING',
  pending: 'PENDING',
  waiting: 'QUEUED',
  running: 'RUNNING',
  successful: 'SUCCEEDED',
  failed: 'FAILED',
  error: 'ERRORED',
  canceled: 'CANCELED'
}
const SCALE_STATUS = {
  QUEUED: 'QUEUED',
  RUNNING: 'RUNNING',
  COMPLETED: 'SUCCEEDED',
  FAILED: 'FAILED',
  CANCELED: 'CANCELED'
}
const PHASE = {
  PENDING: 'WAITING',
  QUEUED: 'WAITING',
  RUNNING: 'ACTIVE',
  SUCCEEDED: 'FINAL',
  FAILED: 'FINAL',
  ERRORED: 'FINAL',
  CANCELED: 'FINAL'
}
const OUTCOME = { SUCCEEDED: 'SUCCESS', FAILED: 'FAILURE', ERRORED: 'ERROR', CANCELED: 'CANCEL' }
const TRIGGER = {
  manual: 'MANUAL',
  relaunch: 'RERUN',
  callback: 'CALLBACK',
  scheduled: 'SCHEDULE',
  dependency: 'DEPENDENCY',
  workflow: 'WORKFLOW',
  webhook: 'WEBHOOK',
  sync: 'SYNC',
  scm: 'SYNC'
}

function globalId (letter, source, ...parts) {
  return Buffer.from([`1${letter}`, source, ...parts.map(encodeURIComponent)].join('/')).toString('base64url')
}

function nativeId (id) {
  const text = Buffer.from(id, 'base64url').toString()
  return text.slice(text.lastIndexOf('/') + 1)
}

function cursor (execution) {
  return Buffer.from(`${execution.createdAt}/${execution.source.name}/${execution.nativeId}`).toString('base64url')
}

function awxExecution (row) {
  const status = AWX_STATUS[row.status]
  const host = row.execution_node
  return {
    id: globalId('e', 'awx', row.id),
    nativeId: String(row.id),
    source: { name: 'awx' },
    name: row.name,
    status,
    rawStatus: row.status,
    phase: PHASE[status],
    outcome: OUTCOME[status] ?? null,
    createdAt: row.created,
    startedAt: row.started,
    finishedAt: row.finished,
    durationSeconds: row.started === null && row.finished === null ? null : row.elapsed,
    statusMessage: row.job_explanation || null,
    webUrl: `https://awx.example/#/jobs/playbook/${row.id}/output`,
    trigger: { kind: TRIGGER[row.launch_type] ?? 'UNKNOWN', rawKind: row.launch_type, actor: row.launched_by.name ?? null },
    job: {
      id: globalId('j', 'awx', row.job_template),
      name: row.summary_fields.job_template.name,
      nativeId: String(row.job_template)
    },
    executor: host ? { id: globalId('n', 'awx', 'instance', host), name: host } : null
  }
}

// Whole microseconds: Date has milliseconds only.
function microseconds (text) {
  const [seconds, fraction] = text.slice(0, -1).split('.')
  return Date.parse(`${seconds}Z`) * 1000 + Number((fraction ?? '').padEnd(6, '0'))
}

function scaleExecution (row) {
  const status = SCALE_STATUS[row.status]
  const { started, ended, job, node } = row
  const name = job.job_type.name
  return {
    id: globalId('e', 'scale', row.id),
    nativeId: String(row.id),
    source: { name: 'scale' },
    name,
    status,
    rawStatus: row.status,
    phase: PHASE[status],
    outcome: OUTCOME[status] ?? null,
    createdAt: row.created,
    startedAt: started,
    finishedAt: ended,
    durationSeconds: started && ended ? (microseconds(ended) - microseconds(started)) / 1e6 : null,
    statusMessage: row.error ? row.error.title : null,
    webUrl: `https://scale.example/#/jobs/executions/${row.id}`,
    trigger: null,
    job: { id: globalId('j', 'scale', job.id), name, nativeId: String(job.id) },
    executor: node ? { id: globalId('n', 'scale', node.id), name: node.hostname } : null
  }
}

module.exports = { awxExecution, cursor, nativeId, scaleExecution }
