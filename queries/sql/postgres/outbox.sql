-- name: InsertOutbox :execrows
-- No row: what may be sent once is there already.
insert into outbox (id, topic, payload, once, attempts, next_at, leased_by, last_error, created_at, lane, line, position)
values (sqlc.arg(id), sqlc.arg(topic), sqlc.arg(payload), sqlc.narg(once), 0, clock_timestamp() + sqlc.arg(delay_ms)::bigint * interval '1 millisecond', '', '', clock_timestamp(), sqlc.arg(lane), sqlc.arg(line), sqlc.arg(position))
on conflict (once) do nothing;

-- name: ClaimOutbox :many
-- Leases some of those that are due, which nobody else has: of each line the first, of lanes that are paused none.
with picked as materialized (
	select o.id from outbox o
	where o.topic = sqlc.arg(topic) and o.dead_at is null and o.next_at <= clock_timestamp() and (o.leased_until is null or o.leased_until <= clock_timestamp())
		and not exists (select 1 from outbox b where o.line <> '' and b.line = o.line and b.position < o.position and b.dead_at is null)
		and not exists (select 1 from outbox_lanes l where l.lane = o.lane and l.paused_until > clock_timestamp())
	order by o.next_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
)
update outbox
set leased_by = sqlc.arg(holder), leased_until = clock_timestamp() + sqlc.arg(lease_ms)::bigint * interval '1 millisecond', attempts = outbox.attempts + 1
from picked
where outbox.id = picked.id
returning outbox.id, outbox.topic, outbox.payload, outbox.attempts, outbox.created_at;

-- name: RenewOutbox :execrows
-- Has a lease last longer that nobody else has taken.
update outbox
set leased_until = clock_timestamp() + sqlc.arg(lease_ms)::bigint * interval '1 millisecond'
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: FinishOutbox :execrows
delete from outbox
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: FailOutbox :execrows
-- Gives one back for later, or lays it aside after so many attempts.
update outbox
set leased_by = '', leased_until = null, last_error = sqlc.arg(last_error), next_at = clock_timestamp() + sqlc.arg(delay_ms)::bigint * interval '1 millisecond',
	dead_at = case when attempts >= sqlc.arg(most)::bigint then clock_timestamp() end
where id = sqlc.arg(id) and leased_by = sqlc.arg(holder) and attempts = sqlc.arg(attempts);

-- name: ListDeadOutbox :many
-- The oldest first.
select id, topic, payload, once, attempts, next_at, leased_by, leased_until, last_error, created_at, dead_at, lane, line, position
from outbox
where dead_at is not null
order by dead_at, id
limit sqlc.arg(at_most)::bigint;

-- name: ReviveOutbox :execrows
-- Has one that was laid aside be tried again from the beginning.
update outbox
set dead_at = null, attempts = 0, next_at = clock_timestamp()
where id = sqlc.arg(id) and dead_at is not null;

-- name: DeleteDeadOutbox :execrows
-- Deletes some of those that were laid aside long ago.
delete from outbox
where id in (
	select o.id from outbox o
	where o.dead_at < clock_timestamp() - sqlc.arg(keep_ms)::bigint * interval '1 millisecond'
	order by o.dead_at
	limit sqlc.arg(at_most)::bigint
	for update skip locked
);

-- name: CountOutbox :one
-- Those of a topic that wait or are worked on, and those that were laid aside.
select (count(*) - count(dead_at))::bigint as waiting, count(dead_at) as dead from outbox where topic = sqlc.arg(topic);

-- name: CountOutboxLane :one
-- Those of a lane that wait or are worked on, and those that were laid aside.
select (count(*) - count(dead_at))::bigint as waiting, count(dead_at) as dead from outbox where lane = sqlc.arg(lane);

-- name: ListDeadOutboxLane :many
-- The oldest first.
select id, topic, payload, once, attempts, next_at, leased_by, leased_until, last_error, created_at, dead_at, lane, line, position
from outbox
where lane = sqlc.arg(lane) and dead_at is not null
order by dead_at, id
limit sqlc.arg(at_most)::bigint;

-- name: ReviveOutboxLane :execrows
-- Has one of a lane that was laid aside be tried again from the beginning.
update outbox
set dead_at = null, attempts = 0, next_at = clock_timestamp()
where id = sqlc.arg(id) and lane = sqlc.arg(lane) and dead_at is not null;

-- name: DeleteOutboxLane :execrows
delete from outbox where lane = sqlc.arg(lane);

-- name: PauseLane :one
-- After a failure: nothing of it leaves for a while.
insert into outbox_lanes (lane, paused_until, failures, failing_at)
values (sqlc.arg(lane), clock_timestamp() + sqlc.arg(pause_ms)::bigint * interval '1 millisecond', 1, clock_timestamp())
on conflict (lane) do update
set paused_until = excluded.paused_until, failures = outbox_lanes.failures + 1, failing_at = coalesce(outbox_lanes.failing_at, excluded.failing_at)
returning failures, failing_at;

-- name: GetLane :one
select lane, paused_until, failures, failing_at from outbox_lanes where lane = sqlc.arg(lane);

-- name: DeleteLane :execrows
-- It works again, or there is none any more.
delete from outbox_lanes where lane = sqlc.arg(lane);
