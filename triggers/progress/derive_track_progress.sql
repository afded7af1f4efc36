-- When track progress is written: status and percentage follow, and more than all items cannot be
-- completed. A trigger and no generated columns and check, because their expressions are read from
-- text anew for every statement, which costs several times as much.
-- Errors: 23514 more items completed than there are.
create or replace function learn_internal.derive_track_progress()
returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
  if new.items_completed not between 0 and new.total_items then
    raise exception 'a track has % items, % of them completed', new.total_items, new.items_completed
      using errcode = '23514', schema = 'learn', table = 'user_track_progress',
        constraint = 'items_completed_are_items',
        detail = format('user_id = %s, track_id = %s', new.user_id, new.track_id);
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
revoke all on function learn_internal.derive_track_progress() from public;

create or replace trigger derive_track_progress
  before insert or update on learn.user_track_progress
  for each row
  execute function learn_internal.derive_track_progress();
comment on trigger derive_track_progress on learn.user_track_progress is
  'Status and percentage follow.';
