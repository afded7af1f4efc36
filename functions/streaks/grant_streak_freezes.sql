-- Gives a user streak freezes. Each covers one day missed from today on;
-- a streak that is lost already stays lost.
-- Errors: LX001 count out of range; LX002; LX004 user inactive; LX013.
create or replace function learn.grant_streak_freezes(
  p_user_id         uuid,
  p_count           integer default 1,
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
    'grant_streak_freezes', p_user_id, jsonb_build_object('count', p_count),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_count is null or p_count not between 1 and 100 then
    raise exception 'from 1 to 100 freezes are granted at a time'
      using errcode = 'LX001', detail = format('p_count = %s', coalesce(p_count::text, 'null')),
        hint = 'Pass a count from 1 to 100.';
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  perform learn_internal.give_streak_freezes(
    p_user_id, d.local_date, p_count, 'streak_freeze_granted', v_call.occurred_at)
  from learn_internal.local_date(p_user_id, v_call.occurred_at) d;
  perform set_config('learn_internal.writes_facts', '', true);
  perform learn_internal.audit('grant_streak_freezes', 'streak_freezes', p_user_id,
    p_new => jsonb_build_object('count', p_count));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) is
  'Gives a user streak freezes; each covers one missed day.';
grant execute on function learn.grant_streak_freezes(uuid, integer, timestamptz, text) to learn_app;
