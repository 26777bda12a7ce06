-- What PostgreSQL does in one statement and package db says in several: each of those is a trip to the server and back. They lock in the same order.

-- name: AppendLogChunk :execrows
-- AddLogLines, AdvanceLog and InsertLogChunk; no row: the attempt is not its holder's, or another chunk comes next.
with execution as materialized (
	select e.id from executions e where e.id = sqlc.arg(execution_id) for no key update
), attempt as (
	update execution_attempts
	set log_seq = sqlc.arg(seq)::bigint
	where execution_attempts.id = sqlc.arg(id) and execution_attempts.execution_id = (select l.id from execution l) and fence = sqlc.arg(fence) and state in ('STARTING', 'RUNNING') and log_seq = sqlc.arg(seq)::bigint - 1
	returning number
), counted as (
	update executions
	set last_log = last_log + sqlc.arg(lines)::bigint, log_bytes = log_bytes + sqlc.arg(bytes)::bigint
	from attempt
	where executions.id = sqlc.arg(execution_id)
	returning executions.last_log, attempt.number
)
insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at)
select sqlc.arg(execution_id), c.number, sqlc.arg(seq)::bigint, c.last_log - sqlc.arg(lines)::bigint + 1, c.last_log, sqlc.arg(first_at), sqlc.arg(last_at), sqlc.arg(data), '', '', sqlc.arg(now)
from counted c;

-- name: ClaimWork :many
-- ClaimAttempts and ListWork, for queues of which runners hear.
with picked as materialized (
	select a.id from execution_attempts a
	where a.state = 'QUEUED' and a.queue = sqlc.arg(queue) and a.available_at <= sqlc.arg(now)
	order by a.priority desc, a.available_at, a.id
	limit sqlc.arg(at_most)::bigint
	for no key update skip locked
), claimed as (
	update execution_attempts
	set state = 'STARTING', fence = execution_attempts.fence + 1, runner_id = sqlc.arg(runner_id), lease_until = sqlc.arg(lease_until), deadline_at = sqlc.arg(deadline_at), claimed_at = sqlc.arg(now), heartbeat_at = sqlc.arg(now)
	from picked
	where execution_attempts.id = picked.id
	returning execution_attempts.id, execution_attempts.execution_id, execution_attempts.number, execution_attempts.fence, execution_attempts.log_seq, execution_attempts.timeout_ms
)
select c.id as attempt_id, c.number, c.fence, c.log_seq, c.timeout_ms,
	e.id, e.user_id, s.id as script_id, v.number as script_version, e.params, e.params_key, e.priority, e.max_attempts, e.is_plugin_execution, e.created_at,
	s.slug, v.blob_key, v.blob_sha256, v.blob_size, v.built_key, v.configuration,
	v.cpu_reservation, v.cpu_limit, v.memory_reservation, v.memory_limit, v.environment, v.environment_version, v.compute_type, v.uses_gee
from claimed c
join executions e on e.id = c.execution_id
join scripts s on s.id = e.script_id
join script_versions v on v.script_id = e.script_id and v.number = e.script_version;

-- name: BeginAttempts :many
-- LockFreeExecutions, StartAttempts, and MoveExecutions to RUNNING, of attempts that this transaction has claimed. Their executions are found by the attempts, which are few.
with asked as materialized (
	select x.key::uuid as id, x.value::json as value from json_each(sqlc.arg(batch)::text::json) as x(key, value)
), free as materialized (
	select e.id, e.status from executions e
	where e.id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)))
	order by e.id
	for no key update skip locked
), started as (
	update execution_attempts
	set state = 'RUNNING', started_at = sqlc.arg(now), heartbeat_at = sqlc.arg(now), lease_until = sqlc.arg(lease_until), deadline_at = (i.value ->> 'deadline_at')::timestamptz, handle = (i.value ->> 'handle'), token_hash = decode(i.value ->> 'token_hash', 'hex')
	from asked i, free f
	where execution_attempts.id = any (array(select k.id from asked k)) and execution_attempts.id = i.id and execution_attempts.execution_id = f.id and f.status in ('READY', 'RUNNING')
		and execution_attempts.fence = (i.value ->> 'fence')::bigint and (execution_attempts.state || '') = 'STARTING'
	returning execution_attempts.id, execution_attempts.execution_id, f.status
), moved as (
	update executions
	set updated_at = sqlc.arg(now), status = 'RUNNING', reason = '', started_at = coalesce(executions.started_at, sqlc.arg(now)), ended_at = null
	from started m
	where executions.id = any (array(select n.execution_id from started n)) and executions.id = m.execution_id and m.status = 'READY' and (executions.status || '') = 'READY'
)
select d.id, d.status from started d;
