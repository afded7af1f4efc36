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
