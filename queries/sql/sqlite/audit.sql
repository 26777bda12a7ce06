-- name: InsertAudit :exec
insert into audit_log (id, at, actor, actor_user, request_id, action, subject, diff)
values (sqlc.arg(id), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), sqlc.arg(actor), sqlc.arg(actor_user), sqlc.arg(request_id), sqlc.arg(action), sqlc.arg(subject), sqlc.arg(diff));

-- name: ListAudit :many
-- The newest first.
select id, at, actor, actor_user, request_id, action, subject, diff
from audit_log
order by at desc, id desc
limit cast(sqlc.arg(at_most) as integer) offset cast(sqlc.arg(skip) as integer);

-- name: ListAuditOf :many
-- The newest first.
select id, at, actor, actor_user, request_id, action, subject, diff
from audit_log
where subject = sqlc.arg(subject)
order by at desc, id desc
limit cast(sqlc.arg(at_most) as integer) offset cast(sqlc.arg(skip) as integer);
