-- A text in a reader's language: localized(c.translations, u.locale, 'title', c.title).
-- Falls back from fil-PH to fil, and from there to the base text; an empty translation is none.
create or replace function learn.localized(
  p_translations jsonb, p_locale text, p_field text, p_base text
)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_translations is null or p_translations = '{}' then
    return p_base;
  end if;
  return coalesce(
    nullif(p_translations -> p_locale ->> p_field, ''),
    nullif(p_translations -> translate(p_locale, '_', '-') ->> p_field, ''),
    nullif(p_translations -> lower(split_part(translate(p_locale, '_', '-'), '-', 1) collate "C") ->> p_field, ''),
    p_base);
end;
$$;
comment on function learn.localized(jsonb, text, text, text) is
  'A field of translations ({"fil": {"title": "…"}}) in a locale such as fil or fil-PH; '
  'the base text where there is no translation.';
grant execute on function learn.localized(jsonb, text, text, text) to learn_editor, learn_app, learn_user, learn_readonly;
