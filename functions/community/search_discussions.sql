-- A page of discussions: the newest, pinned ones first; or, with a query, those that match it,
-- best first. Discussions about courses that are not published are left out.
-- Errors: LX001 query too long, limit or offset out of range.
create or replace function learn.search_discussions(
  p_query     text,
  p_course_id bigint default null,
  p_category  text default null,
  p_tags      text[] default null,
  p_limit     integer default 20,
  p_offset    integer default 0
)
returns table (
  discussion_id bigint, author_id uuid, author text, course_id bigint, title text, category text,
  tags text[], is_pinned boolean, is_solved boolean, view_count bigint, reply_count integer,
  upvote_count integer, downvote_count integer, created_at timestamptz, updated_at timestamptz,
  relevance real, headline text
)
language plpgsql
stable
security definer                  -- calls internals for the caller
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- filters that are null fall away, others find an index
set jit = off
as $$
declare
  v_query     tsquery;
  v_tags      text[];
  v_ids       bigint[];
  v_relevance real[];
begin
  perform learn_internal.require_size('p_query', length(p_query), 1000);
  perform learn_internal.require_size('p_category', length(p_category), 100);
  perform learn_internal.require_size('p_tags', cardinality(p_tags), 100, 'elements');
  perform learn_internal.require_size('p_tags', length(p_tags::text), 10000);
  v_tags := learn_internal.normalize_tags(p_tags);
  if p_limit is null or p_limit not between 1 and 100
    or p_offset is null or p_offset < 0
  then
    raise exception 'query, limit or offset is out of range'
      using errcode = 'LX001',
        detail = format('a query of %s characters, p_limit = %s, p_offset = %s',
          coalesce(length(p_query), 0), coalesce(p_limit::text, 'null'),
          coalesce(p_offset::text, 'null')),
        hint = 'A query has at most 1,000 characters, a page 1 to 100 rows.';
  end if;

  if coalesce(p_query, '') !~ E'\\S' then
    select array_agg(p.id order by p.position) into v_ids
    from (
      select d.id, row_number() over (
        order by d.is_pinned desc, d.created_at desc, d.id desc) as position
      from learn.discussions d
      left join learn.courses c on c.id = d.course_id
      where (d.course_id is null or c.is_published)
        and (p_course_id is null or d.course_id = p_course_id)
        and (p_category is null or d.category = p_category)
        and (v_tags = '{}' or d.tags @> v_tags)
      order by d.is_pinned desc, d.created_at desc, d.id desc
      limit p_limit offset p_offset
    ) p;
  else
    v_query := websearch_to_tsquery('pg_catalog.simple', p_query);
    select array_agg(p.id order by p.relevance desc, p.id desc),
      array_agg(p.relevance order by p.relevance desc, p.id desc)
    into v_ids, v_relevance
    from (
      select d.id, ts_rank(d.words, v_query) as relevance
      from learn.discussions d
      left join learn.courses c on c.id = d.course_id
      where d.words @@ v_query
        and (d.course_id is null or c.is_published)
        and (p_course_id is null or d.course_id = p_course_id)
        and (p_category is null or d.category = p_category)
        and (v_tags = '{}' or d.tags @> v_tags)
      order by relevance desc, d.id desc
      limit p_limit offset p_offset
    ) p;
  end if;

  return query
  select d.id, d.author_id, u.username::text, d.course_id, d.title, d.category, d.tags, d.is_pinned,
    d.is_solved, d.view_count, d.reply_count, d.upvote_count, d.downvote_count, d.created_at,
    d.updated_at, coalesce(p.relevance, 0),
    case when v_query is null then left(d.content, 200)
      else ts_headline('pg_catalog.simple', d.content, v_query,
        'StartSel=**, StopSel=**, MaxFragments=2, MaxWords=30, MinWords=10, ShortWord=0') end
  from unnest(v_ids, v_relevance) with ordinality p(id, relevance, position)
  join learn.discussions d on d.id = p.id
  left join learn.users u on u.id = d.author_id
  order by p.position;
end;
$$;
comment on function learn.search_discussions(text, bigint, text, text[], integer, integer) is
  'A page of discussions. With a query ("exact words", or, -without), those that match, '
  'best first: titles count more than tags, tags more than content. With a null or blank one, '
  'pinned ones first, then the newest. p_tags: all of them. headline is an extract of '
  'the content with what was found between **; escape it before you show it.';
grant execute on function learn.search_discussions(text, bigint, text, text[], integer, integer)
  to learn_app, learn_user, learn_readonly;
