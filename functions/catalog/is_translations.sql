-- Whether a document holds translations: {"fil": {"title": "…", "description": "…"}, …}, of texts as
-- people see them.
create or replace function learn_internal.is_translations(p_translations jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_typeof(p_translations) = 'object'
    and not jsonb_path_exists(p_translations, 'strict $.* ? (@.type() != "object")')
    and not jsonb_path_exists(p_translations, 'strict $.*.* ? (@.type() != "string")')
    and not exists (
      select from jsonb_path_query(p_translations, 'strict $.*.keyvalue()') e
      where learn_internal.text_problem(
        e ->> 'value', e ->> 'key' in ('title', 'name')) is not null);
$$;
comment on function learn_internal.is_translations(jsonb) is
  'Whether a document holds translations: texts by field by language tag.';
