-- Refuses what cannot be a discussion's title, content, category or (normalized) tags.
-- Errors: LX001.
create or replace function learn_internal.require_discussion_texts(
  p_title text, p_content text, p_category text, p_tags text[]
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.require_content(p_content);
  perform learn_internal.require_size('p_title', length(p_title), 300);
  perform learn_internal.require_size('p_category', length(p_category), 100);
  if coalesce(p_title, '') !~ E'\\S' or coalesce(p_category, '') !~ E'\\S' then
    raise exception 'a discussion has a title and a category'
      using errcode = 'LX001',
        detail = format('p_title = %L, p_category = %L', left(p_title, 50), left(p_category, 50)),
        hint = 'Neither is blank.';
  end if;
  if not learn_internal.is_tag_list(p_tags) then
    raise exception 'these are no tags'
      using errcode = 'LX001', detail = format('p_tags = %s, at most 10 of at most 50 characters', left(p_tags::text, 200)),
        hint = 'At most 10 tags of at most 50 characters, none of them null or blank.';
  end if;
end;
$$;
comment on function learn_internal.require_discussion_texts(text, text, text, text[]) is
  'Refuses what cannot be the texts of a discussion (LX001).';
revoke all on function learn_internal.require_discussion_texts(text, text, text, text[])
  from public;
