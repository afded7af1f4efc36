-- Counts a view. It says nothing of who looked, and is no edit. Every view of a discussion
-- writes the same row: call it in a transaction of its own.
-- Errors: LX003.
create or replace function learn.view_discussion(p_discussion_id bigint)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_view_count bigint;
begin
  perform learn_internal.hold_content();
  update learn.discussions d set view_count = d.view_count + 1
  where d.id = p_discussion_id
  returning d.view_count into v_view_count;
  if not found then
    raise exception 'unknown discussion'
      using errcode = 'LX003',
        detail = format('p_discussion_id = %s', coalesce(p_discussion_id::text, 'null')),
        hint = 'Look the discussion up in learn.discussions; it may have been deleted.';
  end if;
  return v_view_count;
end;
$$;
comment on function learn.view_discussion(bigint) is
  'Counts a view of a discussion; returns how many there are now. '
  'Call it in a transaction of its own.';
grant execute on function learn.view_discussion(bigint) to learn_app, learn_user;
