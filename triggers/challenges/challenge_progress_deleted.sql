-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace function learn_internal.challenge_progress_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct c.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn.challenges c on c.id = d.challenge_id and c.track_id is not null
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.challenge_progress_deleted() is
  'Statement trigger: recounts the tracks of deleted progress in challenges.';
revoke all on function learn_internal.challenge_progress_deleted() from public;

create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.challenge_progress_deleted();
comment on trigger challenge_progress_deleted on learn.user_challenge_progress is
  'Recounts tracks.';
