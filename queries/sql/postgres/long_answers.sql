-- Answers that take longer than callers wait. Their executions are run by gateways, which wait for no runner.

-- name: InsertLongAnswer :exec
insert into long_answers (execution_id, caller, token_hash, request, body_key, body_size, created_at)
values (sqlc.arg(execution_id), sqlc.arg(caller), sqlc.narg(token_hash), sqlc.narg(request), '', 0, sqlc.arg(now));

-- name: GetLongAnswer :one
select l.execution_id, l.caller, l.token_hash, l.status, l.header, l.body, l.body_key, l.body_size, l.expires_at,
	e.service, e.route, e.status as execution_status, e.reason, e.progress
from long_answers l
join executions e on e.id = l.execution_id
where l.execution_id = sqlc.arg(execution_id) and e.deleted_at is null;

-- name: GetLongRequest :one
-- What it takes to ask again.
select l.request, e.service, e.route, e.user_id
from long_answers l
join executions e on e.id = l.execution_id
where l.execution_id = sqlc.arg(execution_id);

-- name: KeepLongAnswer :execrows
-- The execution is locked, and its attempt was ended by who held it.
update long_answers
set status = sqlc.arg(status), header = sqlc.arg(header), body = sqlc.arg(body), body_key = sqlc.arg(body_key), body_size = sqlc.arg(body_size), request = null, expires_at = sqlc.arg(expires_at)
where execution_id = sqlc.arg(execution_id) and status is null;

-- name: EndLongAnswers :execrows
-- Those that have ended without an answer are told of for a while; nobody asks again.
update long_answers
set request = null, expires_at = sqlc.arg(expires_at)
where expires_at is null and exists (select 1 from executions e where e.id = long_answers.execution_id and e.ended_at is not null);

-- name: ListOverLongAnswers :many
-- What has been kept for long enough.
select execution_id, body_key
from long_answers
where expires_at <= sqlc.arg(now)
order by expires_at
limit sqlc.arg(at_most)::bigint;

-- name: DeleteLongAnswer :execrows
delete from long_answers where execution_id = sqlc.arg(execution_id) and expires_at <= sqlc.arg(now);

-- name: ListUnheldLongAnswers :many
-- Those that have waited for a gateway since a time: none has their route.
select a.execution_id
from execution_attempts a
where a.state = 'QUEUED' and a.queue like '@%' and a.available_at <= sqlc.arg(since)
limit sqlc.arg(at_most)::bigint;

-- name: ListWaitingLongAnswers :many
-- Which of some queues have an answer that waits for a gateway.
select distinct a.queue
from execution_attempts a
where a.state = 'QUEUED' and a.queue = any (array(select value from json_array_elements_text(sqlc.arg(queues)::text::json))) and a.available_at <= sqlc.arg(now);
