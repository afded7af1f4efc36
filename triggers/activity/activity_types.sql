-- What happens when rows of learn.activity_types are written, in the order in which triggers fire.
-- Errors: LX001.

-- When activity types are renamed or deleted: this blocks learners.
create or replace trigger activity_types_change
  before update of key or delete on learn.activity_types
  for each statement
  execute function learn_internal.change_content();

-- When activity types are renamed or deleted: not those that facts have, because the log keeps
-- their keys.
-- Errors: LX001 there are facts of the type.
create or replace function learn_internal.keep_activity_types()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if (tg_op = 'DELETE' or new.key <> old.key)
    and exists (select from learn.activity_log f where f.activity_type = old.key)
  then
    raise exception 'there are facts of the activity type %', old.key
      using errcode = 'LX001', detail = format('key = %s', old.key),
        hint = 'The log is append-only: leave the type, and add another one.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_activity_types() is
  'Row trigger: activity types that facts have keep their keys (LX001).';

create or replace trigger keep_activity_types
  after update of key or delete on learn.activity_types
  for each row
  execute function learn_internal.keep_activity_types();
