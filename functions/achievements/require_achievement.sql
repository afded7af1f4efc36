-- An achievement by its slug; it has to be active unless the caller says otherwise.
-- Errors: LX003 unknown slug; LX004 inactive.
create or replace function learn_internal.require_achievement(p_slug text, p_is_active boolean default true)
returns learn.achievements
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_achievement learn.achievements;
begin
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
  if p_is_active and not v_achievement.is_active then
    raise exception 'the achievement is inactive'
      using errcode = 'LX004', detail = format('p_slug = %s', p_slug),
        hint = 'Set learn.achievements.is_active.';
  end if;
  return v_achievement;
end;
$$;
comment on function learn_internal.require_achievement(text, boolean) is
  'An achievement by its slug (else LX003), an active one (LX004) unless the caller says otherwise.';
