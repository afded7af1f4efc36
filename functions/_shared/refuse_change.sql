-- Append-only tables: rows are neither changed nor deleted, except with the user
-- whose rows they are, and when they are archived.
-- Errors: LX009.
create or replace function learn_internal.refuse_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and not exists (select from learn.users u where u.id = old.user_id) then
    return old;  -- goes with its user
  end if;
  if tg_op = 'UPDATE' and learn_internal.is_merging() then
    return new;
  end if;
  if tg_op = 'DELETE' and learn_internal.is_running('learn_internal.pack_archive') then
    return old;  -- to the archive
  end if;
  raise exception '% is append-only', tg_table_name
    using errcode = 'LX009',
      detail = format('%s of a row of user %s', lower(tg_op collate "C"), old.user_id),
      hint = 'Write a new row that makes up for it: XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.refuse_change() is
  'Row trigger: refuses update and delete (LX009) while the user exists.';
