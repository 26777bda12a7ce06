-- +goose Up
-- Of the pods that a cluster makes for one attempt by mistake the first one has it.
alter table execution_attempts add column pod text not null default '' check (length(pod) <= 64);

-- +goose Down
alter table execution_attempts drop column pod;
