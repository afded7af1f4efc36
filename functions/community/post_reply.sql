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
