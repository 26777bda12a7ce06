-- Statements that name attempts by id ask for their states by (state || ''), and for their ids by an array. Few attempts are in those states, so PostgreSQL
-- would go through all of them by the partial index, which grows with what waits and with what has left it; and for a list of which it does not know
-- how long it is, it would go through the table.

-- name: InsertAttempts :many
-- The numbers are those of the executions, which count them.
insert into execution_attempts (id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, handle, log_seq, created_at)
select json_extract(i.value, '$.id'), e.id, e.attempt, 'QUEUED', '', '', '', e.queue, e.priority, json_extract(i.value, '$.available_at'), e.timeout_ms, 0, '', 0, sqlc.arg(now)
from json_each(cast(sqlc.arg(batch) as text)) i
join executions e on e.id = json_extract(i.value, '$.execution_id')
returning id, execution_id, number, queue, priority, available_at;

-- name: ClaimAttempts :many
-- Gives attempts of a queue that wait to a runner, each to one.
update execution_attempts
set state = 'STARTING', fence = fence + 1, runner_id = sqlc.arg(runner_id), lease_until = sqlc.arg(lease_until), deadline_at = sqlc.arg(deadline_at), claimed_at = sqlc.arg(now), heartbeat_at = sqlc.arg(now)
where id in (
	select a.id from execution_attempts a
	where a.state = 'QUEUED' and a.queue = sqlc.arg(queue) and a.available_at <= sqlc.arg(now)
	order by a.priority desc, a.available_at, a.id
	limit cast(sqlc.arg(at_most) as integer)
)
returning id, execution_id, number, fence, log_seq, timeout_ms, priority, available_at;

-- name: ClaimTheseAttempts :many
-- The same of those that are named, wherever they wait. Who comes second is given none.
update execution_attempts
set state = 'STARTING', fence = fence + 1, runner_id = sqlc.arg(runner_id), lease_until = sqlc.arg(lease_until), deadline_at = sqlc.arg(deadline_at), claimed_at = sqlc.arg(now), heartbeat_at = sqlc.arg(now)
where id in (select value from json_each(cast(sqlc.arg(ids) as text))) and state = 'QUEUED'
returning id, execution_id, number, fence, log_seq, timeout_ms, priority, available_at;

-- name: AdoptAttempts :many
-- Gives a runner that has begun anew what it held, under another fence.
update execution_attempts
set fence = fence + 1, lease_until = sqlc.arg(lease_until), heartbeat_at = sqlc.arg(now)
where id in (select value from json_each(cast(sqlc.arg(ids) as text))) and runner_id = sqlc.arg(runner_id) and state in ('STARTING', 'RUNNING')
returning id, execution_id, number, state, stop, fence, log_seq, timeout_ms, deadline_at, handle;

-- name: ListHeldBy :many
-- What a runner holds.
select id, execution_id
from execution_attempts
where runner_id = sqlc.arg(runner_id) and state in ('STARTING', 'RUNNING')
order by id;

-- name: ListWork :many
-- What whoever runs an attempt needs to know of its execution and script.
select e.id, e.user_id, s.id as script_id, v.number as script_version, e.params, e.params_key, e.priority, e.max_attempts, e.is_plugin_execution, e.created_at,
	s.slug, v.blob_key, v.blob_sha256, v.blob_size, v.built_key, v.configuration,
	v.cpu_reservation, v.cpu_limit, v.memory_reservation, v.memory_limit, v.environment, v.environment_version, v.compute_type, v.uses_gee
from executions e
join scripts s on s.id = e.script_id
join script_versions v on v.script_id = e.script_id and v.number = e.script_version
where e.id in (select value from json_each(cast(sqlc.arg(ids) as text)));

-- name: StartAttempts :many
-- What was claimed runs now. The executions are locked.
update execution_attempts
set state = 'RUNNING', started_at = sqlc.arg(now), heartbeat_at = sqlc.arg(now), lease_until = sqlc.arg(lease_until), deadline_at = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".deadline_at'), handle = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".handle'), token_hash = unhex(json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".token_hash'))
where id in (select key from json_each(cast(sqlc.arg(batch) as text))) and fence = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".fence') and state = 'STARTING'
returning id;

-- name: SetHandle :execrows
update execution_attempts
set handle = sqlc.arg(handle)
where id = sqlc.arg(id) and fence = sqlc.arg(fence) and state in ('STARTING', 'RUNNING');

-- name: RenewAttempts :many
-- Leases last longer, of those whose holder asks. What somebody changes at this moment is left out, so that it waits for nobody.
update execution_attempts
set lease_until = sqlc.arg(lease_until), heartbeat_at = sqlc.arg(now)
where id in (
	select a.id from json_each(cast(sqlc.arg(batch) as text)) i
	join execution_attempts a on a.id = json_extract(i.value, '$.id') and a.fence = json_extract(i.value, '$.fence')
	where (a.state || '') in ('STARTING', 'RUNNING')
)
returning id, stop;

-- name: ListHeldAttempts :many
-- Those of some that their holder still has.
select a.id, a.stop
from json_each(cast(sqlc.arg(batch) as text)) i
join execution_attempts a on a.id = json_extract(i.value, '$.id') and a.fence = json_extract(i.value, '$.fence')
where (a.state || '') in ('STARTING', 'RUNNING');

-- name: EndAttempts :many
-- What its holder says is over. The executions are locked. What has not run cannot have succeeded.
update execution_attempts
set ended_at = sqlc.arg(now), state = 'ENDED', outcome = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".outcome'), reason = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".reason'), exit_code = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".exit_code'), lease_until = null, token_hash = null
where id in (select key from json_each(cast(sqlc.arg(batch) as text))) and fence = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".fence') and (state = 'RUNNING' or state = 'STARTING' and json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".outcome') <> 'SUCCEEDED')
returning id, execution_id, started_at;

-- name: ListEndedAttempt :many
-- The execution of an attempt that its holder has ended so before.
select execution_id
from execution_attempts
where id = sqlc.arg(id) and fence = sqlc.arg(fence) and state = 'ENDED' and outcome = sqlc.arg(outcome);

-- name: ListAttemptsEnded :many
-- Those of some that ended before a time.
select id
from execution_attempts
where id in (select value from json_each(cast(sqlc.arg(ids) as text))) and state = 'ENDED' and ended_at < sqlc.arg(before);

-- name: ListOverdueAttempts :many
-- What nobody renewed, or what runs longer than it may by far.
select id, execution_id
from execution_attempts
where state in ('STARTING', 'RUNNING') and (lease_until <= sqlc.arg(now) or deadline_at <= sqlc.arg(late))
limit cast(sqlc.arg(at_most) as integer);

-- name: EndOverdueAttempts :many
-- The same, if it still is. The executions are locked.
update execution_attempts
set state = 'ENDED', outcome = case when lease_until <= sqlc.arg(now) then 'LOST' else 'TIMEOUT' end, reason = case when lease_until <= sqlc.arg(now) then case when queue like '@%' then cast(sqlc.arg(gateway_lost) as text) else cast(sqlc.arg(lost) as text) end else cast(sqlc.arg(timeout) as text) end,
	lease_until = null, token_hash = null, ended_at = sqlc.arg(now)
where id in (select value from json_each(cast(sqlc.arg(ids) as text))) and state in ('STARTING', 'RUNNING') and (lease_until <= sqlc.arg(now) or deadline_at <= sqlc.arg(late))
returning id, execution_id, number, outcome, reason, started_at;

-- name: StopLateAttempts :execrows
-- Who holds what has run for as long as it may is told so.
update execution_attempts
set stop = 'TIMEOUT'
where id in (
	select a.id from execution_attempts a
	where a.state in ('STARTING', 'RUNNING') and a.deadline_at <= sqlc.arg(now) and a.stop = ''
);

-- name: EndQueuedAttempt :execrows
-- What nobody has claimed is over. The execution is locked.
update execution_attempts
set state = 'ENDED', outcome = sqlc.arg(outcome), reason = sqlc.arg(reason), ended_at = sqlc.arg(now)
where execution_id = sqlc.arg(execution_id) and state = 'QUEUED';

-- name: StopAttempt :execrows
-- Who holds it is told to end it. The execution is locked.
update execution_attempts
set stop = 'CANCELLED'
where execution_id = sqlc.arg(execution_id) and state in ('STARTING', 'RUNNING');

-- name: EndHeldAttempt :execrows
-- Takes it from whoever holds it. The execution is locked.
update execution_attempts
set state = 'ENDED', outcome = sqlc.arg(outcome), reason = sqlc.arg(reason), lease_until = null, token_hash = null, ended_at = sqlc.arg(now)
where execution_id = sqlc.arg(execution_id) and state in ('STARTING', 'RUNNING');

-- name: GiveToPod :execrows
-- The first pod that asks has an attempt, however often it asks.
update execution_attempts
set pod = sqlc.arg(pod)
where id = sqlc.arg(id) and fence = sqlc.arg(fence) and state = 'RUNNING' and pod in ('', sqlc.arg(pod));

-- name: GetAttempt :one
select id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, runner_id, lease_until, deadline_at, handle, token_hash, log_seq, exit_code, created_at, claimed_at, started_at, heartbeat_at, ended_at, pod
from execution_attempts
where id = sqlc.arg(id);

-- name: GetAttemptByToken :one
-- That of a token, as long as it is held.
select id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, runner_id, lease_until, deadline_at, handle, token_hash, log_seq, exit_code, created_at, claimed_at, started_at, heartbeat_at, ended_at, pod
from execution_attempts
where token_hash = sqlc.arg(token_hash) and state = 'RUNNING' and lease_until > sqlc.arg(now);

-- name: ListAttempts :many
-- Those of an execution, in order.
select id, execution_id, number, state, outcome, reason, stop, queue, priority, available_at, timeout_ms, fence, runner_id, lease_until, deadline_at, handle, token_hash, log_seq, exit_code, created_at, claimed_at, started_at, heartbeat_at, ended_at, pod
from execution_attempts
where execution_id = sqlc.arg(execution_id)
order by number;

-- name: ListQueuedSince :many
-- What has waited for a runner since a time.
select id, execution_id, number, queue, priority, available_at
from execution_attempts
where state = 'QUEUED' and queue not like '@%' and available_at <= sqlc.arg(since)
order by id
limit cast(sqlc.arg(at_most) as integer);

-- name: CountQueued :many
-- How many wait for runners, by queue.
select queue, count(*) as waiting
from execution_attempts
where state = 'QUEUED' and queue not like '@%'
group by queue
order by queue;
