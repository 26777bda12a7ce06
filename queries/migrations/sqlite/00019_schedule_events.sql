-- +goose Up
-- What becomes of schedules, and of each of their times, is told to others, as all that changes (00014).
-- +goose StatementBegin
create trigger schedules_tell_begin after insert on schedules
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		'schedule.created',
		'schedule/' || new.id,
		json_object('schedule_id', new.id, 'script_id', new.script_id, 'user_id', new.user_id, 'version', new.version, 'paused', json(case when new.paused_at is null then 'false' else 'true' end), 'reason', new.paused_reason));
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger schedules_tell after update of version on schedules when old.version <> new.version
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.deleted_at is null and new.deleted_at is not null then 'schedule.deleted'
			when old.paused_at is null and new.paused_at is not null then 'schedule.paused'
			when old.paused_at is not null and new.paused_at is null then 'schedule.resumed'
			else 'schedule.updated'
		end,
		'schedule/' || new.id,
		json_object('schedule_id', new.id, 'script_id', new.script_id, 'user_id', new.user_id, 'version', new.version, 'paused', json(case when new.paused_at is null then 'false' else 'true' end), 'reason', new.paused_reason));
end;
-- +goose StatementEnd

-- That one is paused is told of the schedule itself.
-- +goose StatementBegin
create trigger schedule_firings_tell after insert on schedule_firings when new.outcome <> 'PAUSED'
begin
	insert into events (at, type, subject, data)
	select new.at, 'schedule.' || lower(new.outcome), 'schedule/' || new.schedule_id,
		json_object('schedule_id', new.schedule_id, 'script_id', s.script_id, 'user_id', s.user_id, 'due_at', strftime('%Y-%m-%dT%H:%M:%fZ', new.due_at), 'outcome', new.outcome, 'reason', new.reason, 'execution_id', new.execution_id)
	from schedules s
	where s.id = new.schedule_id;
end;
-- +goose StatementEnd

-- +goose Down
drop trigger schedule_firings_tell;
drop trigger schedules_tell;
drop trigger schedules_tell_begin;
