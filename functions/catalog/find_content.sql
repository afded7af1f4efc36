-- The row of content that an editor means, as it is; null where there is none. By its primary key, by slug, or by id.
-- Errors: LX001 no object, or nothing to find it by; LX003 no table of content.
create or replace function learn_internal.find_content(p_table text, p_content jsonb, out content jsonb, out found_by text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys text[];
begin
  perform learn_internal.require_size('p_table', length(p_table), 63);
  perform learn_internal.require_size('p_content', pg_column_size(p_content), 2097152, 'bytes');
  if p_table is null or not learn_internal.content_tables() ? p_table then
    raise exception 'this is no table of content'
      using errcode = 'LX003', detail = format('p_table = %L', left(p_table, 100)),
        hint = 'One of ' || (select string_agg(k, ', ') from jsonb_object_keys(learn_internal.content_tables()) k) || '.';
  end if;
  if jsonb_typeof(p_content) is distinct from 'object' then
    raise exception 'content is a JSON object'
      using errcode = 'LX001', detail = format('p_content is %s', coalesce(jsonb_typeof(p_content), 'null')),
        hint = 'Such as {"slug": "joins", "title": "Joins"}: columns of the table with their values.';
  end if;
  v_keys := array(
    select a.attname from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = ('learn.' || p_table)::regclass and i.indisprimary);
  if not p_content ?& v_keys and p_content ? 'slug' then
    v_keys := '{slug}';
  end if;
  if p_content ?& v_keys then
    found_by := (select string_agg(format('t.%1$I = n.%1$I', k), ' and ') from unnest(v_keys) k);
    execute format('select to_jsonb(t) from learn.%1$I t, jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
      p_table, found_by)
    into content using (select jsonb_object_agg(k, p_content -> k) from unnest(v_keys) k);
  end if;
exception
  when data_exception then
    raise exception 'the key of the content is malformed'
      using errcode = 'LX001', detail = left(sqlerrm, 500), hint = 'Ids are numbers, slugs are texts.';
end;
$$;
comment on function learn_internal.find_content(text, jsonb) is
  'The row of content that an editor means: by its primary key, by slug, or by id.';
