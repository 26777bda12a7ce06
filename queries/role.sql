-- The role of a runner that is a process of its own (`fairway runner`). The owner of the store's tables runs this, after a gateway with
-- the directive control has made them, and again after each new version of the gateway.
begin;

do $$
begin
	if to_regclass('executions') is null or to_regclass('river_job') is null then
		raise exception 'the tables are not there yet: start a gateway with the directive control first';
	end if;
	if not exists (select from pg_roles where rolname = :role_name) then
		create role :role login; -- give it a password: \password
	end if;
end $$;

-- What an earlier version let it do is taken back first.
revoke all on all tables in schema public from :role;
revoke all on all sequences in schema public from :role;
grant usage on schema public to :role;

-- Which version the schema has.
grant select on fairway_migrations to :role;

-- Itself.
grant select, insert, update on runners to :role;

-- Attempts: it claims them, renews their leases, ends them, and makes the next one where an execution is tried again.
grant select, insert, update on execution_attempts to :role;

-- Executions move, and say how far they are. Whose they are, what they are run with and what may become of them is not the runner's to change.
grant select on executions to :role;
grant update (status, reason, attempt, last_log, log_bytes, progress, results, results_key, results_size, said, dispatched_at, started_at, ended_at, updated_at) on executions to :role;
grant insert on status_log to :role;
grant usage on sequence status_log_id to :role;

-- Triggers write down what changes, to be told to others by gateways.
grant insert on events to :role;
grant usage on sequence event_id to :role;

-- Logs grow.
grant select, insert on log_chunks to :role;

-- Scripts are built.
grant select on scripts, script_versions to :role;
grant update (status, build_error, last_log, version, updated_at) on scripts to :role;
grant update (status, build_error, built_key, builder, fence, lease_until, built_at) on script_versions to :role;
grant select, insert on script_logs to :role;

-- The queue: River's tables, whichever this version has.
do $$
declare
	name text;
begin
	for name in select c.oid::regclass::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname like 'river\_%' and c.relkind in ('r', 'p') loop
		execute format('grant select, insert, update, delete on %s to %I', name, :role_name);
	end loop;
	for name in select c.oid::regclass::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname like 'river\_%' and c.relkind = 'S' loop
		execute format('grant usage, select on sequence %s to %I', name, :role_name);
	end loop;
end $$;

commit;
