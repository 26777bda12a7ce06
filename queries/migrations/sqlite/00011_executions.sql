-- +goose Up
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
	check ((status in ('FINISHED', 'FAILED', 'CANCELLED')) = (ended_at is not null)),
	check (status not in ('READY', 'RUNNING', 'FINISHED', 'FAILED') or dispatched_at is not null and attempt > 0),
	check (status not in ('RUNNING', 'FINISHED') or started_at is not null),
	check (status not in ('FINISHED', 'FAILED', 'CANCELLED') or progress = 100),
	check (deleted_at is null or ended_at is not null),
	check ((idempotency_key is null) = (body_hash is null)),
	foreign key (script_id, script_version) references script_versions (script_id, number)
);
create unique index executions_once on executions (user_id, idempotency_key) where idempotency_key is not null;
create index executions_waiting on executions (user_id, priority desc, queued_at, id) where status = 'PENDING';
create index executions_active on executions (user_id, id) where status in ('READY', 'RUNNING', 'CANCELLING');
create index executions_by_created on executions (created_at, id) where deleted_at is null;
create index executions_by_user on executions (user_id, created_at, id) where deleted_at is null;
create index executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
create index executions_by_script on executions (script_id, created_at, id) where deleted_at is null;

-- One try of an execution. Who holds it is told by fence, which grows with each claim.
create table execution_attempts (
	id           uuid        not null primary key,
	execution_id uuid        not null references executions (id),
	number       integer      not null check (number > 0),
	state        text        not null check (state in ('QUEUED', 'STARTING', 'RUNNING', 'ENDED')),
	outcome      text        not null check (outcome in ('', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'OOM', 'LOST', 'REFUSED')),
	reason       text        not null,
	stop         text        not null check (stop in ('', 'CANCELLED', 'TIMEOUT')),
	queue        text        not null,
	priority     integer      not null,
	available_at timestamp not null,
	timeout_ms   integer      not null,
	fence        integer      not null check (fence >= 0),
	runner_id    uuid,
	lease_until  timestamp,
	deadline_at  timestamp,
	handle       text        not null,
	token_hash   blob       check (length(token_hash) = 32),
	log_seq      integer      not null check (log_seq >= 0),
	exit_code    integer,
	created_at   timestamp not null,
	claimed_at   timestamp,
	started_at   timestamp,
	heartbeat_at timestamp,
	ended_at     timestamp,
	unique (execution_id, number),
	check ((state in ('STARTING', 'RUNNING')) = (lease_until is not null)),
	check (state = 'QUEUED' or state = 'ENDED' or runner_id is not null and deadline_at is not null and fence > 0),
	check ((state = 'ENDED') = (outcome <> '') and (state = 'ENDED') = (ended_at is not null))
);
create index execution_attempts_queued on execution_attempts (queue, priority desc, available_at, id) where state = 'QUEUED';
create index execution_attempts_held on execution_attempts (runner_id, id) where state in ('STARTING', 'RUNNING');
create unique index execution_attempts_by_token on execution_attempts (token_hash) where token_hash is not null;

-- How many executions of a user run at once, where it is not what is set for all.
create table execution_limits (
	user_id    uuid        not null primary key references users (id),
	at_most    integer      not null check (at_most >= 0),
	updated_at timestamp not null
);

create table runners (
	id            uuid        not null primary key,
	name          text        not null check (name <> ''),
	host          text        not null,
	version       text        not null,
	queues        json        not null,
	slots         integer      not null check (slots >= 0),
	state         text        not null check (state in ('READY', 'DRAINING', 'GONE')),
	registered_at timestamp not null,
	heartbeat_at  timestamp not null,
	lease_until   timestamp not null,
	gone_at       timestamp,
	check ((state = 'GONE') = (gone_at is not null))
);
create index runners_here on runners (name, id) where state <> 'GONE';

create table status_log (
	id           integer   not null primary key autoincrement,
	execution_id uuid      not null,
	at           timestamp not null,
	status_from  text      not null,
	status_to    text      not null,
	reason       text      not null,
	attempt      integer   not null
);
create index status_log_of on status_log (execution_id, id);
create index status_log_by_time on status_log (at, id);

-- Lines that whoever runs an attempt has packed into data, or one line of the store's own, a notice, of attempt 0.
create table log_chunks (
	execution_id uuid      not null,
	attempt      integer   not null check (attempt >= 0),
	seq          integer   not null check (seq > 0),
	first_id     integer   not null check (first_id > 0),
	last_id      integer   not null check (last_id >= first_id),
	first_at     timestamp not null,
	last_at      timestamp not null,
	data         blob      not null,
	level        text      not null,
	notice       text      not null,
	created_at   timestamp not null,
	primary key (execution_id, attempt, seq)
);
create unique index log_chunks_by_line on log_chunks (execution_id, last_id);

-- The edges of the state machine, for every statement whatever it says; and the log of all moves.
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
create trigger execution_attempts_move after update of state, fence on execution_attempts when old.state <> new.state or old.fence <> new.fence
begin
	select raise(abort, 'an attempt does not go there') where new.fence < old.fence or new.state <> old.state and not case old.state
		when 'QUEUED' then new.state in ('STARTING', 'ENDED')
		when 'STARTING' then new.state in ('RUNNING', 'ENDED')
		when 'RUNNING' then new.state = 'ENDED'
		else false
	end;
end;
-- +goose StatementEnd

-- +goose Down
drop table log_chunks;
drop table status_log;
drop table runners;
drop table execution_limits;
drop table execution_attempts;
drop table executions;
