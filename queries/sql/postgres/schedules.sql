-- name: InsertSchedule :one
insert into schedules (id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, paused_at, paused_reason, due_at, wake_at, alert, awaited_since, last_outcome, last_status, failures, version, created_at, updated_at)
values (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(script_id), sqlc.narg(script_version), sqlc.arg(name), sqlc.arg(description), sqlc.arg(params), sqlc.arg(cron), sqlc.arg(every_ms), sqlc.narg(once_at), sqlc.arg(zone), sqlc.arg(skipped), sqlc.arg(repeated), sqlc.arg(catch_up), sqlc.arg(catch_up_most), sqlc.arg(overlap), sqlc.arg(wishes), sqlc.arg(plan), sqlc.arg(plan_version), sqlc.arg(alert_failures), sqlc.arg(alert_silence_ms), sqlc.narg(paused_at), sqlc.arg(paused_reason), sqlc.narg(due_at), sqlc.narg(wake_at),
	'', sqlc.arg(now), '', '', 0, 1, sqlc.arg(now), sqlc.arg(now))
returning id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at;

-- name: GetSchedule :one
select id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at
from schedules
where id = sqlc.arg(id) and deleted_at is null;

-- name: LockSchedule :one
-- Nobody else changes it until the transaction ends.
select id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at
from schedules
where id = sqlc.arg(id) and deleted_at is null
for no key update;

-- name: UpdateSchedule :one
-- What people change. The schedule is locked.
update schedules
set version = version + 1, updated_at = sqlc.arg(now),
	script_version = sqlc.narg(script_version), name = sqlc.arg(name), description = sqlc.arg(description), params = sqlc.arg(params), cron = sqlc.arg(cron), every_ms = sqlc.arg(every_ms), once_at = sqlc.narg(once_at), zone = sqlc.arg(zone), skipped = sqlc.arg(skipped), repeated = sqlc.arg(repeated), catch_up = sqlc.arg(catch_up), catch_up_most = sqlc.arg(catch_up_most), overlap = sqlc.arg(overlap), wishes = sqlc.arg(wishes), plan = sqlc.arg(plan), plan_version = sqlc.arg(plan_version), alert_failures = sqlc.arg(alert_failures), alert_silence_ms = sqlc.arg(alert_silence_ms), alert = sqlc.arg(alert), alerted_at = sqlc.narg(alerted_at), paused_at = sqlc.narg(paused_at), paused_reason = sqlc.arg(paused_reason), due_at = sqlc.narg(due_at), wake_at = sqlc.narg(wake_at), awaited_since = sqlc.arg(awaited_since), failures = sqlc.arg(failures), deleted_at = sqlc.narg(deleted_at)
where id = sqlc.arg(id)
returning id, user_id, script_id, script_version, name, description, params, cron, every_ms, once_at, zone, skipped, repeated, catch_up, catch_up_most, overlap, wishes, plan, plan_version, alert_failures, alert_silence_ms, alert, alerted_at, paused_at, paused_reason, due_at, wake_at, awaited_since, last_due_at, last_fired_at, last_outcome, last_execution, last_status, last_success_at, failures, version, created_at, updated_at, deleted_at;

-- name: CountSchedulesOf :one
select count(*) from schedules where user_id = sqlc.arg(user_id) and deleted_at is null;

-- name: LockDueSchedules :many
-- Those that wake, each for one gateway, with what else says whether they may fire.
select s.id, s.user_id, s.script_id, s.script_version, s.name, s.description, s.params, s.cron, s.every_ms, s.once_at, s.zone, s.skipped, s.repeated, s.catch_up, s.catch_up_most, s.overlap, s.wishes, s.plan, s.plan_version, s.alert_failures, s.alert_silence_ms, s.alert, s.alerted_at, s.paused_at, s.paused_reason, s.due_at, s.wake_at, s.awaited_since, s.last_due_at, s.last_fired_at, s.last_outcome, s.last_execution, s.last_status, s.last_success_at, s.failures, s.version, s.created_at, s.updated_at, s.deleted_at,
	u.role as user_role, u.email as user_email, (u.deleted_at is null and u.is_active)::boolean as user_lives, (sc.deleted_at is null)::boolean as script_lives, sc.slug as script_slug, sc.status as script_status, sc.current_version as script_current,
	(sc.user_id = s.user_id or u.role <> 'USER' or sc.public and not sc.restricted
		or exists (select 1 from script_users a where a.script_id = sc.id and a.user_id = s.user_id) or exists (select 1 from script_roles a where a.script_id = sc.id and a.role = u.role))::boolean as script_visible
from schedules s
join users u on u.id = s.user_id
join scripts sc on sc.id = s.script_id
where s.wake_at <= sqlc.arg(now)
order by s.wake_at, s.id
limit sqlc.arg(at_most)::bigint
for no key update of s skip locked;

-- name: NextWake :one
-- When the next one wakes.
select wake_at from schedules where wake_at is not null order by wake_at limit 1;

-- name: WakeSchedulesOfEnded :execrows
-- Wakes those of which an execution has ended.
update schedules
set wake_at = sqlc.arg(now)
where id in (
	select s.id from schedules s
	where s.deleted_at is null and (s.wake_at is null or s.wake_at > sqlc.arg(now)) and s.id in (
		select r.schedule_id from schedule_runs r join executions e on e.id = r.execution_id where e.ended_at is not null)
	order by s.id
	limit sqlc.arg(at_most)::bigint
	for no key update skip locked
);

-- name: AdvanceSchedules :execrows
-- What a firing makes of schedules that the transaction has locked.
update schedules
set updated_at = sqlc.arg(now), version = schedules.version + (i.value ->> 'changes')::bigint,
	alert = (i.value ->> 'alert'), alerted_at = (i.value ->> 'alerted_at')::timestamptz, paused_at = (i.value ->> 'paused_at')::timestamptz, paused_reason = (i.value ->> 'paused_reason'), due_at = (i.value ->> 'due_at')::timestamptz, wake_at = (i.value ->> 'wake_at')::timestamptz, awaited_since = (i.value ->> 'awaited_since')::timestamptz, last_due_at = (i.value ->> 'last_due_at')::timestamptz, last_fired_at = (i.value ->> 'last_fired_at')::timestamptz, last_outcome = (i.value ->> 'last_outcome'), last_execution = (i.value ->> 'last_execution')::uuid, last_status = (i.value ->> 'last_status'), last_success_at = (i.value ->> 'last_success_at')::timestamptz, failures = (i.value ->> 'failures')::bigint
from (select x.key::uuid as id, x.value::json as value from json_each(sqlc.arg(batch)::text::json) as x(key, value)) i
where schedules.id = i.id;

-- name: InsertFirings :exec
insert into schedule_firings (id, at, schedule_id, due_at, outcome, reason, execution_id)
select i.id, sqlc.arg(now), i.schedule_id, i.due_at, i.outcome, i.reason, i.execution_id
from json_to_recordset(sqlc.arg(batch)::text::json) as i(id uuid, schedule_id uuid, due_at timestamptz, outcome text, reason text, execution_id uuid);

-- name: PutScheduleRuns :execrows
-- What waits has no execution; what waited gets one.
insert into schedule_runs (schedule_id, due_at, execution_id, manual)
select i.schedule_id, i.due_at, i.execution_id, i.manual
from json_to_recordset(sqlc.arg(batch)::text::json) as i(schedule_id uuid, due_at timestamptz, execution_id uuid, manual boolean)
on conflict (schedule_id, due_at) do update set execution_id = excluded.execution_id;

-- name: DeleteScheduleRuns :execrows
delete from schedule_runs
using json_to_recordset(sqlc.arg(batch)::text::json) as i(schedule_id uuid, due_at timestamptz)
where schedule_runs.schedule_id = i.schedule_id and schedule_runs.due_at = i.due_at;

-- name: ListScheduleRuns :many
-- What of schedules is not over, in order.
select r.schedule_id, r.due_at, r.execution_id, r.manual, (coalesce(e.status, ''))::text as status, e.ended_at
from schedule_runs r
left join executions e on e.id = r.execution_id
where r.schedule_id = any (array(select value::uuid from json_array_elements_text(sqlc.arg(ids)::text::json)))
order by r.schedule_id, r.due_at;

-- name: InsertScheduledExecutions :many
-- The key is made of schedule and time: what there is of these already is not made again, and not given.
insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority,
	attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, updated_at)
select i.id, s.script_id, i.version, s.user_id, 'PENDING', '', 0, s.params, '', 'null', '', 0, i.queue, i.priority,
	0, i.max_attempts, i.retry_on, i.retry_delay_ms, i.timeout_ms, decode(i.key, 'hex'), decode(i.key, 'hex'), false, null, 0, 0, sqlc.arg(now), sqlc.arg(now), sqlc.arg(now)
from json_to_recordset(sqlc.arg(batch)::text::json) as i(id uuid, schedule_id uuid, version bigint, queue text, priority bigint, max_attempts bigint, retry_on text, retry_delay_ms bigint, timeout_ms bigint, key text)
join schedules s on s.id = i.schedule_id
on conflict (user_id, idempotency_key) where idempotency_key is not null do nothing
returning id;
