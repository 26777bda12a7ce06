-- +goose Up
-- What may run at once is written as READY, with its first attempt: one statement does what takes two where it waits for admission. Its history and
-- its events are the same.
drop trigger executions_begin;
drop trigger executions_tell_begin;
-- +goose StatementBegin
create trigger executions_begin after insert on executions
begin
	select raise(abort, 'an execution begins with PENDING, or READY and its first attempt') where not (new.status = 'PENDING' and new.attempt = 0 or new.status = 'READY' and new.attempt = 1);
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', 'PENDING', new.reason, 0);
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) select new.id, new.updated_at, 'PENDING', 'READY', new.reason, new.attempt where new.status = 'READY';
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger executions_tell_begin after insert on executions
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		'execution.created',
		'execution/' || new.id,
		json_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
			'status', 'PENDING', 'was', '', 'attempt', 0, 'reason', new.reason));
	insert into events (at, type, subject, data) select new.updated_at,
		'execution.ready',
		'execution/' || new.id,
		json_object('execution_id', new.id, 'script_id', new.script_id, 'script_version', new.script_version, 'user_id', new.user_id,
			'status', 'READY', 'was', 'PENDING', 'attempt', new.attempt, 'reason', new.reason)
	where new.status = 'READY';
end;
-- +goose StatementEnd

-- +goose Down
drop trigger executions_begin;
drop trigger executions_tell_begin;
-- +goose StatementBegin
create trigger executions_begin after insert on executions
begin
	select raise(abort, 'an execution begins with PENDING') where new.status <> 'PENDING';
	insert into status_log (execution_id, at, status_from, status_to, reason, attempt) values (new.id, new.updated_at, '', new.status, new.reason, new.attempt);
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
