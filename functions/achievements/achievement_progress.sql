-- How far a user is with every active achievement (hidden ones only once earned), named in the user's language.
-- Value and target are those of criteria_progress(); nothing is at 100 percent before it is earned.
-- Errors: LX002.
create or replace function learn.achievement_progress(p_user_id uuid)
returns table (
  slug text, name text, category text, value bigint, target bigint,
  percentage numeric, earned_at timestamptz
)
language plpgsql
stable
security definer                  -- reads metrics and thresholds for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_locale text;
begin
  perform learn_internal.require_self(p_user_id);
  select u.locale into v_locale from learn.users u where u.id = p_user_id;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  return query
  select a.slug, learn.localized(a.translations, v_locale, 'name', a.name), a.category, p.value, p.target,
    case when u.earned_at is not null then 100.00
      else least(99.99, round(100.0 * p.value / p.target, 2)) end,
    u.earned_at
  from learn.achievements a
  left join learn.user_achievements u on u.user_id = p_user_id and u.achievement_id = a.id
  cross join lateral learn_internal.criteria_progress(p_user_id, a.criteria) p
  where a.is_active and (not a.is_hidden or u.earned_at is not null) or u.earned_at is not null
  order by a.system, a.display_order, a.slug;
end;
$$;
comment on function learn.achievement_progress(uuid) is
  'How far a user is with every active achievement, named in the user''s language: value of target, '
  'in percent (below 100 until it is earned), and when it was earned.';
grant execute on function learn.achievement_progress(uuid) to learn_app, learn_user, learn_readonly;
