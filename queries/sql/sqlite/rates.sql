-- name: TryBucket :one
-- Adds an attempt to a bucket, which is never over full_level, and gives how many were in it before. No row: the last one was
-- too short ago for what is in it: from free attempts on the delay is first, and doubles with each up to most. It is now
-- when it was asked for, or when somebody else added one who was waited for.
insert into rate_counters (key, empty_us, last_us, level, leak_us, full_level, free, first_us, most_us)
values (sqlc.arg(key), cast(unixepoch('now', 'subsec') * 1000000 as integer) + cast(sqlc.arg(leak_us) as integer), cast(unixepoch('now', 'subsec') * 1000000 as integer), 0,
	cast(sqlc.arg(leak_us) as integer), sqlc.arg(full_level), sqlc.arg(free), sqlc.arg(first_us), sqlc.arg(most_us))
on conflict (key) do update
set empty_us = min(max(rate_counters.empty_us, max(rate_counters.last_us, excluded.last_us)) + excluded.leak_us, max(rate_counters.last_us, excluded.last_us) + excluded.full_level * excluded.leak_us),
	last_us = max(rate_counters.last_us, excluded.last_us),
	level = (max(rate_counters.empty_us - max(rate_counters.last_us, excluded.last_us), 0) + excluded.leak_us - 1) / excluded.leak_us,
	leak_us = excluded.leak_us, full_level = excluded.full_level, free = excluded.free, first_us = excluded.first_us, most_us = excluded.most_us
where (max(rate_counters.empty_us - max(rate_counters.last_us, excluded.last_us), 0) + excluded.leak_us - 1) / excluded.leak_us < excluded.free
	or rate_counters.last_us + min(excluded.first_us << min((max(rate_counters.empty_us - max(rate_counters.last_us, excluded.last_us), 0) + excluded.leak_us - 1) / excluded.leak_us - excluded.free, 16), excluded.most_us) <= max(rate_counters.last_us, excluded.last_us)
returning level;

-- name: TakeRate :one
-- Adds one to a bucket that then holds at most full_level, and gives for how long that lasts. No row: it is full.
insert into rate_counters (key, empty_us, last_us, level, leak_us, full_level, free, first_us, most_us)
values (sqlc.arg(key), cast(unixepoch('now', 'subsec') * 1000000 as integer) + cast(sqlc.arg(leak_us) as integer), cast(unixepoch('now', 'subsec') * 1000000 as integer), 0,
	cast(sqlc.arg(leak_us) as integer), sqlc.arg(full_level), 0, 0, 0)
on conflict (key) do update
set empty_us = max(rate_counters.empty_us, max(rate_counters.last_us, excluded.last_us)) + excluded.leak_us,
	last_us = max(rate_counters.last_us, excluded.last_us),
	leak_us = excluded.leak_us, full_level = excluded.full_level
where max(rate_counters.empty_us, max(rate_counters.last_us, excluded.last_us)) - max(rate_counters.last_us, excluded.last_us) + excluded.leak_us <= excluded.full_level * excluded.leak_us
returning cast(empty_us - last_us as integer) as left_us;

-- name: GetBucket :one
-- now_us is the clock of the database.
select empty_us, last_us, cast(unixepoch('now', 'subsec') * 1000000 as integer) as now_us
from rate_counters
where key = sqlc.arg(key);

-- name: UndoBucket :execrows
update rate_counters
set empty_us = empty_us - cast(sqlc.arg(leak_us) as integer)
where key = sqlc.arg(key);

-- name: ClearBucket :execrows
delete from rate_counters
where key = sqlc.arg(key);

-- name: CountBuckets :one
-- How many of the buckets in a range of keys are not empty, and how many of them are not empty for longer than full_us.
select cast(count(*) as integer) as used,
	cast(coalesce(sum(empty_us > cast(unixepoch('now', 'subsec') * 1000000 as integer) + cast(sqlc.arg(full_us) as integer)), 0) as integer) as filled
from rate_counters
where key >= sqlc.arg(first_key) and key < sqlc.arg(end_key) and empty_us > cast(unixepoch('now', 'subsec') * 1000000 as integer);

-- name: ClearBuckets :execrows
-- Deletes those in a range of keys that are not empty; the others the sweep deletes.
delete from rate_counters
where key >= sqlc.arg(first_key) and key < sqlc.arg(end_key) and empty_us > cast(unixepoch('now', 'subsec') * 1000000 as integer);

-- name: DeleteEmptyBuckets :execrows
-- Deletes some of those that have been empty for a while.
delete from rate_counters
where key in (
	select r.key from rate_counters r
	where r.empty_us < cast(unixepoch('now', 'subsec') * 1000000 as integer) - cast(sqlc.arg(keep_ms) as integer) * 1000
	order by r.empty_us
	limit cast(sqlc.arg(at_most) as integer)
);
