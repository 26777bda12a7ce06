-- +goose Up
-- When a script is run by itself. due_at is the time that comes next, wake_at when a gateway is to look.
create table schedules (
	id               uuid        primary key,
	user_id          uuid        not null references users (id),
	script_id        uuid        not null references scripts (id),
	script_version   bigint      check (script_version > 0),
	name             text        not null check (length(name) between 1 and 256),
	description      text        not null,
	params           json        not null,
	cron             text        not null,
	every_ms         bigint      not null check (every_ms >= 0),
	once_at          timestamptz,
	zone             text        not null check (zone <> ''),
	skipped          text        not null check (skipped in ('later', 'drop')),
	repeated         text        not null check (repeated in ('first', 'second', 'both')),
	catch_up         text        not null check (catch_up in ('none', 'one', 'all')),
	catch_up_most    bigint      not null check (catch_up_most > 0),
	overlap          text        not null check (overlap in ('skip', 'queue', 'replace')),
	wishes           json        not null,
	plan             json        not null,
	plan_version     bigint      not null check (plan_version > 0),
	alert_failures   bigint      not null check (alert_failures >= 0),
	alert_silence_ms bigint      not null check (alert_silence_ms >= 0),
	alert            text        not null,
	alerted_at       timestamptz,
	paused_at        timestamptz,
	paused_reason    text        not null,
	due_at           timestamptz,
	wake_at          timestamptz,
	awaited_since    timestamptz not null,
	last_due_at      timestamptz,
	last_fired_at    timestamptz,
	last_outcome     text        not null,
	last_execution   uuid,
	last_status      text        not null,
	last_success_at  timestamptz,
	failures         bigint      not null check (failures >= 0),
	version          bigint      not null check (version > 0),
	created_at       timestamptz not null,
	updated_at       timestamptz not null,
	deleted_at       timestamptz,
	check ((cron <> '')::int + (every_ms > 0)::int + (once_at is not null)::int = 1),
	check (wake_at is null or deleted_at is null)
) with (fillfactor = 80);
create index schedules_to_wake on schedules (wake_at, id) where wake_at is not null;
create index schedules_by_created on schedules (created_at, id) where deleted_at is null;
create index schedules_by_user on schedules (user_id, created_at, id) where deleted_at is null;
create index schedules_by_script on schedules (script_id, id) where deleted_at is null;

-- What schedules have fired and is not over: the execution of a time, or none as long as it waits for the one before.
create table schedule_runs (
	schedule_id  uuid        not null references schedules (id),
	due_at       timestamptz not null,
	execution_id uuid        unique references executions (id),
	manual       boolean     not null,
	primary key (schedule_id, due_at)
);

-- What became of each time.
create table schedule_firings (
	id           uuid        not null,
	at           timestamptz not null,
	schedule_id  uuid        not null,
	due_at       timestamptz not null,
	outcome      text        not null check (outcome in ('FIRED', 'QUEUED', 'SKIPPED', 'MISSED', 'REFUSED', 'PAUSED', 'ALERT')),
	reason       text        not null,
	execution_id uuid,
	primary key (at, id)
) partition by range (at);
-- Not seen by sqlc, which would make a type of it.
-- +goose StatementBegin
do $$ begin
	create table schedule_firings_rest partition of schedule_firings default;
end $$;
-- +goose StatementEnd
create index schedule_firings_by_schedule on schedule_firings (schedule_id, id);

-- +goose StatementBegin
create function schedule_firings_are_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'the history of schedules is append only';
end
$$;
-- +goose StatementEnd
create trigger schedule_firings_append_only before update or delete on schedule_firings for each row execute function schedule_firings_are_append_only();

-- +goose Down
drop table schedule_firings;
drop function schedule_firings_are_append_only;
drop table schedule_runs;
drop table schedules;
