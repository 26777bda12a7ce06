-- name: LockRemovable :many
-- The first that ended in a span of time and that nobody else has locked, but those that a schedule or a long answer still has.
select e.id, e.ended_at, e.params_key, e.results_key
from executions e
where e.ended_at >= sqlc.arg(since) and e.ended_at < sqlc.arg(before)
	and not exists (select 1 from schedule_runs r where r.execution_id = e.id)
	and not exists (select 1 from long_answers l where l.execution_id = e.id)
order by e.ended_at, e.created_at, e.id
limit sqlc.arg(at_most)::bigint
for update of e skip locked;

-- name: DeleteAttemptsOf :execrows
delete from execution_attempts
where execution_id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)));

-- name: DeleteLogChunksOf :execrows
-- Those of executions that are from first to last: partitions of others are not looked at.
delete from log_chunks
where execution_id >= sqlc.arg(first) and execution_id <= sqlc.arg(last)
	and execution_id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)));

-- name: DeleteStatusLogOf :execrows
-- The same of their moves.
delete from status_log
where execution_id >= sqlc.arg(first) and execution_id <= sqlc.arg(last)
	and execution_id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)));

-- name: RemoveExecutions :execrows
-- Nothing refers to them any more, and they are locked.
delete from executions
where id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)));

-- name: InsertBlobRemovals :exec
insert into blob_removals (key, since)
select value, sqlc.arg(now) from json_array_elements_text(sqlc.arg(keys)::text::json)
on conflict (key) do nothing;

-- name: ListBlobRemovals :many
-- Those that no execution has any more.
select b.key
from blob_removals b
where b.key > sqlc.arg(after) and not exists (select 1 from executions e where e.params_key = b.key and e.params_key <> '')
order by b.key
limit sqlc.arg(at_most)::bigint;

-- name: DeleteBlobRemovals :execrows
delete from blob_removals
where key in (select value from json_array_elements_text(sqlc.arg(keys)::text::json));

-- name: HoldExecution :one
-- Nobody removes it until the transaction ends.
select id from executions where id = sqlc.arg(id) for key share;
