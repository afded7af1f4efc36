-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct n.challenge_id) into v_challenge_ids
  from new_rows n having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenge_levels_inserted() is
  'Statement trigger: completes what is complete after levels were added, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_inserted() from public;

create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_inserted();
comment on trigger challenge_levels_inserted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';
