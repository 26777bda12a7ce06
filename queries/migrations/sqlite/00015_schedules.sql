-- +goose Up
-- When a script is run by itself. due_at is the time that comes next, wake_at when a gateway is to look.
create table schedules (
	id               uuid        not null primary key,
	user_id          uuid        not null references users (id),
	script_id        uuid        not null references scripts (id),
	script_version   integer     check (script_version > 0),
	name             text        not null check (length(name) between 1 and 256),
	description      text        not null,
	params           json        not null,
	cron             text        not null,
	every_ms         integer     not null check (every_ms >= 0),
	once_at          timestamp,
	zone             text        not null check (zone <> ''),
	skipped          text        not null check (skipped in ('later', 'drop')),
	repeated         text        not null check (repeated in ('first', 'second', 'both')),
	catch_up         text        not null check (catch_up in ('none', 'one', 'all')),
	catch_up_most    integer     not null check (catch_up_most > 0),
	overlap          text        not null check (overlap in ('skip', 'queue', 'replace')),
	wishes           json        not null,
	plan             json        not null,
	plan_version     integer     not null check (plan_version > 0),
	alert_failures   integer     not null check (alert_failures >= 0),
	alert_silence_ms integer     not null check (alert_silence_ms >= 0),
	alert            text        not null,
	alerted_at       timestamp,
	paused_at        timestamp,
	paused_reason    text        not null,
	due_at           timestamp,
	wake_at          timestamp,
	awaited_since    timestamp   not null,
	last_due_at      timestamp,
	last_fired_at    timestamp,
	last_outcome     text        not null,
	last_execution   uuid,
	last_status      text        not null,
	last_success_at  timestamp,
	failures         integer     not null check (failures >= 0),
	version          integer     not null check (version > 0),
	created_at       timestamp   not null,
	updated_at       timestamp   not null,
	deleted_at       timestamp,
	check ((cron <> '') + (every_ms > 0) + (once_at is not null) = 1),
	check (wake_at is null or deleted_at is null)
);
create index schedules_to_wake on schedules (wake_at, id) where wake_at is not null;
create index schedules_by_created on schedules (created_at, id) where deleted_at is null;
create index schedules_by_user on schedules (user_id, created_at, id) where deleted_at is null;
create index schedules_by_script on schedules (script_id, id) where deleted_at is null;

-- What schedules have fired and is not over: the execution of a time, or none as long as it waits for the one before.
create table schedule_runs (
	schedule_id  uuid        not null references schedules (id),
	due_at       timestamp   not null,
	execution_id uuid        unique references executions (id),
	manual       boolean     not null,
	primary key (schedule_id, due_at)
);

-- What became of each time.
create table schedule_firings (
	id           uuid        not null,
	at           timestamp not null,
	schedule_id  uuid        not null,
	due_at       timestamp   not null,
	outcome      text        not null check (outcome in ('FIRED', 'QUEUED', 'SKIPPED', 'MISSED', 'REFUSED', 'PAUSED', 'ALERT')),
	reason       text        not null,
	execution_id uuid,
	primary key (at, id)
);
create index schedule_firings_by_schedule on schedule_firings (schedule_id, id);

-- +goose StatementBegin
create trigger schedule_firings_append_only before update on schedule_firings
begin
	select raise(abort, 'the history of schedules is append only');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger schedule_firings_keeps before delete on schedule_firings
when not exists (select 1 from retention r where r.name = 'schedule_firings' and old.at < r.kept_since)
begin
	select raise(abort, 'the history of schedules is append only');
end;
-- +goose StatementEnd

-- +goose Down
drop table schedule_firings;
drop table schedule_runs;
drop table schedules;
