-- +goose Up
-- What was dropped or deleted of a table, since it was kept for long enough.
create table retention (
	name       text      not null primary key,
	kept_since timestamp not null
);

-- Nothing is deleted of the audit log but what was kept for long enough.
drop trigger audit_log_keeps;
-- +goose StatementBegin
create trigger audit_log_keeps before delete on audit_log
when not exists (select 1 from retention r where r.name = 'audit_log' and old.at < r.kept_since)
begin
	select raise(abort, 'the audit log is append only');
end;
-- +goose StatementEnd

-- +goose Down
drop trigger audit_log_keeps;
-- +goose StatementBegin
create trigger audit_log_keeps before delete on audit_log
begin
	select raise(abort, 'the audit log is append only');
end;
-- +goose StatementEnd
drop table retention;
