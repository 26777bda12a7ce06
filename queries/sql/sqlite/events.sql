-- name: ListEvents :many
-- Those after one, and those of gaps before it that are there now, each [first, last]. Who writes a file is alone: it has no gaps.
select e.id, e.at, e.type, e.subject, e.data
from events e
where cast(sqlc.arg(gaps) as text) <> '' and e.id > cast(sqlc.arg(after_id) as integer)
order by e.id
limit cast(sqlc.arg(at_most) as integer);

-- name: GetSnapshot :one
-- Transactions below low have ended, those from high on have not begun.
select cast(9223372036854775807 as integer) as low, cast(0 as integer) as high;

-- name: GetNewestEvent :one
-- 0: there is none.
select cast(coalesce(max(id), 0) as integer) as id from events;

-- name: InsertEvent :exec
insert into events (at, type, subject, data) values (sqlc.arg(at), sqlc.arg(type), sqlc.arg(subject), sqlc.arg(data));

-- name: BeginEventCursor :exec
-- Events count from now on, if it is not there.
insert into event_cursors (name, after_id, gaps, fence, updated_at)
values (sqlc.arg(name), sqlc.arg(after_id), '[]', 0, sqlc.arg(now))
on conflict (name) do nothing;

-- name: GetEventCursor :one
select name, after_id, gaps, fence, updated_at from event_cursors where name = sqlc.arg(name);

-- name: ListEventCursors :many
select name, after_id, gaps, fence, updated_at from event_cursors order by name;

-- name: MoveEventCursor :execrows
-- No row: a later holder of the lease has moved it.
update event_cursors
set after_id = sqlc.arg(after_id), gaps = sqlc.arg(gaps), fence = sqlc.arg(fence), updated_at = sqlc.arg(now)
where name = sqlc.arg(name) and fence <= sqlc.arg(fence);

-- name: DeleteEventCursor :execrows
delete from event_cursors where name = sqlc.arg(name);

-- name: DeleteSurplusEvents :execrows
-- Deletes some of those that are beyond the newest.
delete from events
where id in (
	select v.id from events v
	where v.id <= (select max(n.id) from events n) - cast(sqlc.arg(keep) as integer)
	order by v.id
	limit cast(sqlc.arg(at_most) as integer)
);
