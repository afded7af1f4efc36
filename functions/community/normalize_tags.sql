-- Tags as they are kept: composed (Unicode NFC), lower case, no spaces around, each once, in the order of their first use.
create or replace function learn_internal.normalize_tags(p_tags text[])
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(t.tag order by t.position), '{}')
  from (
    select lower(btrim(normalize(u.tag, nfc))) as tag, min(u.position) as position
    from unnest(p_tags) with ordinality u(tag, position)
    group by 1
  ) t;
$$;
comment on function learn_internal.normalize_tags(text[]) is
  'Tags in lower case, trimmed, each once.';
