-- +goose Up
create table executions (
	id                  uuid        primary key,
	script_id           uuid        not null,
	script_version      bigint      not null check (script_version > 0),
	user_id             uuid        not null references users (id),
	status              text        not null check (status in ('PENDING', 'READY', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLING', 'CANCELLED')),
	reason              text        not null,
	progress            bigint      not null check (progress between 0 and 100),
	params              json        not null,
	params_key          text        not null,
	results             json        not null,
	results_key         text        not null,
	results_size        bigint      not null check (results_size >= 0),
	queue               text        not null check (queue <> ''),
	priority            bigint      not null,
	attempt             bigint      not null check (attempt >= 0),
	max_attempts        bigint      not null check (max_attempts > 0),
	retry_on            text        not null,
	retry_delay_ms      bigint      not null check (retry_delay_ms >= 0),
	timeout_ms          bigint      not null check (timeout_ms > 0),
	idempotency_key     bytea       check (octet_length(idempotency_key) = 32),
	body_hash           bytea       check (octet_length(body_hash) = 32),
	is_plugin_execution boolean     not null,
	rerun_of            uuid,
	last_log            bigint      not null check (last_log >= 0),
	log_bytes           bigint      not null check (log_bytes >= 0),
	created_at          timestamptz not null,
	queued_at           timestamptz not null,
	dispatched_at       timestamptz,
	started_at          timestamptz,
	ended_at            timestamptz,
	updated_at          timestamptz not null,
	deleted_at          timestamptz,
	check ((status in ('FINISHED', 'FAILED', 'CANCELLED')) = (ended_at is not null)),
	check (status not in ('READY', 'RUNNING', 'FINISHED', 'FAILED') or dispatched_at is not null and attempt > 0),
	check (status not in ('RUNNING', 'FINISHED') or started_at is not null),
	check (status not in ('FINISHED', 'FAILED', 'CANCELLED') or progress = 100),
	check (deleted_at is null or ended_at is not null),
	check ((idempotency_key is null) = (body_hash is null)),
	foreign key (script_id, script_version) references script_versions (script_id, number)
) with (fillfactor = 80);
create unique index executions_once on executions (user_id, idempotency_key) where idempotency_key is not null;
create index executions_waiting on executions (user_id, priority desc, queued_at, id) where status = 'PENDING';
create index executions_active on executions (user_id, id) where status in ('READY', 'RUNNING', 'CANCELLING');
create index executions_by_created on executions (created_at, id) where deleted_at is null;
create index executions_by_user on executions (user_id, created_at, id) where deleted_at is null;
create index executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
create index executions_by_script on executions (script_id, created_at, id) where deleted_at is null;

-- One try of an execution. Who holds it is told by fence, which grows with each claim.
create table execution_attempts (
	id           uuid        primary key,
	execution_id uuid        not null references executions (id),
	number       bigint      not null check (number > 0),
	state        text        not null check (state in ('QUEUED', 'STARTING', 'RUNNING', 'ENDED')),
	outcome      text        not null check (outcome in ('', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'OOM', 'LOST', 'REFUSED')),
	reason       text        not null,
	stop         text        not null check (stop in ('', 'CANCELLED', 'TIMEOUT')),
	queue        text        not null,
	priority     bigint      not null,
	available_at timestamptz not null,
	timeout_ms   bigint      not null,
	fence        bigint      not null check (fence >= 0),
	runner_id    uuid,
	lease_until  timestamptz,
	deadline_at  timestamptz,
	handle       text        not null,
	token_hash   bytea       check (octet_length(token_hash) = 32),
	log_seq      bigint      not null check (log_seq >= 0),
	exit_code    bigint,
	created_at   timestamptz not null,
	claimed_at   timestamptz,
	started_at   timestamptz,
	heartbeat_at timestamptz,
	ended_at     timestamptz,
	unique (execution_id, number),
	check ((state in ('STARTING', 'RUNNING')) = (lease_until is not null)),
	check (state = 'QUEUED' or state = 'ENDED' or runner_id is not null and deadline_at is not null and fence > 0),
	check ((state = 'ENDED') = (outcome <> '') and (state = 'ENDED') = (ended_at is not null))
) with (fillfactor = 80);
create index execution_attempts_queued on execution_attempts (queue, priority desc, available_at, id) where state = 'QUEUED';
create index execution_attempts_held on execution_attempts (runner_id, id) where state in ('STARTING', 'RUNNING');
create unique index execution_attempts_by_token on execution_attempts (token_hash) where token_hash is not null;

-- How many executions of a user run at once, where it is not what is set for all.
create table execution_limits (
	user_id    uuid        primary key references users (id),
	at_most    bigint      not null check (at_most >= 0),
	updated_at timestamptz not null
);

create table runners (
	id            uuid        primary key,
	name          text        not null check (name <> ''),
	host          text        not null,
	version       text        not null,
	queues        json        not null,
	slots         bigint      not null check (slots >= 0),
	state         text        not null check (state in ('READY', 'DRAINING', 'GONE')),
	registered_at timestamptz not null,
	heartbeat_at  timestamptz not null,
	lease_until   timestamptz not null,
	gone_at       timestamptz,
	check ((state = 'GONE') = (gone_at is not null))
);
create index runners_here on runners (name, id) where state <> 'GONE';

-- Partitions are by the id of the execution, which begins with the time when it was made: what is asked of one is in one.
create sequence status_log_id;
create table status_log (
	id           bigint      not null default nextval('status_log_id'),
	execution_id uuid        not null,
	at           timestamptz not null,
	status_from  text        not null,
	status_to    text        not null,
	reason       text        not null,
	attempt      bigint      not null,
	primary key (execution_id, id)
) partition by range (execution_id);
create index status_log_by_time on status_log (at, id);

-- Lines that whoever runs an attempt has packed into data, or one line of the store's own, a notice, of attempt 0.
create table log_chunks (
	execution_id uuid        not null,
	attempt      bigint      not null check (attempt >= 0),
	seq          bigint      not null check (seq > 0),
	first_id     bigint      not null check (first_id > 0),
	last_id      bigint      not null check (last_id >= first_id),
	first_at     timestamptz not null,
	last_at      timestamptz not null,
	data         bytea       not null,
	level        text        not null,
	notice       text        not null,
	created_at   timestamptz not null,
	primary key (execution_id, attempt, seq)
) partition by range (execution_id);
create unique index log_chunks_by_line on log_chunks (execution_id, last_id);
-- Not seen by sqlc, which would make types of them.
-- +goose StatementBegin
do $$ begin
	create table status_log_rest partition of status_log default;
	create table log_chunks_rest partition of log_chunks default;
	begin
		alter table log_chunks alter column data set compression lz4;
	exception when feature_not_supported then null; -- it is compressed more slowly
	end;
end $$;
-- +goose StatementEnd

-- The edges of the state machine, for every statement whatever it says; and the log of all moves.
-- +goose StatementBegin
create function execution_moves() returns trigger language plpgsql as $$
begin
	if tg_op = 'INSERT' then
		if new.status <> 'PENDING' then
			raise exception 'an execution begins with PENDING, not %', new.status using errcode = 'check_violation', constraint = 'executions_edge';
		end if;
		insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', new.status, new.reason, new.attempt);
		return null;
	end if;
	if not (case old.status
		when 'PENDING' then new.status in ('READY', 'CANCELLING', 'CANCELLED')
		when 'READY' then new.status in ('READY', 'RUNNING', 'FAILED', 'CANCELLING')
		when 'RUNNING' then new.status in ('READY', 'FINISHED', 'FAILED', 'CANCELLING')
		when 'CANCELLING' then new.status = 'CANCELLED'
		else false
	end) then
		raise exception 'an execution does not go from % to %', old.status, new.status using errcode = 'check_violation', constraint = 'executions_edge';
	end if;
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, old.status, new.status, new.reason, new.attempt);
	return null;
end
$$;
-- +goose StatementEnd
create trigger executions_begin after insert on executions for each row execute function execution_moves();
create trigger executions_move after update of status, attempt on executions for each row when (old.status <> new.status or old.attempt <> new.attempt) execute function execution_moves();

-- +goose StatementBegin
create function attempt_moves() returns trigger language plpgsql as $$
begin
	if new.fence < old.fence or new.state <> old.state and not (case old.state
		when 'QUEUED' then new.state in ('STARTING', 'ENDED')
		when 'STARTING' then new.state in ('RUNNING', 'ENDED')
		when 'RUNNING' then new.state = 'ENDED'
		else false
	end) then
		raise exception 'an attempt does not go from % to %', old.state, new.state using errcode = 'check_violation', constraint = 'execution_attempts_edge';
	end if;
	return null;
end
$$;
-- +goose StatementEnd
create trigger execution_attempts_move after update of state, fence on execution_attempts for each row when (old.state <> new.state or old.fence <> new.fence) execute function attempt_moves();

-- +goose Down
drop table log_chunks;
drop table status_log;
drop sequence status_log_id;
drop table runners;
drop table execution_limits;
drop table execution_attempts;
drop table executions;
drop function attempt_moves;
drop function execution_moves;
