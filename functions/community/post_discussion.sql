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
