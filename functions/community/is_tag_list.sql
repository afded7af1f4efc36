-- Whether a list holds tags as they are kept: at most 10 of at most 50 characters, normalized.
create or replace function learn_internal.is_tag_list(p_tags text[])
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select cardinality(p_tags) <= 10
    and coalesce(bool_and(
      t.tag is not null and t.tag ~ E'\\S' and length(t.tag) <= 50
      and t.tag = lower(btrim(t.tag)) and learn_internal.text_problem(t.tag, true) is null), true)
    and count(distinct t.tag) = cardinality(p_tags)
  from unnest(p_tags) t(tag);
$$;
comment on function learn_internal.is_tag_list(text[]) is
  'Whether a list holds at most 10 distinct tags in lower case, of at most 50 characters.';
