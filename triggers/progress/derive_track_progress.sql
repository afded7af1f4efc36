-- When track progress is written: status and percentage follow; a step by one item says them itself, in
-- advance_tracks(). A trigger and no generated columns,
-- because their expressions are read from text anew for every statement, which costs several times
-- as much. Written by hand, it is completed neither ahead of the clock nor absurdly far back; what triggers write follows
-- from facts, of which that was asked.
-- Errors: LX001 more items completed than there are; a time out of bounds.
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
  if pg_trigger_depth() = 1 and (tg_op = 'INSERT' or new.completed_at is distinct from old.completed_at) then
    perform learn_internal.require_possible_time('completed_at', new.completed_at);
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
