-- What happens when rows of learn.activity_types are written, in the order in which triggers fire.
-- Errors: LX001, LX010.

-- When activity types are renamed or deleted: this blocks learners.
create or replace trigger activity_types_change
  before update of key, is_on_boards or delete on learn.activity_types
  for each statement
  execute function learn_internal.change_content();

-- When activity types are renamed or deleted, or come onto the boards: not those that facts have, because the log and
-- the boards keep what they were; and those that Laurel writes are never renamed, deleted or written by others.
-- Errors: LX001 there are facts of the type; LX010 it is Laurel's own.
create or replace function learn_internal.keep_activity_types()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.is_built_in and (tg_op = 'DELETE' or (new.key, new.is_built_in, new.is_internal, new.happens_once)
    is distinct from (old.key, old.is_built_in, old.is_internal, old.happens_once))
  then
    raise exception 'the activity type % is Laurel''s own', old.key
      using errcode = 'LX010', detail = format('key = %s', old.key),
        hint = 'What it pays say learn.xp_rules, and what it counts learn.metrics.';
  elsif (tg_op = 'DELETE' or new.key <> old.key or new.is_on_boards <> old.is_on_boards)
    and exists (select from learn_internal.all_facts f where f.activity_type = old.key)
  then
    raise exception 'there are facts of the activity type %', old.key
      using errcode = 'LX001', detail = format('key = %s', old.key),
        hint = 'The log is append-only: leave the type, and add another one.';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end;
$$;
comment on function learn_internal.keep_activity_types() is
  'Row trigger: activity types that facts have, and Laurel''s own, keep their keys (LX001, LX010).';

create or replace trigger keep_activity_types
  before update of key, is_built_in, is_internal, happens_once, is_on_boards or delete on learn.activity_types
  for each row
  execute function learn_internal.keep_activity_types();
