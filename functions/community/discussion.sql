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
  perform learn_internal.require_open_course(p_course_id);

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
