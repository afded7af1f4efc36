-- Community

set role learn_owner;

-- functions/community/is_moderator.sql

-- Whether a user looks after other people's posts.
create or replace function learn_internal.is_moderator(p_user_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from learn.users u where u.id = p_user_id and u.role in ('moderator', 'admin'));
$$;
comment on function learn_internal.is_moderator(uuid) is
  'Whether a user is a moderator or an administrator.';

-- functions/community/require_author.sql

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

-- functions/community/require_content.sql

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

-- functions/community/require_discussion_texts.sql

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

-- functions/community/accept_solution.sql

-- Accepts a reply as the solution of its discussion, instead of the one before, if any.
-- It is a fact of the reply's author, once per discussion, unless they answered themselves.
-- Errors: LX001; LX002; LX003 unknown reply; LX004 user inactive; LX010 neither author
-- of the discussion nor moderator, or a moderator's own reply to somebody else; LX013.
create or replace function learn.accept_solution(
  p_user_id         uuid,
  p_reply_id        bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call      learn_internal.call;
  v_post      learn_internal.post;
begin
  -- Two users are concerned, who may be accepting each other's replies at this moment:
  -- both are locked in key order, before begin_call() would lock the one who acts.
  perform learn_internal.hold_content();
  perform from learn.user_stats s
  where s.user_id = p_user_id
    or s.user_id = (select r.author_id from learn.replies r where r.id = p_reply_id)
  order by s.user_id
  for no key update;
  v_call := learn_internal.begin_call(
    'accept_solution', p_user_id, jsonb_build_object('reply_id', p_reply_id),
    p_occurred_at, p_idempotency_key);
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  v_post := learn_internal.lock_post(null, p_reply_id);
  perform learn_internal.require_author(p_user_id, v_post.asker_id);
  if v_post.author_id = p_user_id and v_post.asker_id is distinct from p_user_id then
    raise exception 'a moderator does not accept a reply of their own'
      using errcode = 'LX010', detail = format('p_user_id = %s, p_reply_id = %s',
          p_user_id, p_reply_id),
        hint = 'Leave it to the author of the discussion or to another moderator.';
  end if;

  update learn.replies r set is_solution = false
  where r.discussion_id = v_post.discussion_id and r.is_solution and r.id <> p_reply_id;
  update learn.replies r
  set is_solution = true,
    first_accepted_at = coalesce(r.first_accepted_at, v_call.occurred_at)
  where r.id = p_reply_id and not r.is_solution;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.accept_solution(uuid, bigint, timestamptz, text) is
  'Accepts a reply as the solution, for the author of the discussion or a moderator; it takes '
  'the place of the one before. The summary is that of the user who accepts.';
grant execute on function learn.accept_solution(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- functions/community/unaccept_solution.sql

-- Takes it back that a reply is the solution. Its author keeps what they earned by it,
-- and does not earn it again when it is accepted again. Where it is not the solution, nothing.
-- Errors: LX001; LX002; LX003 unknown reply; LX004 user inactive; LX010 neither author
-- of the discussion nor moderator; LX013.
create or replace function learn.unaccept_solution(
  p_user_id         uuid,
  p_reply_id        bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'unaccept_solution', p_user_id, jsonb_build_object('reply_id', p_reply_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(null, p_reply_id)).asker_id);
  update learn.replies r set is_solution = false where r.id = p_reply_id and r.is_solution;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.unaccept_solution(uuid, bigint, timestamptz, text) is
  'Takes back that a reply is the solution, for the author of the discussion or a moderator. '
  'What its author earned stays.';
grant execute on function learn.unaccept_solution(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- functions/community/delete_discussion.sql

-- Deletes a discussion with its replies and votes. What its authors earned by it stays.
-- Errors: LX002; LX003 unknown discussion; LX004 user inactive; LX010 neither author nor moderator.
create or replace function learn.delete_discussion(p_user_id uuid, p_discussion_id bigint)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('delete_discussion', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(p_discussion_id)).author_id);
  delete from learn.discussions d where d.id = p_discussion_id;
end;
$$;
comment on function learn.delete_discussion(uuid, bigint) is
  'Deletes a discussion with its replies and votes, for its author or a moderator.';
grant execute on function learn.delete_discussion(uuid, bigint) to learn_app, learn_user;

-- functions/community/edit_discussion.sql

-- Edits a discussion. What is null stays as it is.
-- Errors: LX001 texts or tags are malformed; LX002; LX003 unknown discussion; LX004 user inactive;
-- LX010 neither author nor moderator.
create or replace function learn.edit_discussion(
  p_user_id       uuid,
  p_discussion_id bigint,
  p_title         text default null,
  p_content       text default null,
  p_category      text default null,
  p_tags          text[] default null
)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_discussion learn.discussions;
begin
  perform learn_internal.begin_call('edit_discussion', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(p_discussion_id)).author_id);
  select * into v_discussion from learn.discussions d where d.id = p_discussion_id;
  v_discussion.title := coalesce(p_title, v_discussion.title);
  v_discussion.content := coalesce(p_content, v_discussion.content);
  v_discussion.category := coalesce(p_category, v_discussion.category);
  if p_tags is not null then
    perform learn_internal.require_size('p_tags', cardinality(p_tags), 100, 'elements');
    perform learn_internal.require_size('p_tags', length(p_tags::text), 10000);
    v_discussion.tags := learn_internal.normalize_tags(p_tags);
  end if;
  v_discussion := learn_internal.require_discussion_texts(v_discussion);

  update learn.discussions d
  set title = v_discussion.title, content = v_discussion.content,
    category = v_discussion.category, tags = v_discussion.tags, updated_at = learn.clock()
  where d.id = p_discussion_id and (d.title, d.content, d.category, d.tags) is distinct from
    (v_discussion.title, v_discussion.content, v_discussion.category, v_discussion.tags);
end;
$$;
comment on function learn.edit_discussion(uuid, bigint, text, text, text, text[]) is
  'Edits a discussion, for its author or a moderator. What is null stays as it is.';
grant execute on function learn.edit_discussion(uuid, bigint, text, text, text, text[])
  to learn_app, learn_user;

-- functions/community/pin_discussion.sql

-- Pins a discussion to the top of its lists, or unpins it.
-- Errors: LX001 p_is_pinned is null; LX002; LX003 unknown discussion; LX004 user inactive;
-- LX010 no moderator.
create or replace function learn.pin_discussion(
  p_user_id uuid, p_discussion_id bigint, p_is_pinned boolean default true
)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('pin_discussion', p_user_id, '{}', null, null);
  if p_is_pinned is null then
    raise exception 'a discussion is pinned or not'
      using errcode = 'LX001', detail = 'p_is_pinned = null', hint = 'Pass true or false.';
  end if;
  if not learn_internal.is_moderator(p_user_id) then
    raise exception 'only moderators pin discussions'
      using errcode = 'LX010', detail = format('p_user_id = %s', p_user_id),
        hint = 'Moderators have the role moderator or admin in learn.users.';
  end if;
  perform learn_internal.lock_post(p_discussion_id);
  update learn.discussions d set is_pinned = p_is_pinned
  where d.id = p_discussion_id and d.is_pinned <> p_is_pinned;
end;
$$;
comment on function learn.pin_discussion(uuid, bigint, boolean) is
  'Pins a discussion to the top of its lists, or unpins it, for moderators.';
grant execute on function learn.pin_discussion(uuid, bigint, boolean) to learn_app, learn_user;

-- functions/community/post_discussion.sql

-- Starts a discussion, about a course or about none.
-- Errors: LX001 texts or tags are malformed; LX002; LX003 unknown course; LX004 the course
-- is not published, user inactive; LX013.
create or replace function learn.post_discussion(
  p_user_id         uuid,
  p_title           text,
  p_content         text,
  p_course_id       bigint default null,
  p_category        text default 'general',
  p_tags            text[] default '{}',
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call       learn_internal.call := learn_internal.begin_call(
    'post_discussion', p_user_id,
    jsonb_build_object('title', p_title, 'content', p_content, 'course_id', p_course_id,
      'category', p_category, 'tags', to_jsonb(p_tags)),
    p_occurred_at, p_idempotency_key);
  v_discussion learn.discussions;
  v_id         bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_tags', cardinality(p_tags), 100, 'elements');
  perform learn_internal.require_size('p_tags', length(p_tags::text), 10000);
  v_discussion.title := p_title;
  v_discussion.content := p_content;
  v_discussion.category := p_category;
  v_discussion.tags := learn_internal.normalize_tags(p_tags);
  v_discussion := learn_internal.require_discussion_texts(v_discussion);
  perform learn_internal.require_course(p_course_id, true);

  insert into learn.discussions
    (author_id, course_id, title, content, category, tags, created_at, updated_at)
  values (p_user_id, p_course_id, v_discussion.title, v_discussion.content, v_discussion.category,
    v_discussion.tags, v_call.occurred_at, v_call.occurred_at)
  returning id into v_id;
  return learn_internal.end_call(v_call, jsonb_build_object('discussion_id', v_id));
end;
$$;
comment on function learn.post_discussion(
  uuid, text, text, bigint, text, text[], timestamptz, text) is
  'Starts a discussion. Its id is in unlocked: {"discussion_id": 7}. Tags are lower-cased, '
  'each kept once.';
grant execute on function learn.post_discussion(
  uuid, text, text, bigint, text, text[], timestamptz, text) to learn_app, learn_user;

-- functions/community/view_discussion.sql

-- Counts a view. It says nothing of who looked, and is no edit. Every view of a discussion
-- writes the same row: call it in a transaction of its own.
-- Errors: LX003.
create or replace function learn.view_discussion(p_discussion_id bigint)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_view_count bigint;
begin
  perform learn_internal.hold_content();
  update learn.discussions d set view_count = d.view_count + 1
  where d.id = p_discussion_id
  returning d.view_count into v_view_count;
  if not found then
    raise exception 'unknown discussion'
      using errcode = 'LX003',
        detail = format('p_discussion_id = %s', coalesce(p_discussion_id::text, 'null')),
        hint = 'Look the discussion up in learn.discussions; it may have been deleted.';
  end if;
  return v_view_count;
end;
$$;
comment on function learn.view_discussion(bigint) is
  'Counts a view of a discussion; returns how many there are now. '
  'Call it in a transaction of its own.';
grant execute on function learn.view_discussion(bigint) to learn_app, learn_user;

-- functions/community/delete_reply.sql

-- Deletes a reply with its votes. Replies to it stay: they become replies to the discussion,
-- because they are other people's words. What its author earned by it stays too.
-- Errors: LX002; LX003 unknown reply; LX004 user inactive; LX010 neither author nor moderator.
create or replace function learn.delete_reply(p_user_id uuid, p_reply_id bigint)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('delete_reply', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(null, p_reply_id)).author_id);
  delete from learn.replies r where r.id = p_reply_id;
end;
$$;
comment on function learn.delete_reply(uuid, bigint) is
  'Deletes a reply, for its author or a moderator. Replies to it become replies to the discussion.';
grant execute on function learn.delete_reply(uuid, bigint) to learn_app, learn_user;

-- functions/community/edit_reply.sql

-- Edits a reply.
-- Errors: LX001 blank or too long; LX002; LX003 unknown reply; LX004 user inactive;
-- LX010 neither author nor moderator.
create or replace function learn.edit_reply(p_user_id uuid, p_reply_id bigint, p_content text)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('edit_reply', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(null, p_reply_id)).author_id);
  p_content := learn_internal.require_content(p_content);
  update learn.replies r set content = p_content
  where r.id = p_reply_id and r.content <> p_content;
end;
$$;
comment on function learn.edit_reply(uuid, bigint, text) is
  'Edits a reply, for its author or a moderator.';
grant execute on function learn.edit_reply(uuid, bigint, text) to learn_app, learn_user;

-- functions/community/post_reply.sql

-- Replies in a discussion, or to a reply in it, at any depth.
-- Errors: LX001 blank or too long; LX002; LX003 unknown discussion, or no such reply in it;
-- LX004 its course is not published, user inactive; LX013.
create or replace function learn.post_reply(
  p_user_id         uuid,
  p_discussion_id   bigint,
  p_content         text,
  p_parent_reply_id bigint default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'post_reply', p_user_id,
    jsonb_build_object('discussion_id', p_discussion_id, 'content', p_content,
      'parent_reply_id', p_parent_reply_id),
    p_occurred_at, p_idempotency_key);
  v_id   bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_content := learn_internal.require_content(p_content);
  perform learn_internal.require_course((learn_internal.lock_post(p_discussion_id)).course_id, true);
  if p_parent_reply_id is not null then
    perform from learn.replies r
    where r.id = p_parent_reply_id and r.discussion_id = p_discussion_id
    for key share;
    if not found then
      raise exception 'there is no such reply in the discussion'
        using errcode = 'LX003',
          detail = format('p_discussion_id = %s, p_parent_reply_id = %s',
            p_discussion_id, p_parent_reply_id),
          hint = 'Look it up in learn.replies, or pass null to reply to the discussion itself.';
    end if;
  end if;

  insert into learn.replies
    (discussion_id, author_id, parent_reply_id, content, created_at, updated_at)
  values (p_discussion_id, p_user_id, p_parent_reply_id, p_content,
    v_call.occurred_at, v_call.occurred_at)
  returning id into v_id;
  return learn_internal.end_call(v_call, jsonb_build_object('reply_id', v_id));
end;
$$;
comment on function learn.post_reply(uuid, bigint, text, bigint, timestamptz, text) is
  'Replies in a discussion, or to a reply in it. The reply''s id is in unlocked: {"reply_id": 7}.';
grant execute on function learn.post_reply(uuid, bigint, text, bigint, timestamptz, text)
  to learn_app, learn_user;

-- functions/community/normalize_tags.sql

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

-- views/community/discussion_recounts.sql

-- What the counts of discussions must say, from replies and votes.
create or replace view learn_internal.discussion_recounts as
select d.id as discussion_id, d.author_id, r.reply_count, r.is_solved,
  v.upvote_count, v.downvote_count
from learn.discussions d
cross join lateral (
  select count(*)::integer as reply_count, coalesce(bool_or(a.is_solution), false) as is_solved
  from learn.replies a
  where a.discussion_id = d.id
) r
cross join lateral (
  select count(*) filter (where a.vote_type = 'upvote')::integer as upvote_count,
    count(*) filter (where a.vote_type = 'downvote')::integer as downvote_count
  from learn.discussion_votes a
  where a.discussion_id = d.id
) v;
comment on view learn_internal.discussion_recounts is
  'Replies and votes of discussions, counted from their rows.';

-- views/community/reply_recounts.sql

-- What the counts of replies must say, from votes.
create or replace view learn_internal.reply_recounts as
select r.id as reply_id, r.author_id, v.upvote_count, v.downvote_count
from learn.replies r
cross join lateral (
  select count(*) filter (where a.vote_type = 'upvote')::integer as upvote_count,
    count(*) filter (where a.vote_type = 'downvote')::integer as downvote_count
  from learn.discussion_votes a
  where a.reply_id = r.id
) v;
comment on view learn_internal.reply_recounts is 'Votes of replies, counted from their rows.';

-- functions/community/recount_posts.sql

-- Counts replies and votes of the posts of users again. The caller has locked the users.
create or replace function learn_internal.recount_posts(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.discussions d where d.author_id = any (p_user_ids)
  order by d.id for no key update;
  update learn.discussions d
  set reply_count = c.reply_count, upvote_count = c.upvote_count,
    downvote_count = c.downvote_count, is_solved = c.is_solved
  from learn_internal.discussion_recounts c
  where d.author_id = any (p_user_ids) and c.discussion_id = d.id
    and (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
      <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved);

  perform from learn.replies r where r.author_id = any (p_user_ids)
  order by r.id for no key update;
  update learn.replies r
  set upvote_count = c.upvote_count, downvote_count = c.downvote_count
  from learn_internal.reply_recounts c
  where r.author_id = any (p_user_ids) and c.reply_id = r.id
    and (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count);
end;
$$;
comment on function learn_internal.recount_posts(uuid[]) is
  'Counts replies and votes of the posts of users again.';

-- functions/community/search_discussions.sql

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

-- functions/community/vote.sql

-- Votes for or against a discussion or a reply. Voting the other way changes the vote,
-- voting the same again takes it back: a call that may arrive twice needs an idempotency key.
-- Errors: LX001 unknown type, not exactly one target; LX002; LX003 unknown target; LX004 its course
-- is not published, user inactive; LX010 the user's own post; LX013.
create or replace function learn.vote(
  p_user_id         uuid,
  p_vote_type       text,
  p_discussion_id   bigint default null,
  p_reply_id        bigint default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call         learn_internal.call := learn_internal.begin_call(
    'vote', p_user_id,
    jsonb_build_object('vote_type', p_vote_type, 'discussion_id', p_discussion_id,
      'reply_id', p_reply_id),
    p_occurred_at, p_idempotency_key);
  v_vote_id      bigint;
  v_earlier_type text;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_vote_type', length(p_vote_type), 20);
  if p_vote_type is null or p_vote_type not in ('upvote', 'downvote')
    or (p_discussion_id is null) = (p_reply_id is null)
  then
    raise exception 'a vote is an upvote or a downvote of one post'
      using errcode = 'LX001',
        detail = format('p_vote_type = %L, p_discussion_id = %s, p_reply_id = %s',
          left(p_vote_type, 50), coalesce(p_discussion_id::text, 'null'),
          coalesce(p_reply_id::text, 'null')),
        hint = 'Pass either p_discussion_id or p_reply_id.';
  end if;
  perform learn_internal.require_course((learn_internal.lock_post(p_discussion_id, p_reply_id)).course_id, true);

  select v.id, v.vote_type into v_vote_id, v_earlier_type
  from learn.discussion_votes v
  where v.user_id = p_user_id
    and (v.discussion_id = p_discussion_id or v.reply_id = p_reply_id);
  if v_earlier_type = p_vote_type then
    delete from learn.discussion_votes v where v.user_id = p_user_id and v.id = v_vote_id;
  elsif v_earlier_type is not null then
    update learn.discussion_votes v set vote_type = p_vote_type, created_at = v_call.occurred_at
    where v.user_id = p_user_id and v.id = v_vote_id;
  else
    insert into learn.discussion_votes (user_id, discussion_id, reply_id, vote_type, created_at)
    values (p_user_id, p_discussion_id, p_reply_id, p_vote_type, v_call.occurred_at);
  end if;
  return learn_internal.end_call(v_call, jsonb_build_object(
    'vote', case when v_earlier_type is distinct from p_vote_type then p_vote_type end));
end;
$$;
comment on function learn.vote(uuid, text, bigint, bigint, timestamptz, text) is
  'Votes for (upvote) or against (downvote) a discussion or a reply; the same again takes the vote '
  'back. unlocked says what the vote is now: {"vote": "upvote"}, or null for none.';
grant execute on function learn.vote(uuid, text, bigint, bigint, timestamptz, text) to learn_app, learn_user;

-- views/community/post_facts.sql

-- The facts that posts are: what the log must hold of discussions and replies.
create or replace view learn_internal.post_facts as
select d.author_id as user_id, 'discussion_posted' as activity_type,
  'discussion' as subject_type, d.id::text as subject_id
from learn.discussions d
where d.author_id is not null
union all
select r.author_id, 'reply_posted', 'reply', r.id::text
from learn.replies r
where r.author_id is not null;
comment on view learn_internal.post_facts is
  'The facts that follow from discussions and replies.';

-- views/community/community_damage.sql

-- Where posts are not what replies and votes say, or no facts: the part of check_integrity()
-- about the community.
create or replace view learn_internal.community_damage (check_name, user_id, expected, actual) as
select 'discussion_counts_follow_from_rows', d.author_id,
  format('discussion %s: %s', d.id,
    (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
  format('discussion %s: %s', d.id,
    (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
from learn.discussions d
join learn_internal.discussion_recounts c on c.discussion_id = d.id
where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
  <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
union all
select 'reply_counts_follow_from_votes', r.author_id,
  format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
  format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
from learn.replies r
join learn_internal.reply_recounts c on c.reply_id = r.id
where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
union all
select 'posts_are_facts', p.user_id,
  format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
from learn_internal.post_facts p
left join learn_internal.all_facts f on f.user_id = p.user_id and f.activity_type = p.activity_type
  and f.activity_type in ('discussion_posted', 'reply_posted')  -- said, so that few are hashed
  and f.subject_type = p.subject_type and f.subject_id = p.subject_id
where f.id is null
union all
select 'posts_are_facts', r.author_id,
  format('a fact for an accepted reply in discussion %s', r.discussion_id), 'none'
from learn.replies r
join learn.discussions d on d.id = r.discussion_id and d.author_id is distinct from r.author_id
where r.first_accepted_at is not null and r.author_id is not null and not exists (
  select from learn_internal.all_facts f
  where f.user_id = r.author_id and f.activity_type = 'solution_accepted'
    and (f.subject_id = r.id::text or f.properties ->> 'discussion_id' = r.discussion_id::text))
union all
select 'nobody_votes_for_themselves', v.user_id, 'no vote',
  format('a vote for discussion %s, reply %s', v.discussion_id, v.reply_id)
from learn.discussion_votes v
where v.user_id = coalesce(
  (select d.author_id from learn.discussions d where d.id = v.discussion_id),
  (select r.author_id from learn.replies r where r.id = v.reply_id));
comment on view learn_internal.community_damage is
  'Where posts are not what replies and votes say, or no facts; no row when all is well.';

-- triggers/community/discussions.sql

-- What happens when rows of learn.discussions are written, in the order in which triggers fire.

-- Before discussions are written: content is held.
create or replace trigger discussions_hold
  before insert or update of course_id on learn.discussions
  for each statement
  execute function learn_internal.hold_content_first();

-- When a discussion is started: its tags are normalized. Updates are left to the CHECK, because
-- a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.tag_discussions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.tags := learn_internal.normalize_tags(new.tags);
  return new;
end;
$$;
comment on function learn_internal.tag_discussions() is
  'Row trigger: normalizes the tags of a new discussion.';

create or replace trigger tag_discussions
  before insert on learn.discussions
  for each row
  when (new.tags <> '{}')
  execute function learn_internal.tag_discussions();

-- When a discussion is edited by hand: updated_at says so. After the update and not before it,
-- because a row trigger before updates would have PostgreSQL compute `words` again with every count.
create or replace function learn_internal.date_discussions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.discussions d set updated_at = learn.clock() where d.id = new.id;
  return null;
end;
$$;
comment on function learn_internal.date_discussions() is
  'Row trigger: sets updated_at of a discussion that was edited.';

create or replace trigger date_discussions
  after update of title, content, category, tags on learn.discussions
  for each row
  when ((old.title, old.content, old.category, old.tags)
      is distinct from (new.title, new.content, new.category, new.tags)
    and new.updated_at = old.updated_at)
  execute function learn_internal.date_discussions();

-- When discussions are started: each is a fact of its author.
create or replace function learn_internal.discussions_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (n.author_id, 'discussion_posted', 'discussion', n.id::text,
      jsonb_strip_nulls(jsonb_build_object('course_id', n.course_id, 'category', n.category)),
      null, n.created_at)::learn_internal.fact
    order by n.author_id, n.id)
  into v_facts
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  return null;
end;
$$;
comment on function learn_internal.discussions_inserted() is
  'Statement trigger: new discussions become facts.';

create or replace trigger discussions_inserted
  after insert on learn.discussions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.discussions_inserted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.discussions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at),
    least(new.created_at, new.updated_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at on learn.discussions
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at');

-- triggers/community/replies.sql

-- What happens when rows of learn.replies are written, in the order in which triggers fire.

-- Before replies are written or accepted: content and rules are held, because facts follow.
create or replace trigger replies_hold
  before insert or update of is_solution, first_accepted_at on learn.replies
  for each statement
  execute function learn_internal.hold_content_first();

-- When a reply is accepted by hand: it has a date, and keeps it, so that it is a fact once.
create or replace function learn_internal.date_solutions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.first_accepted_at is not null then
    new.first_accepted_at := old.first_accepted_at;
  elsif new.is_solution and new.first_accepted_at is null then
    new.first_accepted_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_solutions() is
  'Row trigger: an accepted reply has a date, and keeps it.';

create or replace trigger date_solutions
  before insert on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null)
  execute function learn_internal.date_solutions();

create or replace trigger keep_solution_dates
  before update of is_solution, first_accepted_at on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null
    or old.first_accepted_at is distinct from new.first_accepted_at)
  execute function learn_internal.date_solutions();

-- When a reply is edited, its updated_at says so. Counts and acceptance are no edits.
create or replace trigger replies_touch
  before update of content on learn.replies
  for each row
  when (old.content <> new.content)
  execute function learn_internal.touch_updated_at();

-- When replies are posted, accepted, moved or deleted: posting one is a fact of its author, and so is the first that
-- is accepted in a discussion of somebody else, once per discussion, whatever becomes of it later. The discussions
-- concerned count their replies, and are solved or not; those that are gone are passed over.
create or replace function learn_internal.replies_written()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  r          record;
  v_accepted bigint[];             -- for the first time
  v_steps    learn_internal.post_step[] := '{}'::learn_internal.post_step[];  -- replies that come and go
  v_facts    learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  if tg_op = 'INSERT' then
    for r in
      select n.* from new_rows n order by n.author_id, n.id
    loop
      perform from learn.user_stats s where s.user_id = r.author_id for no key update;
      v_facts := v_facts || (
        r.author_id, 'reply_posted', 'reply', r.id::text,
        jsonb_build_object('discussion_id', r.discussion_id), null, r.created_at)::learn_internal.fact;
      v_steps := v_steps || (r.discussion_id, r.id, 1)::learn_internal.post_step;
      if r.first_accepted_at is not null then
        v_accepted := v_accepted || r.id;
      end if;
    end loop;
  elsif tg_op = 'DELETE' then
    select array_agg((o.discussion_id, o.id, -1)::learn_internal.post_step) into v_steps from old_rows o;
  else
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select array_agg(c.id) filter (where c.was_new and not c.was_old) into v_accepted
    from (
      select w.id, bool_or(w.is_new and w.first_accepted_at is not null) as was_new,
        bool_or(not w.is_new and w.first_accepted_at is not null) as was_old
      from (
        select n.id, n.first_accepted_at, true as is_new from new_rows n
        union all
        select o.id, o.first_accepted_at, false from old_rows o
      ) w
      group by w.id
    ) c;
    -- where replies have come and gone, or only the solution has changed
    select array_agg((c.discussion_id, c.id, c.replies)::learn_internal.post_step) into v_steps
    from (
      select w.id, w.discussion_id, w.is_solution, sum(w.replies) as replies
      from (
        select n.id, n.discussion_id, n.is_solution, 1 as replies from new_rows n
        union all
        select o.id, o.discussion_id, o.is_solution, -1 from old_rows o
      ) w
      group by w.id, w.discussion_id, w.is_solution
      having sum(w.replies) <> 0
    ) c;
  end if;

  if v_accepted is not null then
    for r in
      select a.id, a.author_id, a.discussion_id, a.first_accepted_at
      from learn.replies a
      join learn.discussions d on d.id = a.discussion_id and d.author_id is distinct from a.author_id
      where a.id = any (v_accepted) and a.author_id is not null
      order by a.author_id, a.first_accepted_at, a.id
    loop
      perform from learn.user_stats s where s.user_id = r.author_id for no key update;
      insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
      values (r.author_id, 'solution_accepted', 'discussion', r.discussion_id::text)
      on conflict do nothing;
      continue when not found;
      v_facts := v_facts || (
        r.author_id, 'solution_accepted', 'reply', r.id::text,
        jsonb_build_object('discussion_id', r.discussion_id), null,
        r.first_accepted_at)::learn_internal.fact;
    end loop;
  end if;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;

  for r in
    select s.discussion_id, sum(s.amount)::integer as replies
    from unnest(v_steps) s
    group by s.discussion_id
    order by s.discussion_id
  loop
    update learn.discussions d
    set reply_count = d.reply_count + r.replies, is_solved = exists (
      select from learn.replies a where a.discussion_id = r.discussion_id and a.is_solution)
    where d.id = r.discussion_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.replies_written() is
  'Statement trigger: replies become facts, solve their discussions, and count there.';

create or replace trigger replies_inserted
  after insert on learn.replies
  referencing new table as new_rows
  for each statement
  execute function learn_internal.replies_written();

create or replace trigger replies_updated
  after update on learn.replies
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.replies_written();

create or replace trigger replies_deleted
  after delete on learn.replies
  referencing old table as old_rows
  for each statement
  execute function learn_internal.replies_written();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.replies
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.first_accepted_at),
    least(new.created_at, new.updated_at, new.first_accepted_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, first_accepted_at on learn.replies
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.first_accepted_at is distinct from old.first_accepted_at and learn_internal.is_off_time(new.first_accepted_at, new.first_accepted_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'first_accepted_at');

-- triggers/community/discussion_votes.sql

-- What happens when votes are cast, changed or taken back: nobody votes for a post of their own, and the posts' counts
-- follow. Discussions come before replies, in key order; posts that are gone are passed over. See also hold_learners.sql.
-- Errors: LX010.
create or replace function learn_internal.votes_written()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  g       record;
  v_votes learn_internal.vote[];
begin
  if tg_op <> 'DELETE' then
    for g in
      select n.user_id, n.discussion_id, n.reply_id
      from new_rows n
      where n.user_id = coalesce(
        (select d.author_id from learn.discussions d where d.id = n.discussion_id),
        (select r.author_id from learn.replies r where r.id = n.reply_id))
      limit 1
    loop
      raise exception 'nobody votes for a post of their own'
        using errcode = 'LX010',
          detail = format('user_id = %s, discussion_id = %s, reply_id = %s', g.user_id,
            coalesce(g.discussion_id::text, 'null'), coalesce(g.reply_id::text, 'null')),
          hint = 'Show the author the votes of others, and no buttons.';
    end loop;
    select array_agg((n.discussion_id, n.reply_id, n.vote_type, 1)::learn_internal.vote) into v_votes
    from new_rows n;
  end if;
  if tg_op <> 'INSERT' then
    v_votes := v_votes || array(
      select (o.discussion_id, o.reply_id, o.vote_type, -1)::learn_internal.vote from old_rows o);
  end if;

  for g in
    select v.discussion_id, v.reply_id,
      coalesce(sum(v.votes) filter (where v.vote_type = 'upvote'), 0)::integer as upvotes,
      coalesce(sum(v.votes) filter (where v.vote_type = 'downvote'), 0)::integer as downvotes
    from unnest(v_votes) v
    group by v.discussion_id, v.reply_id
    order by v.reply_id nulls first, v.discussion_id
  loop
    continue when g.upvotes = 0 and g.downvotes = 0;
    if g.reply_id is null then
      update learn.discussions d
      set upvote_count = d.upvote_count + g.upvotes, downvote_count = d.downvote_count + g.downvotes
      where d.id = g.discussion_id;
    else
      update learn.replies r
      set upvote_count = r.upvote_count + g.upvotes, downvote_count = r.downvote_count + g.downvotes
      where r.id = g.reply_id;
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.votes_written() is
  'Statement trigger: votes count for others'' posts (LX010), changed ones differently, deleted ones no more.';

create or replace trigger votes_inserted
  after insert on learn.discussion_votes
  referencing new table as new_rows
  for each statement
  execute function learn_internal.votes_written();

create or replace trigger votes_updated
  after update on learn.discussion_votes
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.votes_written();

create or replace trigger votes_deleted
  after delete on learn.discussion_votes
  referencing old table as old_rows
  for each statement
  execute function learn_internal.votes_written();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.discussion_votes
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.discussion_votes
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

-- functions/community/lock_post.sql

-- Finds a post and locks what a change of it touches: its discussion, then, for a reply, the reply and the accepted
-- solution, in key order. So who writes in a discussion takes turns there.
-- Errors: LX003.
create or replace function learn_internal.lock_post(p_discussion_id bigint, p_reply_id bigint default null)
returns learn_internal.post
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_post learn_internal.post;
begin
  select d.id, d.author_id, d.author_id, d.course_id into v_post
  from learn.discussions d
  where d.id = coalesce(p_discussion_id, (select r.discussion_id from learn.replies r where r.id = p_reply_id))
  for no key update;
  if found and p_reply_id is not null then
    perform from learn.replies r
    where r.discussion_id = v_post.discussion_id and (r.is_solution or r.id = p_reply_id)
    order by r.id
    for no key update;
    select r.author_id into v_post.author_id
    from learn.replies r
    where r.id = p_reply_id and r.discussion_id = v_post.discussion_id;
  end if;
  if not found then
    raise exception 'unknown %', case when p_reply_id is null then 'discussion' else 'reply' end
      using errcode = 'LX003',
        detail = format('discussion_id = %s, reply_id = %s',
          coalesce(p_discussion_id::text, 'null'), coalesce(p_reply_id::text, 'null')),
        hint = 'Look it up in learn.discussions and learn.replies; it may have been deleted.';
  end if;
  return v_post;
end;
$$;
comment on function learn_internal.lock_post(bigint, bigint) is
  'Finds a discussion or a reply and locks it, the discussion first (LX003).';

reset role;
