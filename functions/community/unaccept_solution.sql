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
