-- Refuses what only a post's author or a moderator may do.
-- Errors: LX010.
create or replace function learn_internal.require_author(p_user_id uuid, p_author_id uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_user_id is distinct from p_author_id and not learn_internal.is_moderator(p_user_id) then
    raise exception 'only the author or a moderator may do this'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, author_id = %s', p_user_id, p_author_id),
        hint = 'Moderators have the role moderator or admin in learn.users.';
  end if;
end;
$$;
comment on function learn_internal.require_author(uuid, uuid) is
  'Refuses users who are neither the author nor a moderator (LX010).';

-- The content of a post, as it is kept: see require_text(). Blank or too long, it is refused.
-- Errors: LX001.
create or replace function learn_internal.require_content(p_content text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_content text := learn_internal.require_text('p_content', p_content, 50000);
begin
  if coalesce(v_content, '') !~ E'\\S' then
    raise exception 'the content of a post has 1 to 50,000 characters, not all of them blank'
      using errcode = 'LX001',
        detail = format('p_content has %s characters, at most 50000', coalesce(length(p_content), 0)),
        hint = 'Shorten it, or post it in parts.';
  end if;
  return v_content;
end;
$$;
comment on function learn_internal.require_content(text) is
  'The content of a post, as it is kept; blank or longer than 50,000 characters, it is refused (LX001).';

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

-- Refuses to post about a course that does not exist or is not published. None is fine:
-- then the discussion is about no course.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_open_course(p_course_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  if p_course_id is null then
    return;
  end if;
  select c.is_published into v_is_published from learn.courses c where c.id = p_course_id;
  if not found then
    raise exception 'unknown course'
      using errcode = 'LX003', detail = format('course_id = %s', p_course_id),
        hint = 'Look the course up in learn.courses.';
  end if;
  if not v_is_published then
    raise exception 'the course is not published'
      using errcode = 'LX004', detail = format('course_id = %s', p_course_id),
        hint = 'Publish it: learn.courses.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_open_course(bigint) is
  'Refuses an unknown (LX003) or unpublished (LX004) course; null is none.';
