-- A discussion with its title, content, category and (normalized) tags as they are kept; what cannot be is
-- refused.
-- Errors: LX001.
create or replace function learn_internal.require_discussion_texts(
  p_discussion learn.discussions
)
returns learn.discussions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  d learn.discussions := p_discussion;
begin
  d.content := learn_internal.require_content(d.content);
  d.title := learn_internal.require_text('p_title', d.title, 300, true);
  d.category := learn_internal.require_text('p_category', d.category, 100, true);
  if coalesce(d.title, '') !~ E'\\S' or coalesce(d.category, '') !~ E'\\S' then
    raise exception 'a discussion has a title and a category'
      using errcode = 'LX001',
        detail = format('p_title = %L, p_category = %L', left(d.title, 50), left(d.category, 50)),
        hint = 'Neither is blank.';
  end if;
  if not learn_internal.is_tag_list(d.tags) then
    raise exception 'these are no tags'
      using errcode = 'LX001', detail = format('p_tags = %s, at most 10 of at most 50 characters', left(d.tags::text, 200)),
        hint = 'At most 10 tags of at most 50 characters that can be seen, none of them null or blank.';
  end if;
  return d;
end;
$$;
comment on function learn_internal.require_discussion_texts(learn.discussions) is
  'A discussion with its texts as they are kept; LX001 where they cannot be.';
