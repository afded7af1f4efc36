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
