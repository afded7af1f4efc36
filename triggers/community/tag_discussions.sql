-- When a discussion is started: its tags are normalized. Updates are left to the CHECK, because
-- a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.tag_discussions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.tags := learn_internal.normalize_tags(new.tags);
  return new;
end;
$$;
comment on function learn_internal.tag_discussions() is
  'Row trigger: normalizes the tags of a new discussion.';
revoke all on function learn_internal.tag_discussions() from public;

create or replace trigger tag_discussions
  before insert on learn.discussions
  for each row
  when (new.tags <> '{}')
  execute function learn_internal.tag_discussions();
comment on trigger tag_discussions on learn.discussions is 'Normalizes tags.';
