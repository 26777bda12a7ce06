-- +goose Up
-- What may run at once is written as READY, with its first attempt: one statement does what takes two where it waits for admission. Its history and
-- its events are the same.
-- +goose StatementBegin
create or replace function execution_moves() returns trigger language plpgsql as $$
begin
	if tg_op = 'INSERT' then
		if not (new.status = 'PENDING' and new.attempt = 0 or new.status = 'READY' and new.attempt = 1) then
			raise exception 'an execution begins with PENDING, or READY and its first attempt, not %', new.status using errcode = 'check_violation', constraint = 'executions_edge';
		end if;
		if new.status = 'READY' then
			insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values
				(new.id, new.updated_at, '', 'PENDING', new.reason, 0), (new.id, new.updated_at, 'PENDING', 'READY', new.reason, new.attempt);
		else
			insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', new.status, new.reason, new.attempt);
		end if;
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

-- +goose StatementBegin
create or replace function execution_tells() returns trigger language plpgsql as $$
begin
	if tg_op = 'INSERT' and new.status = 'READY' then
		insert into events (at, type, subject, data) select new.updated_at, m.type, 'execution/' || new.id,
			json_build_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
				'status', m.status, 'was', m.was, 'attempt', m.attempt, 'reason', new.reason)::text
		from (values ('execution.created', 'PENDING', '', 0), ('execution.ready', 'READY', 'PENDING', new.attempt)) as m(type, status, was, attempt);
		return null;
	end if;
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

-- +goose Down
-- +goose StatementBegin
create or replace function execution_moves() returns trigger language plpgsql as $$
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
-- +goose StatementBegin
create or replace function execution_tells() returns trigger language plpgsql as $$
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
