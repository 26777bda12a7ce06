-- +goose Up
-- What case does not count for, in lists: composed and in lower case, by the rules of Unicode and not by those of the place where
-- the server is. A server that was made without ICU knows the letters of ASCII only.
-- +goose StatementBegin
do $$ begin
	begin
		create collation fairway_fold (provider = icu, locale = 'und');
	exception when others then
		create collation fairway_fold from "C";
	end;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function fairway_fold(t text) returns text language sql immutable parallel safe as $$
	select lower(normalize(t) collate fairway_fold)
$$;
-- +goose StatementEnd

create index users_by_created on users (created_at, number) where deleted_at is null;
create index users_by_email on users (email_key collate "C", number) where deleted_at is null;

-- +goose Down
drop index users_by_email;
drop index users_by_created;
drop function fairway_fold;
drop collation fairway_fold;
