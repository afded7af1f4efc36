-- Keeps what people write or are called in a table from being sampled by ANALYZE: statistics outlive an erased user.
-- What has the words of a vocabulary, and is grouped by, keeps its statistics. For future partitions, too.
create or replace function learn_internal.hide_texts(p_table regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column name;
  v_index  regclass;
  v_number smallint;
begin
  for v_column in
    select a.attname
    from pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
      and (select coalesce(nullif(y.typbasetype, 0), y.oid) from pg_type y where y.oid = a.atttypid)
        in ('text'::regtype, 'text[]'::regtype, 'name'::regtype, 'jsonb'::regtype, 'inet'::regtype, 'tsvector'::regtype,
          'jsonb[]'::regtype)
      and a.attname not in ('activity_type', 'assessment_type', 'difficulty', 'exam_type', 'kind', 'locale', 'metric',
        'period', 'role', 'session_type', 'skill_level', 'source_type', 'status', 'timezone', 'topic', 'tx_type', 'type',
        'vote_type')
  loop
    execute format('alter table %s alter column %I set statistics 0', p_table, v_column);
  end loop;
  for v_index, v_number in
    select a.attrelid::regclass, a.attnum
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and i.indkey[a.attnum - 1] = 0
    where i.indrelid = p_table and a.atttypid = 'text'::regtype
  loop
    execute format('alter index %s alter column %s set statistics 0', v_index, v_number);
  end loop;
end;
$$;
comment on function learn_internal.hide_texts(regclass) is
  'Keeps texts of a table from being sampled by ANALYZE: statistics outlive an erased user.';
