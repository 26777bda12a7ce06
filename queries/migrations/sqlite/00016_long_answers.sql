-- +goose Up
-- Some executions are fetches of a service's route that take long: they have no script, and their user may be nobody.
-- SQLite cannot take back that a column is not null: the table is made anew. What refers to its rows is looked at when the transaction ends.
pragma defer_foreign_keys = on;
create table executions_was as select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said from executions;
drop table executions;
create table executions (
	id                  uuid        not null primary key,
	script_id           uuid,
	script_version      integer      check (script_version > 0),
	user_id             uuid        references users (id),
	status              text        not null check (status in ('PENDING', 'READY', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLING', 'CANCELLED')),
	reason              text        not null,
	progress            integer      not null check (progress between 0 and 100),
	params              json        not null,
	params_key          text        not null,
	results             json        not null,
	results_key         text        not null,
	results_size        integer      not null check (results_size >= 0),
	queue               text        not null check (queue <> ''),
	priority            integer      not null,
	attempt             integer      not null check (attempt >= 0),
	max_attempts        integer      not null check (max_attempts > 0),
	retry_on            text        not null,
	retry_delay_ms      integer      not null check (retry_delay_ms >= 0),
	timeout_ms          integer      not null check (timeout_ms > 0),
	idempotency_key     blob       check (length(idempotency_key) = 32),
	body_hash           blob       check (length(body_hash) = 32),
	is_plugin_execution boolean     not null,
	rerun_of            uuid,
	last_log            integer      not null check (last_log >= 0),
	log_bytes           integer      not null check (log_bytes >= 0),
	created_at          timestamp not null,
	queued_at           timestamp not null,
	dispatched_at       timestamp,
	started_at          timestamp,
	ended_at            timestamp,
	updated_at          timestamp not null,
	deleted_at          timestamp,
	said                text        not null default '' check (said in ('', 'RUNNING', 'FINISHED', 'FAILED')),
	executor            text        not null default '' check (executor in ('', 'gateway')),
	service             text        not null default '',
	route               text        not null default '',
	answer_at           text        not null default '',
	check ((status in ('FINISHED', 'FAILED', 'CANCELLED')) = (ended_at is not null)),
	check (status not in ('READY', 'RUNNING', 'FINISHED', 'FAILED') or dispatched_at is not null and attempt > 0),
	check (status not in ('RUNNING', 'FINISHED') or started_at is not null),
	check (status not in ('FINISHED', 'FAILED', 'CANCELLED') or progress = 100),
	check (deleted_at is null or ended_at is not null),
	check ((idempotency_key is null) = (body_hash is null)),
	check ((script_id is null) = (executor = 'gateway') and (script_id is null) = (script_version is null)),
	check (user_id is not null or executor = 'gateway'),
	foreign key (script_id, script_version) references script_versions (script_id, number)
);
insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said)
select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said
from executions_was;
drop table executions_was;
create unique index executions_once on executions (user_id, idempotency_key) where idempotency_key is not null;
create index executions_waiting on executions (user_id, priority desc, queued_at, id) where status = 'PENDING';
create index executions_active on executions (user_id, id) where status in ('READY', 'RUNNING', 'CANCELLING');
create index executions_by_created on executions (created_at, id) where deleted_at is null;
create index executions_by_user on executions (user_id, created_at, id) where deleted_at is null;
create index executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
create index executions_by_script on executions (script_id, created_at, id) where deleted_at is null;

-- +goose StatementBegin
create trigger executions_begin after insert on executions
begin
	select raise(abort, 'an execution begins with PENDING') where new.status <> 'PENDING';
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', new.status, new.reason, new.attempt);
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger executions_move after update of status, attempt on executions when old.status <> new.status or old.attempt <> new.attempt
begin
	select raise(abort, 'an execution does not go there') where not case old.status
		when 'PENDING' then new.status in ('READY', 'CANCELLING', 'CANCELLED')
		when 'READY' then new.status in ('READY', 'RUNNING', 'FAILED', 'CANCELLING')
		when 'RUNNING' then new.status in ('READY', 'FINISHED', 'FAILED', 'CANCELLING')
		when 'CANCELLING' then new.status = 'CANCELLED'
		else false
	end;
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, old.status, new.status, new.reason, new.attempt);
end;
-- +goose StatementEnd
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

-- What a fetch of a gateway gave that took longer than its caller waited. Whose it is tells a keyed hash; who anybody may be shows a token as well.
create table long_answers (
	execution_id uuid      not null primary key references executions (id),
	caller       blob      not null check (length(caller) = 32),
	token_hash   blob      check (length(token_hash) = 32),
	request      blob,
	status       integer   check (status between 100 and 599),
	header       blob,
	body         blob,
	body_key     text      not null,
	body_size    integer   not null check (body_size >= 0),
	created_at   timestamp not null,
	expires_at   timestamp
);
create index long_answers_over on long_answers (expires_at) where expires_at is not null;

-- +goose Down
drop table long_answers;
delete from execution_attempts where execution_id in (select id from executions where executor = 'gateway');
delete from executions where executor = 'gateway';
pragma defer_foreign_keys = on;
create table executions_was as select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said from executions;
drop table executions;
create table executions (
	id                  uuid        not null primary key,
	script_id           uuid        not null,
	script_version      integer      not null check (script_version > 0),
	user_id             uuid        not null references users (id),
	status              text        not null check (status in ('PENDING', 'READY', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLING', 'CANCELLED')),
	reason              text        not null,
	progress            integer      not null check (progress between 0 and 100),
	params              json        not null,
	params_key          text        not null,
	results             json        not null,
	results_key         text        not null,
	results_size        integer      not null check (results_size >= 0),
	queue               text        not null check (queue <> ''),
	priority            integer      not null,
	attempt             integer      not null check (attempt >= 0),
	max_attempts        integer      not null check (max_attempts > 0),
	retry_on            text        not null,
	retry_delay_ms      integer      not null check (retry_delay_ms >= 0),
	timeout_ms          integer      not null check (timeout_ms > 0),
	idempotency_key     blob       check (length(idempotency_key) = 32),
	body_hash           blob       check (length(body_hash) = 32),
	is_plugin_execution boolean     not null,
	rerun_of            uuid,
	last_log            integer      not null check (last_log >= 0),
	log_bytes           integer      not null check (log_bytes >= 0),
	created_at          timestamp not null,
	queued_at           timestamp not null,
	dispatched_at       timestamp,
	started_at          timestamp,
	ended_at            timestamp,
	updated_at          timestamp not null,
	deleted_at          timestamp,
	said                text        not null default '' check (said in ('', 'RUNNING', 'FINISHED', 'FAILED')),
	check ((status in ('FINISHED', 'FAILED', 'CANCELLED')) = (ended_at is not null)),
	check (status not in ('READY', 'RUNNING', 'FINISHED', 'FAILED') or dispatched_at is not null and attempt > 0),
	check (status not in ('RUNNING', 'FINISHED') or started_at is not null),
	check (status not in ('FINISHED', 'FAILED', 'CANCELLED') or progress = 100),
	check (deleted_at is null or ended_at is not null),
	check ((idempotency_key is null) = (body_hash is null)),
	foreign key (script_id, script_version) references script_versions (script_id, number)
);
insert into executions (id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said)
select id, script_id, script_version, user_id, status, reason, progress, params, params_key, results, results_key, results_size, queue, priority, attempt, max_attempts, retry_on, retry_delay_ms, timeout_ms, idempotency_key, body_hash, is_plugin_execution, rerun_of, last_log, log_bytes, created_at, queued_at, dispatched_at, started_at, ended_at, updated_at, deleted_at, said
from executions_was;
drop table executions_was;
create unique index executions_once on executions (user_id, idempotency_key) where idempotency_key is not null;
create index executions_waiting on executions (user_id, priority desc, queued_at, id) where status = 'PENDING';
create index executions_active on executions (user_id, id) where status in ('READY', 'RUNNING', 'CANCELLING');
create index executions_by_created on executions (created_at, id) where deleted_at is null;
create index executions_by_user on executions (user_id, created_at, id) where deleted_at is null;
create index executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
create index executions_by_script on executions (script_id, created_at, id) where deleted_at is null;

-- +goose StatementBegin
create trigger executions_begin after insert on executions
begin
	select raise(abort, 'an execution begins with PENDING') where new.status <> 'PENDING';
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', new.status, new.reason, new.attempt);
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger executions_move after update of status, attempt on executions when old.status <> new.status or old.attempt <> new.attempt
begin
	select raise(abort, 'an execution does not go there') where not case old.status
		when 'PENDING' then new.status in ('READY', 'CANCELLING', 'CANCELLED')
		when 'READY' then new.status in ('READY', 'RUNNING', 'FAILED', 'CANCELLING')
		when 'RUNNING' then new.status in ('READY', 'FINISHED', 'FAILED', 'CANCELLING')
		when 'CANCELLING' then new.status = 'CANCELLED'
		else false
	end;
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, old.status, new.status, new.reason, new.attempt);
end;
-- +goose StatementEnd
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
