-- Refuses what a learner's own session does for somebody else, or says about another time.
-- Whose session it is says the role that it has become (set role, as PostgREST does), else its login role: in a
-- security definer function current_user is the owner. Who is a member of learn_app is trusted, and not bound.
-- Errors: LX010.
create or replace function learn_internal.require_self(p_user_id uuid, p_occurred_at timestamptz default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not learn_internal.is_learner() then
    return;
  end if;
  if p_user_id is distinct from learn.current_learner() then
    raise exception 'a learner acts for nobody else'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, current_learner() = %s',
          coalesce(p_user_id::text, 'null'), coalesce(learn.current_learner()::text, 'null')),
        hint = 'Pass learn.current_learner(); it comes from the login role, learn.user_id or the claim sub.';
  end if;
  if p_occurred_at is not null then
    raise exception 'a learner does not say when it happened'
      using errcode = 'LX010', detail = format('p_occurred_at = %s', p_occurred_at),
        hint = 'Leave p_occurred_at out. What was done offline is reported by a backend.';
  end if;
end;
$$;
comment on function learn_internal.require_self(uuid, timestamptz) is
  'Refuses a learner''s own session that acts for another user or says when it happened (LX010).';
