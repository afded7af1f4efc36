-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  insert into learn.notifications
    (user_id, type, title, message, action_url, fact_id, created_at)
  select t.user_id, r.type,
    -- a title that comes out blank, or words that come out long, must not fail what the user has just done
    coalesce(
      nullif(btrim(left(learn_internal.fill_placeholders(r.title, t.values), 300)), ''), r.type),
    left(learn_internal.fill_placeholders(r.message, t.values), 10000),
    left(learn_internal.fill_placeholders(r.action_url, t.values), 2000), t.fact_id, v_now
  from (
    select n.user_id, n.fact_id, n.activity_type, n.position,
      jsonb_strip_nulls(jsonb_build_object('name', d.name)) || coalesce(e.evidence, '{}')
        || n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id) as values
    from unnest(p_notices) with ordinality
      n(user_id, fact_id, activity_type, subject_type, subject_id, properties, position)
    cross join lateral (
      -- subjects that others record need not be numbers
      select case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end as id
    ) s
    cross join lateral (
      select case n.subject_type
        when 'achievement' then (
          select a.name from learn.achievements a where a.slug = n.subject_id)
        when 'challenge' then (select c.title from learn.challenges c where c.id = s.id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = s.id)
        when 'course' then (select c.title from learn.courses c where c.id = s.id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = s.id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = s.id)
        when 'track' then (select t.title from learn.tracks t where t.id = s.id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = s.id)
      end as name
    ) d
    cross join lateral (
      select case when n.activity_type = 'achievement_earned' then (
        select u.evidence
        from learn.user_achievements u
        where u.user_id = n.user_id and u.achievement_id = (
          select a.id from learn.achievements a where a.slug = n.subject_id)) end as evidence
    ) e
    offset 0  -- works the values out once, not wherever they are used
  ) t
  cross join lateral (
    select k.type, k.title, k.message, k.action_url
    from learn.notification_rules k
    where k.activity_type = t.activity_type and k.is_active and t.values @> k.filter
    order by k.filter = '{}', k.type
    limit 1
  ) r
  order by t.position
  on conflict (user_id, fact_id) where fact_id is not null do nothing;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once.';
revoke all on function learn_internal.notify_facts(learn_internal.notice[]) from public;
