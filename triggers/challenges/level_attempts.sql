-- What happens when rows of learn.level_attempts are written, in the order in which triggers fire.
-- See also level_attempts_inserted.sql.

-- Before attempts are written: content is held.
create or replace trigger level_attempts_hold
  before insert on learn.level_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger level_attempts_hold on learn.level_attempts is 'Keeps content as it is.';

-- When attempts are deleted, alone or with their level: the progress that they made is recounted.
create or replace function learn_internal.level_attempts_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct d.challenge_id)
  into v_user_ids, v_challenge_ids
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  join learn.challenges c on c.id = d.challenge_id;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  update learn.user_challenge_progress p
  set current_level = coalesce(r.current_level, 0),
    levels_completed = coalesce(r.levels_completed, '{}'),
    total_attempts = coalesce(r.total_attempts, 0),
    time_spent_seconds = coalesce(r.time_spent_seconds, 0), best_score = r.best_score,
    started_at = r.started_at
  from (
    select e.user_id, e.challenge_id, x.current_level, x.levels_completed, x.total_attempts,
      x.time_spent_seconds, x.best_score, x.started_at
    from learn.user_challenge_progress e
    left join (
      select * from learn_internal.challenge_recounts c
      where c.user_id = any (v_user_ids) and c.challenge_id = any (v_challenge_ids)
    ) x on x.user_id = e.user_id and x.challenge_id = e.challenge_id
    where e.user_id = any (v_user_ids) and e.challenge_id = any (v_challenge_ids)
  ) r
  where p.user_id = r.user_id and p.challenge_id = r.challenge_id;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_deleted() is
  'Statement trigger: recounts the progress of deleted attempts.';
revoke all on function learn_internal.level_attempts_deleted() from public;

create or replace trigger level_attempts_deleted
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();
comment on trigger level_attempts_deleted on learn.level_attempts is 'Recounts progress.';

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.level_attempts
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
comment on trigger refuse_times on learn.level_attempts is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of created_at on learn.level_attempts
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
comment on trigger refuse_new_times on learn.level_attempts is 'Refuses times out of bounds (LX001).';
