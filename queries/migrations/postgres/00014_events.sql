-- +goose Up
-- What changed, to be told to others: written by the transaction of the change itself, by triggers, so that no statement can forget
-- it. Who tells reads it in the order of id, and remembers how far that is in event_cursors. An id may be seen after a later one, as
-- long as its transaction is not committed.
create sequence event_id;
create table events (
	id      bigint      not null default nextval('event_id'),
	at      timestamptz not null,
	type    text        not null,
	subject text        not null,
	data    text        not null,
	primary key (id, at)
) partition by range (at);
-- Not seen by sqlc, which would make types of it.
-- +goose StatementBegin
do $$ begin
	create table events_rest partition of events default;
end $$;
-- +goose StatementEnd

-- How far somebody has told events: those up to after_id, but those of gaps, which were not there yet. Whoever writes has a lease with a
-- fence that is not below the one here.
create table event_cursors (
	name       text        primary key,
	after_id   bigint      not null,
	gaps       text        not null,
	fence      bigint      not null,
	updated_at timestamptz not null
);

-- +goose StatementBegin
create function execution_tells() returns trigger language plpgsql as $$
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case new.status
			when 'PENDING' then 'execution.created'
			when 'READY' then case when old.status = 'PENDING' then 'execution.ready' else 'execution.retried' end
			else 'execution.' || lower(new.status)
		end,
		'execution/' || new.id,
		json_build_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
			'status', new.status, 'was', coalesce(old.status, ''), 'attempt', new.attempt, 'reason', new.reason)::text);
	return null;
end
$$;
-- +goose StatementEnd
create trigger executions_tell_begin after insert on executions for each row execute function execution_tells();
create trigger executions_tell after update of status, attempt on executions for each row when (old.status <> new.status or old.attempt <> new.attempt) execute function execution_tells();

-- +goose StatementBegin
create function script_tells() returns trigger language plpgsql as $$
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.id is null then 'script.created'
			when old.deleted_at is null and new.deleted_at is not null then 'script.deleted'
			when old.public <> new.public then case when new.public then 'script.published' else 'script.unpublished' end
			when old.current_version <> new.current_version then 'script.uploaded'
			when old.status <> new.status then case new.status when 'SUCCESS' then 'script.built' when 'FAIL' then 'script.failed' when 'BUILDING' then 'script.building' else 'script.pending' end
			else 'script.updated'
		end,
		'script/' || new.id,
		json_build_object('script_id', new.id, 'slug', new.slug, 'version', new.current_version, 'user_id', new.user_id, 'status', new.status, 'public', new.public)::text);
	return null;
end
$$;
-- +goose StatementEnd
create trigger scripts_tell_begin after insert on scripts for each row execute function script_tells();
create trigger scripts_tell after update of version on scripts for each row when (old.version <> new.version) execute function script_tells();

-- +goose StatementBegin
create function user_tells() returns trigger language plpgsql as $$
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.id is null then 'user.created'
			when old.deleted_at is null and new.deleted_at is not null then 'user.deleted'
			when old.deleted_at is not null and new.deleted_at is null then 'user.restored'
			else 'user.updated'
		end,
		'user/' || new.id,
		json_build_object('user_id', new.id, 'role', new.role, 'is_active', new.is_active, 'version', new.version)::text);
	return null;
end
$$;
-- +goose StatementEnd
create trigger users_tell_begin after insert on users for each row execute function user_tells();
create trigger users_tell after update of version on users for each row when (old.version <> new.version) execute function user_tells();

-- Letters of one line leave one after the other, by position; those of one lane wait as long as that is paused.
alter table outbox add column lane text not null default '';
alter table outbox add column line text not null default '';
alter table outbox add column position bigint not null default 0;
create index outbox_lines on outbox (line, position) where line <> '' and dead_at is null;
create index outbox_by_lane on outbox (lane) where lane <> '';

create table outbox_lanes (
	lane         text        primary key check (lane <> ''),
	paused_until timestamptz not null,
	failures     bigint      not null check (failures >= 0),
	failing_at   timestamptz,
	check ((failures = 0) = (failing_at is null))
);

-- +goose Down
drop table outbox_lanes;
drop index outbox_by_lane;
drop index outbox_lines;
alter table outbox drop column position;
alter table outbox drop column line;
alter table outbox drop column lane;
drop trigger users_tell on users;
drop trigger users_tell_begin on users;
drop function user_tells;
drop trigger scripts_tell on scripts;
drop trigger scripts_tell_begin on scripts;
drop function script_tells;
drop trigger executions_tell on executions;
drop trigger executions_tell_begin on executions;
drop function execution_tells;
drop table event_cursors;
drop table events;
drop sequence event_id;
