-- Lets learn_user read the rows of a table that fulfil a condition, and nobody else's; backends and reports read all.
-- The owner, whose functions write, is not bound. For future partitions, too.
create or replace function learn_internal.protect_rows(p_table regclass, p_condition text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('alter table %s enable row level security', p_table);
  execute format('create policy learners_rows on %s for select to learn_user using (%s)', p_table, p_condition);
  execute format('create policy every_row on %s for select to learn_app, learn_readonly using (true)', p_table);
end;
$$;
comment on function learn_internal.protect_rows(regclass, text) is
  'Row-level security for a table: learn_user reads what fulfils the condition, learn_app and learn_readonly all.';
