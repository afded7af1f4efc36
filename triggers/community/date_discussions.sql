-- When a discussion is edited by hand: updated_at says so. After the update and not before it,
-- because a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.date_discussions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.discussions d set updated_at = learn.clock() where d.id = new.id;
  return null;
end;
$$;
comment on function learn_internal.date_discussions() is
  'Row trigger: sets updated_at of a discussion that was edited.';
revoke all on function learn_internal.date_discussions() from public;

create or replace trigger date_discussions
  after update of title, content, category, tags on learn.discussions
  for each row
  when ((old.title, old.content, old.category, old.tags)
      is distinct from (new.title, new.content, new.category, new.tags)
    and new.updated_at = old.updated_at)
  execute function learn_internal.date_discussions();
comment on trigger date_discussions on learn.discussions is 'Keeps updated_at.';
