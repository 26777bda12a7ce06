-- +goose Up
-- What was dropped or deleted of a table, since it was kept for long enough.
create table retention (
	name       text        primary key,
	kept_since timestamptz not null
);

-- What the audit log has is the partition of this week, and the next ones are made ahead. Rows of a time that has none are in the default one.
-- +goose StatementBegin
do $$
declare
	bound timestamptz;
	first text;
begin
	select date_trunc('week', greatest(clock_timestamp(), coalesce(max(at), '-infinity')) at time zone 'UTC') at time zone 'UTC' + interval '7 days' into bound from audit_log;
	alter table audit_log detach partition audit_log_rest;
	first := 'audit_log_' || to_char((bound - interval '7 days') at time zone 'UTC', 'YYYYMMDD');
	execute format('alter table audit_log_rest rename to %I', first);
	execute format('alter table audit_log attach partition %I for values from (minvalue) to (%L)', first, bound);
	create table audit_log_rest partition of audit_log default;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
	part regclass;
begin
	create table audit_log_all (like audit_log including defaults);
	insert into audit_log_all select * from audit_log;
	for part in select inhrelid::regclass from pg_inherits where inhparent = 'audit_log'::regclass loop
		execute format('drop table %s', part);
	end loop;
	create table audit_log_rest partition of audit_log default;
	insert into audit_log select * from audit_log_all;
	drop table audit_log_all;
end $$;
-- +goose StatementEnd
drop table retention;
