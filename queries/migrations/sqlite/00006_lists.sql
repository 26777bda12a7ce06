-- +goose Up
-- The function fairway_fold is the gateway's own here: no index may need it, or other programs could not write the table.
create index users_by_created on users (created_at, number) where deleted_at is null;

-- +goose Down
drop index users_by_created;
