-- When track progress is written: status and percentage follow; a step by one item says them itself, in
-- advance_tracks(). A trigger and no generated columns,
-- because their expressions are read from text anew for every statement, which costs several times
-- as much.
-- Errors: LX001 more items completed than there are.
create or replace function learn_internal.derive_track_progress()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.items_completed > new.total_items then
    raise exception 'more items are completed than there are'
      using errcode = 'LX001',
        detail = format('items_completed = %s, total_items = %s', new.items_completed, new.total_items),
        hint = 'learn.rebuild_user() counts them anew.';
  end if;
  new.status := case when new.completed_at is not null then 'completed'
    when new.items_completed > 0 then 'in_progress' else 'not_started' end;
  new.progress_percentage := case when new.total_items = 0 then 0
    else round(100.0 * new.items_completed / new.total_items, 2) end;
  return new;
end;
$$;
comment on function learn_internal.derive_track_progress() is
  'Row trigger: status and percentage follow from the items of a track.';

create or replace trigger derive_track_progress
  before insert or update of total_items, completed_at on learn.user_track_progress
  for each row
  execute function learn_internal.derive_track_progress();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_track_progress
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.user_track_progress
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
