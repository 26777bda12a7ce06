-- name: ListEvents :many
-- Those after one, and those of gaps before it that are there now, each [first, last]. Who writes a file is alone: it has no gaps.
select e.id, e.at, e.type, e.subject, e.data
from (select (g.value ->> 0)::bigint as first, (g.value ->> 1)::bigint as last from json_array_elements(sqlc.arg(gaps)::text::json) as g(value)
	union all select sqlc.arg(after_id)::bigint + 1, 9223372036854775807) r
cross join lateral (select v.id, v.at, v.type, v.subject, v.data from events v where v.id between r.first and r.last order by v.id limit sqlc.arg(at_most)::bigint) e
order by e.id
limit sqlc.arg(at_most)::bigint;

-- name: GetSnapshot :one
-- Transactions below low have ended, those from high on have not begun.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as low, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as high;

-- name: GetNewestEvent :one
-- 0: there is none.
select (coalesce(max(id), 0))::bigint as id from events;

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
	where v.id <= (select max(n.id) from events n) - sqlc.arg(keep)::bigint
	order by v.id
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);
