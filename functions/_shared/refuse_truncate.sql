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
