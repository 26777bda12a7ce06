-- name: InsertExecution :one
-- No row: the user has one with this idempotency key.
insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority,
	attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, updated_at, executor, service, route, answer_at, dispatched_at)
values (sqlc.arg(id), sqlc.narg(script_id), sqlc.narg(script_version), sqlc.narg(user_id), sqlc.arg(status), '', 0, sqlc.arg(params), sqlc.arg(params_key), cast('null' as blob), '', 0, sqlc.arg(queue), sqlc.arg(priority),
	sqlc.arg(attempt), sqlc.arg(max_attempts), sqlc.arg(retry_on), sqlc.arg(retry_delay_ms), sqlc.arg(timeout_ms), sqlc.narg(idempotency_key), sqlc.narg(body_hash), sqlc.arg(is_plugin_execution), sqlc.narg(rerun_of), 0, 0,
	sqlc.arg(now), sqlc.arg(now), sqlc.arg(now), sqlc.arg(executor), sqlc.arg(service), sqlc.arg(route), sqlc.arg(answer_at), sqlc.narg(dispatched_at))
on conflict (user_id, idempotency_key) where idempotency_key is not null do nothing
returning id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said, executor, service, route, answer_at;

-- name: GetExecution :one
select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said, executor, service, route, answer_at
from executions
where id = sqlc.arg(id);

-- name: GetExecutionByKey :one
select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said, executor, service, route, answer_at
from executions
where user_id = sqlc.arg(user_id) and idempotency_key = sqlc.arg(idempotency_key);

-- name: LockExecutions :many
-- Nobody else moves them until the transaction ends. Whoever locks several does it in this order, and before their attempts.
select id, user_id, status, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, last_log, deleted_at, said
from executions
where id in (select value from json_each(cast(sqlc.arg(ids) as text)))
order by id;

-- name: LockFreeExecutions :many
-- The same of those that nobody else has locked.
select id, user_id, status, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, last_log, deleted_at, said
from executions
where id in (select value from json_each(cast(sqlc.arg(ids) as text)))
order by id;

-- name: MoveExecutions :many
-- Moves executions that the transaction has locked along an edge. The trigger refuses what is no edge, and writes the log.
update executions
set updated_at = sqlc.arg(now), status = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".status'), reason = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".reason'), attempt = attempt + json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again'), last_log = last_log + json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".noted'),
	progress = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".ends') > 0 then 100 when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again') > 0 then 0 else progress end,
	results = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again') > 0 then cast('null' as blob) else results end, results_key = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again') > 0 then '' else results_key end, results_size = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again') > 0 then 0 else results_size end,
	said = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".again') > 0 then '' else said end,
	dispatched_at = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".status') = 'READY' then coalesce(dispatched_at, sqlc.arg(now)) else dispatched_at end,
	started_at = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".status') = 'RUNNING' then coalesce(started_at, sqlc.arg(now)) else started_at end,
	ended_at = case when json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".ends') > 0 then sqlc.arg(now) end
where id in (select key from json_each(cast(sqlc.arg(batch) as text))) and status = json_extract(cast(sqlc.arg(batch) as text), '$."' || id || '".was')
returning id, last_log;

-- name: SetResults :execrows
update executions
set updated_at = sqlc.arg(now), results = sqlc.arg(results), results_key = sqlc.arg(results_key), results_size = sqlc.arg(results_size)
where id = sqlc.arg(id) and status in ('RUNNING', 'CANCELLING');

-- name: SaySo :execrows
-- What a script says of its attempt, if that is held by who says it. The execution is locked.
update executions
set said = coalesce(nullif(cast(sqlc.arg(said) as text), ''), said), updated_at = sqlc.arg(now)
where executions.id = sqlc.arg(id) and status in ('RUNNING', 'CANCELLING')
	and exists (select 1 from execution_attempts a where a.id = sqlc.arg(attempt_id) and a.execution_id = sqlc.arg(id) and a.number = executions.attempt and a.fence = sqlc.arg(fence) and a.state = 'RUNNING');

-- name: SetProgress :execrows
update executions
set progress = sqlc.arg(progress), updated_at = sqlc.arg(now)
where executions.id = sqlc.arg(id) and status = 'RUNNING'
	and exists (select 1 from execution_attempts a where a.id = sqlc.arg(attempt_id) and a.execution_id = sqlc.arg(id) and a.number = executions.attempt and a.fence = sqlc.arg(fence) and a.state = 'RUNNING');

-- name: PatchProgress :execrows
update executions
set progress = sqlc.arg(progress), updated_at = sqlc.arg(now)
where id = sqlc.arg(id) and status = 'RUNNING';

-- name: DeleteExecution :execrows
update executions
set deleted_at = sqlc.arg(now), updated_at = sqlc.arg(now)
where id = sqlc.arg(id) and ended_at is not null and deleted_at is null;

-- name: CountAheadOfExecution :one
-- Those that wait and are before another.
select count(*) from (
	select 1 from executions o
	where o.status = 'PENDING' and o.priority >= sqlc.arg(priority) and (o.priority > sqlc.arg(priority) or o.queued_at < sqlc.arg(queued_at) or o.queued_at = sqlc.arg(queued_at) and o.id < sqlc.arg(id))
	limit cast(sqlc.arg(at_most) as integer)
) ahead;

-- name: CountAheadOfExecutionOfUser :one
-- The same of the user's own.
select count(*) from (
	select 1 from executions o
	where o.user_id = sqlc.arg(user_id) and o.status = 'PENDING' and o.priority >= sqlc.arg(priority) and (o.priority > sqlc.arg(priority) or o.queued_at < sqlc.arg(queued_at) or o.queued_at = sqlc.arg(queued_at) and o.id < sqlc.arg(id))
	limit cast(sqlc.arg(at_most) as integer)
) ahead;

-- name: CountAheadOfAttempt :one
-- Those that wait in its queue for a runner and are before another.
select count(*) from (
	select 1 from execution_attempts o
	where o.state = 'QUEUED' and o.queue = sqlc.arg(queue) and o.priority >= sqlc.arg(priority) and (o.priority > sqlc.arg(priority) or o.available_at < sqlc.arg(available_at) or o.available_at = sqlc.arg(available_at) and o.id < sqlc.arg(id))
	limit cast(sqlc.arg(at_most) as integer)
) ahead;

-- name: LockAdmission :exec
-- One transaction at a time admits what counts for a number. A file has one that writes, at all.
select cast(sqlc.arg(number) as integer);

-- name: GetLimit :one
-- Whoever deletes the user waits for the end of the transaction, and finds what it makes.
-- What a living user's role is, and how many executions may run where it is not what is set for all; below 0: it is.
select users.role, cast((coalesce(execution_limits.at_most, -1)) as integer) as at_most
from users
left join execution_limits on execution_limits.user_id = users.id
where users.id = sqlc.arg(id) and users.deleted_at is null;

-- name: SetLimit :exec
insert into execution_limits (user_id, at_most, updated_at)
values (sqlc.arg(user_id), sqlc.arg(at_most), sqlc.arg(now))
on conflict (user_id) do update
set at_most = excluded.at_most, updated_at = excluded.updated_at;

-- name: DeleteLimit :exec
delete from execution_limits where user_id = sqlc.arg(user_id);

-- name: ListWaitingUsers :many
-- The users who have executions that wait for admission: one look into an index for each.
with recursive waiting as (
	select u.id as user_id from users u
	where u.id = (select e.user_id from executions e where e.status = 'PENDING' order by e.user_id limit 1)
	union all
	select u.id as user_id from waiting w
	join users u on u.id = (select e.user_id from executions e where e.status = 'PENDING' and e.user_id > w.user_id order by e.user_id limit 1)
)
select users.id, users.role, cast((coalesce(execution_limits.at_most, -1)) as integer) as at_most
from waiting
join users on users.id = waiting.user_id
left join execution_limits on execution_limits.user_id = users.id
order by users.id;

-- name: CountActive :one
-- What gateways fetch counts for nobody's number: they have numbers of their own.
select count(*) from executions where status in ('READY', 'RUNNING', 'CANCELLING') and executor = '';

-- name: CountActiveOf :one
select count(*) from executions where user_id = sqlc.arg(user_id) and status in ('READY', 'RUNNING', 'CANCELLING') and executor = '';

-- name: CountWaitingOf :one
select count(*) from executions where user_id = sqlc.arg(user_id) and status = 'PENDING';

-- name: ListWaitingOf :many
-- The first of a user's executions that wait for admission.
select id, user_id, priority, queued_at
from executions
where user_id = sqlc.arg(user_id) and status = 'PENDING'
order by priority desc, queued_at, id
limit cast(sqlc.arg(at_most) as integer);

-- name: ListLivingOf :many
-- The executions of a user that have not ended, and that nobody has cancelled.
select w.id from executions w where w.user_id = sqlc.arg(user_id) and w.status = 'PENDING'
union all
select a.id from executions a where a.user_id = sqlc.arg(user_id) and a.status in ('READY', 'RUNNING', 'CANCELLING') and a.status <> 'CANCELLING'
order by 1;

-- name: ListEndedExecutions :many
-- Executions of scripts that have ended, of users who are there and may log in, one user's together.
select e.id, e.status, e.created_at, e.started_at, e.ended_at, s.slug, u.id as user_id, u.email, u.profile
from executions e
join scripts s on s.id = e.script_id
join users u on u.id = e.user_id
where e.id in (select value from json_each(cast(sqlc.arg(ids) as text)))
	and e.ended_at is not null and e.deleted_at is null and u.deleted_at is null and u.is_active
order by u.id, e.id;
