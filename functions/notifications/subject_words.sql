-- What a fact is about, in the words of a reader's language: its name and its slug. Null where it is nothing that
-- has a name.
create or replace function learn_internal.subject_words(
  p_type text, p_subject_id text, p_id bigint, p_locale text,
  out name text, out slug text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_base         text;
  v_translations jsonb;
begin
  case p_type
    when 'achievement' then
      select a.name, a.slug, a.translations into v_base, slug, v_translations
      from learn.achievements a where a.slug = p_subject_id;
    when 'course' then
      select c.title, c.slug, c.translations into v_base, slug, v_translations
      from learn.courses c where c.id = p_id;
    when 'course_level' then
      select l.title, l.slug, l.translations into v_base, slug, v_translations
      from learn.course_levels l where l.id = p_id;
    when 'lesson' then
      select l.title, l.slug, l.translations into v_base, slug, v_translations
      from learn.lessons l where l.id = p_id;
    when 'challenge', 'challenge_level' then
      select c.title, c.slug into v_base, slug from learn.challenges c where c.id = p_id;
    when 'track' then
      select t.title, t.slug into v_base, slug from learn.tracks t where t.id = p_id;
    when 'path' then
      select p.title, p.slug into v_base, slug from learn.learning_paths p where p.id = p_id;
    else
      null;
  end case;
  name := v_base;
  if v_translations <> '{}' then
    name := learn.localized(v_translations, p_locale, case p_type when 'achievement' then 'name' else 'title' end,
      v_base);
  end if;
end;
$$;
comment on function learn_internal.subject_words(text, text, bigint, text) is
  'Hook: name and slug of what a fact is about, in a reader''s language.';
