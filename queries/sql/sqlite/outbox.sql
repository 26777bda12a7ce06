-- name: InsertOutbox :execrows
-- No row: what may be sent once is there already.
insert into outbox (id, topic, payload, once, attempts, next_at, leased_by, last_error, created_at, lane, line, position)
values (sqlc.arg(id), sqlc.arg(topic), sqlc.arg(payload), sqlc.narg(once), 0, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(delay_ms) as integer) / 1000.0)), '', '', strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), sqlc.arg(lane), sqlc.arg(line), sqlc.arg(position))
on conflict (once) do nothing;

-- name: ClaimOutbox :many
-- Leases some of those that are due, which nobody else has: of each line the first, of lanes that are paused none.
update outbox
set leased_by = sqlc.arg(holder), leased_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lease_ms) as integer) / 1000.0)), attempts = attempts + 1
where id in (
	select o.id from outbox o
	where o.topic = sqlc.arg(topic) and o.dead_at is null and o.next_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') and (o.leased_until is null or o.leased_until <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
		and not exists (select 1 from outbox b where o.line <> '' and b.line = o.line and b.position < o.position and b.dead_at is null)
		and not exists (select 1 from outbox_lanes l where l.lane = o.lane and l.paused_until > strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
	order by o.next_at
	limit cast(sqlc.arg(at_most) as integer)
)
returning id, topic, payload, attempts, created_at;

-- name: RenewOutbox :execrows
-- Has a lease last longer that nobody else has taken.
update outbox
set leased_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(lease_ms) as integer) / 1000.0))
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: FinishOutbox :execrows
delete from outbox
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: FailOutbox :execrows
-- Gives one back for later, or lays it aside after so many attempts.
update outbox
set leased_by = '', leased_until = null, last_error = sqlc.arg(last_error), next_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(delay_ms) as integer) / 1000.0)),
	dead_at = case when attempts >= cast(sqlc.arg(most) as integer) then strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') end
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: ListDeadOutbox :many
-- The oldest first.
select id, topic, payload, once, attempts, next_at, leased_by, leased_until, last_error, created_at, dead_at, lane, line, position
from outbox
where dead_at is not null
order by dead_at, id
limit cast(sqlc.arg(at_most) as integer);

-- name: ReviveOutbox :execrows
-- Has one that was laid aside be tried again from the beginning.
update outbox
set dead_at = null, attempts = 0, next_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and dead_at is not null;

-- name: DeleteDeadOutbox :execrows
-- Deletes some of those that were laid aside long ago.
delete from outbox
where id in (
	select o.id from outbox o
	where o.dead_at < strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(keep_ms) as integer) / -1000.0))
	order by o.dead_at
	limit cast(sqlc.arg(at_most) as integer)
);

-- name: CountOutbox :one
-- Those of a topic that wait or are worked on, and those that were laid aside.
select cast(count(*) - count(dead_at) as integer) as waiting, count(dead_at) as dead from outbox where topic = sqlc.arg(topic);

-- name: CountOutboxLane :one
-- Those of a lane that wait or are worked on, and those that were laid aside.
select cast(count(*) - count(dead_at) as integer) as waiting, count(dead_at) as dead from outbox where lane = sqlc.arg(lane);

-- name: ListDeadOutboxLane :many
-- The oldest first.
select id, topic, payload, once, attempts, next_at, leased_by, leased_until, last_error, created_at, dead_at, lane, line, position
from outbox
where lane = sqlc.arg(lane) and dead_at is not null
order by dead_at, id
limit cast(sqlc.arg(at_most) as integer);

-- name: ReviveOutboxLane :execrows
-- Has one of a lane that was laid aside be tried again from the beginning.
update outbox
set dead_at = null, attempts = 0, next_at = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
where id = sqlc.arg(id) and lane = sqlc.arg(lane) and dead_at is not null;

-- name: DeleteOutboxLane :execrows
delete from outbox where lane = sqlc.arg(lane);

-- name: PauseLane :one
-- After a failure: nothing of it leaves for a while.
insert into outbox_lanes (lane, paused_until, failures, failing_at)
values (sqlc.arg(lane), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', printf('%+.3f seconds', cast(sqlc.arg(pause_ms) as integer) / 1000.0)), 1, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
on conflict (lane) do update
set paused_until = excluded.paused_until, failures = outbox_lanes.failures + 1, failing_at = coalesce(outbox_lanes.failing_at, excluded.failing_at)
returning failures, failing_at;

-- name: GetLane :one
select lane, paused_until, failures, failing_at from outbox_lanes where lane = sqlc.arg(lane);

-- name: DeleteLane :execrows
-- It works again, or there is none any more.
delete from outbox_lanes where lane = sqlc.arg(lane);
