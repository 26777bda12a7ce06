-- +goose Up
-- What ended, whoever may see it: also for removing it. It is in the place of executions_by_end, which had no deleted ones.
create index executions_ended on executions (ended_at, created_at, id);
drop index executions_by_end;
-- Who repeats an execution has the blob of its parameters, too.
create index executions_by_params on executions (params_key) where params_key <> '';

-- Blobs of executions that are removed, until they are removed, too.
create table blob_removals (
	key   text      primary key check (key <> ''),
	since timestamp not null
);

-- +goose Down
drop table blob_removals;
drop index executions_by_params;
create index executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
drop index executions_ended;
