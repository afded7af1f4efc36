-- Append-only tables: rows are neither changed nor deleted, except with the user
-- whose rows they are.
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
  raise exception '% is append-only', tg_table_name
    using errcode = 'LX009',
      detail = format('%s of a row of user %s', lower(tg_op), old.user_id),
      hint = 'Write a new row that makes up for it: XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.refuse_change() is
  'Row trigger: refuses update and delete (LX009) while the user exists.';

-- Nothing is dated ahead of the clock, nor absurdly far back, however a row is written: the WHEN clauses
-- of the triggers ask is_off_time() and is_off_date(). Arguments of the trigger: the columns.
-- Errors: LX001.
create or replace function learn_internal.refuse_times()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'a time is out of bounds'
    using errcode = 'LX001', detail = (
      select tg_table_name || ': ' || string_agg(format('%s = %s', c.name, to_jsonb(new) ->> c.name), ', ')
      from unnest(tg_argv) c(name)),
      hint = 'What has happened is dated at most 5 minutes ahead of learn.clock(), and not before 1970.';
end;
$$;
comment on function learn_internal.refuse_times() is
  'Row trigger: refuses a row dated ahead of the clock or before 1970 (LX001).';

-- Append-only tables are not emptied either.
-- Errors: LX009.
create or replace function learn_internal.refuse_truncate()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% is not truncated', tg_table_name
    using errcode = 'LX009', detail = format('truncate of %s.%s', tg_table_schema, tg_table_name),
      hint = 'Of a log, detach or drop a whole month''s partition. Rows of learners are deleted, which is remembered.';
end;
$$;
comment on function learn_internal.refuse_truncate() is
  'Statement trigger: refuses truncate (LX009).';
