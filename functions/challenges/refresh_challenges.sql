-- After a change of levels: completes challenges for everybody who has passed all that is left of
-- them, and recounts their tracks, which may have one item more or less.
create or replace function learn_internal.refresh_challenges(p_challenge_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
  v_at            timestamptz[];
begin
  perform from learn.user_stats s
  where s.user_id in (
    select p.user_id from learn.user_challenge_progress p
    where p.challenge_id = any (p_challenge_ids) and p.completed_at is null
      and p.levels_completed <> '{}')
  order by s.user_id
  for no key update;

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at)
  into v_user_ids, v_challenge_ids, v_at
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.challenge_id = any (p_challenge_ids) and p.completed_at is null;
  if v_user_ids is not null then
    perform learn_internal.complete_challenges(v_user_ids, v_challenge_ids, v_at);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from learn.challenges c
  where c.id = any (p_challenge_ids) and c.track_id is not null
  having count(*) > 0;
end;
$$;
comment on function learn_internal.refresh_challenges(bigint[]) is
  'Completes challenges for everybody who has passed all that is left of them, and recounts their '
  'tracks, after a change of levels.';
