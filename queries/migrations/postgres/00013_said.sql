-- +goose Up
-- What the script of the attempt that runs has said of itself: the runner says how it ended.
alter table executions add column said text not null default '' check (said in ('', 'RUNNING', 'FINISHED', 'FAILED'));

-- +goose Down
alter table executions drop column said;
