-- What a discussion is found by: its title (weight A), tags (B) and content (C).
-- The configuration is `simple`: words as they are written, in lower case, in any language.
-- Stemming and stop words would be those of one language, and of Filipino PostgreSQL has none.
-- Immutable it is: array_to_string() is stable for the sake of other types than text.
create or replace function learn_internal.discussion_words(
  p_title text, p_tags text[], p_content text
)
returns tsvector
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select setweight(to_tsvector('pg_catalog.simple', p_title), 'A')
    || setweight(to_tsvector('pg_catalog.simple', array_to_string(p_tags, ' ')), 'B')
    || setweight(to_tsvector('pg_catalog.simple', p_content), 'C');
$$;
comment on function learn_internal.discussion_words(text, text[], text) is
  'What a discussion is found by: title (weight A), tags (B), content (C).';
