-- +goose Up
-- Some executions are fetches of a service's route that take long: they have no script, and their user may be nobody.
alter table executions
	alter column script_id drop not null,
	alter column script_version drop not null,
	alter column user_id drop not null,
	add column executor text not null default '' check (executor in ('', 'gateway')),
	add column service text not null default '',
	add column route text not null default '',
	add column answer_at text not null default '',
	add constraint executions_what check ((script_id is null) = (executor = 'gateway') and (script_id is null) = (script_version is null)),
	add constraint executions_whose check (user_id is not null or executor = 'gateway');

-- What a fetch of a gateway gave that took longer than its caller waited. Whose it is tells a keyed hash; who anybody may be shows a token as well.
create table long_answers (
	execution_id uuid        primary key references executions (id),
	caller       bytea       not null check (octet_length(caller) = 32),
	token_hash   bytea       check (octet_length(token_hash) = 32),
	request      bytea,
	status       bigint      check (status between 100 and 599),
	header       bytea,
	body         bytea,
	body_key     text        not null,
	body_size    bigint      not null check (body_size >= 0),
	created_at   timestamptz not null,
	expires_at   timestamptz
);
create index long_answers_over on long_answers (expires_at) where expires_at is not null;

-- +goose Down
drop table long_answers;
delete from execution_attempts where execution_id in (select id from executions where executor = 'gateway');
delete from executions where executor = 'gateway';
alter table executions
	drop constraint executions_what,
	drop constraint executions_whose,
	alter column script_id set not null,
	alter column script_version set not null,
	alter column user_id set not null,
	drop column executor,
	drop column service,
	drop column route,
	drop column answer_at;
