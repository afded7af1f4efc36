-- When levels of challenges are moved: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct c.challenge_id) into v_challenge_ids
  from (select n.challenge_id, n.level_number from new_rows n
    union all select o.challenge_id, o.level_number from old_rows o) c
  having count(*) > 0;
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
comment on function learn_internal.challenge_levels_updated() is
  'Statement trigger: completes what is complete after levels were moved, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_updated() from public;

create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_updated();
comment on trigger challenge_levels_updated on learn.challenge_levels is
  'Completes challenges, recounts tracks.';
