-- name: AddLogLines :one
-- Numbers for so many lines more of an execution, which nobody else gets. It is locked until the transaction ends.
update executions
set last_log = last_log + sqlc.arg(lines)::bigint, log_bytes = log_bytes + sqlc.arg(bytes)::bigint
where id = sqlc.arg(id)
returning last_log;

-- name: AddLineWithin :many
-- The number for one line more, as long as a log is not longer than it may be; no row: it is. It is locked until the transaction ends.
update executions
set last_log = last_log + 1, log_bytes = log_bytes + sqlc.arg(bytes)::bigint
where id = sqlc.arg(id) and log_bytes + sqlc.arg(bytes)::bigint <= sqlc.arg(most)::bigint
returning last_log;

-- name: AdvanceLog :many
-- Says which chunks of its log an attempt has, if its holder holds it and the next one comes next; no row: one of both is not so. The execution is locked.
update execution_attempts
set log_seq = sqlc.arg(last)
where id = sqlc.arg(id) and execution_id = sqlc.arg(execution_id) and fence = sqlc.arg(fence) and state in ('STARTING', 'RUNNING') and log_seq = sqlc.arg(before)
returning number;

-- name: ListLogSeq :many
-- The last chunk that an attempt has, if its holder holds it.
select number, log_seq
from execution_attempts
where id = sqlc.arg(id) and execution_id = sqlc.arg(execution_id) and fence = sqlc.arg(fence) and state in ('STARTING', 'RUNNING');

-- name: InsertLogChunk :exec
insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at)
values (sqlc.arg(execution_id), sqlc.arg(attempt), sqlc.arg(seq), sqlc.arg(first_id), sqlc.arg(last_id), sqlc.arg(first_at), sqlc.arg(last_at), sqlc.arg(data), sqlc.arg(level), sqlc.arg(notice), sqlc.arg(now));

-- name: InsertNotices :exec
insert into log_chunks (execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at)
select i.execution_id, 0, i.line, i.line, i.line, sqlc.arg(now), sqlc.arg(now), '', i.level, i.notice, sqlc.arg(now)
from json_to_recordset(sqlc.arg(batch)::text::json) as i(execution_id uuid, line bigint, level text, notice text);

-- name: ListLogChunks :many
-- Chunks with lines behind one that are later than a time.
select execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at
from log_chunks
where execution_id = sqlc.arg(execution_id) and last_id > sqlc.arg(last_id) and last_at > sqlc.arg(since)
order by last_id
limit sqlc.arg(at_most)::bigint;

-- name: ListLogChunksBackward :many
-- Chunks that begin before a line, the last one first.
select execution_id, attempt, seq, first_id, last_id, first_at, last_at, data, level, notice, created_at
from log_chunks
where execution_id = sqlc.arg(execution_id) and last_id < sqlc.arg(before)
order by last_id desc
limit sqlc.arg(at_most)::bigint;

-- name: ListLastChunk :many
select data
from log_chunks
where execution_id = sqlc.arg(execution_id) and attempt = sqlc.arg(attempt) and seq = sqlc.arg(seq);

-- name: ListStatusLog :many
-- The moves of an execution, in order.
select id, execution_id, at, status_from, status_to, reason, attempt
from status_log
where execution_id = sqlc.arg(execution_id)
order by id
limit sqlc.arg(at_most)::bigint;

-- name: ListStatusLogAfter :many
-- The moves of an execution behind one, in order.
select id, execution_id, at, status_from, status_to, reason, attempt
from status_log
where execution_id = sqlc.arg(execution_id) and id > sqlc.arg(after)
order by id
limit sqlc.arg(at_most)::bigint;

-- name: ListStates :many
-- Where executions are, for who looks after many. What is asked of deleted_at keeps PostgreSQL from going through an index of all that are not deleted.
select id, user_id, status, reason, progress, attempt, last_log, updated_at, ended_at
from executions
where id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json))) and coalesce(deleted_at, 'infinity') = 'infinity';

-- name: UpsertRunner :one
insert into runners (id, name, host, version, queues, slots, state, registered_at, heartbeat_at, lease_until)
values (sqlc.arg(id), sqlc.arg(name), sqlc.arg(host), sqlc.arg(version), sqlc.arg(queues), sqlc.arg(slots), 'READY', sqlc.arg(now), sqlc.arg(now), sqlc.arg(lease_until))
on conflict (id) do update
set name = excluded.name, host = excluded.host, version = excluded.version, queues = excluded.queues, slots = excluded.slots, state = 'READY',
	heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until, gone_at = null
returning id, name, host, version, queues, slots, state, registered_at, heartbeat_at, lease_until, gone_at;

-- name: RenewRunner :many
-- No row: it was taken for gone.
update runners
set heartbeat_at = sqlc.arg(now), lease_until = sqlc.arg(lease_until)
where id = sqlc.arg(id) and state <> 'GONE'
returning state;

-- name: DrainRunner :execrows
update runners
set state = 'DRAINING'
where id = sqlc.arg(id) and state = 'READY';

-- name: EndRunner :execrows
update runners
set state = 'GONE', gone_at = sqlc.arg(now)
where id = sqlc.arg(id) and state <> 'GONE';

-- name: EndLostRunners :many
-- Those that were not heard of for their lease are gone.
update runners
set state = 'GONE', gone_at = sqlc.arg(now)
where state <> 'GONE' and lease_until <= sqlc.arg(late)
returning id, name;

-- name: ListRunners :many
-- Those that are here, by name.
select id, name, host, version, queues, slots, state, registered_at, heartbeat_at, lease_until, gone_at
from runners
where state <> 'GONE'
order by name, id
limit sqlc.arg(at_most)::bigint;

-- name: DeleteGoneRunners :execrows
-- Deletes some of those that have been gone for long.
delete from runners
where id in (
	select r.id from runners r
	where r.gone_at < sqlc.arg(before)
	order by r.gone_at
	limit sqlc.arg(at_most)::bigint
);
