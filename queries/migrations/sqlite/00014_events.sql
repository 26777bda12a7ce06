-- +goose Up
-- What changed, to be told to others: written by the transaction of the change itself, by triggers, so that no statement can forget
-- it. Who tells reads it in the order of id, and remembers how far that is in event_cursors. An id may be seen after a later one, as
-- long as its transaction is not committed.
create table events (
	id      integer   not null primary key autoincrement,
	at      timestamp not null,
	type    text      not null,
	subject text      not null,
	data    text      not null
);
create index events_by_time on events (at);

-- How far somebody has told events: those up to after_id, but those of gaps, which were not there yet. Whoever writes has a lease with a
-- fence that is not below the one here.
create table event_cursors (
	name       text      not null primary key,
	after_id   integer   not null,
	gaps       text      not null,
	fence      integer   not null,
	updated_at timestamp not null
);

-- +goose StatementBegin
create trigger executions_tell_begin after insert on executions
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		'execution.created',
		'execution/' || new.id,
		json_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
			'status', new.status, 'was', '', 'attempt', new.attempt, 'reason', new.reason));
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger executions_tell after update of status, attempt on executions when old.status <> new.status or old.attempt <> new.attempt
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case when new.status <> 'READY' then 'execution.' || lower(new.status) when old.status = 'PENDING' then 'execution.ready' else 'execution.retried' end,
		'execution/' || new.id,
		json_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
			'status', new.status, 'was', old.status, 'attempt', new.attempt, 'reason', new.reason));
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger scripts_tell_begin after insert on scripts
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		'script.created',
		'script/' || new.id,
		json_object('script_id', new.id, 'slug', new.slug, 'version', new.current_version, 'user_id', new.user_id, 'status', new.status, 'public', json(case when new.public then 'true' else 'false' end)));
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger scripts_tell after update of version on scripts when old.version <> new.version
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.deleted_at is null and new.deleted_at is not null then 'script.deleted'
			when old.public <> new.public then case when new.public then 'script.published' else 'script.unpublished' end
			when old.current_version <> new.current_version then 'script.uploaded'
			when old.status <> new.status then case new.status when 'SUCCESS' then 'script.built' when 'FAIL' then 'script.failed' when 'BUILDING' then 'script.building' else 'script.pending' end
			else 'script.updated'
		end,
		'script/' || new.id,
		json_object('script_id', new.id, 'slug', new.slug, 'version', new.current_version, 'user_id', new.user_id, 'status', new.status, 'public', json(case when new.public then 'true' else 'false' end)));
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger users_tell_begin after insert on users
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		'user.created',
		'user/' || new.id,
		json_object('user_id', new.id, 'role', new.role, 'is_active', json(case when new.is_active then 'true' else 'false' end), 'version', new.version));
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger users_tell after update of version on users when old.version <> new.version
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.deleted_at is null and new.deleted_at is not null then 'user.deleted'
			when old.deleted_at is not null and new.deleted_at is null then 'user.restored'
			else 'user.updated'
		end,
		'user/' || new.id,
		json_object('user_id', new.id, 'role', new.role, 'is_active', json(case when new.is_active then 'true' else 'false' end), 'version', new.version));
end;
-- +goose StatementEnd

-- Letters of one line leave one after the other, by position; those of one lane wait as long as that is paused.
alter table outbox add column lane text not null default '';
alter table outbox add column line text not null default '';
alter table outbox add column position integer not null default 0;
create index outbox_lines on outbox (line, position) where line <> '' and dead_at is null;
create index outbox_by_lane on outbox (lane) where lane <> '';

create table outbox_lanes (
	lane         text      not null primary key check (lane <> ''),
	paused_until timestamp not null,
	failures     integer   not null check (failures >= 0),
	failing_at   timestamp,
	check ((failures = 0) = (failing_at is null))
);

-- +goose Down
drop table outbox_lanes;
drop index outbox_by_lane;
drop index outbox_lines;
alter table outbox drop column position;
alter table outbox drop column line;
alter table outbox drop column lane;
drop trigger users_tell;
drop trigger users_tell_begin;
drop trigger scripts_tell;
drop trigger scripts_tell_begin;
drop trigger executions_tell;
drop trigger executions_tell_begin;
drop table event_cursors;
drop table events;
