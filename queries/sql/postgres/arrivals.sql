-- name: InsertHook :execrows
-- No row: the user has as many as may be.
insert into hooks (id, user_id, script_id, name, params, body_into, secret, version, created_at, updated_at)
select sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(script_id), sqlc.arg(name), sqlc.arg(params), sqlc.arg(body_into), sqlc.arg(secret), 1, sqlc.arg(now), sqlc.arg(now)
from users u
where u.id = sqlc.arg(user_id) and u.deleted_at is null and (select count(*) from hooks h where h.user_id = sqlc.arg(user_id)) < sqlc.arg(most)::bigint;

-- name: GetHook :one
select id, user_id, script_id, name, params, body_into, secret, old_secret, old_until, version, created_at, updated_at from hooks where id = sqlc.arg(id);

-- name: ListHooksOf :many
select id, user_id, script_id, name, params, body_into, secret, old_secret, old_until, version, created_at, updated_at from hooks where user_id = sqlc.arg(user_id) order by id;

-- name: ListHooks :many
select id, user_id, script_id, name, params, body_into, secret, old_secret, old_until, version, created_at, updated_at from hooks order by id limit sqlc.arg(at_most)::bigint;

-- name: RotateHook :execrows
-- Another secret, beside which the one before holds for a while. No row: somebody else has changed it.
update hooks
set secret = sqlc.arg(secret), old_secret = sqlc.narg(old_secret), old_until = sqlc.narg(old_until), version = hooks.version + 1, updated_at = sqlc.arg(now)
where id = sqlc.arg(id) and version = sqlc.arg(version);

-- name: DeleteHook :execrows
delete from hooks where id = sqlc.arg(id);

-- name: InsertArrival :exec
insert into arrivals (id, at, origin, user_id, event, outcome, reason, execution_id, path)
values (sqlc.arg(id), sqlc.arg(at), sqlc.arg(origin), sqlc.narg(user_id), sqlc.arg(event), sqlc.arg(outcome), sqlc.arg(reason), sqlc.narg(execution_id), sqlc.arg(path));

-- name: ListArrivalsFrom :many
-- The newest first.
select id, at, origin, user_id, event, outcome, reason, execution_id, path from arrivals where origin = sqlc.arg(origin) order by id desc limit sqlc.arg(at_most)::bigint;

-- name: ListArrivalsOf :many
-- The newest first.
select id, at, origin, user_id, event, outcome, reason, execution_id, path from arrivals where user_id = sqlc.arg(user_id) order by id desc limit sqlc.arg(at_most)::bigint;

-- name: ListArrivals :many
-- The newest first.
select id, at, origin, user_id, event, outcome, reason, execution_id, path from arrivals order by at desc, id desc limit sqlc.arg(at_most)::bigint;

-- name: ListPathsOf :many
-- What led to an execution that an event started; none: no event did.
select origin, path from arrivals where execution_id = sqlc.arg(execution_id) limit 1;
