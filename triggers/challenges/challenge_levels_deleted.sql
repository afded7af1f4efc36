-- When levels of challenges are deleted: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace function learn_internal.challenge_levels_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct o.challenge_id) into v_challenge_ids
  from old_rows o having count(*) > 0;
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
comment on function learn_internal.challenge_levels_deleted() is
  'Statement trigger: completes what is complete after levels were deleted, and recounts tracks.';
revoke all on function learn_internal.challenge_levels_deleted() from public;

create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenge_levels_deleted();
comment on trigger challenge_levels_deleted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';
