-- +goose Up
-- What becomes of schedules, and of each of their times, is told to others, as all that changes (00014).
-- +goose StatementBegin
create function schedule_tells() returns trigger language plpgsql as $$
begin
	insert into events (at, type, subject, data) values (new.updated_at,
		case
			when old.id is null then 'schedule.created'
			when old.deleted_at is null and new.deleted_at is not null then 'schedule.deleted'
			when old.paused_at is null and new.paused_at is not null then 'schedule.paused'
			when old.paused_at is not null and new.paused_at is null then 'schedule.resumed'
			else 'schedule.updated'
		end,
		'schedule/' || new.id,
		json_build_object('schedule_id', new.id, 'script_id', new.script_id, 'user_id', new.user_id, 'version', new.version, 'paused', new.paused_at is not null, 'reason', new.paused_reason)::text);
	return null;
end
$$;
-- +goose StatementEnd
create trigger schedules_tell_begin after insert on schedules for each row execute function schedule_tells();
create trigger schedules_tell after update of version on schedules for each row when (old.version <> new.version) execute function schedule_tells();

-- That one is paused is told of the schedule itself.
-- +goose StatementBegin
create function schedule_firing_tells() returns trigger language plpgsql as $$
begin
	insert into events (at, type, subject, data)
	select new.at, 'schedule.' || lower(new.outcome), 'schedule/' || new.schedule_id,
		json_build_object('schedule_id', new.schedule_id, 'script_id', s.script_id, 'user_id', s.user_id, 'due_at', to_char(new.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'outcome', new.outcome, 'reason', new.reason, 'execution_id', new.execution_id)::text
	from schedules s
	where s.id = new.schedule_id;
	return null;
end
$$;
-- +goose StatementEnd
create trigger schedule_firings_tell after insert on schedule_firings for each row when (new.outcome <> 'PAUSED') execute function schedule_firing_tells();

-- +goose Down
drop trigger schedule_firings_tell on schedule_firings;
drop function schedule_firing_tells;
drop trigger schedules_tell on schedules;
drop trigger schedules_tell_begin on schedules;
drop function schedule_tells;
