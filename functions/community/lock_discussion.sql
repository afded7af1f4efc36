-- Finds a discussion and locks it: who writes in a discussion takes turns, and locks it
-- before any of its replies.
-- Errors: LX003.
create or replace function learn_internal.lock_discussion(p_discussion_id bigint)
returns learn.discussions
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_discussion learn.discussions;
begin
  select d.* into v_discussion
  from learn.discussions d
  where d.id = p_discussion_id
  for no key update;
  if not found then
    raise exception 'unknown discussion'
      using errcode = 'LX003',
        detail = format('discussion_id = %s', coalesce(p_discussion_id::text, 'null')),
        hint = 'Look the discussion up in learn.discussions; it may have been deleted.';
  end if;
  return v_discussion;
end;
$$;
comment on function learn_internal.lock_discussion(bigint) is
  'Finds and locks a discussion, before any of its replies (LX003).';
revoke all on function learn_internal.lock_discussion(bigint) from public;
