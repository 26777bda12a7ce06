-- +goose NO TRANSACTION
-- Executions move while indexes are made. What is here may be done again: whoever is killed in between leaves a part of it.
-- +goose Up
-- What ended, whoever may see it: also for removing it. It is in the place of executions_by_end, which had no deleted ones.
drop index concurrently if exists executions_ended;
create index concurrently executions_ended on executions (ended_at, created_at, id);
drop index concurrently if exists executions_by_end;
-- Who repeats an execution has the blob of its parameters, too.
drop index concurrently if exists executions_by_params;
create index concurrently executions_by_params on executions (params_key) where params_key <> '';

-- Blobs of executions that are removed, until they are removed, too.
create table if not exists blob_removals (
	key   text        primary key check (key <> ''),
	since timestamptz not null
);

-- A fiftieth of rows that are dead is enough to look after these tables: by default it were a fifth.
alter table executions set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
alter table execution_attempts set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);

-- +goose Down
alter table execution_attempts reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
alter table executions reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
drop table if exists blob_removals;
drop index concurrently if exists executions_by_params;
drop index concurrently if exists executions_by_end;
create index concurrently executions_by_end on executions (ended_at, created_at, id) where deleted_at is null;
drop index concurrently if exists executions_ended;
